//! What a process does with a signal.

use core::ffi::{c_int, c_ulong};

use syscalls::{Errno, Sysno, syscall};

/// What happens when a signal arrives. This program has no handlers.
#[derive(Clone, Copy)]
pub enum Disposition {
    /// `SIG_DFL`: what signal(7) lists, mostly the end of the process.
    Default,
    /// `SIG_IGN`: nothing.
    Ignore,
}

/// The kernel's struct sigaction, which is not the C library's.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

/// `rt_sigaction(signal, &action, NULL, 8)`: sets what a signal does; the 8 is the size of a signal mask in bytes.
///
/// Both dispositions are kept across execve(2). EINVAL: no such signal, or SIGKILL or SIGSTOP, which cannot be changed.
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction(signal: c_int, disposition: Disposition) -> Result<(), Errno> {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    let action = KernelSigaction { handler, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the kernel reads one struct of its own layout; no handler is set, so no code can be entered by it.
    unsafe { syscall!(Sysno::rt_sigaction, signal, &raw const action, 0, size_of::<u64>()) }.map(drop)
}
