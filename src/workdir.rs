//! Where the command begins: `--workdir DIR`.

use core::mem;

use crate::file::make_directories;
use crate::run::Scene;
use crate::step::{self, Reported};
use crate::sys::{self, Errno};
use crate::text::Text;

/// workdir: enters the directory, and makes it first where it is missing.
///
/// A link of /proc would lead out of the container, as /proc/1/root does with `--pid host`.
pub fn workdir(scene: &mut Scene) -> Result<(), Reported> {
    let path = scene.spec.workdir.unwrap_or(c"/");
    // What is there is not closed here, since execve(2) closes all descriptors.
    let made = match sys::openat2_without_magic(path).map(mem::forget) {
        Err(Errno::ENOENT) => make_directories(path.to_bytes(), &mut Text::new()),
        outcome => outcome,
    };
    made.and_then(|()| sys::chdir(path)).map_err(|errno| step::failed(path, errno))
}
