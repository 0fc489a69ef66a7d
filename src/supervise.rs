//! The supervisor and the child: they live, are interrupted and end together.

use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::explain;
use crate::file::open_standard;
use crate::run::Scene;
use crate::spec::Spec;
use crate::step::{self, Reported};
use crate::sys::{self, BorrowedFd, Errno, Pid, SigSet};
use crate::terminal::Terminal;
use crate::text::{Text, cut, decimal, number, split};

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
///
/// With `--init` the memory is a copy, in which the pulse stays. Then it is the link that tells: a process that ends closes its
/// descriptors before it signals its children, and to write nothing fails once nobody has the other end.
pub fn die_with_the_supervisor(scene: &Scene) -> Result<(), Reported> {
    sys::prctl_set_pdeathsig().map_err(|errno| step::failed(c"PR_SET_PDEATHSIG", errno))?;
    let link = scene.link.filter(|_| scene.spec.init);
    if PULSE.load(Ordering::SeqCst) == 0 || link.is_some_and(|link| sys::write(link, b"").is_err()) {
        sys::exit_group(128 + libc::SIGKILL as u8); // as if the signal had come
    }
    Ok(())
}

/// The signals that the supervisor takes, to pass them on: all but those that cannot be taken, and those that stop whoever uses a
/// terminal out of turn. None of them may end it before it has put the terminal back. It takes SIGCHLD for itself.
pub const TAKEN: SigSet =
    SigSet::ALL.without(SigSet::of(&[libc::SIGKILL, libc::SIGSTOP, libc::SIGTTIN, libc::SIGTTOU]));

/// Those of them that stop a process by default, and those that do nothing to it.
const STOPPING: SigSet = SigSet::of(&[libc::SIGTSTP]);
const HARMLESS: SigSet = SigSet::of(&[libc::SIGCONT, libc::SIGWINCH, libc::SIGURG]);

/// signals, in the parent: the signals that are for the command wait from now on, until somebody reads them.
pub struct Inbox {
    descriptor: BorrowedFd<'static>,
    /// What this process was told to ignore by whoever started it, as nohup(1) does.
    pub ignored: SigSet,
}

impl Inbox {
    /// Opens it. A signal that was ignored goes on being ignored, and is not passed on.
    ///
    /// This is the first descriptor that stays. Where more are to follow, none of them may come to be stdin or stdout.
    pub fn open(spec: &Spec) -> Result<Self, Errno> {
        if spec.terminal == Some(true) || spec.init {
            open_standard()?;
        }
        let ignored = disposition(b"self", &[b"SigIgn:\t"]).unwrap_or(SigSet::NONE);
        let taken = TAKEN.without(ignored.without(SigSet::of(&[libc::SIGCHLD])));
        sys::rt_sigprocmask(taken)?;
        Ok(Self { descriptor: sys::signalfd(taken)?.leak(), ignored })
    }
}

/// What a process does with signals, as its file `status` in /proc tells it: those that stand behind one of these names. None if it
/// cannot be read.
fn disposition(process: &[u8], names: &[&[u8]]) -> Option<SigSet> {
    let buffer = &mut [0; 2048];
    let status = read_of(process, b"/status", buffer)?;
    let mut signals = 0;
    for name in names {
        let line = split(status, b'\n').find_map(|line| line.strip_prefix(*name))?;
        signals |= line.iter().fold(0, |number, digit| number << 4 | u64::from(value_of(*digit)));
    }
    Some(SigSet(signals))
}

/// The value of a hexadecimal digit.
const fn value_of(digit: u8) -> u8 {
    if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 }
}

/// What a file of /proc tells of a process.
#[inline(never)] // Its path is on the stack only while it runs.
fn read_of<'b>(process: &[u8], name: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let text = &mut Text::new();
    let file = sys::open_to_read(text.join(&[b"/proc/", process, name]), 0).ok()?;
    let len = sys::pread(file.borrow(), buffer, 0).ok()?;
    buffer.get(..len)
}

/// session, in the command's process: signals act on it as they do on any process, whatever this program or its caller had.
pub fn reset_signals(ignored: SigSet) -> Result<(), Errno> {
    for signal in 1..65 {
        if ignored.has(signal) && signal != libc::SIGCHLD {
            sys::rt_sigaction_default(signal)?;
        }
    }
    sys::rt_sigprocmask(SigSet::NONE)
}

/// The command, as its supervisor sees it.
pub struct Charge {
    /// PID 1 of the container, by the host's count.
    pub pid: Pid,
    /// Whether it is the command itself that is PID 1, to which the kernel does not deliver what it neither catches nor ignores.
    pub is_deaf: bool,
    /// The signal in whose name it was killed, if it was killed.
    pub killed_by: c_int,
}

impl Charge {
    /// Passes a signal on, unless a terminal has delivered it already. To PID 1 the kernel denies what any other process has: that
    /// a signal ends it or stops it unless it has something else in mind. So the supervisor does that with the two signals that
    /// PID 1 cannot refuse.
    fn deliver(&mut self, mut signal: c_int, is_delivered: bool) {
        // A stop from a terminal is lost on any that leads a session of its own: nobody could let it go on.
        let is_deaf = self.is_deaf || STOPPING.has(signal);
        if is_deaf && !HARMLESS.has(signal) && self.has_no_plan(signal) {
            if STOPPING.has(signal) {
                signal = libc::SIGSTOP;
            } else {
                self.killed_by = signal;
                signal = libc::SIGKILL;
            }
        } else if is_delivered {
            return;
        }
        let _ = sys::kill(self.pid, signal); // It may have ended just now.
    }

    /// Whether the command leaves a signal at what it does by default. sigwait(3) unblocks for the time what it waits for: then
    /// `status` tells of no plan, and `syscall` does.
    #[inline(never)] // Its buffers are on the stack only while it runs.
    fn has_no_plan(&self, signal: c_int) -> bool {
        let digits = &mut [0; 10];
        let process = decimal(self.pid.number(), digits);
        let plans = disposition(process, &[b"SigBlk:\t", b"SigIgn:\t", b"SigCgt:\t"]);
        plans.is_some_and(|plans| !plans.has(signal))
            && read_of(process, b"/syscall", &mut [0; 16]).and_then(|call| number(cut(call, b' ').0))
                != Some(libc::SYS_rt_sigtimedwait as u64)
    }
}

/// Waits until the command has ended, passes on meanwhile what comes for it, and returns its status as a shell shows it.
#[inline(never)]
pub fn attend(inbox: &Inbox, charge: &mut Charge, terminal: &mut Option<Terminal>) -> Result<u8, Errno> {
    sys::drop_cold_pages();
    if let Some(terminal) = terminal {
        explain::stop_tracing(); // Both would write to the same terminal, one of them for each key.
        terminal.resize();
    }
    loop {
        let signals = sys::poll_fd(Some(inbox.descriptor), libc::POLLIN);
        let nothing = sys::poll_fd(None, 0);
        let [typed, shown] = terminal.as_mut().map_or([nothing; 2], Terminal::wishes);
        let mut ready = [signals, typed, shown];
        match sys::ppoll(&mut ready) {
            Ok(()) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        }
        let [signals, typed, shown] = ready;
        if signals.revents != 0 {
            let signal = sys::read_signal(inbox.descriptor)?;
            if let Some(status) = handle(signal, charge, terminal)? {
                return Ok(status);
            }
            sys::drop_cold_pages();
            continue; // It may not be this process's turn any more to use the terminal outside.
        }
        if let Some(terminal) = terminal
            && let Some(signal) = terminal.carry([typed, shown])
            && terminal.is_for(charge.pid)
        {
            charge.deliver(signal, true);
            sys::drop_cold_pages(); // What has been used for it is not used often.
        }
    }
}

/// What a signal asks for. Returns the command's status if it has ended.
fn handle(signal: c_int, charge: &mut Charge, terminal: &mut Option<Terminal>) -> Result<Option<u8>, Errno> {
    match (signal, terminal.as_mut()) {
        (libc::SIGCHLD, _) => match sys::wait4_nohang(Some(charge.pid))? {
            Some((_, status)) if status.is_stopped() => stop(terminal)?,
            Some((_, status)) => {
                while terminal.as_ref().is_some_and(Terminal::show) {}
                let status = status.shell_status();
                let is_killed = status == 128 + libc::SIGKILL as u8;
                return Ok(Some(if is_killed { 128 + charge.killed_by as u8 } else { status }));
            }
            None => {}
        },
        // The kernel sends it to whoever looks at the command's terminal.
        (libc::SIGWINCH, Some(terminal)) => terminal.resize(),
        (libc::SIGCONT, Some(terminal)) => {
            terminal.begin_again();
            charge.deliver(signal, false);
        }
        _ => charge.deliver(signal, false),
    }
    Ok(None)
}

/// The command was stopped: so is this process, for a shell to notice. SIGCONT wakes it, and is passed on.
///
/// Where the keys of a terminal come here, it was Ctrl-Z, most likely, and that stops all of a job: what waits for this process, as
/// make(1) does, may not look for a child that stops, and the shell waits for both.
fn stop(terminal: &mut Option<Terminal>) -> Result<(), Errno> {
    let had_keys = terminal.as_mut().is_some_and(Terminal::give_back);
    if had_keys { sys::kill_process_group(libc::SIGSTOP) } else { sys::kill(sys::getpid(), libc::SIGSTOP) }
}

/// With `--bare`: waits until the child has ended; returns its status as a shell shows it.
///
/// As in system(3), Ctrl-C and Ctrl-\ are the command's while it runs: it has the same terminal and gets the signals
/// itself. Until the clone has returned they end both, since nothing has been started that could want them.
#[inline(never)] // As attend: it has a place of its own, see link.ld.
pub fn wait(child: Pid) -> Result<u8, Errno> {
    for &signal in &[libc::SIGINT, libc::SIGQUIT] {
        sys::rt_sigaction_ignore(signal)?;
    }
    sys::drop_cold_pages();
    loop {
        match sys::wait4(child) {
            Ok(status) => return Ok(status.shell_status()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
