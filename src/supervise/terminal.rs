//! The relay between two terminals: the caller's, and the pseudoterminal inside. The command has its slave, the supervisor its
//! master.

use core::ffi::c_int;
use core::ops::Range;

use crate::spec;
use crate::sys::{self, BorrowedFd, Errno, OwnedFd, Pid, PollFd, STDERR, STDIN, STDOUT, Size, Termios};

/// Which terminal the command has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None, as far as this program knows.
    None,
    /// A terminal that belongs to the container.
    New,
    /// The caller's is its stdin, stdout or stderr. Then it stays in the caller's session and process group, where the kernel treats
    /// it as any other program: keys send signals to all of its processes, and a read from the background stops them.
    Callers,
}

/// Finds out which terminal the command gets.
pub fn kind(spec: &spec::Spec) -> Kind {
    let is_terminal = |fd| sys::tcgets(fd).is_ok();
    if spec.options.bare {
        return Kind::None;
    }
    if spec.options.terminal == spec::Terminal::Always {
        return Kind::New;
    }
    let (input, output) = (is_terminal(STDIN), is_terminal(STDOUT));
    match spec.options.terminal {
        spec::Terminal::Auto if input && output => Kind::New,
        _ if input || output || is_terminal(STDERR) => Kind::Callers,
        _ => Kind::None,
    }
}

/// The master, and the caller's terminal. A drop restores the modes of the caller's terminal.
pub struct Terminal {
    pty_master: BorrowedFd<'static>,
    pty_slave: Option<BorrowedFd<'static>>,
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
    /// Whether the last byte of input began a line that has no end yet.
    is_in_line: bool,
    /// After the end of stdin: how the end gets to the command.
    end: Option<End>,
}

/// The number of times that Ctrl-D is sent to a program that reads keys.
const KEYS: u8 = 32;

/// TIOCPKT_FLUSHREAD, an event of packet mode: a process has flushed the input of the slave.
const FLUSHED_INPUT: u8 = 1;

/// The end of stdin, for a command whose terminal has no end.
///
/// A terminal makes an end of file of one byte, Ctrl-D, for one read(2), in the mode that it has when the byte arrives. If the
/// command changes the mode or flushes its input, that end is lost. So there is another Ctrl-D whenever the command has read all
/// input: an end for each read, as a file has.
struct End {
    /// The slave. It shows whether there is input that the command has not read.
    pty_slave: BorrowedFd<'static>,
    /// An epoll instance with an event for each read of the slave: the kernel then wakes those who wait to write to the master.
    reads: BorrowedFd<'static>,
    /// How many times Ctrl-D may still be sent while it is a key like others, not an end of file. A program that takes it for
    /// something else must not get it for ever.
    keys_left: u8,
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
        let pty_slave = sys::tiocgptpeer(pty_master).map(OwnedFd::leak).ok();
        let mut terminal = Self {
            pty_master,
            pty_slave,
            is_hung_up: false,
            is_stdin_terminal,
            modes: None,
            is_raw: false,
            input: [0; 1024],
            pending: 0..0,
            is_quoted: false,
            is_open: true,
            is_in_line: false,
            end: None,
        };
        // poll(2) never reports input of a pipe that is open only for writing.
        if !is_stdin_terminal && sys::read(STDIN, &mut []) == Err(Errno::EBADF) {
            terminal.end_input();
        }
        terminal
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

    /// What to poll for: input, if there is room for it; output of the command, or room for pending input; and after the end of
    /// stdin, that the command has read input.
    pub fn poll_set(&mut self) -> [PollFd; 3] {
        self.set_raw();
        let reads = self.is_open && self.pending.is_empty() && (self.is_raw || !self.is_stdin_terminal);
        let writes = if self.pending.is_empty() { 0 } else { libc::POLLOUT };
        [
            sys::poll_fd(reads.then_some(STDIN), libc::POLLIN),
            sys::poll_fd((!self.is_hung_up).then_some(self.pty_master), libc::POLLIN | writes),
            sys::poll_fd(self.end.as_ref().map(|end| end.reads), libc::POLLIN),
        ]
    }

    /// Relays what is ready. Returns the signal of a key, if the command's terminal makes a signal of it.
    pub fn relay(&mut self, ready: [PollFd; 3]) -> Option<c_int> {
        let [input, output, reads] = ready;
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
        if reads.revents != 0 {
            self.send_end();
        }
        self.write_input();
        signal
    }

    /// Reads input. Returns the signal of a key in it, if the command's terminal makes a signal of it.
    fn read_input(&mut self) -> Option<c_int> {
        match sys::read(STDIN, &mut self.input) {
            Ok(0) => {
                self.end_input();
                None
            }
            Ok(len) => {
                self.pending = 0..len;
                let bytes = self.input.get(..len)?;
                self.is_in_line = bytes.last() != Some(&b'\n');
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
                self.end_input(); // For example, stdin is a directory, or is open only for writing.
                None
            }
        }
    }

    /// stdin has ended, or cannot be read. A terminal has no end: if it is gone, the kernel sends SIGHUP.
    fn end_input(&mut self) {
        self.is_open = false;
        if self.is_stdin_terminal {
            return;
        }
        let watch = || -> Result<BorrowedFd<'static>, Errno> {
            let epoll = sys::epoll_create()?.leak();
            sys::epoll_add_edge(epoll, self.pty_master)?;
            sys::tiocpkt(self.pty_master)?; // It reports a flush.
            Ok(epoll)
        };
        // If no descriptor is free, the command waits for its input until it is stopped with a signal.
        if let (Some(pty_slave), Ok(reads)) = (self.pty_slave, watch()) {
            self.end = Some(End { pty_slave, reads, keys_left: KEYS });
        }
    }

    /// Types Ctrl-D, if the command has read all input. In canonical mode the first one may only end a line; the second one then
    /// ends the file. A program that reads keys gets a newline for the first one.
    fn send_end(&mut self) {
        let Some(end) = &mut self.end else { return };
        let _ = sys::epoll_take(end.reads); // It is taken before the input is looked at, so the next read is not missed.
        let mut row = [sys::poll_fd(Some(end.pty_slave), libc::POLLIN)];
        let is_read = sys::ppoll_within(0, &mut row).is_ok() && row.iter().all(|row| row.revents == 0);
        let Ok(modes) = sys::tcgets(self.pty_master) else { return };
        if !is_read || !self.pending.is_empty() {
            return;
        }
        let mut keys = [modes.end_of_file(); 2];
        let mut count = 1;
        if !modes.is_canonical() {
            let Some(left) = end.keys_left.checked_sub(1) else { return };
            if core::mem::take(&mut self.is_in_line) {
                keys = [b'\n'; 2];
            } else if end.keys_left < KEYS {
                // The last Ctrl-D was not enough. An end of file that arrived in canonical mode may be a NUL in the line now.
                (keys, count) = ([modes.kill_line(), modes.end_of_file()], 2);
            }
            end.keys_left = left;
        }
        let [first, second, ..] = &mut self.input;
        [*first, *second] = keys;
        self.pending = 0..count;
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
    pub fn relay_output(&mut self) -> bool {
        let mut output = [0; 4096];
        let Ok(len @ 1..) = sys::read(self.pty_master, &mut output) else { return false };
        let mut rest = output.get(..len).unwrap_or_default();
        if self.end.is_some()
            && let Some((event, output)) = rest.split_first()
        {
            if *event & FLUSHED_INPUT != 0 {
                self.send_end(); // The command has flushed its input, and the end with it.
            }
            rest = output;
        }
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
