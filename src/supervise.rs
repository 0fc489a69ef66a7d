//! The supervisor and the child: they live, are interrupted and end together.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::step::{Reported, Step};
use crate::sys::{self, Errno, Pid};

/// 0 once the supervisor has ended while the child still shares its memory.
static PULSE: AtomicU32 = AtomicU32::new(1);

/// Before clone: makes sure that the child's status will be kept until it is asked for, and that the child can tell whether
/// the supervisor lives.
///
/// A caller may have left SIGCHLD ignored, which execve(2) keeps; the kernel would then reap the child by itself.
pub fn expect_a_child(step: &Step) -> Result<(), Reported> {
    sys::set_tid_address(&PULSE);
    sys::rt_sigaction_default(libc::SIGCHLD).map_err(|errno| step.failed(c"SIGCHLD", errno))
}

/// In the child, first of all: whatever ends the supervisor ends the container.
///
/// The kernel sends the signal when the supervisor ends after the prctl. If it ended before, nobody would send anything, and
/// getppid(2) cannot tell: it is 0 in a new PID namespace either way. The pulse can. A process that ends gives up its memory
/// first, which is when the kernel clears the pulse, and signals its children later. So while the pulse is there, the
/// signal is still to come.
pub fn die_with_the_supervisor(step: &Step) -> Result<(), Reported> {
    sys::prctl_set_pdeathsig().map_err(|errno| step.failed(c"PR_SET_PDEATHSIG", errno))?;
    if PULSE.load(Ordering::SeqCst) == 0 {
        sys::exit_group(128 + libc::SIGKILL as u8); // as if the signal had come
    }
    Ok(())
}

/// Waits until the child has ended; returns its status as a shell shows it.
///
/// As in system(3), Ctrl-C and Ctrl-\ are the command's while it runs: it has the same terminal and gets the signals
/// itself. Until the clone has returned they end both, since nothing has been started that could want them.
#[inline(never)] // It has a place of its own: see link.ld.
pub fn wait(step: &Step, child: Pid) -> Result<u8, Reported> {
    for signal in [libc::SIGINT, libc::SIGQUIT] {
        sys::rt_sigaction_ignore(signal).map_err(|errno| step.failed(c"", errno))?;
    }
    sys::give_back_code();
    loop {
        match sys::wait4(child) {
            Ok(status) => return Ok(status.shell_status()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(step.failed(c"", errno)),
        }
    }
}
