//! Why the kernel refuses a call.

use core::ffi::c_int;
use core::num::NonZeroU32;

/// An error number, such as `ENOENT`.
///
/// It is never 0, so a `Result<(), Errno>` fits into one register: 0 is success, everything else is the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(NonZeroU32);

impl Errno {
    /// Makes an error from its number, such as `libc::ENOENT`.
    pub const fn new(number: c_int) -> Self {
        match NonZeroU32::new(number.unsigned_abs()) {
            Some(number) => Self(number),
            None => Self(NonZeroU32::MAX), // The kernel has no error 0.
        }
    }

    /// Returns the number.
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// Turns the value that a system call returned into a result: -4095 to -1 is a negated error number.
    ///
    /// This is the only place that does so. Two functions call it: `enter_kernel` (call.rs) for every call but clone(2), and
    /// `finish_clone` (process.rs) for clone(2), which returns twice.
    pub(super) const fn check(returned: usize) -> Result<usize, Self> {
        if returned > -4096isize as usize { Err(Self::new(returned as c_int)) } else { Ok(returned) }
    }
}
