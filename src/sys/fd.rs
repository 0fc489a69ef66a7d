//! File descriptors, owned and borrowed. They are like those of `std::os::fd`, which a program without std does not have.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem;

use super::call::{ReturnValue, call};
use super::errno::Errno;

/// A descriptor that is open for as long as `'fd` lasts.
#[derive(Clone, Copy)]
pub struct BorrowedFd<'fd> {
    fd: c_int,
    owner: PhantomData<&'fd OwnedFd>,
}

impl BorrowedFd<'_> {
    pub(super) const fn raw(self) -> c_int {
        self.fd
    }
}

/// `AT_FDCWD`: a relative path starts at the working directory.
pub const CWD: BorrowedFd<'static> = BorrowedFd { fd: libc::AT_FDCWD, owner: PhantomData };

/// Standard input, as the caller of the program opened it.
pub const STDIN: BorrowedFd<'static> = BorrowedFd { fd: 0, owner: PhantomData };

/// Standard output, as the caller of the program opened it.
pub const STDOUT: BorrowedFd<'static> = BorrowedFd { fd: 1, owner: PhantomData };

/// Standard error, as the caller of the program opened it.
pub const STDERR: BorrowedFd<'static> = BorrowedFd { fd: 2, owner: PhantomData };

/// A descriptor that is closed when this value is dropped. No other value closes it.
pub struct OwnedFd(c_int);

impl OwnedFd {
    /// Takes a descriptor that the kernel has just opened for this process.
    pub(super) const fn new(fd: c_int) -> Self {
        Self(fd)
    }

    /// Leaves the descriptor open until the process ends or calls execve(2).
    pub const fn leak(self) -> BorrowedFd<'static> {
        let fd = self.0;
        mem::forget(self);
        BorrowedFd { fd, owner: PhantomData }
    }

    /// Whether this is descriptor 0, 1 or 2. The kernel returns such a number if the caller of the program closed it.
    pub const fn is_standard(&self) -> bool {
        self.0 <= 2
    }

    /// Lends the descriptor to a system call.
    pub const fn borrow(&self) -> BorrowedFd<'_> {
        BorrowedFd { fd: self.0, owner: PhantomData }
    }
}

/// For the calls that return a new descriptor.
impl ReturnValue for OwnedFd {
    fn from_register(value: usize) -> Self {
        Self::new(value as c_int)
    }
}

impl Drop for OwnedFd {
    /// `close(fd)`: closes the descriptor.
    ///
    /// <https://man7.org/linux/man-pages/man2/close.2.html>
    fn drop(&mut self) {
        // SAFETY: close(2) touches no memory, and no other value uses the descriptor: `self` is its only owner.
        let closed: Result<(), Errno> = unsafe { call!(close(self.0 => Fd)) };
        // Linux closes the descriptor even if the call fails. The files that this program writes are small and local: no write
        // is delayed until the close.
        let _ = closed;
    }
}
