//! The parent while the command runs: it waits, forwards signals, and relays the terminal.

pub mod child;
pub mod parent_death;
pub mod signals;
pub mod terminal;

use core::ffi::c_int;

use crate::explain;
use crate::sys::{self, Errno, Pid};
use child::Child;
use signals::SignalFd;
use terminal::Terminal;

/// Waits until the command has ended, and returns its status as a shell shows it. Meanwhile it forwards signals and relays the
/// terminal, if the command has one.
#[inline(never)] // link.ld puts the functions of this file in a place for what runs while the command does.
pub fn supervise(
    signals: &SignalFd,
    child: &mut Child,
    terminal: &mut Option<Terminal>,
) -> Result<u8, Errno> {
    sys::drop_cold_pages();
    if let Some(terminal) = terminal {
        explain::stop_tracing(); // The narration would write to the terminal too, a few lines for each key.
        terminal.resize();
    }
    loop {
        let signal_row = sys::poll_fd(Some(signals.fd), libc::POLLIN);
        let nothing = sys::poll_fd(None, 0);
        let [input, output] = terminal.as_mut().map_or([nothing; 2], Terminal::poll_set);
        let mut poll_set = [signal_row, input, output];
        match sys::ppoll(&mut poll_set) {
            Ok(()) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
        }
        let [signal_row, input, output] = poll_set;
        if signal_row.revents != 0 {
            let signal = sys::read_signal(signals.fd)?;
            if let Some(status) = handle(signal, child, terminal)? {
                return Ok(status);
            }
            sys::drop_cold_pages();
            continue; // The signal may have moved this process to the background.
        }
        if let Some(terminal) = terminal
            && let Some(signal) = terminal.relay([input, output])
            && terminal.has_in_foreground(child.pid)
        {
            child.forward(signal, true);
            sys::drop_cold_pages();
        }
    }
}

/// Does what a signal asks for. Returns the command's status if it has ended.
fn handle(signal: c_int, child: &mut Child, terminal: &mut Option<Terminal>) -> Result<Option<u8>, Errno> {
    match (signal, terminal.as_mut()) {
        (libc::SIGCHLD, _) => match sys::wait4_nohang(Some(child.pid))? {
            Some((_, status)) if status.is_stopped() => stop(terminal)?,
            Some((_, status)) => {
                while terminal.as_ref().is_some_and(Terminal::relay_output) {}
                let status = status.shell_status();
                let is_killed = status == 128 + libc::SIGKILL as u8;
                return Ok(Some(if is_killed { 128 + child.reported_signal as u8 } else { status }));
            }
            None => {}
        },
        // The command gets its SIGWINCH from its own terminal, when that is resized.
        (libc::SIGWINCH, Some(terminal)) => terminal.resize(),
        (libc::SIGCONT, Some(terminal)) => {
            terminal.resume();
            child.forward(signal, false);
        }
        _ => child.forward(signal, false),
    }
    Ok(None)
}

/// The command was stopped, so this process stops too, for a shell to notice. SIGCONT continues it, and is forwarded.
///
/// If the keys of the caller's terminal come here, the cause was probably Ctrl-Z, which stops a whole job. Then the process group is
/// stopped: make(1), for example, may not look for a child that stops, and the shell waits for both.
fn stop(terminal: &mut Option<Terminal>) -> Result<(), Errno> {
    let had_keys = terminal.as_mut().is_some_and(Terminal::restore);
    if had_keys { sys::kill_process_group(libc::SIGSTOP) } else { sys::kill(sys::getpid(), libc::SIGSTOP) }
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
