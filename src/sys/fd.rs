//! File descriptors, owned and borrowed, as `std::os::fd` has them; this program has no std.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem;

use super::Errno;
use super::call::{Returned, call};

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

/// `AT_FDCWD`: where a relative path begins, the working directory.
pub(super) const CWD: BorrowedFd<'static> = BorrowedFd { fd: libc::AT_FDCWD, owner: PhantomData };

/// Standard input, as the caller opened it.
pub const STDIN: BorrowedFd<'static> = BorrowedFd { fd: 0, owner: PhantomData };

/// Standard output, as the caller opened it.
pub const STDOUT: BorrowedFd<'static> = BorrowedFd { fd: 1, owner: PhantomData };

/// Standard error, as the caller opened it.
pub const STDERR: BorrowedFd<'static> = BorrowedFd { fd: 2, owner: PhantomData };

/// A descriptor that this value alone closes, when it is dropped.
pub struct OwnedFd(c_int);

impl OwnedFd {
    /// Takes a descriptor that the kernel has just opened, and that nobody else has.
    pub(super) const fn new(fd: c_int) -> Self {
        Self(fd)
    }

    /// Leaves the descriptor open until the process ends.
    pub const fn leak(self) -> BorrowedFd<'static> {
        let fd = self.0;
        mem::forget(self);
        BorrowedFd { fd, owner: PhantomData }
    }

    /// Whether it has the place of stdin, stdout or stderr, because the caller closed that.
    pub const fn is_standard(&self) -> bool {
        self.0 <= 2
    }

    /// Lends the descriptor to a system call.
    pub const fn borrow(&self) -> BorrowedFd<'_> {
        BorrowedFd { fd: self.0, owner: PhantomData }
    }
}

/// What the kernel returns from a call that opens something belongs to the result alone.
impl Returned for OwnedFd {
    fn returned(value: usize) -> Self {
        Self(value as c_int)
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        // SAFETY: close(2) touches no memory, and `self` is the only owner of the number.
        let closed: Result<(), Errno> = unsafe { call!(close("%d"), self.0) };
        // Linux frees the number even when close reports an error, and nothing was written through it that could be lost.
        let _ = closed;
    }
}
