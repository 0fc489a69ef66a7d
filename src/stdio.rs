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
        match sys::fstat(fd) {
            Ok(status) if status.mode & libc::S_IFMT == libc::S_IFDIR => {
                return Err(step::failed_with(name, Errno::EISDIR, &[LEADS_OUT]));
            }
            Ok(_) | Err(Errno::EBADF) => {} // What the caller has closed leads nowhere.
            Err(errno) => return Err(step::failed(name, errno)),
        }
    }
    Ok(())
}

/// Lets every user open again what is an anonymous pipe, by its name in /proc/self/fd or /dev/stdin. The kernel gives such a pipe
/// to the user who made it, with mode 0600, and the command may be another user.
///
/// A pipe has no name but those in /proc, and only a process that may trace the owner of the descriptor can follow these. So no
/// other user gets in. The pipe keeps its owner, unlike with the fchown(2) of other runtimes: the program at the other end, or
/// another container, may want to open it too.
///
/// Nothing else is changed, because it stays changed when the container has ended. A file, a FIFO or a device has a name, and
/// the owner and the mode that its owner gave it. The caller's terminal would let its new owner read the caller's keys. A socket
/// cannot be opened by a name at all.
pub fn open_pipes_to_all() {
    const PIPEFS_MAGIC: i64 = 0x5049_5045;
    for (fd, _) in STDIO {
        let is_fifo = sys::fstat(fd).is_ok_and(|status| status.mode & libc::S_IFMT == libc::S_IFIFO);
        if is_fifo && sys::fstatfs(fd).is_ok_and(|status| status.magic == PIPEFS_MAGIC) {
            // EPERM: this user namespace does not map the owner. The command can still use the descriptor.
            let _ = sys::fchmod(fd, 0o666);
        }
    }
}
