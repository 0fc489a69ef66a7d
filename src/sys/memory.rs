//! Memory from the kernel. This program has no other allocator.

use core::ffi::c_int;
use core::ptr::{self, NonNull};
use core::slice;

use super::call::call;
use super::errno::Errno;
use super::flags::{MAP_FLAGS, PROT_FLAGS};

/// A block of memory, at first filled with zeros. It stays mapped until [`Memory::unmap`] or the end of the process.
pub struct Memory {
    address: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// `mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)`: maps `len` bytes.
    ///
    /// EINVAL: `len` is 0. ENOMEM: the address space is full, or a limit (RLIMIT_AS, RLIMIT_DATA) is reached.
    /// <https://man7.org/linux/man-pages/man2/mmap.2.html>
    pub fn map(len: usize) -> Result<Self, Errno> {
        let address = mmap(len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)?;
        let address = NonNull::new(ptr::with_exposed_provenance_mut(address));
        // The kernel maps nothing at address 0 if the caller does not ask for that address.
        Ok(Self { address: address.ok_or(Errno::new(libc::ENOMEM))?, len })
    }

    /// The bytes of the block.
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: `map` mapped `len` readable bytes, which the kernel initialized with 0, and `unmap` cannot run while `self` is
        // borrowed.
        unsafe { slice::from_raw_parts(self.address.as_ptr(), self.len) }
    }

    /// The bytes of the block, for writing.
    pub const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: `map` mapped `len` writable bytes, which the kernel initialized with 0, and `&mut self` proves that there is no
        // other borrow.
        unsafe { slice::from_raw_parts_mut(self.address.as_ptr(), self.len) }
    }

    /// `munmap(address, len)`: returns the memory to the kernel.
    ///
    /// <https://man7.org/linux/man-pages/man2/munmap.2.html>
    pub fn unmap(self) {
        // SAFETY: `map` mapped the range for this value alone, and each borrow of it has ended, since `self` is moved.
        unsafe { munmap(self.address.addr().get(), self.len) }
    }
}

/// `mmap(NULL, len, prot, flags, -1, 0)`: maps `len` bytes at an address that the kernel chooses, and returns the address.
///
/// Safe code cannot use the address, so this function is safe.
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

/// `munmap(address, len)`: removes a mapping.
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
