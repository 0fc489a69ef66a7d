//! A place in the container for a mount or for the working directory. It is made where it is missing.

use core::ffi::CStr;

use crate::directory::make_directories;
use crate::step::{self, Reported};
use crate::sys::{self, Arena, Errno, OwnedFd};
use crate::text::{last_index, without_trailing_slashes};

/// The hint for a path that ends nowhere.
pub const DANGLING: &[u8] = b"a symbolic link on the path leads to nothing in the container";

/// Makes a directory or an empty file, and the directories above it, unless it is there.
///
/// Symbolic links are followed, and lead to places below the container's root. With `--pid host`, /proc/PID/root and its like
/// do not: these are refused.
pub fn make_place(arena: &Arena, place: &CStr, is_directory: bool) -> Result<(), Reported> {
    const MAGIC: &[u8] =
        b"a symbolic link on the path leads in circles, or through /proc and out of the container";
    // The descriptor stays open, since execve(2) closes all.
    let made = match sys::openat2_without_magic(place).map(OwnedFd::leak) {
        Ok(_) => Ok(()),
        Err(Errno::ENOENT) if is_directory => make_directories(arena, place.to_bytes()),
        Err(Errno::ENOENT) => make_file(arena, place),
        Err(errno) => Err((place, errno)),
    };
    made.map_err(|(path, errno)| {
        let hint: &[&[u8]] = match errno {
            Errno::ENOENT | Errno::EEXIST => &[DANGLING],
            Errno::ELOOP => &[MAGIC],
            _ => &[],
        };
        step::failed_with(path, errno, hint)
    })
}

fn make_file<'a>(arena: &'a Arena, place: &'a CStr) -> Result<(), (&'a CStr, Errno)> {
    let path = without_trailing_slashes(place.to_bytes());
    let parent = path.get(..last_index(path, b'/').unwrap_or_default()).unwrap_or_default();
    make_directories(arena, parent)?;
    arena.string(&[path]).and_then(|path| sys::mknod_file(path, 0o644)).map_err(|errno| (place, errno))
}
