//! stdin, stdout and stderr: the only open files of the caller that the command gets.
//!
//! An open file leads to itself. The command can open it again, at /proc/self/fd/0 for instance, but it can come from there to
//! no other file of the host. A directory is the exception: a path can go on below it, and up from it with `..`.

use core::ffi::CStr;

use crate::spec::{Spec, Terminal};
use crate::step::{self, Reported};
use crate::sys::{self, BorrowedFd, Errno, STDERR, STDIN, STDOUT};

/// The three descriptors and their names.
const STDIO: [(BorrowedFd<'static>, &CStr); 3] =
    [(STDIN, c"stdin"), (STDOUT, c"stdout"), (STDERR, c"stderr")];

/// Refuses a directory, also one that was opened with O_PATH.
pub fn refuse_directories(spec: &Spec) -> Result<(), Reported> {
    const LEADS_OUT: &[u8] =
        b"a directory of the host leads out of the container: use /dev/null, or -v to share the directory";
    // With --tty, the command gets its own terminal in place of all three.
    if spec.options.terminal == Terminal::Always && !spec.skips("session") {
        return Ok(());
    }
    for (fd, name) in STDIO {
        // A descriptor that the caller has closed leads nowhere: EBADF.
        if sys::fstat(fd).is_ok_and(|status| status.mode & libc::S_IFMT == libc::S_IFDIR) {
            return Err(step::failed_with(name, Errno::EISDIR, &[LEADS_OUT]));
        }
    }
    Ok(())
}
