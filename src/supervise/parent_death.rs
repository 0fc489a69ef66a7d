//! The supervisor and the child end together: the end of the supervisor is the end of the container.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::step::{self, Reported};
use crate::sys::{self, BorrowedFd};

/// The kernel sets this to 0 when the supervisor ends while the child still shares its memory.
static PARENT_ALIVE: AtomicU32 = AtomicU32::new(1);

/// Before clone: makes sure that the kernel keeps the child's status, and that the child can tell whether the supervisor lives.
///
/// A caller may have left SIGCHLD ignored, which execve(2) keeps. The kernel would then reap the child by itself.
pub fn expect_child() -> Result<(), Reported> {
    sys::set_tid_address(&PARENT_ALIVE);
    sys::rt_sigaction_default(libc::SIGCHLD).map_err(|errno| step::failed(c"SIGCHLD", errno))
}

/// In the child, before all else: asks for SIGKILL when the supervisor ends, and ends here if it has ended already.
///
/// The kernel sends the signal when the supervisor ends after the prctl. If it ended before, there is no signal, and getppid(2)
/// cannot tell, because it is 0 in a new PID namespace either way. PARENT_ALIVE can. A process that ends gives up its memory
/// first, which is when the kernel clears the word, and signals its children later. So while the word is 1, the signal is still
/// to come.
///
/// With `--init` the child has a copy of the memory, in which the word stays 1. Then the caller passes the channel, which tells
/// the same: a process that ends closes its descriptors before it signals its children, and a write of no bytes fails once the
/// other end is closed.
pub fn die_with_parent(channel: Option<BorrowedFd>) -> Result<(), Reported> {
    sys::prctl_set_pdeathsig().map_err(|errno| step::failed(c"PR_SET_PDEATHSIG", errno))?;
    let is_closed = channel.is_some_and(|channel| sys::write(channel, b"").is_err());
    if is_closed || PARENT_ALIVE.load(Ordering::SeqCst) == 0 {
        sys::exit_group(128 + libc::SIGKILL as u8); // As if the signal had come.
    }
    Ok(())
}
