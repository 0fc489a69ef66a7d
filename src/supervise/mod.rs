//! The parent while the command runs: it waits, forwards signals, and relays the terminal.

pub mod child;
pub mod job;
pub mod parent_death;
pub mod signals;
pub mod terminal;

use crate::explain;
use crate::sys::{self, Errno, Pid};
use child::Child;
use job::Cause;
use signals::{OF_TERMINAL, STOPPING, SignalFd};
use terminal::Terminal;

/// Waits until the command has ended, and returns its status as a shell shows it. Meanwhile it forwards signals and relays the
/// terminal, if the command has one.
#[inline(never)] // link.ld puts the functions of this file in a place for what runs while the command does.
pub fn supervise(
    signals: &mut SignalFd,
    child: &mut Child,
    terminal: &mut Option<Terminal>,
) -> Result<u8, Errno> {
    sys::drop_cold_pages();
    if let Some(terminal) = terminal {
        explain::stop_tracing(); // The narration would write to the terminal too, a few lines for each key.
        terminal.resize();
    }
    let mut stop = None;
    loop {
        if let Some(cause) = stop.take_if(|_| child.is_stopped) {
            job::stop(cause, signals, child, terminal)?;
        }
        let signal_row = sys::poll_fd(Some(signals.fd), libc::POLLIN);
        let nothing = sys::poll_fd(None, 0);
        let [input, output, reads] = terminal.as_mut().map_or([nothing; 3], Terminal::poll_set);
        let mut poll_set = [signal_row, input, output, reads];
        match sys::ppoll(&mut poll_set) {
            Ok(()) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        }
        let [signal_row, input, output, reads] = poll_set;
        if signal_row.revents != 0 {
            if let Some(status) = take_signal(signals, child, terminal, &mut stop)? {
                return Ok(status);
            }
            sys::drop_cold_pages();
            continue; // The signal may have moved this process to the background.
        }
        if let Some(terminal) = terminal
            && let Some(signal) = terminal.relay([input, output, reads])
            && (child.is_stopped || terminal.has_in_foreground(child.pid))
        {
            if signal != libc::SIGTSTP {
                child.forward(signal, true);
            } else if child.stop(signal) {
                stop = Some(Cause::Key);
            }
            sys::drop_cold_pages();
        }
    }
}

/// Takes the next signal, and does what it asks for. Returns the command's status if it has ended.
fn take_signal(
    signals: &mut SignalFd,
    child: &mut Child,
    terminal: &mut Option<Terminal>,
    stop: &mut Option<Cause>,
) -> Result<Option<u8>, Errno> {
    // A signal that stops the command, and then this process, is not read: see `job::stop`.
    if let Some(signal) = signals.peek().filter(|signal| STOPPING.has(*signal)) {
        if child.stop(signal) {
            *stop = Some(Cause::Signal);
            signals.leave_stopping()?;
            return Ok(None);
        }
        if child.is_init && child.shares_group {
            // The signal stops the command, but not the child, which is PID 1.
            child.forward(signal, false);
            return job::stop(Cause::Signal, signals, child, terminal).map(|()| None);
        }
    }
    let (signal, is_from_kernel) = sys::read_signal(signals.fd)?;
    match (signal, terminal.as_mut()) {
        (libc::SIGCHLD, _) => {
            let Some(status) = child.look()? else { return Ok(None) };
            while terminal.as_mut().is_some_and(Terminal::relay_output) {}
            return Ok(Some(child.reported_status(status)));
        }
        // The command gets its SIGWINCH from its own terminal, when that is resized.
        (libc::SIGWINCH, Some(terminal)) => terminal.resize(),
        (libc::SIGCONT, terminal) => {
            *stop = None;
            signals.read_all()?;
            if let Some(terminal) = terminal {
                terminal.resume();
            }
            child.forward(signal, false);
        }
        _ => child.forward(signal, child.shares_group && is_from_kernel && OF_TERMINAL.has(signal)),
    }
    Ok(None)
}

/// With `--bare`: waits until the child has ended; returns its status as a shell shows it.
///
/// As in system(3), Ctrl-C and Ctrl-\ are ignored here while the command runs: it has the same terminal and gets the signals itself.
#[inline(never)] // As `supervise`.
pub fn wait_bare(child: Pid) -> Result<u8, Errno> {
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        sys::rt_sigaction_ignore(signal)?;
    }
    sys::drop_cold_pages();
    wait(child)
}

/// Waits until a child has ended; returns its status as a shell shows it.
pub fn wait(child: Pid) -> Result<u8, Errno> {
    loop {
        match sys::wait4(child) {
            Ok(status) => return Ok(status.shell_status()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
