//! A stack for a new process.

use core::ffi::c_void;
use core::ptr;

use super::call::call;
use super::errno::Errno;
use super::flags::PROT_FLAGS;
use super::memory::{mmap, munmap};

/// The size of the guard area in bytes. It is a whole number of pages everywhere: some aarch64 machines have pages of 64 KiB.
const GUARD: usize = 64 * 1024;

/// A stack with a guard area below it.
///
/// ```text
///   base               base + GUARD                     top (16-byte aligned: it is the end of a page)
///   | PROT_NONE: the guard | readable and writable ...  |
///                          grows down  <-------------- starts here
/// ```
///
/// A stack that overflows reaches the guard area, where the kernel sends SIGSEGV. Without the guard it would overwrite other
/// memory.
pub struct Stack {
    base: usize,
    len: usize,
}

impl Stack {
    /// `mmap(NULL, GUARD + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)`, then
    /// `mprotect(base + GUARD, size, PROT_READ | PROT_WRITE)`: maps a stack. These are two system calls.
    ///
    /// `size` is in bytes, a multiple of 64 KiB. A page takes up memory only when it is first touched. MAP_STACK makes sure of
    /// that: since Linux 6.7 it prevents huge pages, of which the first touch would take up 2 MiB.
    /// ENOMEM: the address space is full, or a limit (RLIMIT_AS, RLIMIT_DATA) is reached.
    /// <https://man7.org/linux/man-pages/man2/mmap.2.html>, <https://man7.org/linux/man-pages/man2/mprotect.2.html>
    pub fn map(size: usize) -> Result<Self, Errno> {
        let len = GUARD + size;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        let stack = Self { base: mmap(len, libc::PROT_NONE, flags)?, len };
        match stack.open() {
            Ok(()) => Ok(stack),
            Err(errno) => {
                stack.unmap();
                Err(errno)
            }
        }
    }

    /// `mprotect(base + GUARD, len - GUARD, PROT_READ | PROT_WRITE)`: makes all of the mapping usable but the guard.
    fn open(&self) -> Result<(), Errno> {
        let (address, len) = (self.base + GUARD, self.len - GUARD);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is inside the mapping of this value, and no reference into the mapping exists.
        unsafe { call!(mprotect(address => Address, len => Number, access => Flags(PROT_FLAGS))) }
    }

    /// `munmap(base, len)`: returns the memory to the kernel. Without it the stack stays mapped until the process ends.
    ///
    /// <https://man7.org/linux/man-pages/man2/munmap.2.html>
    pub fn unmap(self) {
        // SAFETY: `map` mapped the range for this value alone; a child that ran on it has borrowed the value, which is moved now.
        unsafe { munmap(self.base, self.len) }
    }

    /// The end of the stack, which clone(2) takes: a stack grows down from there.
    pub(super) fn top(&mut self) -> *mut c_void {
        ptr::with_exposed_provenance_mut(self.base + self.len)
    }
}
