//! The initial stack, which the kernel's execve(2) prepares for the new program.
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

use super::cstr::CStrPtr;

/// The arguments, the environment and the user of this process. The strings live as long as the process.
pub struct Process {
    /// argv, including its NULL.
    pub args: &'static [Option<CStrPtr<'static>>],
    /// envp, including its NULL.
    pub env: &'static [Option<CStrPtr<'static>>],
    /// The effective user ID. It is in auxv, so geteuid(2) is not needed.
    pub euid: u32,
}

impl Process {
    /// Reads the initial stack in place.
    ///
    /// # Safety
    ///
    /// `stack` is the stack pointer as the kernel set it at the start of this process. Only [`erase`] changes the strings later.
    pub unsafe fn from_initial_stack(stack: *const usize) -> Self {
        // SAFETY: the caller promises the initial stack, whose first word is argc.
        let argc = unsafe { stack.read() };
        let argv = stack.wrapping_add(1);
        let envp = argv.wrapping_add(argc + 1);
        // SAFETY: envp follows the NULL of argv, and the kernel ends it with NULL.
        let env_len = unsafe { words_until_zero(envp) };
        let auxv = envp.wrapping_add(env_len);
        Self {
            // SAFETY: argv consists of argc addresses of strings and a NULL, and an `Option<CStrPtr>` is such an address.
            args: unsafe { slice::from_raw_parts(argv.cast(), argc + 1) },
            // SAFETY: envp consists of env_len words: the addresses of strings and a NULL.
            env: unsafe { slice::from_raw_parts(envp.cast(), env_len) },
            // SAFETY: auxv follows the NULL of envp, and the kernel ends it with AT_NULL.
            euid: unsafe { auxv_value(auxv, libc::AT_EUID as usize) } as u32,
        }
    }
}

/// Overwrites the strings with zeros. Afterwards no process can read them in /proc/PID/environ.
///
/// Each of them is then an empty string, so every reference to it remains valid.
pub fn erase(words: &'static [Option<CStrPtr<'static>>]) {
    for word in words.iter().flatten() {
        let bytes = word.to_bytes();
        for byte in bytes {
            // SAFETY: the byte is part of the initial stack, which is writable, and this process has one thread, so no other code
            // reads the byte during the write. The compiler would remove the write if it were not volatile: this program does not
            // read the byte again.
            unsafe { core::ptr::from_ref(byte).cast_mut().write_volatile(0) };
        }
    }
}

/// The length of an array that ends in zero, including the zero.
///
/// # Safety
///
/// `start` points to initialized memory up to the zero.
unsafe fn words_until_zero(start: *const usize) -> usize {
    let mut len = 0;
    // SAFETY: every word before this one is not zero, so the caller promises that this word is part of the array.
    while unsafe { start.wrapping_add(len).read() } != 0 {
        len += 1;
    }
    len + 1
}

/// The value of the entry `wanted` of auxv, or 0 if there is no such entry.
///
/// # Safety
///
/// `auxv` points to initialized pairs of words that end with a pair whose type is AT_NULL.
unsafe fn auxv_value(auxv: *const usize, wanted: usize) -> usize {
    let pairs = auxv.cast::<[usize; 2]>();
    let mut index = 0;
    loop {
        // SAFETY: no pair before this one is AT_NULL, so the caller promises that this pair is part of the array.
        match unsafe { pairs.wrapping_add(index).read() } {
            [0, _] => return 0,
            [kind, value] if kind == wanted => return value,
            _ => index += 1,
        }
    }
}

/// `from_initial_stack` relies on it: a `char *` and an `Option<CStrPtr>` have the same size.
const _: () = assert!(size_of::<Option<CStrPtr<'_>>>() == size_of::<Option<NonNull<u8>>>());
