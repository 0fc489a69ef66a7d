//! Memory from the kernel. arena.rs and stack.rs hand it out; there is no other allocator.

use core::ffi::c_int;

use super::call::call;
use super::errno::Errno;
use super::flags::{MAP_FLAGS, PROT_FLAGS};

/// `mmap(NULL, len, prot, flags, -1, 0)`: maps `len` bytes at an address that the kernel chooses, and returns the address.
///
/// ENOMEM: the address space is full, or a limit (RLIMIT_AS, RLIMIT_DATA) is reached. Safe code cannot use the address, so this
/// function is safe. <https://man7.org/linux/man-pages/man2/mmap.2.html>
pub(super) fn mmap(len: usize, prot: c_int, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: without MAP_FIXED, which no caller passes, the new mapping does not overlap any other mapping.
    unsafe {
        call!(mmap(
            0 => Name("NULL"),
            len => Number,
            prot => Flags(PROT_FLAGS),
            flags => Flags(MAP_FLAGS),
            -1isize => Fd,
            0 => Number,
        ))
    }
}

/// `munmap(address, len)`: removes a mapping. <https://man7.org/linux/man-pages/man2/munmap.2.html>
///
/// # Safety
///
/// [`mmap`] returned the address for a mapping of `len` bytes, and nothing uses the memory any more.
pub(super) unsafe fn munmap(address: usize, len: usize) {
    // SAFETY: the caller's promise.
    let unmapped: Result<(), Errno> = unsafe { call!(munmap(address => Address, len => Number)) };
    // It cannot fail: to remove a whole mapping splits no other mapping.
    let _ = unmapped;
}
