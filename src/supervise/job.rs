//! Job control: when the command has to stop, this process stops too, for the caller's shell to notice.

use super::child::Child;
use super::signals::{STOPPING, SignalFd};
use super::terminal::Terminal;
use crate::sys::{self, Errno};

/// Why this process has to stop as soon as the command has stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Another process sent a stop signal. It is still pending here.
    Signal,
    /// The user typed Ctrl-Z.
    Key,
}

/// Stops this process after its command, as a stop signal stops any process, and returns when it has been continued.
///
/// The stop signal is pending, and here it is unblocked. So the kernel decides:
///
/// - SIGCONT removes a pending stop signal. If it came since the stop signal, this process does not stop. With SIGSTOP it would,
///   because SIGSTOP removes a pending SIGCONT; and then no process might continue it.
/// - In an orphaned process group there is no shell that could continue this process. There the signal does nothing, and the
///   command is continued.
/// - If the group becomes orphaned while this process is stopped, the kernel sends SIGHUP and SIGCONT to it.
pub fn stop(
    cause: Cause,
    signals: &mut SignalFd,
    child: &mut Child,
    terminal: &mut Option<Terminal>,
) -> Result<(), Errno> {
    let had_keys = terminal.as_mut().is_some_and(Terminal::restore);
    match cause {
        // A terminal stops a whole job: make(1), for example, may not look for a child that stops.
        Cause::Key if had_keys => sys::kill_process_group(libc::SIGTSTP)?,
        Cause::Key => sys::kill(sys::getpid(), libc::SIGTSTP)?,
        Cause::Signal => {}
    }
    sys::rt_sigprocmask(signals.blocked.without(STOPPING))?;
    sys::rt_sigprocmask(signals.blocked)?;
    signals.read_all()?;
    if !sys::rt_sigpending().has(libc::SIGCONT) {
        if let Some(terminal) = terminal {
            terminal.resume();
        }
        child.forward(libc::SIGCONT, false);
    }
    Ok(())
}
