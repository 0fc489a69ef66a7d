//! The unsafe core: one small function per system call, and the few owned things that such calls hand out.
//!
//! It decides nothing. Each function takes types that make a wrong call impossible to write (`&CStr`, `BorrowedFd`,
//! flags), makes exactly one system call, and returns `Result<_, Errno>`; the `syscalls` crate's `syscall!` is the one
//! place where the kernel's -4095..-1 becomes an [`Errno`]. This is the only module in which `unsafe` is allowed.

#![allow(unsafe_code)]

mod arch;
mod fd;
mod fs;
mod initial;
mod mount;
mod process;
mod signal;
mod stack;
mod word;

use fd::CWD;
pub use fd::{BorrowedFd, OwnedFd, STDERR, STDOUT};
pub use fs::{
    FileStatus, close_range, faccessat, fchmodat, fcntl_dupfd, fcntl_getlk, fcntl_setlk, fstat, lstat,
    mkdirat, mknod_file, openat, pread, rmdir, stat, statfs_type, symlink, unlink, write,
};
pub use initial::Process;
pub use mount::{mount, mount_change, mount_setattr, move_mount, open_tree_clone, pivot_root, umount2};
pub use process::{
    Pid, WaitStatus, chdir, clone, execve, exit_group, prctl_set_pdeathsig, set_tid_address, wait4,
};
pub use signal::{Disposition, rt_sigaction};
pub use stack::Stack;
pub use syscalls::Errno;
pub use word::{Vector, Word};
