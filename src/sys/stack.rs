//! A stack made by hand.

use core::ffi::c_void;

use super::Errno;
use super::call::call;

/// The size of the guard in bytes: a whole number of pages everywhere, since some aarch64 machines have pages of 64 KiB.
const GUARD: usize = 64 * 1024;

/// Memory for a thread of control.
///
/// ```text
///   base               base + GUARD                     top (16-byte aligned: it is the end of a page)
///   | PROT_NONE: the guard | readable and writable ...  |
///                          grows down  <-------------- starts here
/// ```
///
/// What overruns the stack meets the guard and ends by SIGSEGV, and does not write into whatever lies below.
pub struct Stack {
    base: usize,
    len: usize,
}

impl Stack {
    /// `mmap(NULL, GUARD + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)`, then `mprotect` of `size`.
    ///
    /// `size` is in bytes, a multiple of 64 KiB, so that it is a number of whole pages everywhere. No page is used before
    /// it is touched. ENOMEM: no room in the address space, or a limit (RLIMIT_AS) is reached.
    /// <https://man7.org/linux/man-pages/man2/mmap.2.html>
    pub fn map(size: usize) -> Result<Self, Errno> {
        let len = GUARD + size;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing that exists.
        let base = unsafe {
            call!(
                mmap("NULL|%d|PROT_NONE|MAP_PRIVATE+MAP_ANONYMOUS+MAP_STACK|-1|0"),
                0,
                len,
                libc::PROT_NONE,
                flags,
                -1isize
            )
        }?;
        let stack = Self { base, len };
        let open = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range lies in the mapping made above, which nothing refers to yet.
        let () = unsafe { call!(mprotect("%x|%d|PROT_READ+PROT_WRITE"), base + GUARD, size, open) }?;
        Ok(stack)
    }

    /// `munmap(base, len)`: gives it back, which otherwise the end of the process does.
    ///
    /// <https://man7.org/linux/man-pages/man2/munmap.2.html>
    pub fn unmap(self) {
        // SAFETY: the mapping is this value's own, and whoever ran on it borrowed the value.
        let unmapped: Result<(), Errno> = unsafe { call!(munmap("%x|%d"), self.base, self.len) };
        // munmap of a whole mapping cannot fail; and if it did, the memory would go with the process.
        let _ = unmapped;
    }

    /// The end of the stack, where it begins to grow down: what clone(2) wants to be given.
    pub(super) fn top(&mut self) -> *mut c_void {
        core::ptr::with_exposed_provenance_mut(self.base + self.len)
    }
}

unsafe extern "C" {
    /// Where the code ends: a name that every linker gives it, see end(3).
    static etext: u8;
}

/// `madvise(addr, len, MADV_DONTNEED)` of the code that is not needed to wait: it is in the file, and comes back when it is
/// called.
///
/// What waits lies before a multiple of 64 KiB, the rest behind it: link.ld sees to that.
/// <https://man7.org/linux/man-pages/man2/madvise.2.html>
#[inline(never)]
pub fn drop_cold_pages() {
    const AROUND: usize = 64 * 1024;
    let from = (drop_cold_pages as *const () as usize).next_multiple_of(AROUND);
    let len = (&raw const etext as usize).saturating_sub(from);
    // SAFETY: between the two addresses there is nothing but code and what is only read: the kernel takes away pages that are
    // the same as in the file, and reads them anew when they are touched.
    let given: Result<(), Errno> =
        unsafe { call!(madvise("%x|%d|MADV_DONTNEED"), from, len, libc::MADV_DONTNEED) };
    // If it could not, the memory is kept, and that is all.
    let _ = given;
}
