//! The child of the supervisor: PID 1 of the container.

use core::ffi::{CStr, c_int};

use super::signals::{STOPPING, dispositions};
use crate::sys::{self, Errno, OwnedFd, Pid, SigSet, WaitStatus};
use crate::text::number::{self, decimal};
use crate::text::split_once;

/// The signals that do nothing to a process by default.
const HARMLESS: SigSet = SigSet::of(&[libc::SIGCONT, libc::SIGWINCH, libc::SIGURG]);

/// How often a blocked signal is looked at, and the time between two looks in nanoseconds: about 50 ms in all.
const LOOKS: u32 = 25;
const LOOK_INTERVAL: u32 = 2_000_000;

/// The child, as its supervisor sees it.
pub struct Child {
    /// Its PID on the host.
    pub pid: Pid,
    /// Whether the command itself is PID 1. The kernel protects PID 1 from signals that it neither handles nor ignores.
    pub is_pid1: bool,
    /// Whether it is the init of `--init`, and the command is its child.
    pub is_init: bool,
    /// Whether the command is in the process group of this process, and gets the signals of the terminal itself.
    pub shares_group: bool,
    /// Whether it is stopped, as far as this process has heard.
    pub is_stopped: bool,
    /// The signal that the status reports when SIGKILL has ended the child.
    pub reported_signal: c_int,
}

impl Child {
    /// A child that no signal has been forwarded to.
    pub const fn new(pid: Pid, is_pid1: bool, is_init: bool, shares_group: bool) -> Self {
        Self { pid, is_pid1, is_init, shares_group, is_stopped: false, reported_signal: libc::SIGKILL }
    }

    /// After SIGCHLD: looks whether the child has stopped or continued. Returns its status if it has ended.
    pub fn look(&mut self) -> Result<Option<WaitStatus>, Errno> {
        while let Some((_, status)) = sys::wait4_nohang(Some(self.pid))? {
            if status.has_ended() {
                return Ok(Some(status));
            }
            self.is_stopped = status.is_stopped();
        }
        Ok(None)
    }

    /// The status of the child as a shell shows it.
    pub fn reported_status(&self, status: WaitStatus) -> u8 {
        let status = status.shell_status();
        if status == 128 + libc::SIGKILL as u8 { 128 + self.reported_signal as u8 } else { status }
    }

    /// Stops the child with SIGSTOP, if a stop signal would stop any other process. Says whether the child stops or is stopped.
    ///
    /// A stop signal does nothing to PID 1. It does nothing to the leader of a session either, because no shell could continue
    /// it. A SIGSTOP of the parent stops both.
    pub fn stop(&self, signal: c_int) -> bool {
        if !self.is_stopped && !self.has_default_action(signal) {
            return false;
        }
        let _ = sys::kill(self.pid, libc::SIGSTOP); // The child may have ended just now.
        true
    }

    /// Forwards a signal, unless a terminal has delivered it already.
    ///
    /// A signal whose default action would end any other process does nothing to PID 1. The supervisor then sends SIGKILL, which
    /// PID 1 cannot refuse to its parent.
    pub fn forward(&mut self, mut signal: c_int, is_delivered: bool) {
        let ends = self.is_pid1 && !HARMLESS.has(signal) && !STOPPING.has(signal);
        if ends && self.has_default_action(signal) {
            self.reported_signal = signal;
            signal = libc::SIGKILL;
        } else if is_delivered {
            return;
        }
        let _ = sys::kill(self.pid, signal); // The child may have ended just now.
    }

    /// Whether the child neither blocks, ignores nor handles a signal. If that cannot be found out, the signal must not be lost:
    /// then it does.
    ///
    /// fork(3) blocks all signals for a moment. So if the signal is only blocked, this function looks again for some time. A program
    /// that takes its signals with signalfd(2) blocks them for longer.
    fn has_default_action(&self, signal: c_int) -> bool {
        let Ok(proc) = open_proc() else { return true };
        let open = |name| sys::open_existing_at(proc.borrow(), self.path(&mut [0; PATH_LEN], name)).ok();
        let is_in = |sets: &[&[u8]]| {
            open(b"status").and_then(|file| dispositions(&file, sets)).is_some_and(|union| union.has(signal))
        };
        for _ in 0..LOOKS {
            if is_in(&[b"SigIgn:\t", b"SigCgt:\t"]) || open(b"syscall").is_some_and(|file| is_sigwait(&file))
            {
                return false;
            }
            if !is_in(&[b"SigBlk:\t"]) {
                return true;
            }
            let _ = sys::ppoll_within(LOOK_INTERVAL, &mut []); // It only sleeps. A signal may shorten that.
        }
        false
    }

    /// `PID/NAME`
    fn path<'b>(&self, buffer: &'b mut [u8; PATH_LEN], name: &[u8]) -> &'b CStr {
        let digits = &mut [0; 10];
        let parts = [decimal(self.pid.number(), digits), b"/", name];
        for (to, from) in buffer.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        CStr::from_bytes_until_nul(buffer).unwrap_or_default()
    }
}

/// Opens a new /proc with the processes as this one sees them. The host's may be missing, or may be that of another PID
/// namespace.
fn open_proc() -> Result<OwnedFd, Errno> {
    let context = sys::fsopen(c"proc")?;
    sys::fsconfig_create(context.borrow())?;
    sys::fsmount(context.borrow())
}

/// Whether a file /proc/PID/syscall shows that the process waits in sigwait(3). It unblocks the signals that it waits for while
/// it waits, so `status` does not show them.
fn is_sigwait(file: &OwnedFd) -> bool {
    let buffer = &mut [0; 16];
    let call = sys::pread(file.borrow(), buffer, 0).ok().and_then(|len| buffer.get(..len));
    call.and_then(|call| number::parse(split_once(call, b' ').0)) == Some(libc::SYS_rt_sigtimedwait as u64)
}

/// Room for `4294967295/syscall` and its NUL.
const PATH_LEN: usize = 24;
