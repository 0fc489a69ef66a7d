//! Mounts: how file systems become one tree of files.

use core::ffi::{CStr, c_int, c_uint, c_ulong};

use super::call::call;
use super::description::Field;
use super::errno::Errno;
use super::fd::{BorrowedFd, CWD, OwnedFd};
use super::flags::{
    AT_FLAGS, MOUNT_ATTRIBUTES, MOUNT_FLAGS, MOVE_MOUNT_FLAGS, OPEN_TREE_FLAGS, UMOUNT_FLAGS,
};

/// `mount(source, target, fstype, flags, data)`: mounts a file system. `data` is options of the file system, at most a page.
///
/// ENOENT: the target, or a path in `data`, does not exist. EINVAL: the file system refuses `data`, or a path in it.
/// ENODEV: the kernel does not have the file system. ENOTDIR: the target is not a directory. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/mount.2.html>
pub fn mount(source: &CStr, target: &CStr, fstype: &CStr, flags: c_ulong, data: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the four strings, which end in a NUL.
    unsafe {
        call!(mount(
            source.as_ptr() => Text,
            target.as_ptr() => Text,
            fstype.as_ptr() => Text,
            flags => Flags(MOUNT_FLAGS),
            data.as_ptr() => Text,
        ))
    }
}

/// `mount(NULL, target, NULL, flags, NULL)`: changes the propagation of a mount. The flags are for instance
/// `MS_REC | MS_PRIVATE`.
///
/// EINVAL: the target is not a mount point. ENOENT: the target does not exist. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man7/mount_namespaces.7.html>
pub fn mount_change(target: &CStr, flags: c_ulong) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the target, which ends in a NUL; it accepts NULL for the other strings.
    unsafe {
        call!(mount(
            0 => Name("NULL"),
            target.as_ptr() => Text,
            0 => Name("NULL"),
            flags => Flags(MOUNT_FLAGS),
            0 => Name("NULL"),
        ))
    }
}

/// `pivot_root(new_root, put_old)`: makes a mount the root of the mount namespace, and moves the old root to `put_old`.
///
/// EINVAL has six causes: `new_root` is not a mount point; `put_old` is not at or below `new_root`; the current root is not a
/// mount point; the current root is the initial ramfs; `new_root` or its parent mount is shared; `put_old` is a shared mount
/// point. EBUSY: a path is on the mount of the current root. ENOTDIR: a path is not a directory. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/pivot_root.2.html>
pub fn pivot_root(new_root: &CStr, put_old: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the two paths, which end in a NUL.
    unsafe { call!(pivot_root(new_root.as_ptr() => Text, put_old.as_ptr() => Text)) }
}

/// `umount2(target, flags)`: removes a mount. With MNT_DETACH the tree loses it at once, even if it is in use.
///
/// EINVAL: the target is not a mount point, or the mount is locked. EBUSY: it is in use, and MNT_DETACH is not given. EPERM: no
/// CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/umount2.2.html>
pub fn umount2(target: &CStr, flags: c_int) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(umount2(target.as_ptr() => Text, flags => Flags(UMOUNT_FLAGS))) }
}

/// `open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)`: copies the mount that contains `path`, with `path` as its
/// root. The copy is not attached to the tree until [`move_mount`]. Together they make a bind mount.
///
/// ENOENT: there is no such path. EINVAL: the mount is unbindable, or is not in this mount namespace. ENOSPC: there are too many
/// mount namespaces, or too many mounts. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/open_tree.2.html>
pub fn open_tree_clone(path: &CStr) -> Result<OwnedFd, Errno> {
    open_tree(path, libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC)
}

/// `open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)`: like [`open_tree_clone`], with all mounts
/// below `path`.
///
/// ENOENT, EINVAL, ENOSPC, EPERM: as for [`open_tree_clone`].
/// <https://man7.org/linux/man-pages/man2/open_tree.2.html>
pub fn open_tree_recursive(path: &CStr) -> Result<OwnedFd, Errno> {
    open_tree(path, libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE as c_uint)
}

fn open_tree(path: &CStr, flags: c_uint) -> Result<OwnedFd, Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(open_tree(CWD.raw() => Fd, path.as_ptr() => Text, flags => Flags(OPEN_TREE_FLAGS))) }
}

/// `move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)`: attaches a mount at `target`.
///
/// ENOENT: the target does not exist. EINVAL: the mount is a directory and the target is not, or the reverse; or the mount is
/// attached in another mount namespace. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/move_mount.2.html>
pub fn move_mount(mount: BorrowedFd, target: &CStr) -> Result<(), Errno> {
    move_mount_with(mount, CWD, target, libc::MOVE_MOUNT_F_EMPTY_PATH)
}

/// `move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)`: like [`move_mount`], to a target that is
/// open.
///
/// EINVAL, EPERM: as for [`move_mount`].
/// <https://man7.org/linux/man-pages/man2/move_mount.2.html>
pub fn move_mount_onto(mount: BorrowedFd, target: BorrowedFd) -> Result<(), Errno> {
    move_mount_with(mount, target, c"", libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH)
}

fn move_mount_with(mount: BorrowedFd, dir: BorrowedFd, path: &CStr, flags: c_uint) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the two paths, which end in a NUL.
    unsafe {
        call!(move_mount(
            mount.raw() => Fd,
            c"".as_ptr() => Text,
            dir.raw() => Fd,
            path.as_ptr() => Text,
            flags => Flags(MOVE_MOUNT_FLAGS),
        ))
    }
}

/// `mount_setattr(AT_FDCWD, path, AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY}, size)`: makes the mount at `path` and all mounts
/// below it read-only.
///
/// EINVAL: the path is not a mount point. EBUSY: a file on a mount is open for writing. EPERM: no CAP_SYS_ADMIN. ENOSYS: Linux
/// before 5.12.
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_rdonly(path: &CStr) -> Result<(), Errno> {
    mount_setattr(CWD, path, libc::AT_RECURSIVE, libc::MOUNT_ATTR_RDONLY, 0)
}

/// `mount_setattr(AT_FDCWD, path, 0, {attr_set=MOUNT_ATTR_RDONLY}, size)`: makes the mount at `path` read-only, but not the
/// mounts below it.
///
/// EINVAL, EBUSY, EPERM, ENOSYS: as for [`mount_setattr_rdonly`].
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_rdonly_alone(path: &CStr) -> Result<(), Errno> {
    mount_setattr(CWD, path, 0, libc::MOUNT_ATTR_RDONLY, 0)
}

/// `mount_setattr(AT_FDCWD, path, 0, {attr_clr=MOUNT_ATTR_RDONLY}, size)`: makes the mount at `path` writable again.
///
/// EINVAL: the path is not a mount point. EPERM: no CAP_SYS_ADMIN, or the mount was copied from a mount namespace with more
/// privileges, which locks the attribute. ENOSYS: Linux before 5.12.
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_writable(path: &CStr) -> Result<(), Errno> {
    mount_setattr(CWD, path, 0, 0, libc::MOUNT_ATTR_RDONLY)
}

/// `mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY}, size)`: like [`mount_setattr_rdonly`], for
/// an open mount, which need not be attached.
///
/// EBUSY, EPERM, ENOSYS: as for [`mount_setattr_rdonly`].
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_rdonly_open(mount: BorrowedFd) -> Result<(), Errno> {
    mount_setattr(mount, c"", libc::AT_EMPTY_PATH | libc::AT_RECURSIVE, libc::MOUNT_ATTR_RDONLY, 0)
}

/// The first two fields of struct mount_attr. The others are 0 here.
static MOUNT_ATTR: [Field; 2] = [
    Field { name: "attr_set", flags: MOUNT_ATTRIBUTES },
    Field { name: "attr_clr", flags: MOUNT_ATTRIBUTES },
];

fn mount_setattr(
    dir: BorrowedFd,
    path: &CStr,
    flags: c_int,
    attr_set: u64,
    attr_clr: u64,
) -> Result<(), Errno> {
    let attr = libc::mount_attr { attr_set, attr_clr, propagation: 0, userns_fd: 0 };
    // SAFETY: the kernel only reads the path, which ends in a NUL, and a struct of the size that it gets.
    unsafe {
        call!(mount_setattr(
            dir.raw() => Fd,
            path.as_ptr() => Text,
            flags => Flags(AT_FLAGS),
            &raw const attr => Fields(&MOUNT_ATTR),
            size_of_val(&attr) => Number,
        ))
    }
}

// These constants of linux/mount.h are not in the libc crate.
const FSOPEN_CLOEXEC: c_int = 1;
const FSCONFIG_CMD_CREATE: c_int = 6;
const FSMOUNT_CLOEXEC: c_int = 1;

/// `fsopen(name, FSOPEN_CLOEXEC)`: opens a context in which a new file system is set up.
///
/// ENODEV: the kernel does not have the file system. EPERM: no CAP_SYS_ADMIN. ENOSYS: Linux before 5.2.
/// <https://man7.org/linux/man-pages/man2/fsopen.2.html>
pub fn fsopen(name: &CStr) -> Result<OwnedFd, Errno> {
    // SAFETY: the kernel only reads the name, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(fsopen(name.as_ptr() => Text, FSOPEN_CLOEXEC => Name("FSOPEN_CLOEXEC"))) }
}

/// `fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)`: makes the file system.
///
/// EPERM: no CAP_SYS_ADMIN in the namespaces that it belongs to. EBUSY: it has been made already.
/// <https://man7.org/linux/man-pages/man2/fsconfig.2.html>
pub fn fsconfig_create(context: BorrowedFd) -> Result<(), Errno> {
    // SAFETY: the command takes no pointers.
    unsafe {
        call!(fsconfig(
            context.raw() => Fd,
            FSCONFIG_CMD_CREATE => Name("FSCONFIG_CMD_CREATE"),
            0 => Name("NULL"),
            0 => Name("NULL"),
            0 => Number,
        ))
    }
}

/// `fsmount(context, FSMOUNT_CLOEXEC, 0)`: mounts the file system at no place. Its root is the descriptor.
///
/// EPERM: no CAP_SYS_ADMIN. EINVAL: the file system has not been made.
/// <https://man7.org/linux/man-pages/man2/fsmount.2.html>
pub fn fsmount(context: BorrowedFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the call touches no memory; the result owns the new descriptor.
    unsafe { call!(fsmount(context.raw() => Fd, FSMOUNT_CLOEXEC => Name("FSMOUNT_CLOEXEC"), 0 => Number)) }
}
