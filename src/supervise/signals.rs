//! The signals that the supervisor forwards, and what a process does with signals.

use core::ffi::c_int;

use crate::sys::{self, BorrowedFd, Errno, OwnedFd, SigSet};
use crate::text::{last_index, split};

/// The signals that the supervisor reads, to forward them. It cannot read SIGKILL and SIGSTOP. SIGTTIN and SIGTTOU stop a process
/// that uses a terminal from the background, as they should. No other signal may end the supervisor before it has restored the
/// terminal. It keeps SIGCHLD for itself.
pub const FORWARDED: SigSet =
    SigSet::ALL.without(SigSet::of(&[libc::SIGKILL, libc::SIGSTOP, libc::SIGTTIN, libc::SIGTTOU]));

/// The signals that stop a process by default, if this process reads them.
pub const STOPPING: SigSet = SigSet::of(&[libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU]);

/// The signals that a terminal sends to a whole process group.
pub const OF_TERMINAL: SigSet =
    SigSet::of(&[libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGWINCH]);

/// The descriptor from which signals are read, in place of handlers.
pub struct SignalFd {
    /// See signalfd(2).
    pub fd: BorrowedFd<'static>,
    /// The signals that this process blocks, to read them.
    pub blocked: SigSet,
    /// Those that can be read now.
    readable: SigSet,
    /// The signals that the caller of this program ignored, as nohup(1) does.
    pub ignored: SigSet,
}

impl SignalFd {
    /// Blocks the signals and opens the descriptor. An ignored signal stays ignored, and is not forwarded.
    ///
    /// If the command shares the caller's terminal, SIGTTIN and SIGTTOU are read too: they stop PID 1 only if this process does it.
    pub fn open(shares_terminal: bool) -> Result<Self, Errno> {
        let ignored = ignored_here();
        let forwarded = if shares_terminal { FORWARDED.or(STOPPING) } else { FORWARDED };
        let blocked = forwarded.without(ignored.without(SigSet::of(&[libc::SIGCHLD])));
        sys::rt_sigprocmask(blocked)?;
        let fd = sys::signalfd(blocked).map(OwnedFd::leak)?;
        Ok(Self { fd, blocked, readable: blocked, ignored })
    }

    /// The signal that a read would take. It stays pending.
    pub fn peek(&self) -> Option<c_int> {
        sys::rt_sigpending().and(self.readable).first()
    }

    /// From now on, stop signals stay pending.
    pub fn leave_stopping(&mut self) -> Result<(), Errno> {
        self.set_readable(self.blocked.without(STOPPING))
    }

    /// From now on, all signals are read.
    pub fn read_all(&mut self) -> Result<(), Errno> {
        if self.readable == self.blocked { Ok(()) } else { self.set_readable(self.blocked) }
    }

    fn set_readable(&mut self, set: SigSet) -> Result<(), Errno> {
        self.readable = set;
        sys::signalfd_change(self.fd, set)
    }
}

/// The signals that this process ignores.
fn ignored_here() -> SigSet {
    let status = sys::open_existing(c"/proc/self/status", 0).ok();
    if let Some(ignored) = status.and_then(|status| dispositions(&status, &[b"SigIgn:\t"])) {
        return ignored;
    }
    // /proc is missing, or it is that of another PID namespace.
    let is_ignored = |signal: &c_int| sys::rt_sigaction_is_ignored(*signal) == Ok(true);
    SigSet((1..65).filter(is_ignored).fold(0, |set, signal| set | 1 << (signal - 1)))
}

/// The union of the signal sets that these lines of a file /proc/PID/status hold; None if a line is missing.
///
/// The list of groups comes before these lines, and may be long. So the file is read piece by piece. A piece ends at the end of
/// a line, unless it is a part of a longer line.
pub fn dispositions(status: &OwnedFd, names: &[&[u8]]) -> Option<SigSet> {
    let buffer = &mut [0; 1024];
    let (mut signals, mut found, mut offset) = (0, 0, 0);
    while found < names.len() {
        let len = sys::pread(status.borrow(), buffer, offset).ok().filter(|len| *len > 0)?;
        let piece = buffer.get(..len)?;
        let end = last_index(piece, b'\n').map_or(len, |newline| newline + 1);
        for line in split(piece.get(..end)?, b'\n') {
            let Some(digits) = names.iter().find_map(|name| line.strip_prefix(*name)) else { continue };
            signals |= digits.iter().fold(0, |number, digit| number << 4 | u64::from(value_of(*digit)));
            found += 1;
        }
        offset += end as u64;
    }
    Some(SigSet(signals))
}

/// The value of a hexadecimal digit.
const fn value_of(digit: u8) -> u8 {
    if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 }
}
