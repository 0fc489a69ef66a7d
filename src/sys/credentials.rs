//! Who a process is, and how much it may use.

use core::ffi::c_int;
use core::ptr;

use super::Errno;
use super::call::call;

/// `setgroups(size, list)`: the supplementary groups of this process, in place of those that it had.
///
/// The system call changes the calling thread alone; the one in the C library goes round all threads of the process.
/// EPERM: no CAP_SETGID, or the user namespace forbids it. EINVAL: more than 65536, or an ID that is not mapped.
/// <https://man7.org/linux/man-pages/man2/setgroups.2.html>
pub fn setgroups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the kernel only reads, and the slice's length of IDs.
    unsafe { call!(setgroups("%d|[...]"), groups.len(), groups.as_ptr()) }
}

/// `setgid(gid)`: with CAP_SETGID, the real, effective and saved group ID.
///
/// EPERM: no CAP_SETGID. EINVAL: the ID is not mapped in the user namespace.
/// <https://man7.org/linux/man-pages/man2/setgid.2.html>
pub fn setgid(gid: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(setgid("%d"), gid) }
}

/// `setuid(uid)`: with CAP_SETUID, the real, effective and saved user ID; from 0 to another, all capabilities go.
///
/// EPERM: no CAP_SETUID. EINVAL: the ID is not mapped in the user namespace. EAGAIN: no memory, or too many processes.
/// <https://man7.org/linux/man-pages/man2/setuid.2.html>
pub fn setuid(uid: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(setuid("%d"), uid) }
}

/// `prlimit64(0, resource, {soft, hard}, NULL)`: limits a resource of this process, and of those that it will make.
///
/// The units are the resource's; `u64::MAX` is RLIM64_INFINITY. EINVAL: no such resource, or `soft` is above `hard`. EPERM:
/// `hard` is above what it was, and no CAP_SYS_RESOURCE; or RLIMIT_NOFILE is above /proc/sys/fs/nr_open.
/// <https://man7.org/linux/man-pages/man2/prlimit.2.html>
pub fn prlimit(resource: c_int, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
    let none = ptr::null_mut::<libc::rlimit64>();
    // SAFETY: the kernel reads one struct rlimit64, whose layout the libc crate has from it, and writes none.
    unsafe { call!(prlimit64("0|%L|{...}|NULL"), 0, resource, &raw const limit, none) }
}
