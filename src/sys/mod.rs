//! The unsafe core: one small function per system call, and the few owned things that such calls hand out.
//!
//! It decides nothing. Each function takes types that make a wrong call impossible to write (`&CStr`, `BorrowedFd`,
//! flags), makes exactly one system call, through [`call`], and returns `Result<_, Errno>`. This is the only module in which `unsafe` is allowed.

#![allow(unsafe_code)]

mod arch;
mod call;
mod credentials;
mod errno;
mod fd;
mod fs;
mod initial;
mod memory;
mod mount;
mod process;
mod seccomp;
mod signal;
mod socket;
mod stack;
mod terminal;
mod word;

pub use call::{Argument, Call, Observer, Strings, observe};
pub use credentials::{prlimit, setgid, setgroups, setuid};
pub use errno::Errno;
use fd::CWD;
pub use fd::{BorrowedFd, OwnedFd, STDERR, STDIN, STDOUT};
pub use fs::{
    FileStatus, close_all, close_on_exec, dup3, faccessat, fchmodat, fchown, fcntl_dupfd, fcntl_getlk,
    fcntl_setlk, fstat, lstat, mkdirat, mknod_file, open_to_read, openat, openat2_without_links,
    openat2_without_magic, pread, read, rmdir, stat, statfs_type, symlink, unlink, write,
};
pub use initial::{Process, erase};
pub use memory::Memory;
pub use mount::{
    mount, mount_change, mount_setattr_rdonly, mount_setattr_rdonly_alone, mount_setattr_writable,
    move_mount, move_mount_following, open_tree_clone, open_tree_recursive, pivot_root, umount2,
};
pub use process::{
    Pid, WaitStatus, chdir, clock_gettime, clone, execve, exit_group, fork, getpgid, getpid, getppid,
    prctl_set_pdeathsig, set_tid_address, sethostname, setsid, unshare, wait4, wait4_now,
};
pub use seccomp::{Instruction, seccomp};
pub use signal::{
    Signals, kill, kill_job, read_signal, rt_sigaction_default, rt_sigaction_ignore, rt_sigprocmask, signalfd,
};
pub use socket::{Ready, ppoll, ready, recvmsg, sendmsg, socketpair};
pub use stack::{Stack, give_back_code};
pub use terminal::{
    Size, Termios, tcgets, tcsets, tiocgpgrp, tiocgptpeer, tiocgwinsz, tiocsctty, tiocsptlck_unlock,
    tiocswinsz,
};
pub use word::{Vector, Word, before_nul};
