//! The steps of the parent. Each hands a value on to the next, so they are calls in src/run.rs and not functions in a table.

use crate::step::Step;

/// The parent's column.
pub static PARENT: &[&Step] =
    &[&PARSE, &ENVFILE, &INHERIT, &IMAGE, &STATE, &STACK, &SIGNALS, &CHANNEL, &CLONE, &WAIT];

/// The command line becomes a Spec.
pub static PARSE: Step = Step {
    name: "parse",
    why: "A wrong command line is reported before anything is done.",
    calls: &["mmap"],
    chapter: "02-system-call.md",
    ..Step::NEW
};

/// The files of `--env-file` become variables.
pub static ENVFILE: Step = Step {
    name: "envfile",
    why: "The files of --env-file belong to the command line, and are read before anything is made.",
    calls: &["mmap", "openat", "read", "close"],
    chapter: "14-command.md",
    ..Step::NEW
};

/// What the caller left to this process does not reach the container.
pub static INHERIT: Step = Step {
    name: "inherit",
    why: "Open files, directories and the umask of the caller must not reach the container.",
    calls: &["close_range", "umask", "statx"],
    chapter: "10-exec.md",
    ..Step::NEW
};

/// Is the image there?
pub static IMAGE: Step = Step {
    name: "image",
    why: "A missing image is the most common mistake, and the cheapest to find.",
    calls: &["mmap", "statx"],
    chapter: "01-container.md",
    ..Step::NEW
};

/// The container's directory is made, checked and locked.
pub static STATE: Step = Step {
    name: "state",
    why: "The container writes to a directory that no other user can touch and no other run uses.",
    calls: &["statx", "mkdirat", "openat", "chdir", "getcwd", "fchdir", "close", "flock"],
    chapter: "13-state.md",
    ..Step::NEW
};

/// The child gets a stack.
pub static STACK: Step = Step {
    name: "stack",
    why: "The child shares the parent's memory until its execve, so it needs a stack for itself.",
    calls: &["mmap", "mprotect"],
    chapter: "03-stack.md",
    ..Step::NEW
};

/// Signals are blocked, to be read from a descriptor.
pub static SIGNALS: Step = Step {
    name: "signals",
    why: "Signals for the command are kept from here on, until the supervisor forwards them.",
    calls: &["ioctl", "openat", "pread64", "close", "rt_sigaction", "rt_sigprocmask", "signalfd4"],
    chapter: "18-signals.md",
    ..Step::NEW
};

/// A channel between child and parent.
pub static CHANNEL: Step = Step {
    name: "channel",
    why: "The child opens the terminal inside, and must send its master to the supervisor.",
    calls: &["socketpair", "close"],
    chapter: "17-terminal.md",
    ..Step::NEW
};

/// The child starts.
pub static CLONE: Step = Step {
    name: "clone",
    why: "New namespaces begin with a new process, which sees its own mounts and its own PIDs.",
    calls: &["set_tid_address", "rt_sigaction", "clone", "close", "prctl", "write", "munmap"],
    chapter: "04-clone.md",
    ..Step::NEW
};

/// The parent supervises the child.
pub static WAIT: Step = Step {
    name: "wait",
    why: "The parent waits for the command, and exits with its status.",
    calls: &[
        "recvmsg",
        "close",
        "unlinkat",
        "munmap",
        "rt_sigaction",
        "madvise",
        "ioctl",
        "epoll_create1",
        "epoll_ctl",
        "epoll_pwait",
        "ppoll",
        "rt_sigpending",
        "fsopen",
        "fsconfig",
        "fsmount",
        "read",
        "write",
        "kill",
        "wait4",
        // After a failure, what this run made is removed.
        "umount2",
        "openat",
        "openat2",
        "statx",
        "exit_group",
    ],
    chapter: "11-wait.md",
    ..Step::NEW
};

/// Not in the column: it comes before `clone` when an isolation step is skipped.
pub static SANDBOX: Step = Step {
    name: "sandbox",
    why: "An isolation step is skipped: the experiment gets a mount namespace that can be thrown away.",
    calls: &["unshare", "mount", "mount_setattr"],
    chapter: "05-private.md",
    ..Step::NEW
};

/// Not in the column: the output of --help, --steps and --version.
pub static WRITE: Step = Step {
    name: "write",
    why: "The text that was asked for goes to stdout.",
    calls: &["write"],
    ..Step::NEW
};
