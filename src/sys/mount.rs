//! Mounts: what makes a tree of files out of file systems.

use core::ffi::{CStr, c_uint, c_ulong};

use super::call::call;
use super::{BorrowedFd, CWD, Errno, OwnedFd};

/// `mount(source, target, fstype, flags, data)`: mounts a new file system; `data` is its own options, at most a page.
///
/// ENOENT: the target, or a path in `data`, is missing. EINVAL: `data` is wrong or the file system refuses what it names.
/// ENODEV: the kernel does not have the file system. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/mount.2.html>
pub fn mount(source: &CStr, target: &CStr, fstype: &CStr, flags: c_ulong, data: &CStr) -> Result<(), Errno> {
    let (source, target, fstype) = (source.as_ptr(), target.as_ptr(), fstype.as_ptr());
    // SAFETY: all four strings end in a NUL and the kernel only reads them.
    unsafe { call!(mount("%s|%s|%s|%M|%s"), source, target, fstype, flags, data.as_ptr()) }
}

/// `mount(NULL, target, NULL, flags, NULL)`: changes how a mount propagates, such as `MS_REC | MS_PRIVATE`.
///
/// EINVAL: the target is not a mount point.
/// <https://man7.org/linux/man-pages/man7/mount_namespaces.7.html>
pub fn mount_change(target: &CStr, flags: c_ulong) -> Result<(), Errno> {
    // SAFETY: the target ends in a NUL; the kernel ignores the other strings when propagation is all that changes.
    unsafe { call!(mount("NULL|%s|NULL|%M|NULL"), 0, target.as_ptr(), 0, flags, 0) }
}

/// `pivot_root(new_root, put_old)`: makes one mount the root of the mount namespace and moves the old root to another.
///
/// EINVAL, for six causes: `new_root` is not a mount point; `put_old` is not at or beneath it; the root is not a mount
/// point; the root is the initial ramfs; a mount involved is shared; `put_old` is a shared mount point.
/// EBUSY: a path is on the old root's mount. ENOTDIR: a path is no directory. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/pivot_root.2.html>
pub fn pivot_root(new_root: &CStr, put_old: &CStr) -> Result<(), Errno> {
    // SAFETY: both paths end in a NUL and the kernel only reads them.
    unsafe { call!(pivot_root("%s|%s"), new_root.as_ptr(), put_old.as_ptr()) }
}

/// `umount2(target, flags)`: takes a mount out of the tree; with MNT_DETACH at once, even if it is in use.
///
/// EINVAL: the target is not a mount point. EBUSY: it is in use, and MNT_DETACH is not given.
/// <https://man7.org/linux/man-pages/man2/umount2.2.html>
pub fn umount2(target: &CStr, flags: libc::c_int) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(umount2("%s|%U"), target.as_ptr(), flags) }
}

/// `open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)`: a copy of a mount from `path` on, attached nowhere.
///
/// It is what a bind mount is made of. ENOENT: there is no such path. ENOSPC: too many mount namespaces. EPERM: no
/// CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/open_tree.2.html>
pub fn open_tree_clone(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags: c_uint = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    // SAFETY: the path ends in a NUL and the kernel only reads it; the new descriptor belongs to the result alone.
    unsafe {
        call!(open_tree("AT_FDCWD|%s|OPEN_TREE_CLONE+OPEN_TREE_CLOEXEC"), CWD.raw(), path.as_ptr(), flags)
    }
}

/// `open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)`: as [`open_tree_clone`], with all mounts
/// below.
pub fn open_tree_recursive(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags: c_uint = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_RECURSIVE as c_uint;
    // SAFETY: as above.
    unsafe {
        call!(
            open_tree("AT_FDCWD|%s|OPEN_TREE_CLONE+OPEN_TREE_CLOEXEC+AT_RECURSIVE"),
            CWD.raw(),
            path.as_ptr(),
            flags
        )
    }
}

/// `move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)`: attaches a mount where `target` is.
///
/// ENOENT: the target is missing. EINVAL: one is a directory and the other is none; or the mount is attached elsewhere.
/// <https://man7.org/linux/man-pages/man2/move_mount.2.html>
pub fn move_mount(mount: BorrowedFd, target: &CStr) -> Result<(), Errno> {
    let flags: c_uint = libc::MOVE_MOUNT_F_EMPTY_PATH;
    // SAFETY: both paths end in a NUL and the kernel only reads them.
    unsafe {
        call!(
            move_mount("%d|%s|AT_FDCWD|%s|MOVE_MOUNT_F_EMPTY_PATH"),
            mount.raw(),
            c"".as_ptr(),
            CWD.raw(),
            target.as_ptr(),
            flags
        )
    }
}

/// `move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS)`: as [`move_mount`]; if the
/// target is a symlink, where it leads.
pub fn move_mount_following(mount: BorrowedFd, target: &CStr) -> Result<(), Errno> {
    let flags: c_uint = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_SYMLINKS;
    // SAFETY: as above.
    unsafe {
        call!(
            move_mount("%d|%s|AT_FDCWD|%s|MOVE_MOUNT_F_EMPTY_PATH+MOVE_MOUNT_T_SYMLINKS"),
            mount.raw(),
            c"".as_ptr(),
            CWD.raw(),
            target.as_ptr(),
            flags
        )
    }
}

/// `mount_setattr(AT_FDCWD, path, AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY}, size)`: makes all mounts from `path` down
/// read-only.
///
/// EINVAL: the path is not a mount point. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_rdonly(path: &CStr) -> Result<(), Errno> {
    let attr = mount_attr(libc::MOUNT_ATTR_RDONLY, 0);
    // SAFETY: the path ends in a NUL; the kernel only reads it and the struct.
    unsafe {
        call!(
            mount_setattr("AT_FDCWD|%s|AT_RECURSIVE|{attr_set=MOUNT_ATTR_RDONLY}|%d"),
            CWD.raw(),
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attr,
            size_of::<libc::mount_attr>()
        )
    }
}

/// `mount_setattr(AT_FDCWD, path, 0, {attr_set=MOUNT_ATTR_RDONLY}, size)`: makes one mount read-only, and none below it.
///
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_rdonly_alone(path: &CStr) -> Result<(), Errno> {
    let attr = mount_attr(libc::MOUNT_ATTR_RDONLY, 0);
    // SAFETY: the path ends in a NUL; the kernel only reads it and the struct.
    unsafe {
        call!(
            mount_setattr("AT_FDCWD|%s|0|{attr_set=MOUNT_ATTR_RDONLY}|%d"),
            CWD.raw(),
            path.as_ptr(),
            0,
            &raw const attr,
            size_of::<libc::mount_attr>()
        )
    }
}

/// `mount_setattr(AT_FDCWD, path, 0, {attr_clr=MOUNT_ATTR_RDONLY}, size)`: makes one mount writable again.
///
/// <https://man7.org/linux/man-pages/man2/mount_setattr.2.html>
pub fn mount_setattr_writable(path: &CStr) -> Result<(), Errno> {
    let attr = mount_attr(0, libc::MOUNT_ATTR_RDONLY);
    // SAFETY: the path ends in a NUL; the kernel only reads it and the struct.
    unsafe {
        call!(
            mount_setattr("AT_FDCWD|%s|0|{attr_clr=MOUNT_ATTR_RDONLY}|%d"),
            CWD.raw(),
            path.as_ptr(),
            0,
            &raw const attr,
            size_of::<libc::mount_attr>()
        )
    }
}

fn mount_attr(attr_set: u64, attr_clr: u64) -> libc::mount_attr {
    libc::mount_attr { attr_set, attr_clr, propagation: 0, userns_fd: 0 }
}
