//! The supervisor and the child: they live, are interrupted and end together.

use crate::run::Scene;
use crate::step::{Reported, Step};
use crate::sys::{self, Disposition, Errno, Pid};
use crate::text::Text;

/// Before clone: makes sure that the child's status will be kept until it is asked for.
///
/// A caller may have left SIGCHLD ignored, which execve(2) keeps; the kernel would then reap the child by itself.
pub fn expect_a_child(step: &Step) -> Result<(), Reported> {
    sys::rt_sigaction(libc::SIGCHLD, Disposition::Default).map_err(|errno| step.failed(c"SIGCHLD", errno))
}

/// In the child, first of all: whatever ends the supervisor ends the container.
///
/// The kernel sends the signal when the supervisor ends after the prctl. If it ended before, nobody would send anything, and
/// getppid(2) cannot tell: it is 0 in a new PID namespace either way. But the lock can. The kernel frees a process's
/// locks before it signals the children, so while the lock is held the signal is still to come.
pub fn die_with_the_supervisor(step: &Step, scene: &Scene) -> Result<(), Reported> {
    sys::prctl_set_pdeathsig(libc::SIGKILL).map_err(|errno| step.failed(c"PR_SET_PDEATHSIG", errno))?;
    match scene.state.supervisor_lives() {
        Ok(true) => Ok(()),
        Ok(false) => sys::exit_group(128 + libc::SIGKILL as u8), // as if the signal had come
        Err(errno) => Err(step.failed(scene.spec.container_path(&mut Text::new(), b"/lock"), errno)),
    }
}

/// Waits until the child has ended; returns its status as a shell shows it.
///
/// As in system(3), Ctrl-C and Ctrl-\ are the command's while it runs: it has the same terminal and gets the signals
/// itself. Until the clone has returned they end both, since nothing has been started that could want them.
pub fn wait(step: &Step, child: Pid) -> Result<u8, Reported> {
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        sys::rt_sigaction(signal, Disposition::Ignore).map_err(|errno| step.failed(c"", errno))?;
    }
    loop {
        match sys::wait4(child) {
            Ok(status) => return Ok(status.shell_status()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(step.failed(c"", errno)),
        }
    }
}
