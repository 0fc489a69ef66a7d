//! A terminal of the container's own: a pseudoterminal. The command has its slave, the supervisor its master, and carries
//! what is typed and what is shown between it and the terminal outside.

use core::ffi::{CStr, c_int, c_uint};

use crate::run::Scene;
use crate::spec::Spec;
use crate::step::{self, Reported};
use crate::sys::{
    self, BorrowedFd, Errno, Instruction, OwnedFd, PollFd, STDERR, STDIN, STDOUT, Size, Termios,
};

/// Whether the command gets a terminal of its own: where it would else run in the caller's, or as the options say.
pub fn is_wanted(spec: &Spec) -> bool {
    let is_interactive = || sys::tcgets(STDIN).is_ok() && sys::tcgets(STDOUT).is_ok();
    !spec.bare && spec.terminal.unwrap_or_else(is_interactive)
}

/// The way to all terminals of an instance.
const PTMX: &CStr = c"/dev/pts/ptmx";

/// terminal, in the child: terminals of the container's own, and one of them for the command, whose master the supervisor
/// gets. The command is to have no way to the caller's terminal: where that stays its stdin, stdout or stderr, it can at least
/// not type into it.
pub fn terminal(scene: &mut Scene) -> Result<(), Reported> {
    mount_terminals()?;
    match scene.link {
        Some(link) if scene.has_terminal => open(scene, link),
        _ if [STDIN, STDOUT, STDERR].into_iter().any(|fd| sys::tcgets(fd).is_ok()) => guard_outer(),
        _ => Ok(()),
    }
}

/// An instance of devpts that no other container has, at /dev/pts.
fn mount_terminals() -> Result<(), Reported> {
    const WITH_GROUP: &CStr = c"newinstance,ptmxmode=0666,mode=0620,gid=5";
    const WITHOUT: &CStr = c"newinstance,ptmxmode=0666,mode=0620";
    let at = c"/dev/pts";
    let mount = |data| sys::mount(c"devpts", at, c"devpts", libc::MS_NOSUID | libc::MS_NOEXEC, data);
    // Where `dev` is left out, the image's own may be there.
    let unless_there = |outcome| if outcome == Err(Errno::EEXIST) { Ok(()) } else { outcome };
    unless_there(sys::mkdirat(at, 0o755)).map_err(|errno| step::failed(at, errno))?;
    let outcome = match mount(WITH_GROUP) {
        Err(Errno::EINVAL) => mount(WITHOUT), // Group 5, tty, is not to be had here.
        outcome => outcome,
    };
    outcome.map_err(|errno| step::failed(at, errno))?;
    unless_there(sys::symlink(c"pts/ptmx", c"/dev/ptmx")).map_err(|errno| step::failed(c"/dev/ptmx", errno))
}

/// Opens the first terminal of the instance for the command, which gets /dev/console too: the same terminal.
fn open(scene: &mut Scene, link: BorrowedFd) -> Result<(), Reported> {
    let console = c"/dev/console";
    scene.slave = Some(open_pair(link).map_err(|errno| step::failed(PTMX, errno))?);
    sys::mknod_file(console, 0o620)
        .and_then(|()| sys::mount(c"/dev/pts/0", console, c"", libc::MS_BIND, c""))
        .map_err(|errno| step::failed(console, errno))
}

/// Prepares a terminal as the one outside is, sends its master to the supervisor, and returns its slave.
fn open_pair(link: BorrowedFd) -> Result<BorrowedFd<'static>, Errno> {
    // Nothing of this is closed, since execve(2) closes all descriptors.
    let master = sys::openat(PTMX, libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK, 0)?.leak();
    sys::unlockpt(master)?;
    let slave = sys::tiocgptpeer(master)?.leak();
    // What stdin is not, stdout may be; without either, the kernel's own modes and no size will do.
    let outer = [STDIN, STDOUT].into_iter().find_map(|fd| Some((fd, sys::tcgets(fd).ok()?)));
    if let Some((fd, modes)) = outer {
        sys::tcsets(slave, &modes)?;
        sys::tiocswinsz(master, &sys::tiocgwinsz(fd)?)?;
    }
    sys::sendmsg(link, master)?;
    Ok(slave)
}

/// Lets ioctl(2) fail with EPERM that types into a terminal, which the shell outside would take for its user's keys (TIOCSTI and
/// TIOCLINUX), or that takes it away from the shell's session (TIOCSCTTY with 1).
fn guard_outer() -> Result<(), Reported> {
    sys::seccomp(&GUARD).map_err(|errno| step::failed(c"", errno))
}

static GUARD: [Instruction; 12] = {
    const LOAD: c_uint = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const EQUALS: c_uint = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const ANSWER: c_uint = libc::BPF_RET | libc::BPF_K;
    const fn line(code: c_uint, jt: u8, jf: u8, k: c_uint) -> Instruction {
        Instruction { code: code as u16, jt, jf, k }
    }
    // Where struct seccomp_data has the lower halves of args[1] and args[2], in bytes.
    let request = if cfg!(target_endian = "little") { 24 } else { 28 };
    let argument = request + 8;
    [
        line(LOAD, 0, 0, 0), // the number of the call
        line(EQUALS, 2, 0, libc::SYS_ioctl as c_uint),
        line(EQUALS, 1, 0, 54), // whatever the architecture, in its 32-bit sibling,
        line(EQUALS, 0, 6, 0x4000_0202), // and in x32, x86_64's other one
        line(LOAD, 0, 0, request),
        line(EQUALS, 5, 0, libc::TIOCSTI as c_uint),
        line(EQUALS, 4, 0, libc::TIOCLINUX as c_uint),
        line(EQUALS, 0, 2, libc::TIOCSCTTY as c_uint),
        line(LOAD, 0, 0, argument),
        line(EQUALS, 1, 0, 1),
        line(ANSWER, 0, 0, libc::SECCOMP_RET_ALLOW),
        line(ANSWER, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as c_uint),
    ]
};

/// session, in the command's process: it leads a session of its own, so that no signal comes from the terminal outside, and
/// its own terminal controls that session.
pub fn lead_session(scene: &Scene) -> Result<(), Errno> {
    sys::setsid()?;
    let Some(slave) = scene.slave else { return Ok(()) };
    sys::tiocsctty(slave)?;
    sys::dup3(slave, STDIN)?;
    sys::dup3(slave, STDOUT)?;
    // A stderr that leads to a file stays what it is.
    let takes_its_place = scene.spec.terminal == Some(true) || sys::tcgets(STDERR).is_ok();
    if takes_its_place { sys::dup3(slave, STDERR) } else { Ok(()) }
}

/// The supervisor's end: the master, and the terminal outside, whose modes are put back when this is dropped.
pub struct Terminal {
    master: BorrowedFd<'static>,
    /// Whether the command has hung up all the same, with vhangup(2).
    is_hung_up: bool,
    /// Whether stdin is a terminal.
    has_keys: bool,
    /// The modes that it had when its keys were taken first.
    modes: Option<Termios>,
    is_raw: bool,
    /// What was typed and the command has not taken yet.
    typed: [u8; 1024],
    waiting: core::ops::Range<usize>,
    /// Whether the next key stands for itself.
    is_quoted: bool,
    is_open: bool,
}

impl Terminal {
    /// Takes the master. `-t` in the background stops this process until it is taken to the foreground, as the kernel does with
    /// any that sets the modes of a terminal out of turn.
    pub fn new(master: OwnedFd, is_asked_for: bool) -> Self {
        let master = master.leak();
        let has_keys = sys::tcgets(STDIN).is_ok();
        if is_asked_for && has_keys && !is_in_foreground() {
            let _ = sys::kill(sys::getpid(), libc::SIGTTOU); // If it is ignored, the run goes on without keys.
        }
        // The command's end is open here too, though nobody reads from it: so a command that has closed it can open it again, and
        // poll(2) does not say all the time that it is closed.
        let _ = sys::tiocgptpeer(master).map(OwnedFd::leak);
        Self {
            master,
            is_hung_up: false,
            has_keys,
            modes: None,
            is_raw: false,
            typed: [0; 1024],
            waiting: 0..0,
            is_quoted: false,
            is_open: true,
        }
    }

    /// The terminal outside passes every key on, if it does not yet and it is this process's turn to read from it. A shell does
    /// not tell whom it takes to the foreground, unless it has to wake it.
    fn take_keys(&mut self) {
        if self.has_keys
            && !self.is_raw
            && is_in_foreground()
            && let Ok(modes) = sys::tcgets(STDIN)
        {
            let modes = *self.modes.get_or_insert(modes);
            self.is_raw = sys::tcsets(STDIN, &modes.raw()).is_ok();
        }
    }

    /// This process was stopped: whoever has put it in the background has put the modes back, and the size may be another one.
    pub fn begin_again(&mut self) {
        self.is_raw = false;
        self.resize();
    }

    /// The terminal outside gets its modes back. Says whether its keys came here until now.
    pub fn give_back(&mut self) -> bool {
        let had_keys = self.is_raw && is_in_foreground();
        if let Some(modes) = self.modes.filter(|_| had_keys) {
            // The terminal may be gone, and then there is nothing to put back.
            let _ = sys::tcsets(STDIN, &modes);
        }
        self.is_raw = false;
        had_keys
    }

    /// The command's terminal gets the size of the one outside.
    pub fn resize(&self) {
        let size: Option<Size> = [STDIN, STDOUT].into_iter().find_map(|fd| sys::tiocgwinsz(fd).ok());
        if let Some(size) = size {
            let _ = sys::tiocswinsz(self.master, &size); // A size is a convenience: the command runs without.
        }
    }

    /// What to wait for: something typed, if there is room for it; something shown; room for what was typed.
    pub fn wishes(&mut self) -> [PollFd; 2] {
        self.take_keys();
        let reads = self.is_open && self.waiting.is_empty() && (self.is_raw || !self.has_keys);
        let writes = if self.waiting.is_empty() { 0 } else { libc::POLLOUT };
        [
            sys::poll_fd(reads.then_some(STDIN), libc::POLLIN),
            sys::poll_fd((!self.is_hung_up).then_some(self.master), libc::POLLIN | writes),
        ]
    }

    /// Carries what is ready. Returns the signal that a key stands for, if the command's terminal took it for one.
    pub fn carry(&mut self, ready: [PollFd; 2]) -> Option<c_int> {
        let [typed, shown] = ready;
        let mut signal = None;
        if typed.revents != 0 {
            signal = self.take_typed();
        }
        if shown.revents & libc::POLLIN != 0 {
            // Whoever writes much is not asked anew for each piece; but keys and signals are not kept waiting for long.
            let _ = (0..16).all(|_| self.show());
        } else if shown.revents & libc::POLLHUP != 0 {
            self.is_hung_up = true;
        }
        self.pass_on();
        signal
    }

    fn take_typed(&mut self) -> Option<c_int> {
        match sys::read(STDIN, &mut self.typed) {
            Ok(0) => {
                self.is_open = false;
                // The end of a file is what a terminal makes of Ctrl-D.
                let modes = sys::tcgets(self.master).ok()?;
                let last = self.typed.get(self.waiting.end.wrapping_sub(1));
                // In the middle of a line, the first one ends the line.
                let count = if last.is_some_and(|byte| *byte != b'\n') { 2 } else { 1 };
                if let (false, [first, second, ..]) = (self.has_keys, &mut self.typed) {
                    (*first, *second) = (modes.end_of_file(), modes.end_of_file());
                    self.waiting = 0..count;
                }
                None
            }
            Ok(len) => {
                self.waiting = 0..len;
                let bytes = self.typed.get(..len)?;
                // Seldom: most keys stand for no signal, and then nothing is asked.
                if !self.is_quoted && !bytes.iter().any(|byte| *byte < b' ' && *byte != b'\r') {
                    return None;
                }
                let modes = sys::tcgets(self.master).ok()?;
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

    fn pass_on(&mut self) {
        while let Some(bytes) = self.typed.get(self.waiting.clone()).filter(|bytes| !bytes.is_empty()) {
            match sys::write(self.master, bytes) {
                Ok(len) => self.waiting.start += len,
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(_) => self.waiting = 0..0,
            }
        }
    }

    /// Shows some of what the command wrote; says whether there was anything.
    pub fn show(&self) -> bool {
        let mut shown = [0; 4096];
        let Ok(len @ 1..) = sys::read(self.master, &mut shown) else { return false };
        let mut rest = shown.get(..len).unwrap_or_default();
        while !rest.is_empty() {
            match sys::write(STDOUT, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                // Somebody made it non-blocking, and its reader is slow.
                Err(Errno::EAGAIN) => drop(sys::ppoll(&mut [sys::poll_fd(Some(STDOUT), libc::POLLOUT)])),
                Err(_) => return true, // Nobody looks any more; the command goes on all the same.
            }
        }
        true
    }

    /// Whether the process group of a process is in the foreground of the command's terminal.
    pub fn is_for(&self, leader: sys::Pid) -> bool {
        sys::tiocgpgrp(self.master) == Ok(leader)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether this process may read from the terminal at stdin without being stopped.
fn is_in_foreground() -> bool {
    // Where it is not this session's terminal, there is no job control.
    sys::tiocgpgrp(STDIN).map_or(true, |group| group == sys::getpgid())
}
