//! Signals: their masks, their actions, and how they are received and sent.

use core::ffi::{c_int, c_ulong};

use super::call::call;
use super::errno::Errno;
use super::fd::{BorrowedFd, OwnedFd};
use super::flags::SIGNALS;
use super::process::Pid;
use super::sigset::SigSet;

/// `rt_sigprocmask(SIG_SETMASK, &set, NULL, 8)`: blocks these signals and unblocks the others.
///
/// A blocked signal stays pending until it is unblocked or read from a [`signalfd`]. clone(2) and execve(2) keep the mask.
/// SIGKILL and SIGSTOP cannot be blocked; the kernel ignores them here. The 8 is the size of the set in bytes. The call does
/// not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/sigprocmask.2.html>
pub fn rt_sigprocmask(set: SigSet) -> Result<(), Errno> {
    let how = libc::SIG_SETMASK;
    // SAFETY: the kernel reads one 64-bit set, which lives until the call returns.
    unsafe {
        call!(rt_sigprocmask(
            how => Name("SIG_SETMASK"), &raw const set.0 => Signals, 0 => Name("NULL"), 8 => Number
        ))
    }
}

/// `rt_sigprocmask(SIG_BLOCK, &set, NULL, 8)`: blocks these signals too.
///
/// The call does not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/sigprocmask.2.html>
pub fn rt_sigprocmask_block(set: SigSet) -> Result<(), Errno> {
    let how = libc::SIG_BLOCK;
    // SAFETY: the kernel reads one 64-bit set, which lives until the call returns.
    unsafe {
        call!(rt_sigprocmask(
            how => Name("SIG_BLOCK"), &raw const set.0 => Signals, 0 => Name("NULL"), 8 => Number
        ))
    }
}

/// `rt_sigprocmask(SIG_UNBLOCK, &set, NULL, 8)`: unblocks these signals.
///
/// The call does not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/sigprocmask.2.html>
pub fn rt_sigprocmask_unblock(set: SigSet) -> Result<(), Errno> {
    let how = libc::SIG_UNBLOCK;
    // SAFETY: the kernel reads one 64-bit set, which lives until the call returns.
    unsafe {
        call!(rt_sigprocmask(
            how => Name("SIG_UNBLOCK"), &raw const set.0 => Signals, 0 => Name("NULL"), 8 => Number
        ))
    }
}

/// `signalfd4(-1, &set, 8, SFD_CLOEXEC)`: opens a descriptor from which [`read_signal`] takes pending signals of the set.
///
/// The signals must be blocked, or they act as usual. EMFILE, ENFILE: no descriptor is free. ENOMEM: no memory.
/// <https://man7.org/linux/man-pages/man2/signalfd.2.html>
pub fn signalfd(set: SigSet) -> Result<OwnedFd, Errno> {
    let flags = libc::SFD_CLOEXEC;
    // SAFETY: the kernel reads one 64-bit set, which lives until the call returns; the result owns the new descriptor.
    unsafe {
        call!(signalfd4(
            -1isize => Fd, &raw const set.0 => Signals, 8 => Number, flags => Name("SFD_CLOEXEC")
        ))
    }
}

/// `signalfd4(fd, &set, 8, 0)`: changes the set of a signalfd. A pending signal that is not in the set stays pending.
///
/// EINVAL: the descriptor is not a signalfd.
/// <https://man7.org/linux/man-pages/man2/signalfd.2.html>
pub fn signalfd_change(fd: BorrowedFd, set: SigSet) -> Result<(), Errno> {
    // SAFETY: the kernel reads one 64-bit set, which lives until the call returns. The result is `fd` itself, not a new descriptor.
    unsafe { call!(signalfd4(fd.raw() => Fd, &raw const set.0 => Signals, 8 => Number, 0 => Number)) }
}

/// `rt_sigpending(&set, 8)`: the signals that are pending for this process, because they are blocked.
///
/// The 8 is the size of the set in bytes. The call does not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/sigpending.2.html>
pub fn rt_sigpending() -> SigSet {
    let mut set = 0u64;
    // SAFETY: the kernel writes one 64-bit set.
    let read: Result<(), Errno> = unsafe { call!(rt_sigpending(&raw mut set => Name("[...]"), 8 => Number)) };
    let _ = read; // The call does not fail.
    SigSet(set)
}

/// `read(signalfd, &siginfo, 128)`: takes the next pending signal. Returns its number, and whether the kernel sent it, as a
/// terminal does for a key, and not a process. It sleeps until there is one.
///
/// EINTR: a signal outside the set interrupted the call.
/// <https://man7.org/linux/man-pages/man2/signalfd.2.html>
pub fn read_signal(fd: BorrowedFd) -> Result<(c_int, bool), Errno> {
    const LEN: usize = size_of::<libc::signalfd_siginfo>();
    const SI_KERNEL: u32 = 0x80; // Not in the libc crate.
    let mut information = [0u32; LEN / 4]; // The first fields of the struct are the number, an errno, and a code.
    // SAFETY: the kernel writes at most `LEN` bytes, which is the size of the array.
    let () =
        unsafe { call!(read(fd.raw() => Fd, information.as_mut_ptr() => Name("{...}"), LEN => Number)) }?;
    let [signal, _, code, ..] = information;
    Ok((signal as c_int, code == SI_KERNEL))
}

/// `kill(pid, signal)`: sends a signal to a process.
///
/// ESRCH: there is no such process. EPERM: it belongs to another user. EINVAL: there is no such signal.
/// <https://man7.org/linux/man-pages/man2/kill.2.html>
pub fn kill(pid: Pid, signal: c_int) -> Result<(), Errno> {
    // SAFETY: the call touches no memory, and this program installs no signal handler that it could enter.
    unsafe { call!(kill(pid.raw() => Number, signal => Flags(SIGNALS))) }
}

/// `kill(0, signal)`: sends a signal to every process of this process's group, including this process.
///
/// EINVAL: there is no such signal.
/// <https://man7.org/linux/man-pages/man2/kill.2.html>
pub fn kill_process_group(signal: c_int) -> Result<(), Errno> {
    // SAFETY: the call touches no memory, and this program installs no signal handler that it could enter.
    unsafe { call!(kill(0 => Number, signal => Flags(SIGNALS))) }
}

/// The kernel's struct sigaction, which differs from the one of the C library.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

impl KernelSigaction {
    const fn new(handler: usize) -> Self {
        Self { handler, flags: 0, restorer: 0, mask: 0 }
    }
}

/// `rt_sigaction(signal, {SIG_DFL}, NULL, 8)`: the signal has its default action.
///
/// For SIGCHLD that means that a child that has ended stays a zombie until wait4(2). execve(2) keeps the setting. The 8 is the
/// size of a set of signals in bytes. EINVAL: there is no such signal, or it is SIGKILL or SIGSTOP.
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction_default(signal: c_int) -> Result<(), Errno> {
    let action = KernelSigaction::new(libc::SIG_DFL);
    // SAFETY: the kernel reads one struct in its layout. SIG_DFL is not a handler, so the kernel enters no code of this program.
    unsafe {
        call!(rt_sigaction(
            signal => Flags(SIGNALS),
            &raw const action => Name("{sa_handler=SIG_DFL, sa_mask=[], sa_flags=0}"),
            0 => Name("NULL"),
            8 => Number,
        ))
    }
}

/// `rt_sigaction(signal, NULL, &action, 8)`: says whether this process ignores the signal.
///
/// The 8 is the size of a set of signals in bytes. EINVAL: there is no such signal.
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction_is_ignored(signal: c_int) -> Result<bool, Errno> {
    let mut action = KernelSigaction::new(libc::SIG_DFL);
    // SAFETY: the kernel writes one struct in its layout, and changes no action.
    let () = unsafe {
        call!(rt_sigaction(
            signal => Flags(SIGNALS), 0 => Name("NULL"), &raw mut action => Name("{...}"), 8 => Number
        ))
    }?;
    Ok(action.handler == libc::SIG_IGN)
}

/// `rt_sigaction(signal, {SIG_IGN}, NULL, 8)`: this process ignores the signal.
///
/// execve(2) keeps the setting. EINVAL: there is no such signal, or it is SIGKILL or SIGSTOP.
/// <https://man7.org/linux/man-pages/man2/sigaction.2.html>
pub fn rt_sigaction_ignore(signal: c_int) -> Result<(), Errno> {
    let action = KernelSigaction::new(libc::SIG_IGN);
    // SAFETY: the kernel reads one struct in its layout. SIG_IGN is not a handler, so the kernel enters no code of this program.
    unsafe {
        call!(rt_sigaction(
            signal => Flags(SIGNALS),
            &raw const action => Name("{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}"),
            0 => Name("NULL"),
            8 => Number,
        ))
    }
}
