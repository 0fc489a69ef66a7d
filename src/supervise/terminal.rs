//! The relay between two terminals: the caller's, and the pseudoterminal inside. The command has its slave, the supervisor its
//! master.

use core::ffi::c_int;
use core::ops::Range;

use crate::spec;
use crate::sys::{self, BorrowedFd, Errno, OwnedFd, Pid, PollFd, STDIN, STDOUT, Size, Termios};

/// Whether the command gets a terminal that belongs to the container.
pub fn is_wanted(spec: &spec::Spec) -> bool {
    let is_interactive = || sys::tcgets(STDIN).is_ok() && sys::tcgets(STDOUT).is_ok();
    match spec.options.terminal {
        _ if spec.options.bare => false,
        spec::Terminal::Auto => is_interactive(),
        spec::Terminal::Always => true,
        spec::Terminal::Never => false,
    }
}

/// The master, and the caller's terminal. A drop restores the modes of the caller's terminal.
pub struct Terminal {
    pty_master: BorrowedFd<'static>,
    /// Whether the command has hung up its terminal with vhangup(2).
    is_hung_up: bool,
    /// Whether stdin is a terminal.
    is_stdin_terminal: bool,
    /// The modes of stdin before it was set to raw mode for the first time.
    modes: Option<Termios>,
    is_raw: bool,
    /// Input that was read.
    input: [u8; 1024],
    /// The part of it that the command's terminal has not taken yet.
    pending: Range<usize>,
    /// Whether the next key has no special meaning, because Ctrl-V came before it.
    is_quoted: bool,
    /// Whether stdin has not ended.
    is_open: bool,
}

impl Terminal {
    /// Takes the master. `-t` in the background stops this process until it is in the foreground, as the kernel stops a
    /// process that sets the modes of a terminal from the background.
    pub fn new(pty_master: OwnedFd, is_forced: bool) -> Self {
        let pty_master = pty_master.leak();
        let is_stdin_terminal = sys::tcgets(STDIN).is_ok();
        if is_forced && is_stdin_terminal && !is_in_foreground() {
            let _ = sys::kill(sys::getpid(), libc::SIGTTOU); // If the signal is ignored, the run goes on without keys.
        }
        // The slave stays open here too. So a command that has closed it can open it again, and poll(2) does not report a
        // hang-up again and again. If it cannot be opened, only that is lost.
        let _ = sys::tiocgptpeer(pty_master).map(OwnedFd::leak);
        Self {
            pty_master,
            is_hung_up: false,
            is_stdin_terminal,
            modes: None,
            is_raw: false,
            input: [0; 1024],
            pending: 0..0,
            is_quoted: false,
            is_open: true,
        }
    }

    /// Sets the caller's terminal to raw mode, if it is not raw yet and this process is in the foreground. A shell tells a
    /// process that it is in the foreground only if it has to continue it, so this is checked each time.
    fn set_raw(&mut self) {
        if self.is_stdin_terminal
            && !self.is_raw
            && is_in_foreground()
            && let Ok(modes) = sys::tcgets(STDIN)
        {
            let modes = *self.modes.get_or_insert(modes);
            self.is_raw = sys::tcsets(STDIN, &modes.raw()).is_ok();
        }
    }

    /// This process was stopped and continued. The shell has restored the modes meanwhile, and the size may have changed.
    pub fn resume(&mut self) {
        self.is_raw = false;
        self.resize();
    }

    /// Restores the modes of the caller's terminal. Says whether its keys came here until now.
    pub fn restore(&mut self) -> bool {
        let had_keys = self.is_raw && is_in_foreground();
        if let Some(modes) = self.modes.filter(|_| had_keys) {
            // The terminal may be gone, and then there is nothing to restore.
            let _ = sys::tcsets(STDIN, &modes);
        }
        self.is_raw = false;
        had_keys
    }

    /// Gives the command's terminal the size of the caller's.
    pub fn resize(&self) {
        let size: Option<Size> = [STDIN, STDOUT].into_iter().find_map(|fd| sys::tiocgwinsz(fd).ok());
        if let Some(size) = size {
            let _ = sys::tiocswinsz(self.pty_master, &size); // The size is a convenience: the command runs without it.
        }
    }

    /// What to poll for: input, if there is room for it; and output of the command, or room for pending input.
    pub fn poll_set(&mut self) -> [PollFd; 2] {
        self.set_raw();
        let reads = self.is_open && self.pending.is_empty() && (self.is_raw || !self.is_stdin_terminal);
        let writes = if self.pending.is_empty() { 0 } else { libc::POLLOUT };
        [
            sys::poll_fd(reads.then_some(STDIN), libc::POLLIN),
            sys::poll_fd((!self.is_hung_up).then_some(self.pty_master), libc::POLLIN | writes),
        ]
    }

    /// Relays what is ready. Returns the signal of a key, if the command's terminal makes a signal of it.
    pub fn relay(&mut self, ready: [PollFd; 2]) -> Option<c_int> {
        let [input, output] = ready;
        let mut signal = None;
        if input.revents != 0 {
            signal = self.read_input();
        }
        if output.revents & libc::POLLIN != 0 {
            // A command that writes much needs no poll for each piece. The number is limited, for keys and signals to get a turn.
            for _ in 0..16 {
                if !self.relay_output() {
                    break;
                }
            }
        } else if output.revents & libc::POLLHUP != 0 {
            self.is_hung_up = true;
        }
        self.write_input();
        signal
    }

    /// Reads input. Returns the signal of a key in it, if the command's terminal makes a signal of it.
    fn read_input(&mut self) -> Option<c_int> {
        match sys::read(STDIN, &mut self.input) {
            Ok(0) => {
                self.is_open = false;
                // A terminal turns Ctrl-D into an end of file.
                let modes = sys::tcgets(self.pty_master).ok()?;
                let last = self.input.get(self.pending.end.wrapping_sub(1));
                // In the middle of a line, the first Ctrl-D ends the line.
                let count = if last.is_some_and(|byte| *byte != b'\n') { 2 } else { 1 };
                if let (false, [first, second, ..]) = (self.is_stdin_terminal, &mut self.input) {
                    (*first, *second) = (modes.end_of_file(), modes.end_of_file());
                    self.pending = 0..count;
                }
                None
            }
            Ok(len) => {
                self.pending = 0..len;
                let bytes = self.input.get(..len)?;
                // Most keys have no special meaning, and need no system call here.
                if !self.is_quoted && !bytes.iter().any(|byte| *byte < b' ' && *byte != b'\r') {
                    return None;
                }
                let modes = sys::tcgets(self.pty_master).ok()?;
                bytes.iter().find_map(|byte| {
                    let is_quoted = self.is_quoted;
                    self.is_quoted = !is_quoted && modes.quotes(*byte);
                    modes.signal_of(*byte).filter(|_| !is_quoted)
                })
            }
            Err(Errno::EINTR | Errno::EAGAIN) => None,
            Err(_) => {
                self.is_open = false;
                None
            }
        }
    }

    /// Writes pending input to the command's terminal, as far as it takes it.
    fn write_input(&mut self) {
        while let Some(bytes) = self.input.get(self.pending.clone()).filter(|bytes| !bytes.is_empty()) {
            match sys::write(self.pty_master, bytes) {
                Ok(len) => self.pending.start += len,
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(_) => self.pending = 0..0,
            }
        }
    }

    /// Writes some output of the command to stdout; says whether there was any.
    pub fn relay_output(&self) -> bool {
        let mut output = [0; 4096];
        let Ok(len @ 1..) = sys::read(self.pty_master, &mut output) else { return false };
        let mut rest = output.get(..len).unwrap_or_default();
        while !rest.is_empty() {
            match sys::write(STDOUT, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                // Another process made stdout non-blocking, and its reader is slow.
                Err(Errno::EAGAIN) => drop(sys::ppoll(&mut [sys::poll_fd(Some(STDOUT), libc::POLLOUT)])),
                Err(_) => return true, // stdout is closed; the command goes on all the same.
            }
        }
        true
    }

    /// Whether the process group of this leader is in the foreground of the command's terminal.
    pub fn has_in_foreground(&self, leader: Pid) -> bool {
        sys::tiocgpgrp(self.pty_master) == Ok(leader)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Whether this process may read from the terminal at stdin without being stopped.
fn is_in_foreground() -> bool {
    // If it is not the terminal of this session, there is no job control.
    sys::tiocgpgrp(STDIN).map_or(true, |group| group == sys::getpgid())
}
