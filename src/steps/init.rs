//! init: with `--init`, PID 1 is this program, and the command is PID 2.
//!
//! PID 1 has a duty that most commands do not know of. A process whose parent has ended becomes a child of PID 1, and stays a
//! zombie until PID 1 waits for it.

use crate::explain;
use crate::step::{self, FAILED, Step};
use crate::supervise::signals::FORWARDED;
use crate::sys::{self, Arena, CStrPtr, Errno, Pid};

/// The row of this step.
pub static STEP: Step = Step {
    name: "init",
    why: "PID 1 must reap orphans, and most commands do not: with --init this program is PID 1.",
    calls: &[
        "socketpair",
        "getpid",
        "clone",
        "close",
        "prctl",
        "read",
        "getppid",
        "munmap",
        "setsid",
        "close_range",
        "signalfd4",
        "kill",
        "wait4",
    ],
    chapter: "19-init.md",
    when: |spec| spec.options.init,
    inside: Some(|context| {
        // The first word is the name of this program, for ps(1). /proc/1/exe shows it too.
        let args = context.caller_args.get(1..).unwrap_or_default();
        fork_command(context.arena, [args, context.caller_env]).map_err(|errno| step::failed(c"", errno))
    }),
    ..Step::NEW
};

/// In PID 1: forks the process that becomes the command, and reaps until that ends. Only the new process returns.
///
/// PID 1 keeps its memory and its descriptors, and root in the container can read them. So it erases the words of the caller,
/// which are the command line and the environment, unmaps the arena, which has the text of --env-file, and closes all
/// descriptors. PID 2, which has copies, waits until that is done.
///
/// PID 1 leads its own session. So a signal to the caller's process group does not reach it, only the supervisor, which forwards
/// it. And a process that controls PID 1 with ptrace(2) cannot open the caller's terminal as /dev/tty.
fn fork_command(arena: &Arena, caller_words: [&'static [Option<CStrPtr<'static>>]; 2]) -> Result<(), Errno> {
    let (ours, theirs) = sys::socketpair()?;
    let (theirs, pid1) = (theirs.leak(), sys::getpid());
    let Some(command) = sys::fork(0)? else {
        drop(ours); // Now PID 1 alone has this end, and closing it is the message.
        // All processes end with PID 1. With `--pid host` this process is not PID 1, and the command needs the signal.
        sys::prctl_set_pdeathsig()?;
        sys::read(theirs, &mut [0])?;
        if sys::getppid() != pid1 {
            sys::exit_group(128 + libc::SIGKILL as u8); // As if the signal had come.
        }
        return Ok(());
    };
    explain::stop_tracing(); // Two processes would write at once.
    sys::setsid()?;
    sys::prctl_set_not_dumpable()?;
    caller_words.into_iter().for_each(sys::erase);
    sys::exit_without(arena, be_init, command)
}

/// The rest of PID 1: nothing of the container's description is in its memory any more. Returns the status of the command.
fn be_init(command: Pid) -> u8 {
    match sys::close_all() {
        Ok(()) => reap_loop(command).unwrap_or(FAILED),
        Err(errno) => step::failed(c"", errno).status(),
    }
}

/// Forwards signals to the command and reaps all processes that have ended, until the command itself ends.
fn reap_loop(command: Pid) -> Result<u8, Errno> {
    let signals = sys::signalfd(FORWARDED)?;
    loop {
        match sys::read_signal(signals.borrow())?.0 {
            libc::SIGCHLD => {
                while let Ok(Some((pid, status))) = sys::wait4_nohang(None) {
                    if pid == command && status.has_ended() {
                        return Ok(status.shell_status());
                    }
                }
            }
            signal => drop(sys::kill(command, signal)), // The command may have ended just now.
        }
    }
}
