//! The user, the groups and the resource limits of a process.

use core::ffi::c_int;
use core::ptr;

use super::call::call;
use super::errno::Errno;
use super::flags::RLIMITS;

/// `setgroups(size, list)`: replaces the supplementary groups of this process.
///
/// The system call changes the calling thread only, and this program has one thread. (The function of the C library changes all
/// threads.) EPERM: no CAP_SETGID, or the user namespace forbids the call. EINVAL: there are more than 65536 groups, or an ID is
/// not mapped in the user namespace. ENOMEM: no memory.
/// <https://man7.org/linux/man-pages/man2/setgroups.2.html>
pub fn setgroups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the kernel reads as many IDs as the slice has.
    unsafe { call!(setgroups(groups.len() => Number, groups.as_ptr() => Name("[...]"))) }
}

/// `setgid(gid)`: with CAP_SETGID, sets the real, effective and saved group ID.
///
/// EPERM: no CAP_SETGID, and the process does not have this ID. EINVAL: the ID is not mapped in the user namespace.
/// <https://man7.org/linux/man-pages/man2/setgid.2.html>
pub fn setgid(gid: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(setgid(gid => Number)) }
}

/// `setuid(uid)`: with CAP_SETUID, sets the real, effective and saved user ID. From 0 to another ID, the process loses all
/// capabilities.
///
/// EPERM: no CAP_SETUID, and the process does not have this ID. EINVAL: the ID is not mapped in the user namespace. EAGAIN: no
/// memory, or the user has too many processes.
/// <https://man7.org/linux/man-pages/man2/setuid.2.html>
pub fn setuid(uid: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(setuid(uid => Number)) }
}

/// `prlimit64(0, resource, {soft, hard}, NULL)`: limits a resource of this process and of its later children.
///
/// The unit depends on the resource; `u64::MAX` is RLIM64_INFINITY. EINVAL: there is no such resource, or `soft` is above
/// `hard`. EPERM: `hard` is above the old hard limit and the process has no CAP_SYS_RESOURCE, or the limit is RLIMIT_NOFILE and
/// `hard` is above /proc/sys/fs/nr_open.
/// <https://man7.org/linux/man-pages/man2/prlimit.2.html>
pub fn prlimit(resource: c_int, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    let old = ptr::null_mut::<libc::rlimit64>();
    // SAFETY: the kernel reads one struct rlimit64, whose layout in the libc crate is the kernel's, and writes nothing.
    unsafe {
        call!(prlimit64(
            0 => Number, resource => Flags(RLIMITS), &raw const limit => Name("{...}"), old => Name("NULL")
        ))
    }
}
