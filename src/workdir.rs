//! Where the command begins: `--workdir DIR`.

use core::ffi::CStr;

use crate::run::Scene;
use crate::step::{self, Reported};
use crate::sys::{self, Errno};
use crate::text::{Text, split};

/// workdir: enters the directory, and makes it first where it is missing.
pub fn workdir(scene: &mut Scene) -> Result<(), Reported> {
    let path = scene.spec.workdir.unwrap_or(c"/");
    let entered = match sys::chdir(path) {
        Err(Errno::ENOENT) => make_all(path).and_then(|()| sys::chdir(path)),
        outcome => outcome,
    };
    entered.map_err(|errno| step::failed(path, errno))
}

/// Makes a directory and all that it is in, as `mkdir -p` does.
fn make_all(path: &CStr) -> Result<(), Errno> {
    let text = &mut Text::new();
    for component in split(path.to_bytes(), b'/').filter(|component| !component.is_empty()) {
        text.push(b"/");
        text.push(component);
        match sys::mkdirat(text.as_cstr(), 0o755) {
            Err(Errno::EEXIST) => {}
            // Whatever the umask is: the command may be another user.
            made => made.and_then(|()| sys::fchmodat(text.as_cstr(), 0o755))?,
        }
    }
    Ok(())
}
