//! Directories that are made where they are missing; and small files whose contents decide something: lists of users and groups
//! of the image, variables of the host.
//!
//! What is at the path of such a file may be anything, and in an image it may have been put there to do harm: a pipe that nobody writes
//! to, a device, a file without end. So it is looked at before it is opened, and no more of it is read than it had then.

use core::ffi::CStr;

use crate::step::{self, Reported};
use crate::sys::{self, Errno, OwnedFd};
use crate::text::{Text, has, last, split, visible};

/// Opens /dev/null in place of stdin, stdout and stderr where the caller has closed them: what is opened after that, and stays
/// open, is not taken for one of them.
pub fn open_standard() -> Result<(), Errno> {
    loop {
        let null = sys::openat(c"/dev/null", libc::O_RDWR, 0)?;
        if !null.is_standard() {
            return Ok(());
        }
        null.leak();
    }
}

/// Makes a directory, or leaves the one that is there as it is.
pub fn make_directory(path: &CStr, mode: u32) -> Result<(), Errno> {
    match sys::mkdirat(path, mode) {
        Err(Errno::EEXIST) => Ok(()),
        made => made.and_then(|()| sys::fchmodat(path, mode)), // Whatever the umask is.
    }
}

/// Makes a directory and all that it is in, as `mkdir -p` does. After a failure, `text` holds the path that could not be made.
pub fn make_directories(path: &[u8], text: &mut Text) -> Result<(), Errno> {
    text.join(&[]);
    for component in split(path, b'/').filter(|component| !component.is_empty()) {
        text.push(b"/");
        text.push(component);
        make_directory(text.as_cstr(), 0o755)?;
    }
    Ok(())
}

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The longest line that [`File::find`] reads, in bytes, its newline counted.
const LONGEST: usize = 16 * 1024;

/// Who is shown the lines of a file, and says when that is enough.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8]) -> bool;

/// An open regular file of limited size.
pub struct File {
    fd: OwnedFd,
    /// Its size in bytes.
    pub size: usize,
}

impl File {
    /// Opens the file; None: there is none.
    pub fn open(path: &CStr) -> Result<Option<Self>, Reported> {
        const TOO_LARGE: &[u8] = b"it is larger than 1 MiB";
        const NOT_REGULAR: &[u8] = b"it is no regular file";
        let (errno, hint): (_, &[&[u8]]) = match sys::stat(path) {
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => (errno, &[]),
            Ok(status) => match status.mode & libc::S_IFMT {
                libc::S_IFREG if status.size > LARGEST => (Errno::EFBIG, &[TOO_LARGE]),
                libc::S_IFREG => {
                    // If another process puts a pipe or a terminal there meanwhile, these flags keep it from doing anything.
                    match sys::openat(path, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY, 0) {
                        Ok(fd) => return Ok(Some(Self { fd, size: status.size as usize })),
                        Err(errno) => (errno, &[]),
                    }
                }
                libc::S_IFDIR => (Errno::EISDIR, &[NOT_REGULAR]),
                _ => (Errno::EINVAL, &[NOT_REGULAR]),
            },
        };
        Err(step::failed_with(visible(path), errno, hint))
    }

    /// Reads from `offset` on, until the buffer is full or the file at its end; returns how much.
    pub fn read(&self, buffer: &mut [u8], offset: usize) -> Result<usize, Errno> {
        let mut len = 0;
        while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match sys::pread(self.fd.borrow(), rest, (offset + len) as u64)? {
                0 => break,
                read => len += read,
            }
        }
        Ok(len)
    }

    /// Shows the lines of the file, in their order, to `is_enough`, until it says that it is. A line with a NUL in it is none,
    /// since no text file has one. EFBIG: a line is too long. It is not passed over, for it may be the one that is looked for.
    pub fn find(&self, is_enough: Visit) -> Result<(), Errno> {
        let mut buffer = [0; LONGEST];
        let mut offset = 0;
        while offset < self.size {
            let wanted = buffer.get_mut(..LONGEST.min(self.size - offset)).unwrap_or_default();
            let wanted_len = wanted.len();
            let len = self.read(wanted, offset)?;
            let is_last = len < wanted_len || offset + len == self.size;
            let text = buffer.get(..len).unwrap_or_default();
            let whole = if is_last { len } else { last(text, b'\n').ok_or(Errno::EFBIG)? + 1 };
            let mut lines = split(text.get(..whole).unwrap_or_default(), b'\n');
            if lines.any(|line| !has(line, 0) && is_enough(line)) || is_last {
                break;
            }
            offset += whole;
        }
        Ok(())
    }
}
