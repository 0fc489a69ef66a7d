//! The supervisor and the child: they live, are interrupted and end together.

use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::explain;
use crate::step::{self, Reported};
use crate::sys::{self, BorrowedFd, Errno, Pid, Signals};
use crate::terminal::Terminal;
use crate::text::{Text, decimal};

/// 0 once the supervisor has ended while the child still shares its memory.
static PULSE: AtomicU32 = AtomicU32::new(1);

/// Before clone: makes sure that the child's status will be kept until it is asked for, and that the child can tell whether
/// the supervisor lives.
///
/// A caller may have left SIGCHLD ignored, which execve(2) keeps; the kernel would then reap the child by itself.
pub fn expect_a_child() -> Result<(), Reported> {
    sys::set_tid_address(&PULSE);
    sys::rt_sigaction_default(libc::SIGCHLD).map_err(|errno| step::failed(c"SIGCHLD", errno))
}

/// In the child, first of all: whatever ends the supervisor ends the container.
///
/// The kernel sends the signal when the supervisor ends after the prctl. If it ended before, nobody would send anything, and
/// getppid(2) cannot tell: it is 0 in a new PID namespace either way. The pulse can. A process that ends gives up its memory
/// first, which is when the kernel clears the pulse, and signals its children later. So while the pulse is there, the
/// signal is still to come.
pub fn die_with_the_supervisor() -> Result<(), Reported> {
    sys::prctl_set_pdeathsig().map_err(|errno| step::failed(c"PR_SET_PDEATHSIG", errno))?;
    if PULSE.load(Ordering::SeqCst) == 0 {
        sys::exit_group(128 + libc::SIGKILL as u8); // as if the signal had come
    }
    Ok(())
}

/// The signals that the supervisor takes, to pass them on: all but those that cannot be taken, and those that stop whoever uses a
/// terminal out of turn. None of them may end it before it has put the terminal back. It takes SIGCHLD for itself.
pub const TAKEN: Signals =
    Signals::ALL.without(Signals::of(&[libc::SIGKILL, libc::SIGSTOP, libc::SIGTTIN, libc::SIGTTOU]));

/// Those of them that stop a process by default, and those that do nothing to it.
const STOPPING: Signals = Signals::of(&[libc::SIGTSTP]);
const HARMLESS: Signals = Signals::of(&[libc::SIGCONT, libc::SIGWINCH, libc::SIGURG]);

/// signals, in the parent: the signals that are for the command wait from now on, until somebody reads them.
pub struct Inbox {
    descriptor: BorrowedFd<'static>,
    /// What this process was told to ignore by whoever started it, as nohup(1) does.
    pub ignored: Signals,
}

impl Inbox {
    /// Opens it. A signal that was ignored goes on being ignored, and is not passed on.
    pub fn open() -> Result<Self, Reported> {
        let ignored = dispositions(c"/proc/self/status").map_or(Signals::NONE, |own| own.ignored);
        let taken = TAKEN.without(ignored.without(Signals::of(&[libc::SIGCHLD])));
        let descriptor = sys::rt_sigprocmask(taken).and_then(|()| sys::signalfd(taken));
        descriptor
            .map(|descriptor| Self { descriptor: descriptor.leak(), ignored })
            .map_err(|errno| step::failed(c"", errno))
    }
}

/// What a process does with signals, as /proc tells it.
struct Dispositions {
    blocked: Signals,
    ignored: Signals,
    caught: Signals,
}

/// Reads /proc/PID/status; None if it cannot be read.
#[inline(never)] // Its buffer is on the stack only while it runs.
fn dispositions(path: &CStr) -> Option<Dispositions> {
    let mut status = [0; 2048];
    let file = sys::open_to_read(path, 0).ok()?;
    let len = sys::pread(file.borrow(), &mut status, 0).ok()?;
    parse_dispositions(status.get(..len)?)
}

fn parse_dispositions(status: &[u8]) -> Option<Dispositions> {
    let set = |name: &[u8]| {
        let mut lines = status.split(|byte| *byte == b'\n');
        let digits = lines.find_map(|line| line.strip_prefix(name))?.trim_ascii();
        let digit = |set: u64, digit: &u8| Some(set << 4 | u64::from((*digit as char).to_digit(16)?));
        digits.iter().try_fold(0, digit).map(Signals)
    };
    Some(Dispositions { blocked: set(b"SigBlk:")?, ignored: set(b"SigIgn:")?, caught: set(b"SigCgt:")? })
}

/// session, in the command's process: signals act on it as they do on any process, whatever this program or its caller had.
pub fn reset_signals(ignored: Signals) -> Result<(), Errno> {
    for signal in (1..=64).filter(|signal| ignored.has(*signal) && *signal != libc::SIGCHLD) {
        sys::rt_sigaction_default(signal)?;
    }
    sys::rt_sigprocmask(Signals::NONE)
}

/// The command, as its supervisor sees it.
pub struct Charge {
    /// PID 1 of the container, by the host's count.
    pub pid: Pid,
    /// Whether it is the command itself that is PID 1, to which the kernel does not deliver what it neither catches nor ignores.
    pub is_deaf: bool,
    /// The signal in whose name it was killed.
    pub killed_by: Option<c_int>,
}

impl Charge {
    /// Passes a signal on. To PID 1 the kernel denies what any other process has: that a signal ends it or stops it unless it has
    /// something else in mind. So the supervisor does that with the two signals that PID 1 cannot refuse.
    fn deliver(&mut self, signal: c_int) {
        match self.default_of(signal) {
            Some(forced) => self.force(signal, forced),
            None => drop(sys::kill(self.pid, signal)), // It may have ended just now.
        }
    }

    /// As [`Charge::deliver`], where a terminal has delivered the signal already.
    fn has_got(&mut self, signal: c_int) {
        if let Some(forced) = self.default_of(signal) {
            self.force(signal, forced);
        }
    }

    fn force(&mut self, signal: c_int, forced: c_int) {
        if forced == libc::SIGKILL {
            self.killed_by = Some(signal);
        }
        let _ = sys::kill(self.pid, forced);
    }

    /// The signal that does what `signal` would do to any other process by default, if the command leaves it at that.
    fn default_of(&self, signal: c_int) -> Option<c_int> {
        if !self.is_deaf || HARMLESS.has(signal) {
            return None;
        }
        let path = &mut Text::new();
        let own =
            dispositions(path.join(&[b"/proc/", decimal(self.pid.number(), &mut [0; 10]), b"/status"]))?;
        let has_plans = [own.blocked, own.ignored, own.caught].iter().any(|set| set.has(signal))
            || self.waits_for_signals();
        let forced = if STOPPING.has(signal) { libc::SIGSTOP } else { libc::SIGKILL };
        (!has_plans).then_some(forced)
    }

    /// Whether it is in sigwait(3), which unblocks for the time what it waits for, so that /proc tells of no plan.
    #[inline(never)]
    fn waits_for_signals(&self) -> bool {
        let path = &mut Text::new();
        let path = path.join(&[b"/proc/", decimal(self.pid.number(), &mut [0; 10]), b"/syscall"]);
        let mut call = [0; 16];
        let digits = &mut [0; 10];
        let number = decimal(libc::SYS_rt_sigtimedwait as u32, digits);
        sys::open_to_read(path, 0).and_then(|file| sys::pread(file.borrow(), &mut call, 0)).is_ok()
            && call.strip_prefix(number).is_some_and(|rest| rest.starts_with(b" "))
    }
}

/// Waits until the command has ended, passes on meanwhile what comes for it, and returns its status as a shell shows it.
#[inline(never)]
pub fn attend(inbox: &Inbox, charge: &mut Charge, terminal: &mut Option<Terminal>) -> Result<u8, Reported> {
    let failed = |errno| step::failed(c"", errno);
    sys::give_back_code();
    if terminal.is_some() {
        explain::fall_silent(); // Both would write to the same terminal, one of them for each key.
    }
    loop {
        let signals = sys::ready(Some(inbox.descriptor), libc::POLLIN);
        let nothing = sys::ready(None, 0);
        let [typed, shown] = terminal.as_ref().map_or([nothing; 2], Terminal::wishes);
        let mut ready = [signals, typed, shown];
        match sys::ppoll(&mut ready) {
            Ok(()) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(failed(errno)),
        }
        let [signals, typed, shown] = ready;
        if signals.revents != 0 {
            let signal = sys::read_signal(inbox.descriptor).map_err(failed)?;
            if let Some(status) = handle(signal, charge, terminal).map_err(failed)? {
                return Ok(status);
            }
            sys::give_back_code();
            continue; // It may not be this process's turn any more to use the terminal outside.
        }
        if let Some(terminal) = terminal
            && let Some(signal) = terminal.carry([typed, shown])
            && terminal.is_for(charge.pid)
        {
            charge.has_got(signal);
            sys::give_back_code(); // What has been used for it is not used often.
        }
    }
}

/// What a signal asks for. Returns the command's status if it has ended.
fn handle(signal: c_int, charge: &mut Charge, terminal: &mut Option<Terminal>) -> Result<Option<u8>, Errno> {
    match (signal, terminal.as_mut()) {
        (libc::SIGCHLD, _) => match sys::wait4_now(Some(charge.pid))? {
            Some((_, status)) if status.is_stopped() => stop(terminal)?,
            Some((_, status)) => {
                while terminal.as_ref().is_some_and(Terminal::show) {}
                let killed_by =
                    charge.killed_by.filter(|_| status.shell_status() == 128 + libc::SIGKILL as u8);
                return Ok(Some(killed_by.map_or(status.shell_status(), |signal| 128 + signal as u8)));
            }
            None => {}
        },
        // The kernel sends it to whoever looks at the command's terminal.
        (libc::SIGWINCH, Some(terminal)) => terminal.resize(),
        (libc::SIGCONT, Some(terminal)) => {
            terminal.take_keys();
            charge.deliver(signal);
        }
        _ => charge.deliver(signal),
    }
    Ok(None)
}

/// The command was stopped: so is this process, for a shell to notice. SIGCONT wakes it, and is passed on.
fn stop(terminal: &mut Option<Terminal>) -> Result<(), Errno> {
    if let Some(terminal) = terminal {
        terminal.give_back();
    }
    sys::kill(sys::getpid(), libc::SIGSTOP)
}

/// With `--bare`: waits until the child has ended; returns its status as a shell shows it.
///
/// As in system(3), Ctrl-C and Ctrl-\ are the command's while it runs: it has the same terminal and gets the signals
/// itself. Until the clone has returned they end both, since nothing has been started that could want them.
#[inline(never)] // As attend: it has a place of its own, see link.ld.
pub fn wait(child: Pid) -> Result<u8, Reported> {
    for &signal in &[libc::SIGINT, libc::SIGQUIT] {
        sys::rt_sigaction_ignore(signal).map_err(|errno| step::failed(c"", errno))?;
    }
    sys::give_back_code();
    loop {
        match sys::wait4(child) {
            Ok(status) => return Ok(status.shell_status()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(step::failed(c"", errno)),
        }
    }
}
