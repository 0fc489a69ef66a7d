//! The only assembly: the start of the program, and clone(2) onto a new stack.
//!
//! Each architecture has one file, with the same two items: `start!` and `clone_onto`.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::clone_onto;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::clone_onto;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
compile_error!(
    "container supports x86_64 and aarch64: to port it, add a file with `start!` and `clone_onto` to src/sys/arch"
);
