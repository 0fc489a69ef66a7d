//! Why the kernel refuses a call.

use core::ffi::c_int;
use core::num::NonZeroU32;

/// The number of an error. It is never 0, so a `Result<(), Errno>` is one register: 0, or the error. words.rs has their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(NonZeroU32);

impl Errno {
    /// The error of that number.
    pub const fn new(number: c_int) -> Self {
        match NonZeroU32::new(number.unsigned_abs()) {
            Some(number) => Self(number),
            None => Self(NonZeroU32::MAX), // No call fails so.
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// What a system call returned: -4095..-1 is an error.
    pub(super) const fn check(returned: usize) -> Result<usize, Self> {
        if returned > -4096isize as usize { Err(Self::new(returned as c_int)) } else { Ok(returned) }
    }
}
