//! session: the command leads a session with its own terminal, and signals act on it as on any process.

use crate::spec::Terminal;
use crate::step::{self, Reported, Step, unless_bare};
use crate::sys::{self, BorrowedFd, Errno, STDERR, STDIN, STDOUT, SigSet};

/// The row of this step.
pub static STEP: Step = Step {
    name: "session",
    why: "The command leads a session with its own terminal, and signals act on it as on any process.",
    calls: &["setsid", "ioctl", "dup3", "rt_sigaction", "rt_sigprocmask"],
    chapter: "17-terminal.md",
    when: unless_bare,
    inside: Some(|context| {
        // With the caller's terminal, the command stays in the caller's session: only there does the terminal treat it as any other
        // program. The filter of `tty` keeps it from typing into the terminal.
        if !context.shares_terminal {
            lead_session(context.pty_slave, context.spec.options.terminal == Terminal::Always)
                .map_err(failed)?;
        }
        reset_signals(context.ignored).map_err(failed)
    }),
    ..Step::NEW
};

fn failed(errno: Errno) -> Reported {
    step::failed(c"", errno)
}

/// Makes this process the leader of a session. No signal comes from the caller's terminal then, and the slave, if there is
/// one, becomes the terminal of the session.
pub fn lead_session(pty_slave: Option<BorrowedFd>, is_terminal_forced: bool) -> Result<(), Errno> {
    sys::setsid()?;
    let Some(pty_slave) = pty_slave else { return Ok(()) };
    sys::tiocsctty(pty_slave)?;
    sys::dup3(pty_slave, STDIN)?;
    sys::dup3(pty_slave, STDOUT)?;
    // A stderr that leads to a file stays what it is.
    if is_terminal_forced || sys::tcgets(STDERR).is_ok() { sys::dup3(pty_slave, STDERR) } else { Ok(()) }
}

/// Gives signals their default actions and unblocks them. This program has blocked some, and the caller may have ignored some.
pub fn reset_signals(ignored: SigSet) -> Result<(), Errno> {
    for signal in 1..65 {
        if ignored.has(signal) && signal != libc::SIGCHLD {
            sys::rt_sigaction_default(signal)?;
        }
    }
    sys::rt_sigprocmask(SigSet::NONE)
}
