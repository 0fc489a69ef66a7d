//! The unsafe core: one small function per system call, and the few owned things that such calls hand out.
//!
//! It decides nothing. Each function takes types that make a wrong call impossible to write (`&CStr`, `BorrowedFd`,
//! flags), makes exactly one system call, through [`call`], and returns `Result<_, Errno>`. This is the only module in which `unsafe` is allowed.

#![allow(unsafe_code)]

mod arch;
mod call;
mod fd;
mod fs;
mod initial;
mod mount;
mod process;
mod signal;
mod stack;
mod word;

pub use call::{Argument, Call, Observer, Strings, observe};
use fd::CWD;
pub use fd::{BorrowedFd, OwnedFd, STDERR, STDOUT};
pub use fs::{
    FileStatus, close_range, faccessat, fchmodat, fcntl_dupfd, fcntl_getlk, fcntl_setlk, fstat, lstat,
    mkdirat, mknod_file, openat, pread, rmdir, stat, statfs_type, symlink, unlink, write,
};
pub use initial::Process;
pub use mount::{
    mount, mount_change, mount_setattr_rdonly, mount_setattr_writable, move_mount, open_tree_clone,
    pivot_root, umount2,
};
pub use process::{
    Pid, WaitStatus, chdir, clock_gettime, clone, execve, exit_group, isatty, prctl_set_pdeathsig,
    set_tid_address, unshare, wait4,
};
pub use signal::{rt_sigaction_default, rt_sigaction_ignore};
pub use stack::{Stack, give_back_code};
pub use syscalls::Errno;
pub use word::{Vector, Word};
