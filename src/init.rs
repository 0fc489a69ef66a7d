//! `--init`: PID 1 is this program, and the command is PID 2.
//!
//! PID 1 has duties that most commands do not know of: whoever loses its parent becomes its child, and stays a zombie until
//! it waits for it.

use crate::run::{self, STACK_SIZE, Scene};
use crate::step::{self, Reported};
use crate::supervise::TAKEN;
use crate::sys::{self, Errno, Pid, Stack};

/// init, in PID 1: starts the process that will become the command, and looks after it. Only that process returns.
pub fn init(scene: &mut Scene) -> Result<(), Reported> {
    let failed = |errno| step::failed(c"", errno);
    let mut stack = Stack::map(STACK_SIZE).map_err(failed)?;
    let mut setup = Ok(());
    let started = sys::clone(0, &mut stack, || {
        setup = run::finish(scene);
        setup.map_or_else(Reported::status, |()| 0)
    });
    let command = started.map_err(failed)?;
    setup?;
    if let Some(link) = scene.link {
        // The supervisor has ended if it cannot be told; so does all of this, then.
        sys::sendmsg(link, None).map_err(failed)?;
    }
    sys::erase(scene.spec.env);
    // Neither the caller's files nor the supervisor's are for anybody in here.
    sys::close_range(0, u32::MAX).map_err(failed)?;
    sys::exit_group(keep(command).unwrap_or(run::FAILED))
}

/// Passes signals on to the command, and waits for all whose parents have ended, until the command itself ends.
fn keep(command: Pid) -> Result<u8, Errno> {
    let inbox = sys::signalfd(TAKEN)?;
    loop {
        match sys::read_signal(inbox.borrow())? {
            libc::SIGCHLD => {
                while let Ok(Some((pid, status))) = sys::wait4_now(None) {
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
