//! The unsafe core: one small function for each system call, and the few types that own descriptors and memory.
//!
//! The core decides nothing. Each function takes types that make a wrong call impossible to write (`&CStr`, `BorrowedFd`,
//! flags), makes one system call (`Stack::map` makes two) and returns `Result<_, Errno>`. This is the only module in which
//! `unsafe` is allowed. It imports nothing from the rest of the program, except that the entry of the binary (entry.rs) calls
//! `container::main`.
//!
//! Each file imports only files that this list names earlier:
//!
//! - arch, atomic_ref, errno, sigset, flags, cstr, initial: assembly, plain values, and the stack that the kernel prepares for a new program.
//! - description, observer, call: how a call is shown, the observer of all calls, and the instruction that makes them.
//! - fd, memory, arena, stack: descriptors and memory, which other calls take.
//! - process, and then the other files: the calls themselves.

#![allow(unsafe_code)]

mod arch;
mod arena;
mod atomic_ref;
mod call;
mod credentials;
mod cstr;
mod description;
mod errno;
mod fd;
mod flags;
mod fs;
mod initial;
mod memory;
mod mount;
mod observer;
mod pages;
mod process;
mod seccomp;
mod signal;
mod sigset;
mod socket;
mod stack;
mod terminal;

pub use arena::{Arena, List};
pub use atomic_ref::AtomicRef;
pub use credentials::{prlimit, setgid, setgroups, setuid};
pub use cstr::{Argv, CStrPtr};
pub use description::{Argument, Call, Fields, Strings};
pub use errno::Errno;
pub use fd::{BorrowedFd, CWD, OwnedFd, STDERR, STDIN, STDOUT};
pub use flags::{Flag, signal_name};
pub use fs::{
    FileStatus, FileSystemStatus, close_all, close_inherited, dup3, faccessat, fchmod, fchmodat, fchown,
    flock, fstat, fstatfs, getcwd, lchown, lstat, mkdirat, mknod_file, open_existing, open_existing_at,
    openat, openat2_in_root, openat2_without_magic, pread, read, rmdir, stat, statfs, symlink, umask, unlink,
    write,
};
pub use initial::{Process, erase};
pub use mount::{
    fsconfig_create, fsmount, fsopen, mount, mount_change, mount_setattr_rdonly, mount_setattr_rdonly_alone,
    mount_setattr_rdonly_open, mount_setattr_writable, move_mount, move_mount_onto, open_tree_clone,
    open_tree_recursive, pivot_root, umount2,
};
pub use observer::{Observer, observe};
pub use pages::drop_cold_pages;
pub use process::{
    Pid, WaitStatus, chdir, clock_gettime, clone, clone_copy, execve, exit_group, exit_without, fchdir, fork,
    getpgid, getpid, getppid, prctl_set_not_dumpable, prctl_set_pdeathsig, set_tid_address, sethostname,
    setsid, unshare, wait4, wait4_nohang,
};
pub use seccomp::{Instruction, seccomp};
pub use signal::{
    kill, kill_process_group, read_signal, rt_sigaction_default, rt_sigaction_ignore,
    rt_sigaction_is_ignored, rt_sigpending, rt_sigprocmask, rt_sigprocmask_block, rt_sigprocmask_unblock,
    signalfd, signalfd_change,
};
pub use sigset::SigSet;
pub use socket::{
    PollFd, epoll_add_edge, epoll_create, epoll_take, poll_fd, ppoll, ppoll_within, recvmsg, sendmsg,
    socketpair,
};
pub use stack::Stack;
pub use terminal::{
    Size, Termios, tcgets, tcsets, tiocgpgrp, tiocgptpeer, tiocgwinsz, tiocpkt, tiocsctty, tiocswinsz,
    unlockpt,
};
