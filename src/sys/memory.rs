//! Memory that the kernel gives for as long as it is needed: this program has no allocator.

use core::ptr::{self, NonNull};
use core::slice;

use super::Errno;
use super::call::call;

/// Memory of this value's own, filled with zeros at first; unmapped when it is told, or with the process.
pub struct Memory {
    address: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// `mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)`: `len` bytes, more than none.
    ///
    /// ENOMEM: no room in the address space, or a limit (RLIMIT_AS, RLIMIT_DATA) is reached.
    /// <https://man7.org/linux/man-pages/man2/mmap.2.html>
    pub fn map(len: usize) -> Result<Self, Errno> {
        let open = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let address = unsafe {
            call!(
                mmap("NULL|%d|PROT_READ+PROT_WRITE|MAP_PRIVATE+MAP_ANONYMOUS|-1|0"),
                0,
                len,
                open,
                flags,
                -1isize
            )
        }?;
        // The kernel maps nothing at 0 unless it is asked to.
        let address = NonNull::new(ptr::with_exposed_provenance_mut(address)).ok_or(Errno::ENOMEM)?;
        Ok(Self { address, len })
    }

    /// What is in it.
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: `len` readable bytes, which are this value's own, and zero where nothing was written.
        unsafe { slice::from_raw_parts(self.address.as_ptr(), self.len) }
    }

    /// The same, to be written.
    pub const fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; and writable, and borrowed by nobody else, as `&mut self` proves.
        unsafe { slice::from_raw_parts_mut(self.address.as_ptr(), self.len) }
    }

    /// `munmap(address, len)`: gives it back.
    ///
    /// <https://man7.org/linux/man-pages/man2/munmap.2.html>
    pub fn unmap(self) {
        // SAFETY: the mapping is this value's own, and what borrowed from it has borrowed the value.
        let unmapped: Result<(), Errno> = unsafe { call!(munmap("%x|%d"), self.address.as_ptr(), self.len) };
        // munmap of a whole mapping cannot fail; and if it did, the memory would go with the process.
        let _ = unmapped;
    }
}
