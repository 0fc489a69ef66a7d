//! Directories that are made where they are missing.

use core::ffi::CStr;

use crate::sys::{self, Arena, Errno};
use crate::text::split;

/// Makes a directory with exactly this mode: the umask does not count. A directory that is there stays as it is.
pub fn make_directory(path: &CStr, mode: u32) -> Result<(), Errno> {
    match sys::mkdirat(path, mode) {
        Err(Errno::EEXIST) => Ok(()),
        made => made.and_then(|()| sys::fchmodat(path, mode)),
    }
}

/// Makes a directory and all directories above it, as `mkdir -p` does. An error comes with the path that could not be made.
pub fn make_directories<'a>(arena: &'a Arena, path: &[u8]) -> Result<(), (&'a CStr, Errno)> {
    let mut made: &CStr = c"";
    for component in split(path, b'/').filter(|component| !component.is_empty()) {
        made = arena.string(&[made.to_bytes(), b"/", component]).map_err(|errno| (c"", errno))?;
        make_directory(made, 0o755).map_err(|errno| (made, errno))?;
    }
    Ok(())
}
