//! What a process does with a signal.

use core::ffi::{c_int, c_ulong};

use super::call::call;
use super::{BorrowedFd, Errno, OwnedFd, Pid};

/// A set of signals, one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigSet(pub u64);

impl SigSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that there are.
    pub const ALL: Self = Self(u64::MAX);

    /// These.
    pub const fn of(mut signals: &[c_int]) -> Self {
        let mut set = 0;
        while let [signal, rest @ ..] = signals {
            set |= 1 << (*signal - 1);
            signals = rest;
        }
        Self(set)
    }

    /// Whether this one is among them.
    pub const fn has(self, signal: c_int) -> bool {
        signal > 0 && self.0 >> (signal - 1) & 1 == 1
    }

    /// Those that are not among others.
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

/// `rt_sigprocmask(SIG_SETMASK, &set, NULL, 8)`: which signals wait instead of acting.
///
/// The mask is kept across clone(2) and execve(2).
/// <https://man7.org/linux/man-pages/man2/sigprocmask.2.html>
pub fn rt_sigprocmask(set: SigSet) -> Result<(), Errno> {
    // SAFETY: the kernel reads one word.
    unsafe { call!(rt_sigprocmask("SIG_SETMASK|%g|NULL|8"), libc::SIG_SETMASK, &raw const set.0, 0, 8) }
}

/// `signalfd4(-1, &set, 8, SFD_CLOEXEC)`: a descriptor from which those signals can be read that wait.
///
/// <https://man7.org/linux/man-pages/man2/signalfd.2.html>
pub fn signalfd(set: SigSet) -> Result<OwnedFd, Errno> {
    // SAFETY: the kernel reads one word; the new descriptor belongs to the result alone.
    unsafe { call!(signalfd4("-1|%g|8|SFD_CLOEXEC"), -1isize, &raw const set.0, 8, libc::SFD_CLOEXEC) }
}

/// `read(signalfd, &siginfo, 128)`: takes the next signal that waits; sleeps until there is one.
///
/// <https://man7.org/linux/man-pages/man2/signalfd.2.html>
pub fn read_signal(fd: BorrowedFd) -> Result<c_int, Errno> {
    const LEN: usize = 128; // of struct signalfd_siginfo, which begins with the number
    let mut information = [0u32; LEN / 4];
    // SAFETY: the kernel writes at most one struct of that length.
    let () = unsafe { call!(read("%d|{...}|%d"), fd.raw(), information.as_mut_ptr(), LEN) }?;
    let [signal, ..] = information;
    Ok(signal as c_int)
}

/// `kill(pid, signal)`: sends a signal.
///
/// ESRCH: there is no such process.
/// <https://man7.org/linux/man-pages/man2/kill.2.html>
pub fn kill(pid: Pid, signal: c_int) -> Result<(), Errno> {
    // SAFETY: the call touches no memory; a signal to this process itself has a disposition that is no handler.
    unsafe { call!(kill("%d|%S"), pid.0, signal) }
}

/// `kill(0, signal)`: sends a signal to all of the process group that this process is in, itself included.
///
/// <https://man7.org/linux/man-pages/man2/kill.2.html>
pub fn kill_process_group(signal: c_int) -> Result<(), Errno> {
    // SAFETY: as `kill`.
    unsafe { call!(kill("%d|%S"), 0, signal) }
}

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
    // SAFETY: the kernel reads one struct of its own layout; no handler is set, so no code can be entered by it.
    unsafe {
        call!(
            rt_sigaction("%S|{sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}|NULL|8"),
            signal,
            &raw const action,
            0,
            8
        )
    }
}

/// `rt_sigaction(signal, {SIG_IGN}, NULL, 8)`: the signal does nothing to this process.
///
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction_ignore(signal: c_int) -> Result<(), Errno> {
    let action = KernelSigaction { handler: libc::SIG_IGN, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: as above.
    unsafe {
        call!(
            rt_sigaction("%S|{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}|NULL|8"),
            signal,
            &raw const action,
            0,
            8
        )
    }
}
