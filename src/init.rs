//! `--init`: PID 1 is this program, and the command is PID 2.
//!
//! PID 1 has duties that most commands do not know of: whoever loses its parent becomes its child, and stays a zombie until
//! it waits for it.

use crate::cli::Words;
use crate::explain;
use crate::run::{self, Scene};
use crate::step::{self, Reported};
use crate::supervise::TAKEN;
use crate::sys::{self, Errno, Pid};

/// init, in PID 1: starts the process that will become the command, and looks after it. Only that process returns.
///
/// PID 1 keeps its memory and its descriptors, and whoever is root in the container can look at them. So it erases the caller's
/// environment and closes all, and until that is done there is nobody to look: PID 2, which has copies, waits for it.
pub fn init(scene: &mut Scene) -> Result<(), Reported> {
    divide(scene.spec.env).map_err(|errno| step::failed(c"", errno))
}

fn divide(env: Words) -> Result<(), Errno> {
    let (kept, other) = sys::socketpair()?;
    let (other, keeper) = (other.leak(), sys::getpid());
    let Some(command) = sys::fork(0)? else {
        drop(kept); // So that PID 1 alone has it, and to close it is the message.
        // The end of PID 1 is the end of all, but for a PID 1 that is none, with `--pid host`.
        sys::prctl_set_pdeathsig()?;
        sys::read(other, &mut [0])?;
        if sys::getppid() != keeper {
            sys::exit_group(128 + libc::SIGKILL as u8); // as if the signal had come
        }
        return Ok(());
    };
    explain::stop_tracing(); // Two would talk at once.
    sys::erase(env);
    sys::close_all()?;
    sys::exit_group(keep(command).unwrap_or(run::FAILED))
}

/// Passes signals on to the command, and waits for all whose parents have ended, until the command itself ends.
fn keep(command: Pid) -> Result<u8, Errno> {
    let inbox = sys::signalfd(TAKEN)?;
    loop {
        match sys::read_signal(inbox.borrow())? {
            libc::SIGCHLD => {
                while let Ok(Some((pid, status))) = sys::wait4_nohang(None) {
                    if pid == command && !status.is_stopped() {
                        return Ok(status.shell_status());
                    }
                }
            }
            // It may have ended just now.
            signal => drop(sys::kill(command, signal)),
        }
    }
}
