//! Small files whose contents decide something: lists of users and groups of the image, variables of the host.
//!
//! The path of such a file may lead to anything. In an image, it may lead to something harmful: a pipe that no process
//! writes to, a device, a file without an end. So the file is looked at before it is opened, and no more is read than the
//! size that it had then.

use core::ffi::CStr;

use crate::step::{self, Reported};
use crate::sys::{self, Arena, BorrowedFd, Errno};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads a whole regular file; None: there is no such file.
pub fn read<'a>(arena: &'a Arena, path: &CStr) -> Result<Option<&'a [u8]>, Reported> {
    let failed = |errno, hint: &[&[u8]]| step::failed_with(path, errno, hint);
    let size = match sys::stat(path) {
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno, &[])),
        Ok(status) => match status.mode & libc::S_IFMT {
            libc::S_IFREG if status.size > LARGEST => {
                return Err(failed(Errno::EFBIG, &[b"the file is larger than 1 MiB"]));
            }
            libc::S_IFREG => status.size as usize,
            libc::S_IFDIR => return Err(failed(Errno::EISDIR, &[NOT_REGULAR])),
            _ => return Err(failed(Errno::EINVAL, &[NOT_REGULAR])),
        },
    };
    // If another process puts a pipe or a terminal there meanwhile, these flags keep it from blocking.
    sys::openat(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY, 0)
        .and_then(|file| read_up_to(file.borrow(), arena.bytes(size)?))
        .map(Some)
        .map_err(|errno| failed(errno, &[]))
}

const NOT_REGULAR: &[u8] = b"this is not a regular file";

/// Reads until the buffer is full or the file at its end; returns what was read.
fn read_up_to<'b>(file: BorrowedFd, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match sys::pread(file, rest, len as u64)? {
            0 => break,
            read => len += read,
        }
    }
    Ok(buffer.get(..len).unwrap_or_default())
}
