//! Where the command begins: `--workdir DIR`.

use crate::file::make_directories;
use crate::run::Scene;
use crate::step::{self, Reported};
use crate::sys::{self, Errno};
use crate::text::Text;

/// workdir: enters the directory, and makes it first where it is missing.
pub fn workdir(scene: &mut Scene) -> Result<(), Reported> {
    let path = scene.spec.workdir.unwrap_or(c"/");
    let entered = match sys::chdir(path) {
        Err(Errno::ENOENT) => {
            make_directories(path.to_bytes(), &mut Text::new()).and_then(|()| sys::chdir(path))
        }
        outcome => outcome,
    };
    entered.map_err(|errno| step::failed(path, errno))
}
