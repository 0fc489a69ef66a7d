//! What a process does with a signal.

use core::ffi::{c_int, c_ulong};

use syscalls::{Errno, Sysno};

use super::call::{describe, make};
/// The kernel's struct sigaction, which is not the C library's.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

/// `rt_sigaction(SIGCHLD, {SIG_DFL}, NULL, 8)`: the child's end is told, and its status kept.
///
/// The 8 is the size of a signal mask in bytes. Dispositions are kept across execve(2).
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction_default(signal: c_int) -> Result<(), Errno> {
    let action = KernelSigaction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    let call = describe!(
        rt_sigaction("%S|{sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}|NULL|8"),
        signal,
        &raw const action,
        0,
        8
    );
    // SAFETY: the kernel reads one struct of its own layout; no handler is set, so no code can be entered by it.
    unsafe { make(Sysno::rt_sigaction, &call) }.map(drop)
}

/// `rt_sigaction(signal, {SIG_IGN}, NULL, 8)`: the signal does nothing to this process.
///
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction_ignore(signal: c_int) -> Result<(), Errno> {
    let action = KernelSigaction { handler: libc::SIG_IGN, flags: 0, restorer: 0, mask: 0 };
    let call = describe!(
        rt_sigaction("%S|{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}|NULL|8"),
        signal,
        &raw const action,
        0,
        8
    );
    // SAFETY: as above.
    unsafe { make(Sysno::rt_sigaction, &call) }.map(drop)
}
