//! The child of the supervisor: PID 1 of the container.

use core::ffi::{CStr, c_int};

use super::signals::{dispositions, read_file};
use crate::sys::{self, Pid, SigSet};
use crate::text::number::{self, decimal};
use crate::text::split_once;

/// The signals that stop a process by default, and those that do nothing to it.
const STOPPING: SigSet = SigSet::of(&[libc::SIGTSTP]);
const HARMLESS: SigSet = SigSet::of(&[libc::SIGCONT, libc::SIGWINCH, libc::SIGURG]);

/// The child, as its supervisor sees it.
pub struct Child {
    /// Its PID on the host.
    pub pid: Pid,
    /// Whether the command itself is PID 1. The kernel protects PID 1 from signals that it neither handles nor ignores.
    pub is_pid1: bool,
    /// The signal that the status reports when SIGKILL has ended the child.
    pub reported_signal: c_int,
}

impl Child {
    /// A child that no signal has been forwarded to.
    pub const fn new(pid: Pid, is_pid1: bool) -> Self {
        Self { pid, is_pid1, reported_signal: libc::SIGKILL }
    }

    /// Forwards a signal, unless a terminal has delivered it already.
    ///
    /// A signal whose default action would end or stop any other process does nothing to PID 1. The supervisor then sends
    /// SIGKILL or SIGSTOP, which PID 1 cannot refuse to its parent.
    pub fn forward(&mut self, mut signal: c_int, is_delivered: bool) {
        // A stop from a terminal does nothing to a session leader either, because no other process could continue it.
        let is_protected = self.is_pid1 || STOPPING.has(signal);
        if is_protected && !HARMLESS.has(signal) && self.has_default_action(signal) {
            if STOPPING.has(signal) {
                signal = libc::SIGSTOP;
            } else {
                self.reported_signal = signal;
                signal = libc::SIGKILL;
            }
        } else if is_delivered {
            return;
        }
        let _ = sys::kill(self.pid, signal); // The child may have ended just now.
    }

    /// Whether the child neither blocks, ignores nor handles a signal. sigwait(3) unblocks the signals that it waits for while it
    /// waits: then `status` does not show them, but `syscall` shows the wait.
    fn has_default_action(&self, signal: c_int) -> bool {
        let plans = dispositions(
            self.proc_path(&mut [0; PATH_LEN], b"status"),
            &[b"SigBlk:\t", b"SigIgn:\t", b"SigCgt:\t"],
        );
        plans.is_some_and(|plans| !plans.has(signal)) && !self.is_in_sigwait()
    }

    fn is_in_sigwait(&self) -> bool {
        let buffer = &mut [0; 16];
        let call = read_file(self.proc_path(&mut [0; PATH_LEN], b"syscall"), buffer);
        call.and_then(|call| number::parse(split_once(call, b' ').0))
            == Some(libc::SYS_rt_sigtimedwait as u64)
    }

    /// `/proc/PID/NAME`
    fn proc_path<'b>(&self, buffer: &'b mut [u8; PATH_LEN], name: &[u8]) -> &'b CStr {
        let digits = &mut [0; 10];
        let parts = [b"/proc/", decimal(self.pid.number(), digits), b"/", name];
        for (to, from) in buffer.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        CStr::from_bytes_until_nul(buffer).unwrap_or_default()
    }
}

/// Room for `/proc/4294967295/syscall` and its NUL.
const PATH_LEN: usize = 32;
