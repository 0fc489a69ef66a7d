//! The initial stack: what the kernel's execve left for the new program.
//!
//! ```text
//!   higher addresses
//!   +--------------------------+
//!   | the strings themselves   |
//!   +--------------------------+
//!   | AT_NULL, 0               |  auxv: pairs of a type and a value, among them AT_EUID
//!   | ...                      |
//!   +--------------------------+
//!   | NULL                     |  envp
//!   | &"TERM=xterm" ...        |
//!   +--------------------------+
//!   | NULL                     |  argv
//!   | &"container", &"c1" ...  |
//!   +--------------------------+
//!   | argc                     |  <- the stack pointer at `_start`
//!   +--------------------------+
//! ```

use core::ptr::NonNull;
use core::slice;

use super::CStrPtr;

/// What a process is given at birth. All of it lives as long as the process.
pub struct Process {
    /// argv with its NULL.
    pub args: &'static [Option<CStrPtr<'static>>],
    /// envp with its NULL.
    pub env: &'static [Option<CStrPtr<'static>>],
    /// The effective user ID, which the kernel hands over in auxv: no geteuid(2) is needed.
    pub euid: u32,
}

impl Process {
    /// Reads the initial stack in place.
    ///
    /// # Safety
    ///
    /// `stack` is the stack pointer as the kernel set it at the start of this process, and its strings are left alone from now on.
    pub unsafe fn from_initial_stack(stack: *const usize) -> Self {
        // SAFETY: the kernel put argc there.
        let argc = unsafe { stack.read() };
        let argv = stack.wrapping_add(1);
        let envp = argv.wrapping_add(argc + 1);
        // SAFETY: the kernel ends envp with NULL.
        let env_len = unsafe { words_until_zero(envp) };
        let auxv = envp.wrapping_add(env_len);
        Self {
            // SAFETY: argc addresses of strings and a NULL.
            args: unsafe { slice::from_raw_parts(argv.cast(), argc + 1) },
            // SAFETY: env_len counts the addresses and their NULL.
            env: unsafe { slice::from_raw_parts(envp.cast(), env_len) },
            // SAFETY: auxv follows envp's NULL and ends with AT_NULL.
            euid: unsafe { auxv_value(auxv, libc::AT_EUID as usize) } as u32,
        }
    }
}

/// Fills the strings with zeros: whoever reads this process's memory, as through /proc/PID/environ, finds nothing there.
///
/// Every one of them is the empty string then, and so remains a string.
pub fn erase(words: &'static [Option<CStrPtr<'static>>]) {
    for word in words.iter().flatten() {
        let bytes = word.to_bytes();
        for byte in bytes {
            // SAFETY: the kernel put the string on this process's stack for the process to use, and nobody looks at it while it
            // is written. The write is volatile, since nobody of this program will read it.
            unsafe { core::ptr::from_ref(byte).cast_mut().write_volatile(0) };
        }
    }
}

/// The length of an array that ends in zero, the zero counted.
///
/// # Safety
///
/// `start` points to initialized memory up to the zero.
unsafe fn words_until_zero(start: *const usize) -> usize {
    let mut len = 0;
    // SAFETY: no zero was read yet, so by the caller's promise this word is part of the array.
    while unsafe { start.wrapping_add(len).read() } != 0 {
        len += 1;
    }
    len + 1
}

/// The value that auxv has for `wanted`, or 0.
///
/// # Safety
///
/// `auxv` points to initialized pairs of words that end with a pair whose type is AT_NULL.
unsafe fn auxv_value(auxv: *const usize, wanted: usize) -> usize {
    let pairs = auxv.cast::<[usize; 2]>();
    let mut index = 0;
    loop {
        // SAFETY: no AT_NULL was read yet, so by the caller's promise this pair is part of the array.
        match unsafe { pairs.wrapping_add(index).read() } {
            [0, _] => return 0,
            [kind, value] if kind == wanted => return value,
            _ => index += 1,
        }
    }
}

/// A `char *` of the kernel's arrays and an `Option<CStrPtr>` are the same word.
const _: () = assert!(size_of::<Option<CStrPtr<'_>>>() == size_of::<Option<NonNull<u8>>>());
