//! A terminal of the container's own: a pseudoterminal. The command has its slave, the supervisor its master, and carries
//! what is typed and what is shown between it and the terminal outside.

use core::ffi::c_int;

use crate::run::Scene;
use crate::spec::Spec;
use crate::step::{self, Reported};
use crate::sys::{
    self, BorrowedFd, Errno, Instruction, OwnedFd, Ready, STDERR, STDIN, STDOUT, Size, Termios,
};

/// Whether the command gets a terminal of its own: where it would else run in the caller's, or as the options say.
pub fn is_wanted(spec: &Spec) -> bool {
    let is_interactive = || sys::tcgets(STDIN).is_ok() && sys::tcgets(STDOUT).is_ok();
    !spec.bare && spec.terminal.unwrap_or_else(is_interactive)
}

/// terminal, in the child: terminals of the container's own, and one of them for the command, whose master the supervisor
/// gets. The command is to have no way to the caller's terminal: where that stays its stdin, stdout or stderr, it can at least
/// not type into it.
pub fn terminal(scene: &mut Scene) -> Result<(), Reported> {
    mount_terminals()?;
    match scene.link {
        Some(link) if scene.has_terminal => open(scene, link),
        _ if [STDIN, STDOUT, STDERR].into_iter().any(|fd| sys::tcgets(fd).is_ok()) => forbid_typing(),
        _ => Ok(()),
    }
}

/// An instance of devpts that no other container has, at /dev/pts.
fn mount_terminals() -> Result<(), Reported> {
    const WITH_GROUP: &core::ffi::CStr = c"newinstance,ptmxmode=0666,mode=0620,gid=5";
    const WITHOUT: &core::ffi::CStr = c"newinstance,ptmxmode=0666,mode=0620";
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

/// Opens the first terminal of the instance, prepares it as the one outside is, and sends its master to the supervisor.
fn open(scene: &mut Scene, link: BorrowedFd) -> Result<(), Reported> {
    let (ptmx, console) = (c"/dev/pts/ptmx", c"/dev/console");
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
    let failed = |errno| step::failed(ptmx, errno);
    let master = sys::openat(ptmx, flags, 0).map_err(failed)?;
    sys::tiocsptlck_unlock(master.borrow()).map_err(failed)?;
    let slave = sys::tiocgptpeer(master.borrow()).map_err(failed)?;
    // What stdin is not, stdout may be; without either, the kernel's own modes and no size will do.
    let outer = [STDIN, STDOUT].into_iter().find_map(|fd| Some((fd, sys::tcgets(fd).ok()?)));
    if let Some((fd, modes)) = outer {
        sys::tcsets(slave.borrow(), &modes).map_err(failed)?;
        let size = sys::tiocgwinsz(fd).map_err(failed)?;
        sys::tiocswinsz(master.borrow(), &size).map_err(failed)?;
    }
    sys::mknod_file(console, 0o620)
        .and_then(|()| sys::mount(c"/dev/pts/0", console, c"", libc::MS_BIND, c""))
        .map_err(|errno| step::failed(console, errno))?;
    sys::sendmsg(link, Some(master.borrow())).map_err(failed)?;
    scene.slave = Some(slave);
    Ok(())
}

/// Lets TIOCSTI and TIOCLINUX fail with EPERM: what they type into a terminal, the shell outside would take for its user's.
fn forbid_typing() -> Result<(), Reported> {
    // Whatever the architecture, its 32-bit sibling has ioctl as 54; x32 is x86_64's other one. args[1] is the request.
    const IOCTLS: [u32; 3] = [libc::SYS_ioctl as u32, 54, 0x4000_0202];
    const REQUESTS: [u32; 2] = [libc::TIOCSTI as u32, libc::TIOCLINUX as u32];
    let (load, equals, answer) = (
        (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        (libc::BPF_RET | libc::BPF_K) as u16,
    );
    let [native, compat, x32] = IOCTLS;
    let [type_in, linux] = REQUESTS;
    let filter = [
        Instruction { code: load, jt: 0, jf: 0, k: 0 }, // the number of the call
        Instruction { code: equals, jt: 2, jf: 0, k: native },
        Instruction { code: equals, jt: 1, jf: 0, k: compat },
        Instruction { code: equals, jt: 0, jf: 3, k: x32 },
        Instruction { code: load, jt: 0, jf: 0, k: LOW_HALF_OF_REQUEST },
        Instruction { code: equals, jt: 2, jf: 0, k: type_in },
        Instruction { code: equals, jt: 1, jf: 0, k: linux },
        Instruction { code: answer, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
        Instruction { code: answer, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | libc::EPERM as u32 },
    ];
    sys::seccomp(&filter).map_err(|errno| step::failed(c"", errno))
}

/// Where struct seccomp_data has the lower half of args[1], in bytes.
const LOW_HALF_OF_REQUEST: u32 = if cfg!(target_endian = "little") { 24 } else { 28 };

/// session, in the command's process: it leads a session of its own, so that no signal comes from the terminal outside, and
/// its own terminal controls that session.
pub fn lead_session(scene: &mut Scene) -> Result<(), Reported> {
    let failed = |errno| step::failed(c"", errno);
    sys::setsid().map_err(failed)?;
    let Some(slave) = &scene.slave else { return Ok(()) };
    sys::tiocsctty(slave.borrow()).map_err(failed)?;
    let takes_its_place = |fd: &BorrowedFd| scene.spec.terminal == Some(true) || sys::tcgets(*fd).is_ok();
    for &fd in &[STDIN, STDOUT] {
        sys::dup3(slave.borrow(), fd).map_err(failed)?;
    }
    // A stderr that leads to a file stays what it is.
    match Some(STDERR).filter(takes_its_place) {
        Some(fd) => sys::dup3(slave.borrow(), fd).map_err(failed),
        None => Ok(()),
    }
}

/// The supervisor's end: the master, and the terminal outside, whose modes are put back when this is dropped.
pub struct Terminal {
    master: OwnedFd,
    /// The command's end too, though nobody here reads from it: while it is open, a command that has closed it can open it again,
    /// and poll(2) does not say all the time that it is closed.
    _slave: Option<OwnedFd>,
    /// Whether the command has hung up all the same, with vhangup(2).
    is_hung_up: bool,
    /// The modes that the terminal outside had, if stdin is one.
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
    /// Takes the master, and gives the command the keys of the terminal outside.
    pub fn new(master: OwnedFd) -> Self {
        let modes = sys::tcgets(STDIN).ok();
        let slave = sys::tiocgptpeer(master.borrow()).ok();
        let mut terminal = Self {
            master,
            _slave: slave,
            is_hung_up: false,
            modes,
            is_raw: false,
            typed: [0; 1024],
            waiting: 0..0,
            is_quoted: false,
            is_open: true,
        };
        terminal.take_keys();
        terminal
    }

    /// The terminal outside passes every key on, if it is this process's turn to read from it.
    pub fn take_keys(&mut self) {
        if let Some(modes) = self.modes {
            // If it is not, whoever has put this process in the background has put the modes back.
            self.is_raw = is_in_foreground() && sys::tcsets(STDIN, &modes.raw()).is_ok();
        }
        self.resize();
    }

    /// The terminal outside gets its modes back.
    pub fn give_back(&mut self) {
        if let Some(modes) = self.modes
            && self.is_raw
            && is_in_foreground()
        {
            // The terminal may be gone, and then there is nothing to put back.
            let _ = sys::tcsets(STDIN, &modes);
        }
        self.is_raw = false;
    }

    /// The command's terminal gets the size of the one outside.
    pub fn resize(&self) {
        let size: Option<Size> = [STDIN, STDOUT].into_iter().find_map(|fd| sys::tiocgwinsz(fd).ok());
        if let Some(size) = size {
            let _ = sys::tiocswinsz(self.master.borrow(), &size);
        }
    }

    /// What to wait for: something typed, if there is room for it; something shown; room for what was typed.
    pub fn wishes(&self) -> [Ready; 2] {
        let reads = self.is_open && self.waiting.is_empty() && (self.is_raw || self.modes.is_none());
        let writes = if self.waiting.is_empty() { 0 } else { libc::POLLOUT };
        [
            sys::ready(reads.then_some(STDIN), libc::POLLIN),
            sys::ready((!self.is_hung_up).then_some(self.master.borrow()), libc::POLLIN | writes),
        ]
    }

    /// Carries what is ready. Returns the signal that a key stands for, if the command's terminal took it for one.
    pub fn carry(&mut self, ready: [Ready; 2]) -> Option<c_int> {
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
                let modes = sys::tcgets(self.master.borrow()).ok()?;
                let last = self.typed.get(self.waiting.end.wrapping_sub(1));
                // In the middle of a line, the first one ends the line.
                let count = if last.is_some_and(|byte| *byte != b'\n') { 2 } else { 1 };
                if let (true, [first, second, ..]) = (self.modes.is_none(), &mut self.typed) {
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
                let modes = sys::tcgets(self.master.borrow()).ok()?;
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
            match sys::write(self.master.borrow(), bytes) {
                Ok(len) => self.waiting.start += len,
                Err(Errno::EAGAIN | Errno::EINTR) => return,
                Err(_) => self.waiting = 0..0,
            }
        }
    }

    /// Shows some of what the command wrote; says whether there was anything.
    pub fn show(&self) -> bool {
        let mut shown = [0; 4096];
        let Ok(len @ 1..) = sys::read(self.master.borrow(), &mut shown) else { return false };
        let mut rest = shown.get(..len).unwrap_or_default();
        while !rest.is_empty() {
            match sys::write(STDOUT, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                // Somebody made it non-blocking, and its reader is slow.
                Err(Errno::EAGAIN) => drop(sys::ppoll(&mut [sys::ready(Some(STDOUT), libc::POLLOUT)])),
                Err(_) => return true, // Nobody looks any more; the command goes on all the same.
            }
        }
        true
    }

    /// Whether the process group of a process is in the foreground of the command's terminal.
    pub fn is_for(&self, leader: sys::Pid) -> bool {
        sys::tiocgpgrp(self.master.borrow()) == Ok(leader)
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
