//! The unsafe core: one small function per system call, and the few owned things that such calls hand out.
//!
//! It decides nothing. Each function takes types that make a wrong call impossible to write (`&CStr`, `BorrowedFd`,
//! flags), makes exactly one system call, through [`call`], and returns `Result<_, Errno>`. This is the only module in which `unsafe` is allowed.

#![allow(unsafe_code)]

mod arch;
mod arena;
mod atomic_ref;
mod call;
mod credentials;
mod cstr;
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

pub use arena::{Arena, List};
pub use atomic_ref::AtomicRef;
pub use call::{Argument, Call, Observer, Strings, observe};
pub use credentials::{prlimit, setgid, setgroups, setuid};
pub use cstr::{Argv, CStrPtr, before_nul};
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
    prctl_set_pdeathsig, set_tid_address, sethostname, setsid, unshare, wait4, wait4_nohang,
};
pub use seccomp::{Instruction, seccomp};
pub use signal::{
    SigSet, kill, kill_process_group, read_signal, rt_sigaction_default, rt_sigaction_ignore, rt_sigprocmask,
    signalfd,
};
pub use socket::{PollFd, poll_fd, ppoll, recvmsg, sendmsg, socketpair};
pub use stack::{Stack, drop_cold_pages};
pub use terminal::{
    Size, Termios, tcgets, tcsets, tiocgpgrp, tiocgptpeer, tiocgwinsz, tiocsctty, tiocswinsz, unlockpt,
};
