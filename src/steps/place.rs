//! A place in the container: a mount point, or the working directory. It is made where it is missing.
//!
//! A path is resolved once. All that follows uses the descriptor, because another process may change what the path leads to: a
//! volume belongs to other users too.

use core::ffi::CStr;

use crate::step::{self, Reported};
use crate::sys::{self, Arena, BorrowedFd, CWD, Errno, OwnedFd};
use crate::text::split;

/// The kind of a file that is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory with mode 0755.
    Directory,
    /// An empty file with mode 0644.
    File,
}

/// Opens a place (O_PATH). If it is missing, it is made, and so are the directories above it.
///
/// Symbolic links are followed, and lead to places below the container's root. With `--pid host`, /proc/PID/root and its like
/// do not: these are refused. The descriptor stays open, since execve(2) closes it.
pub fn open_place(arena: &Arena, place: &CStr, kind: Kind) -> Result<BorrowedFd<'static>, Reported> {
    const DANGLING: &[u8] = b"a symbolic link on the path leads to nothing in the container, \
        or the path is in a file system as /proc, where nothing can be made";
    const MAGIC: &[u8] =
        b"a symbolic link on the path leads in circles, or through /proc and out of the container";
    let opened = match sys::openat2_without_magic(CWD, place) {
        Err(Errno::ENOENT) => make_place(arena, place, kind),
        opened => opened,
    };
    opened.map(OwnedFd::leak).map_err(|errno| {
        let hint: &[&[u8]] = match errno {
            Errno::ENOENT => &[DANGLING],
            Errno::ELOOP => &[MAGIC],
            _ => &[],
        };
        step::failed_with(place, errno, hint)
    })
}

/// Goes down from the root, component by component, and makes those that are missing.
fn make_place(arena: &Arena, place: &CStr, kind: Kind) -> Result<OwnedFd, Errno> {
    let mut here = sys::openat2_without_magic(CWD, c"/")?;
    let mut components = split(place.to_bytes(), b'/').filter(|name| !name.is_empty()).peekable();
    while let Some(name) = components.next() {
        let name = arena.string(&[name])?;
        let kind = if components.peek().is_none() { kind } else { Kind::Directory };
        here = match sys::openat2_without_magic(here.borrow(), name) {
            Err(Errno::ENOENT) => make_component(&here, name, kind)?,
            opened => opened?,
        };
    }
    Ok(here)
}

/// Makes a file or a directory and opens it. ENOENT: its name is a symbolic link that leads to nothing. ELOOP: another process has
/// replaced it by a symbolic link.
fn make_component(dir: &OwnedFd, name: &CStr, kind: Kind) -> Result<OwnedFd, Errno> {
    let made = match kind {
        Kind::Directory => sys::mkdirat(dir.borrow(), name, 0o755),
        Kind::File => sys::mknod_file(dir.borrow(), name, 0o644),
    };
    if made == Err(Errno::EEXIST) {
        return Err(Errno::ENOENT);
    }
    made?;
    sys::openat2_in_root(dir.borrow(), name)
}
