//! The signals that the supervisor forwards, and what a process does with signals.

use core::ffi::c_int;

use crate::sys::{self, BorrowedFd, Errno, OwnedFd, SigSet};
use crate::text::split;

/// The signals that the supervisor reads, to forward them. It cannot read SIGKILL and SIGSTOP. SIGTTIN and SIGTTOU stop a process
/// that uses a terminal from the background, as they should. No other signal may end the supervisor before it has restored the
/// terminal. It keeps SIGCHLD for itself.
pub const FORWARDED: SigSet =
    SigSet::ALL.without(SigSet::of(&[libc::SIGKILL, libc::SIGSTOP, libc::SIGTTIN, libc::SIGTTOU]));

/// The signals that stop a process by default, if this process reads them.
pub const STOPPING: SigSet = SigSet::of(&[libc::SIGTSTP]);

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
    pub fn open() -> Result<Self, Errno> {
        let ignored = dispositions(c"/proc/self/status", &[b"SigIgn:\t"]).unwrap_or(SigSet::NONE);
        let blocked = FORWARDED.without(ignored.without(SigSet::of(&[libc::SIGCHLD])));
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

/// The union of the signal sets that these lines of a file /proc/PID/status hold; None if the file cannot be read.
pub fn dispositions(status: &core::ffi::CStr, names: &[&[u8]]) -> Option<SigSet> {
    let buffer = &mut [0; 2048];
    let status = read_file(status, buffer)?;
    let mut signals = 0;
    for name in names {
        let digits = split(status, b'\n').find_map(|line| line.strip_prefix(*name))?;
        signals |= digits.iter().fold(0, |number, digit| number << 4 | u64::from(value_of(*digit)));
    }
    Some(SigSet(signals))
}

/// The value of a hexadecimal digit.
const fn value_of(digit: u8) -> u8 {
    if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 }
}

/// Reads the beginning of a file of /proc.
pub fn read_file<'b>(path: &core::ffi::CStr, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let file = sys::open_to_read(path, 0).ok()?;
    let len = sys::pread(file.borrow(), buffer, 0).ok()?;
    buffer.get(..len)
}
