//! The lists of users and groups of the image.
//!
//! The path of such a file may lead to anything, and in an image to something harmful: a pipe that no process writes to, a
//! device, a file without an end. So the file is looked at before it is opened, and no more is read than the size that it had
//! then.

use core::ffi::CStr;

use crate::step::{self, Reported};
use crate::sys::{self, Arena, BorrowedFd, Errno};

/// The hint when a file does not fit into the arena.
pub const TOO_LARGE: &[u8] = b"all lists together have 16 MiB of memory, and the file does not fit into it";

/// Reads a whole regular file; None: there is no such file. The arena limits its size.
pub fn read<'a>(arena: &'a Arena, path: &CStr) -> Result<Option<&'a [u8]>, Reported> {
    match read_up_to(arena, path, u64::MAX) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => {
            let hint: &[&[u8]] = match errno {
                Errno::EISDIR | Errno::EINVAL => &[b"this is not a regular file"],
                Errno::ENOMEM => &[TOO_LARGE],
                _ => &[],
            };
            Err(step::failed_with(path, errno, hint))
        }
    }
}

/// Reads a file that can be done without. A large one, which could fill the arena, counts as one that cannot be read.
pub fn read_if_small<'a>(arena: &'a Arena, path: &CStr) -> Option<&'a [u8]> {
    const LARGEST: u64 = 1 << 20;
    read_up_to(arena, path, LARGEST).ok()
}

/// EINVAL, EISDIR: the file is not a regular one. EFBIG: it is larger than `largest`. ENOMEM: the arena is full.
fn read_up_to<'a>(arena: &'a Arena, path: &CStr, largest: u64) -> Result<&'a [u8], Errno> {
    let status = sys::stat(path)?;
    match status.mode & libc::S_IFMT {
        libc::S_IFREG if status.size > largest => return Err(Errno::EFBIG),
        libc::S_IFREG => {}
        libc::S_IFDIR => return Err(Errno::EISDIR),
        _ => return Err(Errno::EINVAL),
    }
    // If another process puts a pipe or a terminal there meanwhile, these flags keep it from blocking.
    let file = sys::open_existing(path, libc::O_NONBLOCK | libc::O_NOCTTY)?;
    fill(file.borrow(), arena.bytes(status.size as usize)?)
}

/// Reads until the buffer is full or the file at its end; returns what was read.
fn fill<'b>(file: BorrowedFd, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match sys::pread(file, rest, len as u64)? {
            0 => break,
            read => len += read,
        }
    }
    Ok(buffer.get(..len).unwrap_or_default())
}
