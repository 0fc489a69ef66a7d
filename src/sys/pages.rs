//! The pages of the program itself.

use super::call::call;
use super::errno::Errno;

unsafe extern "C" {
    /// The address where the code and the constants end. Every linker defines this name, see end(3).
    static etext: u8;
}

/// `madvise(address, len, MADV_DONTNEED)`: drops the pages of the program that a waiting supervisor does not need. The kernel
/// reads a page from the file again when the program touches it.
///
/// link.ld places the code that waits, of which this function is a part, before an address that is a multiple of 64 KiB. The
/// range starts at that address and ends at the end of the constants.
/// <https://man7.org/linux/man-pages/man2/madvise.2.html>
#[inline(never)] // Its own address shows where the code that waits is.
pub fn drop_cold_pages() {
    const FAULT_AROUND: usize = 64 * 1024; // The kernel maps up to so many bytes around a page that is touched.
    let start = (drop_cold_pages as *const () as usize).next_multiple_of(FAULT_AROUND);
    let len = (&raw const etext as usize).saturating_sub(start);
    // SAFETY: the range has only code and constants, which are never written to, so a page of the file equals the dropped page.
    let dropped: Result<(), Errno> = unsafe {
        call!(madvise(start => Address, len => Number, libc::MADV_DONTNEED => Name("MADV_DONTNEED")))
    };
    // If it fails, the pages stay in memory: the supervisor works as well, only larger.
    let _ = dropped;
}
