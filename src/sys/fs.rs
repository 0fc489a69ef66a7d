//! Files and directories.

use core::ffi::{CStr, c_int, c_uint};
use core::mem::MaybeUninit;

use super::call::call;
use super::{BorrowedFd, CWD, Errno, OwnedFd, Pid};

/// `openat(AT_FDCWD, path, flags | O_CLOEXEC, mode)`: opens a file; no descriptor of this program outlives its execve.
///
/// `mode` holds permission bits, used with O_CREAT, less the umask. ENOENT: there is no such file. ENOTDIR: O_DIRECTORY,
/// and it is none. ELOOP: O_NOFOLLOW, and the last component is a symlink. EACCES: search or access permission.
/// <https://man7.org/linux/man-pages/man2/openat.2.html>
pub fn openat(path: &CStr, flags: c_int, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the path ends in a NUL and the kernel only reads it; the new descriptor belongs to the result alone.
    unsafe { call!(openat("AT_FDCWD|%s|%O|%o"), CWD.raw(), path.as_ptr(), flags, mode) }
}

/// `openat(AT_FDCWD, path, O_RDONLY | flags | O_CLOEXEC)`: as [`openat`], to read.
pub fn open_to_read(path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: as above.
    unsafe { call!(openat("AT_FDCWD|%s|%R"), CWD.raw(), path.as_ptr(), flags) }
}

/// `openat2(AT_FDCWD, path, {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS}, size)`: whether there is something at the end of
/// the path, if it leads through none of the links of /proc that no path describes, such as /proc/PID/root.
///
/// ENOENT: there is nothing. ELOOP: it leads through such a link, or in circles. ENOTDIR: a component is no directory.
/// <https://man7.org/linux/man-pages/man2/openat2.2.html>
pub fn openat2_without_magic(path: &CStr) -> Result<OwnedFd, Errno> {
    let how = open_how(libc::RESOLVE_NO_MAGICLINKS);
    // SAFETY: the path ends in a NUL, the kernel only reads it and the struct; the new descriptor belongs to the result alone.
    unsafe {
        call!(
            openat2("AT_FDCWD|%s|{flags=O_RDONLY+O_CLOEXEC+O_PATH, resolve=RESOLVE_NO_MAGICLINKS}|%d"),
            CWD.raw(),
            path.as_ptr(),
            how.as_ptr(),
            size_of_val(&how)
        )
    }
}

/// `openat2(AT_FDCWD, path, {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS}, size)`: as [`openat2_without_magic`], and ELOOP if
/// any component is a symlink.
pub fn openat2_without_links(path: &CStr) -> Result<OwnedFd, Errno> {
    let how = open_how(libc::RESOLVE_NO_SYMLINKS);
    // SAFETY: the path ends in a NUL, the kernel only reads it and the struct; the new descriptor belongs to the result alone.
    unsafe {
        call!(
            openat2("AT_FDCWD|%s|{flags=O_RDONLY+O_CLOEXEC+O_PATH, resolve=RESOLVE_NO_SYMLINKS}|%d"),
            CWD.raw(),
            path.as_ptr(),
            how.as_ptr(),
            size_of_val(&how)
        )
    }
}

/// The kernel's struct open_how: flags, mode, resolve.
const fn open_how(resolve: u64) -> [u64; 3] {
    [(libc::O_PATH | libc::O_CLOEXEC) as u64, 0, resolve]
}

/// What stat(2) tells about a file, as far as this program asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// The type (`S_IFMT`) and the permission bits.
    pub mode: u32,
    /// The owner's user ID.
    pub uid: u32,
    /// The number of hard links: 0 once the file is removed.
    pub nlink: u32,
    /// The size in bytes.
    pub size: u64,
}

/// `statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &statx)`: looks at a file without opening it, through symlinks.
///
/// ENOENT: there is no such file. ENOTDIR: a component of the path is no directory. EACCES: search permission.
/// <https://man7.org/linux/man-pages/man2/statx.2.html>
pub fn stat(path: &CStr) -> Result<FileStatus, Errno> {
    statx(CWD, path, 0)
}

/// `statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, …)`: as [`stat`], but a symlink is looked at itself.
pub fn lstat(path: &CStr) -> Result<FileStatus, Errno> {
    statx(CWD, path, libc::AT_SYMLINK_NOFOLLOW)
}

/// `statx(fd, "", AT_EMPTY_PATH, …)`: looks at an open file.
pub fn fstat(fd: BorrowedFd) -> Result<FileStatus, Errno> {
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// The one of the stat calls that has the same name and the same struct on every architecture.
fn statx(dir: BorrowedFd, path: &CStr, flags: c_int) -> Result<FileStatus, Errno> {
    let mut statx = MaybeUninit::<libc::statx>::uninit();
    let (path, mask) = (path.as_ptr(), libc::STATX_BASIC_STATS);
    // SAFETY: the path ends in a NUL; the kernel writes one struct statx, whose layout the libc crate has from it.
    let () = unsafe {
        call!(statx("%d|%s|%A|STATX_BASIC_STATS|{...}"), dir.raw(), path, flags, mask, statx.as_mut_ptr())
    }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    let statx = unsafe { statx.assume_init() };
    Ok(FileStatus {
        mode: statx.stx_mode.into(),
        uid: statx.stx_uid,
        nlink: statx.stx_nlink,
        size: statx.stx_size,
    })
}

/// `statfs(path, &statfs)`, of which it returns `f_type`: the file system's magic number.
///
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
pub fn statfs_type(path: &CStr) -> Result<i64, Errno> {
    let mut statfs = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends in a NUL; the kernel writes one struct statfs, whose layout the libc crate has from it.
    let () = unsafe { call!(statfs("%s|{...}"), path.as_ptr(), statfs.as_mut_ptr()) }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    let statfs = unsafe { statfs.assume_init() };
    #[allow(clippy::unnecessary_cast)] // With musl's definitions it is an unsigned number.
    Ok(statfs.f_type as i64)
}

/// `faccessat(AT_FDCWD, path, mode)`: whether the file exists (F_OK) or may be used so (R_OK, W_OK, X_OK) by the real user.
///
/// ENOENT: there is no such file. EACCES: it may not be used so. EROFS: W_OK on a read-only file system.
/// <https://man7.org/linux/man-pages/man2/access.2.html>
pub fn faccessat(path: &CStr, mode: c_int) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(faccessat("AT_FDCWD|%s|W_OK"), CWD.raw(), path.as_ptr(), mode) }
}

/// `mkdirat(AT_FDCWD, path, mode)`: makes a directory; `mode` holds permission bits, less the umask.
///
/// EEXIST: something is there already. ENOENT: the parent is missing.
/// <https://man7.org/linux/man-pages/man2/mkdir.2.html>
pub fn mkdirat(path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(mkdirat("AT_FDCWD|%s|%o"), CWD.raw(), path.as_ptr(), mode) }
}

/// `fchmodat(AT_FDCWD, path, mode)`: sets permission bits, whatever the umask is.
///
/// EPERM: the file is another user's.
/// <https://man7.org/linux/man-pages/man2/chmod.2.html>
pub fn fchmodat(path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(fchmodat("AT_FDCWD|%s|%o"), CWD.raw(), path.as_ptr(), mode) }
}

/// `fchown(fd, owner, -1)`: gives a file to another user; its group stays.
///
/// EPERM: no CAP_CHOWN. EINVAL: the ID is not mapped in the user namespace.
/// <https://man7.org/linux/man-pages/man2/chown.2.html>
pub fn fchown(fd: BorrowedFd, owner: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(fchown("%d|%d|-1"), fd.raw(), owner, -1isize) }
}

/// `unlinkat(AT_FDCWD, path, AT_REMOVEDIR)`: removes a directory, if it is empty.
///
/// ENOTEMPTY: it is not. ENOENT: there is none.
/// <https://man7.org/linux/man-pages/man2/rmdir.2.html>
pub fn rmdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(unlinkat("AT_FDCWD|%s|AT_REMOVEDIR"), CWD.raw(), path.as_ptr(), libc::AT_REMOVEDIR) }
}

/// `unlinkat(AT_FDCWD, path, 0)`: removes a file's name.
///
/// ENOENT: there is none. EISDIR: it is a directory.
/// <https://man7.org/linux/man-pages/man2/unlink.2.html>
pub fn unlink(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(unlinkat("AT_FDCWD|%s|0"), CWD.raw(), path.as_ptr(), 0) }
}

/// `mknodat(AT_FDCWD, path, S_IFREG | mode, 0)`: makes an empty file without opening it.
///
/// EEXIST: something is there already.
/// <https://man7.org/linux/man-pages/man2/mknod.2.html>
pub fn mknod_file(path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(mknodat("AT_FDCWD|%s|%o"), CWD.raw(), path.as_ptr(), libc::S_IFREG | mode, 0) }
}

/// `symlinkat(target, AT_FDCWD, path)`: makes a symbolic link to `target`.
///
/// EEXIST: something is there already.
/// <https://man7.org/linux/man-pages/man2/symlink.2.html>
pub fn symlink(target: &CStr, path: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings end in a NUL and the kernel only reads them.
    unsafe { call!(symlinkat("%s|AT_FDCWD|%s"), target.as_ptr(), CWD.raw(), path.as_ptr()) }
}

/// `pread(fd, buffer, len, offset)`: reads from a place in a file; returns how many bytes, 0 at its end.
///
/// EISDIR: it is a directory.
/// <https://man7.org/linux/man-pages/man2/pread.2.html>
pub fn pread(fd: BorrowedFd, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most the buffer's length into the buffer.
    unsafe { call!(pread64("%d|{...}|%d|%d"), fd.raw(), buffer.as_mut_ptr(), buffer.len(), offset) }
}

/// `read(fd, buffer, len)`: reads what is there, or sleeps until something is; returns how many bytes, 0 at the end.
///
/// EAGAIN: the descriptor is non-blocking, and there is nothing. EIO: a terminal's other end is closed.
/// <https://man7.org/linux/man-pages/man2/read.2.html>
pub fn read(fd: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most the buffer's length into the buffer.
    unsafe { call!(read("%d|{...}|%d"), fd.raw(), buffer.as_mut_ptr(), buffer.len()) }
}

/// `write(fd, bytes, len)`: writes some of the bytes, and returns how many.
///
/// EPIPE: nobody reads any more. ENOSPC: the device is full.
/// <https://man7.org/linux/man-pages/man2/write.2.html>
pub fn write(fd: BorrowedFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel only reads, and at most the slice's length.
    unsafe { call!(write("%d|{...}|%d"), fd.raw(), bytes.as_ptr(), bytes.len()) }
}

/// `close_range(0, UINT_MAX, 0)`: closes every descriptor.
///
/// An [`OwnedFd`] that this closes would close its number a second time, so the caller drops none any more.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub fn close_all() -> Result<(), Errno> {
    // SAFETY: closing descriptors touches no memory.
    unsafe { call!(close_range("0|%d|0"), 0, c_uint::MAX, 0) }
}

/// `close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC)`: the next execve(2) that succeeds closes every descriptor but stdin, stdout
/// and stderr.
///
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub fn close_on_exec() -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(close_range("3|%d|CLOSE_RANGE_CLOEXEC"), 3, c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) }
}

/// `fcntl(fd, F_DUPFD_CLOEXEC, lowest)`: another descriptor of the same open file, with a number of `lowest` or more.
///
/// EMFILE: there is none left.
/// <https://man7.org/linux/man-pages/man2/F_DUPFD.2const.html>
pub fn fcntl_dupfd(fd: BorrowedFd, lowest: c_int) -> Result<OwnedFd, Errno> {
    // SAFETY: the call touches no memory; the new descriptor belongs to the result alone.
    unsafe { call!(fcntl("%d|F_DUPFD_CLOEXEC|%d"), fd.raw(), libc::F_DUPFD_CLOEXEC, lowest) }
}

/// `dup3(fd, standard, 0)`: opens the same file in the place of stdin, stdout or stderr, which stays open across execve.
///
/// <https://man7.org/linux/man-pages/man2/dup.2.html>
pub fn dup3(fd: BorrowedFd, standard: BorrowedFd<'static>) -> Result<(), Errno> {
    // SAFETY: the call touches no memory; a standard descriptor belongs to nobody.
    unsafe { call!(dup3("%d|%d|0"), fd.raw(), standard.raw(), 0) }
}

/// `fcntl(fd, F_SETLK, {F_WRLCK, SEEK_SET, 0, 0})`: locks the whole file for this process, or fails at once.
///
/// The kernel frees the lock when the process closes the file or ends, however it ends. EAGAIN or EACCES: another process
/// has it; [`fcntl_getlk`] tells which. `fd` is open for writing.
/// <https://man7.org/linux/man-pages/man2/F_SETLK.2const.html>
pub fn fcntl_setlk(fd: BorrowedFd) -> Result<(), Errno> {
    let lock = whole_file_lock();
    // SAFETY: the kernel reads one struct flock.
    unsafe {
        call!(
            fcntl("%d|F_SETLK|{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=0}"),
            fd.raw(),
            libc::F_SETLK,
            &raw const lock
        )
    }
}

/// `fcntl(fd, F_GETLK, {F_WRLCK, SEEK_SET, 0, 0})`: the process that holds a lock on the file, if any does but the caller.
///
/// A holder outside the caller's PID namespace has PID 0.
/// <https://man7.org/linux/man-pages/man2/F_GETLK.2const.html>
pub fn fcntl_getlk(fd: BorrowedFd) -> Result<Option<Pid>, Errno> {
    let mut lock = whole_file_lock();
    // SAFETY: the kernel reads one struct flock and writes it back.
    let () = unsafe {
        call!(
            fcntl("%d|F_GETLK|{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=0}"),
            fd.raw(),
            libc::F_GETLK,
            &raw mut lock
        )
    }?;
    Ok((c_int::from(lock.l_type) != libc::F_UNLCK).then_some(Pid(lock.l_pid)))
}

fn whole_file_lock() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0, // to the end of the file, wherever that is
        l_pid: 0,
    }
}
