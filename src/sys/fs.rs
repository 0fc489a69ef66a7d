//! Files and directories.

use core::ffi::{CStr, c_int, c_uint};
use core::mem::MaybeUninit;

use super::call::call;
use super::description::Field;
use super::errno::Errno;
use super::fd::{BorrowedFd, CWD, OwnedFd};
use super::flags::{ACCESS_MODES, AT_FLAGS, OPEN_FLAGS, RESOLVE_FLAGS};
use super::process::Pid;

/// `openat(AT_FDCWD, path, flags | O_CLOEXEC, mode)`: opens a file. execve(2) closes it, because of O_CLOEXEC.
///
/// `mode` is the permission bits of a new file (O_CREAT), from which the kernel removes the bits of the umask.
/// ENOENT: there is no such file. ENOTDIR: O_DIRECTORY, and the file is not a directory. ELOOP: O_NOFOLLOW, and the file is a
/// symbolic link. EEXIST: O_EXCL, and the file exists. EACCES: no permission to search the path or to open the file.
/// <https://man7.org/linux/man-pages/man2/openat.2.html>
pub fn openat(path: &CStr, flags: c_int, mode: u32) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the kernel only reads the path, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(openat(CWD.raw() => Fd, path.as_ptr() => Text, flags => Flags(OPEN_FLAGS), mode => Mode)) }
}

/// `openat(AT_FDCWD, path, O_RDONLY | flags | O_CLOEXEC)`: opens an existing file for reading.
///
/// ENOENT, ENOTDIR, ELOOP, EACCES: as for [`openat`].
/// <https://man7.org/linux/man-pages/man2/openat.2.html>
pub fn open_to_read(path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the kernel only reads the path, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(openat(CWD.raw() => Fd, path.as_ptr() => Text, flags => Flags(OPEN_FLAGS))) }
}

/// `openat(directory, path, O_RDONLY | O_CLOEXEC)`: opens an existing file below a directory for reading.
///
/// ENOENT, ENOTDIR, ELOOP, EACCES: as for [`openat`].
/// <https://man7.org/linux/man-pages/man2/openat.2.html>
pub fn open_to_read_at(directory: BorrowedFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::O_CLOEXEC;
    // SAFETY: the kernel only reads the path, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(openat(directory.raw() => Fd, path.as_ptr() => Text, flags => Flags(OPEN_FLAGS))) }
}

/// `openat2(AT_FDCWD, path, {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS}, size)`: finds a file, if the path leads through no
/// magic link. A magic link is a link in /proc that leads to a file without a path, such as /proc/PID/root.
///
/// ENOENT: there is no such file. ELOOP: the path leads through a magic link, or through too many symbolic links. ENOTDIR: a
/// component of the path is not a directory. EACCES: no permission to search the path. ENOSYS: Linux before 5.6.
/// <https://man7.org/linux/man-pages/man2/openat2.2.html>
pub fn openat2_without_magic(path: &CStr) -> Result<OwnedFd, Errno> {
    openat2(path, libc::RESOLVE_NO_MAGICLINKS)
}

/// `openat2(AT_FDCWD, path, {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS}, size)`: finds a file, if no component of the path is
/// a symbolic link.
///
/// ELOOP: a component is a symbolic link. ENOENT, ENOTDIR, EACCES, ENOSYS: as for [`openat2_without_magic`].
/// <https://man7.org/linux/man-pages/man2/openat2.2.html>
pub fn openat2_without_links(path: &CStr) -> Result<OwnedFd, Errno> {
    openat2(path, libc::RESOLVE_NO_SYMLINKS)
}

/// The fields of the kernel's struct open_how.
static OPEN_HOW: [Field; 3] = [
    Field { name: "flags", flags: OPEN_FLAGS },
    Field { name: "mode", flags: &[] },
    Field { name: "resolve", flags: RESOLVE_FLAGS },
];

fn openat2(path: &CStr, resolve: u64) -> Result<OwnedFd, Errno> {
    let how: [u64; OPEN_HOW.len()] = [(libc::O_PATH | libc::O_CLOEXEC) as u64, 0, resolve];
    // SAFETY: the kernel only reads the path, which ends in a NUL, and a struct of the size that it gets; the result owns the
    // new descriptor.
    unsafe {
        call!(openat2(
            CWD.raw() => Fd, path.as_ptr() => Text, how.as_ptr() => Fields(&OPEN_HOW), size_of_val(&how) => Number
        ))
    }
}

/// The part of struct statx that this program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// The type (`S_IFMT`) and the permission bits.
    pub mode: u32,
    /// The user ID of the owner.
    pub uid: u32,
    /// The number of hard links: 0 once the file is removed.
    pub nlink: u32,
    /// The size in bytes.
    pub size: u64,
}

/// `statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &statx)`: describes a file without opening it. It follows symbolic links.
///
/// ENOENT: there is no such file. ENOTDIR: a component of the path is not a directory. EACCES: no permission to search the path.
/// <https://man7.org/linux/man-pages/man2/statx.2.html>
pub fn stat(path: &CStr) -> Result<FileStatus, Errno> {
    statx(CWD, path, 0)
}

/// `statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, …)`: like [`stat`], but if the file is a symbolic link, it describes the link.
///
/// ENOENT, ENOTDIR, EACCES: as for [`stat`].
/// <https://man7.org/linux/man-pages/man2/statx.2.html>
pub fn lstat(path: &CStr) -> Result<FileStatus, Errno> {
    statx(CWD, path, libc::AT_SYMLINK_NOFOLLOW)
}

/// `statx(fd, "", AT_EMPTY_PATH, …)`: describes an open file.
///
/// It fails only if the file system does, for instance with EIO.
/// <https://man7.org/linux/man-pages/man2/statx.2.html>
pub fn fstat(fd: BorrowedFd) -> Result<FileStatus, Errno> {
    statx(fd, c"", libc::AT_EMPTY_PATH)
}

/// Of the calls that describe a file, only this one has the same name and the same struct on every architecture.
fn statx(dir: BorrowedFd, path: &CStr, flags: c_int) -> Result<FileStatus, Errno> {
    let mut statx = MaybeUninit::<libc::statx>::uninit();
    let (path, mask) = (path.as_ptr(), libc::STATX_BASIC_STATS);
    // SAFETY: the kernel reads the path, which ends in a NUL, and writes one struct statx, whose layout in the libc crate is the
    // kernel's.
    let () = unsafe {
        call!(statx(
            dir.raw() => Fd,
            path => Text,
            flags => Flags(AT_FLAGS),
            mask => Name("STATX_BASIC_STATS"),
            statx.as_mut_ptr() => Name("{...}"),
        ))
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

/// `statfs(path, &statfs)`: returns `f_type`, the magic number of the file system.
///
/// ENOENT: there is no such file. ENOTDIR: a component of the path is not a directory. EACCES: no permission to search the path.
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
pub fn statfs_type(path: &CStr) -> Result<i64, Errno> {
    let mut statfs = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the kernel reads the path, which ends in a NUL, and writes one struct statfs, whose layout in the libc crate is
    // the kernel's.
    let () = unsafe { call!(statfs(path.as_ptr() => Text, statfs.as_mut_ptr() => Name("{...}"))) }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    let statfs = unsafe { statfs.assume_init() };
    #[allow(clippy::unnecessary_cast)] // In the definitions for musl the type is unsigned.
    Ok(statfs.f_type as i64)
}

/// `faccessat(AT_FDCWD, path, mode)`: checks whether the file exists (F_OK), or whether the real user may read (R_OK), write
/// (W_OK) or execute it (X_OK).
///
/// ENOENT: there is no such file. EACCES: the user may not. EROFS: W_OK, and the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/access.2.html>
pub fn faccessat(path: &CStr, mode: c_int) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(faccessat(CWD.raw() => Fd, path.as_ptr() => Text, mode => Flags(ACCESS_MODES))) }
}

/// `mkdirat(AT_FDCWD, path, mode)`: makes a directory.
///
/// `mode` is the permission bits, from which the kernel removes the bits of the umask. EEXIST: the path exists. ENOENT: the
/// parent does not exist. EACCES: no permission to write to the parent. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/mkdir.2.html>
pub fn mkdirat(path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(mkdirat(CWD.raw() => Fd, path.as_ptr() => Text, mode => Mode)) }
}

/// `fchmodat(AT_FDCWD, path, mode)`: sets the permission bits of a file. The umask does not matter.
///
/// ENOENT: there is no such file. EPERM: the file belongs to another user. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/chmod.2.html>
pub fn fchmodat(path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(fchmodat(CWD.raw() => Fd, path.as_ptr() => Text, mode => Mode)) }
}

/// `fchown(fd, owner, -1)`: changes the owner of a file, but not its group.
///
/// EPERM: no CAP_CHOWN. EINVAL: the ID is not mapped in the user namespace.
/// <https://man7.org/linux/man-pages/man2/chown.2.html>
pub fn fchown(fd: BorrowedFd, owner: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(fchown(fd.raw() => Fd, owner => Number, -1isize => Signed)) }
}

/// `unlinkat(AT_FDCWD, path, AT_REMOVEDIR)`: removes an empty directory.
///
/// ENOTEMPTY: the directory is not empty. ENOENT: there is no such directory. EBUSY: it is a mount point.
/// <https://man7.org/linux/man-pages/man2/rmdir.2.html>
pub fn rmdir(path: &CStr) -> Result<(), Errno> {
    let flags = libc::AT_REMOVEDIR;
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(unlinkat(CWD.raw() => Fd, path.as_ptr() => Text, flags => Name("AT_REMOVEDIR"))) }
}

/// `unlinkat(AT_FDCWD, path, 0)`: removes the name of a file.
///
/// ENOENT: there is no such file. EISDIR: it is a directory. EBUSY: it is a mount point.
/// <https://man7.org/linux/man-pages/man2/unlink.2.html>
pub fn unlink(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(unlinkat(CWD.raw() => Fd, path.as_ptr() => Text, 0 => Number)) }
}

/// `mknodat(AT_FDCWD, path, S_IFREG | mode)`: makes an empty file without opening it.
///
/// `mode` is the permission bits, from which the kernel removes the bits of the umask. EEXIST: the path exists. ENOENT: the
/// parent does not exist. EACCES: no permission to write to the parent. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/mknod.2.html>
pub fn mknod_file(path: &CStr, mode: u32) -> Result<(), Errno> {
    let mode = libc::S_IFREG | mode;
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(mknodat(CWD.raw() => Fd, path.as_ptr() => Text, mode => Mode)) }
}

/// `symlinkat(target, AT_FDCWD, path)`: makes a symbolic link to `target`.
///
/// EEXIST: the path exists. ENOENT: the parent does not exist, or the target is empty. EACCES: no permission to write to the
/// parent. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/symlink.2.html>
pub fn symlink(target: &CStr, path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the two strings, which end in a NUL.
    unsafe { call!(symlinkat(target.as_ptr() => Text, CWD.raw() => Fd, path.as_ptr() => Text)) }
}

/// `pread(fd, buffer, len, offset)`: reads from a position in a file; returns the number of bytes, 0 at the end of the file.
///
/// EISDIR: the file is a directory. ESPIPE: it is a pipe, a socket or a terminal. EIO: the device failed.
/// <https://man7.org/linux/man-pages/man2/pread.2.html>
pub fn pread(fd: BorrowedFd, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let len = buffer.len();
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    unsafe {
        call!(pread64(
            fd.raw() => Fd, buffer.as_mut_ptr() => Name("{...}"), len => Number, offset => Number
        ))
    }
}

/// `read(fd, buffer, len)`: reads the bytes that are available; returns their number, 0 at the end of the file. It sleeps until
/// there are bytes.
///
/// EAGAIN: there are no bytes, and the descriptor is non-blocking. EINTR: a signal interrupted the call. EIO: the slave of this
/// pty master is closed, or the terminal is not this process's to read.
/// <https://man7.org/linux/man-pages/man2/read.2.html>
pub fn read(fd: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let len = buffer.len();
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    unsafe { call!(read(fd.raw() => Fd, buffer.as_mut_ptr() => Name("{...}"), len => Number)) }
}

/// `write(fd, bytes, len)`: writes some of the bytes, and returns their number.
///
/// EPIPE: the other end of the pipe or socket is closed; the kernel also sends SIGPIPE. ENOSPC: the device is full. EAGAIN: the
/// descriptor is non-blocking and its buffer is full. EINTR: a signal interrupted the call.
/// <https://man7.org/linux/man-pages/man2/write.2.html>
pub fn write(fd: BorrowedFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel only reads, and at most the length of the slice.
    unsafe { call!(write(fd.raw() => Fd, bytes.as_ptr() => Name("{...}"), bytes.len() => Number)) }
}

/// `close_range(0, UINT_MAX, 0)`: closes every descriptor.
///
/// The caller must not drop an [`OwnedFd`] afterwards: it would close its number a second time. ENOSYS: Linux before 5.9.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub fn close_all() -> Result<(), Errno> {
    // SAFETY: the call touches no memory; the core uses no descriptor whose value is not passed to it.
    unsafe { call!(close_range(0 => Number, c_uint::MAX => Number, 0 => Number)) }
}

/// `close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC)`: the next successful execve(2) closes every descriptor except stdin, stdout
/// and stderr.
///
/// ENOSYS: Linux before 5.9. EINVAL: Linux before 5.11, which does not have the flag.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub fn close_on_exec() -> Result<(), Errno> {
    let flags = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: the call touches no memory and closes no descriptor of this program.
    unsafe { call!(close_range(3 => Number, c_uint::MAX => Number, flags => Name("CLOSE_RANGE_CLOEXEC"))) }
}

/// `fcntl(fd, F_DUPFD_CLOEXEC, lowest)`: opens another descriptor of the same file, with the number `lowest` or a higher one.
///
/// EMFILE: no such descriptor is free. EINVAL: `lowest` is at or above the limit (RLIMIT_NOFILE).
/// <https://man7.org/linux/man-pages/man2/F_DUPFD.2const.html>
pub fn fcntl_dupfd(fd: BorrowedFd, lowest: c_int) -> Result<OwnedFd, Errno> {
    let operation = libc::F_DUPFD_CLOEXEC;
    // SAFETY: the call touches no memory; the result owns the new descriptor.
    unsafe { call!(fcntl(fd.raw() => Fd, operation => Name("F_DUPFD_CLOEXEC"), lowest => Number)) }
}

/// `dup3(fd, standard, 0)`: makes stdin, stdout or stderr another descriptor of the same file. execve(2) does not close it.
///
/// EINVAL: `fd` is `standard`. EBADF: the limit (RLIMIT_NOFILE) is below 3.
/// <https://man7.org/linux/man-pages/man2/dup.2.html>
pub fn dup3(fd: BorrowedFd, standard: BorrowedFd<'static>) -> Result<(), Errno> {
    // SAFETY: the call touches no memory; no `OwnedFd` owns a standard descriptor, so none loses its file.
    unsafe { call!(dup3(fd.raw() => Fd, standard.raw() => Fd, 0 => Number)) }
}

/// `fcntl(fd, F_SETLK, {F_WRLCK, SEEK_SET, 0, 0})`: locks the whole file for this process, without waiting.
///
/// The kernel releases the lock when the process ends or closes any descriptor of the file. `fd` must be open for writing.
/// EAGAIN, EACCES: another process has a lock; [`fcntl_getlk`] finds the process. ENOLCK: there are too many locks.
/// <https://man7.org/linux/man-pages/man2/F_SETLK.2const.html>
pub fn fcntl_setlk(fd: BorrowedFd) -> Result<(), Errno> {
    let (operation, lock) = (libc::F_SETLK, whole_file_lock());
    // SAFETY: the kernel reads one struct flock, which lives until the call returns.
    unsafe {
        call!(fcntl(
            fd.raw() => Fd,
            operation => Name("F_SETLK"),
            &raw const lock => Name("{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=0}"),
        ))
    }
}

/// `fcntl(fd, F_GETLK, {F_WRLCK, SEEK_SET, 0, 0})`: finds another process that has a lock on the file, if there is one.
///
/// A process outside the caller's PID namespace is shown as PID 0. The call does not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/F_GETLK.2const.html>
pub fn fcntl_getlk(fd: BorrowedFd) -> Result<Option<Pid>, Errno> {
    let (operation, mut lock) = (libc::F_GETLK, whole_file_lock());
    // SAFETY: the kernel reads one struct flock and writes one back, into a value of that type.
    let () = unsafe {
        call!(fcntl(
            fd.raw() => Fd,
            operation => Name("F_GETLK"),
            &raw mut lock => Name("{l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=0}"),
        ))
    }?;
    Ok((c_int::from(lock.l_type) != libc::F_UNLCK).then_some(Pid::new(lock.l_pid)))
}

const fn whole_file_lock() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0, // 0 is the end of the file, even if the file grows.
        l_pid: 0,
    }
}
