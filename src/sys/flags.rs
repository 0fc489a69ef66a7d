//! The names of the constants that system calls take, for messages that show a call.

use core::ffi::c_int;

/// A constant and its name.
pub struct Flag {
    /// The bits of an argument that decide whether it contains the constant.
    mask: u32,
    /// The value of these bits if it does.
    bits: u32,
    /// The name in the C headers.
    pub name: &'static str,
}

impl Flag {
    /// Whether an argument contains the constant.
    pub const fn is_in(&self, argument: u32) -> bool {
        argument & self.mask == self.bits
    }

    /// The argument without the constant.
    pub const fn removed_from(&self, argument: u32) -> u32 {
        argument & !self.bits
    }
}

/// Makes a table from the names of constants of the libc crate, so that each row has the number and the name of one constant.
///
/// The expression before the arrow is the field that the constants are values of: an argument contains exactly one of them. With
/// `0`, each constant is a flag: it has bits that no other constant has.
macro_rules! table {
    ($($field:expr => $($name:ident)*;)*) => {
        &[$($(Flag {
            mask: $field as u32 | libc::$name as u32,
            bits: libc::$name as u32,
            name: stringify!($name),
        },)*)*]
    };
}

/// The field of a table whose constants are whole arguments.
const WHOLE: u32 = u32::MAX;

/// The `flags` of clone(2) and unshare(2). The lowest byte is the signal that the parent gets when the child ends.
pub(super) static CLONE_FLAGS: &[Flag] = table! {
    0 => CLONE_VM CLONE_VFORK CLONE_NEWNS CLONE_NEWUTS CLONE_NEWPID;
    0xff => SIGCHLD;
};

/// The `flags` of openat(2) and openat2(2).
pub(super) static OPEN_FLAGS: &[Flag] = table! {
    libc::O_ACCMODE => O_RDONLY O_WRONLY O_RDWR;
    0 => O_CREAT O_EXCL O_NOCTTY O_NONBLOCK O_NOFOLLOW O_CLOEXEC O_PATH O_DIRECTORY;
};

/// The `resolve` of openat2(2).
pub(super) static RESOLVE_FLAGS: &[Flag] = table! {
    0 => RESOLVE_NO_MAGICLINKS RESOLVE_NO_SYMLINKS RESOLVE_IN_ROOT;
};

/// The `flags` of calls that take a directory and a path.
pub(super) static AT_FLAGS: &[Flag] = table! {
    0 => AT_RECURSIVE AT_SYMLINK_NOFOLLOW AT_EMPTY_PATH;
};

/// The `mode` of faccessat(2).
pub(super) static ACCESS_MODES: &[Flag] = table! {
    libc::R_OK | libc::W_OK | libc::X_OK => F_OK;
    0 => R_OK W_OK X_OK;
};

/// The `mountflags` of mount(2).
pub(super) static MOUNT_FLAGS: &[Flag] = table! {
    0 => MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_BIND MS_REC MS_PRIVATE MS_SHARED MS_RELATIME;
};

/// The `flags` of umount2(2).
pub(super) static UMOUNT_FLAGS: &[Flag] = table! {
    0 => MNT_DETACH;
};

/// The `flags` of open_tree(2).
pub(super) static OPEN_TREE_FLAGS: &[Flag] = table! {
    0 => OPEN_TREE_CLONE OPEN_TREE_CLOEXEC AT_RECURSIVE;
};

/// The `flags` of move_mount(2).
pub(super) static MOVE_MOUNT_FLAGS: &[Flag] = table! {
    0 => MOVE_MOUNT_F_EMPTY_PATH MOVE_MOUNT_T_EMPTY_PATH;
};

/// The attributes of mount_setattr(2).
pub(super) static MOUNT_ATTRIBUTES: &[Flag] = table! {
    0 => MOUNT_ATTR_RDONLY;
};

/// The `prot` of mmap(2) and mprotect(2).
pub(super) static PROT_FLAGS: &[Flag] = table! {
    libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC => PROT_NONE;
    0 => PROT_READ PROT_WRITE;
};

/// The `flags` of mmap(2).
pub(super) static MAP_FLAGS: &[Flag] = table! {
    0 => MAP_PRIVATE MAP_ANONYMOUS MAP_NORESERVE MAP_STACK;
};

/// The `resource` of prlimit(2).
pub(super) static RLIMITS: &[Flag] = table! {
    WHOLE => RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK
        RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME;
};

/// The signals that this program names. The others are shown without a name.
pub(super) static SIGNALS: &[Flag] = table! {
    WHOLE => SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGTERM SIGSTOP SIGTSTP SIGCONT SIGWINCH SIGCHLD SIGKILL SIGPIPE SIGTTIN SIGTTOU SIGXFSZ;
};

/// The name of a signal, such as `SIGTERM`, if this program names it.
pub fn signal_name(signal: c_int) -> Option<&'static str> {
    SIGNALS.iter().find(|known| known.is_in(signal as u32)).map(|known| known.name)
}
