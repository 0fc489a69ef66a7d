//! Files and directories.

use core::ffi::{CStr, c_int, c_uint};
use core::mem::MaybeUninit;

use super::call::call;
use super::description::Field;
use super::errno::Errno;
use super::fd::{BorrowedFd, CWD, OwnedFd};
use super::flags::{ACCESS_MODES, AT_FLAGS, OPEN_FLAGS, RESOLVE_FLAGS};

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

/// `openat(AT_FDCWD, path, flags | O_CLOEXEC)`: opens an existing file, for reading unless the flags say otherwise.
///
/// ENOENT, ENOTDIR, ELOOP, EACCES: as for [`openat`].
/// <https://man7.org/linux/man-pages/man2/openat.2.html>
pub fn open_existing(path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_CLOEXEC;
    // SAFETY: the kernel only reads the path, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(openat(CWD.raw() => Fd, path.as_ptr() => Text, flags => Flags(OPEN_FLAGS))) }
}

/// `openat(directory, path, O_RDONLY | O_CLOEXEC)`: opens an existing file below a directory for reading.
///
/// ENOENT, ENOTDIR, ELOOP, EACCES: as for [`openat`].
/// <https://man7.org/linux/man-pages/man2/openat.2.html>
pub fn open_existing_at(directory: BorrowedFd, path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::O_CLOEXEC;
    // SAFETY: the kernel only reads the path, which ends in a NUL; the result owns the new descriptor.
    unsafe { call!(openat(directory.raw() => Fd, path.as_ptr() => Text, flags => Flags(OPEN_FLAGS))) }
}

/// `openat2(dir, path, {O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS}, size)`: finds a file, if the path leads through no magic
/// link. A magic link is a link in /proc that leads to a file without a path, such as /proc/PID/root.
///
/// ENOENT: there is no such file. ELOOP: the path leads through a magic link, or through too many symbolic links. ENOTDIR: a
/// component of the path is not a directory. EACCES: no permission to search the path. ENOSYS: Linux before 5.6.
/// <https://man7.org/linux/man-pages/man2/openat2.2.html>
pub fn openat2_without_magic(dir: BorrowedFd, path: &CStr) -> Result<OwnedFd, Errno> {
    openat2(dir, path, 0, libc::RESOLVE_NO_MAGICLINKS)
}

/// `openat2(dir, path, {O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS}, size)`: finds a file below a
/// directory, which is the root for the path: `/` and `..` do not lead out of it. No component may be a symbolic link.
///
/// ELOOP: a component is a symbolic link. ENOENT, ENOTDIR, EACCES, ENOSYS: as for [`openat2_without_magic`].
/// <https://man7.org/linux/man-pages/man2/openat2.2.html>
pub fn openat2_in_root(dir: BorrowedFd, path: &CStr) -> Result<OwnedFd, Errno> {
    openat2(dir, path, libc::O_NOFOLLOW, libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_SYMLINKS)
}

/// The fields of the kernel's struct open_how.
static OPEN_HOW: [Field; 3] = [
    Field { name: "flags", flags: OPEN_FLAGS },
    Field { name: "mode", flags: &[] },
    Field { name: "resolve", flags: RESOLVE_FLAGS },
];

fn openat2(dir: BorrowedFd, path: &CStr, flags: c_int, resolve: u64) -> Result<OwnedFd, Errno> {
    let how: [u64; OPEN_HOW.len()] = [(libc::O_PATH | libc::O_CLOEXEC | flags) as u64, 0, resolve];
    // SAFETY: the kernel only reads the path, which ends in a NUL, and a struct of the size that it gets; the result owns the
    // new descriptor.
    unsafe {
        call!(openat2(
            dir.raw() => Fd, path.as_ptr() => Text, how.as_ptr() => Fields(&OPEN_HOW), size_of_val(&how) => Number
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
    /// The group ID.
    pub gid: u32,
    /// The number of the inode.
    pub ino: u64,
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
        gid: statx.stx_gid,
        ino: statx.stx_ino,
        nlink: statx.stx_nlink,
        size: statx.stx_size,
    })
}

/// The part of struct statfs that this program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystemStatus {
    /// The magic number of the file system, `f_type`.
    pub magic: i64,
    /// Whether the mount or the file system is read-only (`ST_RDONLY` in `f_flags`).
    pub is_read_only: bool,
}

/// `statfs(path, &statfs)`: describes the file system that a path is on.
///
/// ENOENT: there is no such file. ENOTDIR: a component of the path is not a directory. EACCES: no permission to search the path.
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
pub fn statfs(path: &CStr) -> Result<FileSystemStatus, Errno> {
    let mut statfs = MaybeUninit::<KernelStatfs>::uninit();
    // SAFETY: the kernel reads the path, which ends in a NUL, and writes one struct of its own layout.
    let () = unsafe { call!(statfs(path.as_ptr() => Text, statfs.as_mut_ptr() => Name("{...}"))) }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    Ok(unsafe { statfs.assume_init() }.status())
}

/// `fstatfs(fd, &statfs)`: describes the file system that an open file is on.
///
/// EBADF: the descriptor is closed, or was opened with O_PATH before Linux 3.12.
/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
pub fn fstatfs(fd: BorrowedFd) -> Result<FileSystemStatus, Errno> {
    let mut statfs = MaybeUninit::<KernelStatfs>::uninit();
    // SAFETY: the kernel writes one struct of its own layout.
    let () = unsafe { call!(fstatfs(fd.raw() => Fd, statfs.as_mut_ptr() => Name("{...}"))) }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    Ok(unsafe { statfs.assume_init() }.status())
}

/// The kernel's struct statfs on architectures of 64 bits. That of the libc crate hides the flags.
#[repr(C)]
struct KernelStatfs {
    magic: i64,
    block_size: i64,
    /// Blocks: all, free, available. Inodes: all, free. The ID of the file system.
    counts: [u64; 6],
    name_len: i64,
    fragment_size: i64,
    flags: u64,
    spare: [u64; 4],
}

impl KernelStatfs {
    const fn status(&self) -> FileSystemStatus {
        FileSystemStatus { magic: self.magic, is_read_only: self.flags & libc::ST_RDONLY != 0 }
    }
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

/// `mkdirat(dir, path, mode)`: makes a directory. With [`CWD`], the path begins at the working directory.
///
/// `mode` is the permission bits, from which the kernel removes the bits of the umask. EEXIST: the path exists. ENOENT: the
/// parent does not exist. EACCES: no permission to write to the parent. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/mkdir.2.html>
pub fn mkdirat(dir: BorrowedFd, path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(mkdirat(dir.raw() => Fd, path.as_ptr() => Text, mode => Mode)) }
}

/// `fchmodat(AT_FDCWD, path, mode)`: sets the permission bits of a file. The umask does not matter.
///
/// ENOENT: there is no such file. EPERM: the file belongs to another user. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/chmod.2.html>
pub fn fchmodat(path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(fchmodat(CWD.raw() => Fd, path.as_ptr() => Text, mode => Mode)) }
}

/// `fchmod(fd, mode)`: sets the permission bits of an open file. The umask does not matter.
///
/// EPERM: the file belongs to another user. EROFS: the file system is read-only. EBADF: the descriptor was opened with O_PATH.
/// <https://man7.org/linux/man-pages/man2/chmod.2.html>
pub fn fchmod(fd: BorrowedFd, mode: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(fchmod(fd.raw() => Fd, mode => Mode)) }
}

/// `fchown(fd, owner, -1)`: changes the owner of a file, but not its group.
///
/// EPERM: no CAP_CHOWN. EINVAL: the ID is not mapped in the user namespace.
/// <https://man7.org/linux/man-pages/man2/chown.2.html>
pub fn fchown(fd: BorrowedFd, owner: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(fchown(fd.raw() => Fd, owner => Number, -1isize => Signed)) }
}

/// `fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW)`: gives a file to another user and another group. If it is a symbolic
/// link, it changes the link.
///
/// EPERM: no CAP_CHOWN. EINVAL: an ID is not mapped in the user namespace. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/chown.2.html>
pub fn lchown(path: &CStr, owner: u32, group: u32) -> Result<(), Errno> {
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe {
        call!(fchownat(
            CWD.raw() => Fd, path.as_ptr() => Text, owner => Number, group => Number, flags => Flags(AT_FLAGS),
        ))
    }
}

/// `unlinkat(dir, path, AT_REMOVEDIR)`: removes an empty directory.
///
/// ENOTEMPTY: the directory is not empty. ENOENT: there is no such directory. EBUSY: it is a mount point.
/// <https://man7.org/linux/man-pages/man2/rmdir.2.html>
pub fn rmdir(dir: BorrowedFd, path: &CStr) -> Result<(), Errno> {
    let flags = libc::AT_REMOVEDIR;
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(unlinkat(dir.raw() => Fd, path.as_ptr() => Text, flags => Name("AT_REMOVEDIR"))) }
}

/// `unlinkat(dir, path, 0)`: removes the name of a file.
///
/// ENOENT: there is no such file. EISDIR: it is a directory. EBUSY: it is a mount point.
/// <https://man7.org/linux/man-pages/man2/unlink.2.html>
pub fn unlink(dir: BorrowedFd, path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(unlinkat(dir.raw() => Fd, path.as_ptr() => Text, 0 => Number)) }
}

/// `mknodat(dir, path, S_IFREG | mode)`: makes an empty file without opening it.
///
/// `mode` is the permission bits, from which the kernel removes the bits of the umask. EEXIST: the path exists. ENOENT: the
/// parent does not exist. EACCES: no permission to write to the parent. EROFS: the file system is read-only.
/// <https://man7.org/linux/man-pages/man2/mknod.2.html>
pub fn mknod_file(dir: BorrowedFd, path: &CStr, mode: u32) -> Result<(), Errno> {
    let mode = libc::S_IFREG | mode;
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(mknodat(dir.raw() => Fd, path.as_ptr() => Text, mode => Mode)) }
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

/// `close_range(3, UINT_MAX, 0)`: closes every descriptor except stdin, stdout and stderr.
///
/// The caller has no [`OwnedFd`] yet. ENOSYS: Linux before 5.9.
/// <https://man7.org/linux/man-pages/man2/close_range.2.html>
pub fn close_inherited() -> Result<(), Errno> {
    // SAFETY: the call touches no memory; the descriptors that it closes belong to no value of this program.
    unsafe { call!(close_range(3 => Number, c_uint::MAX => Number, 0 => Number)) }
}

/// `dup3(fd, standard, 0)`: makes stdin, stdout or stderr another descriptor of the same file. execve(2) does not close it.
///
/// EINVAL: `fd` is `standard`. EBADF: the limit (RLIMIT_NOFILE) is below 3.
/// <https://man7.org/linux/man-pages/man2/dup.2.html>
pub fn dup3(fd: BorrowedFd, standard: BorrowedFd<'static>) -> Result<(), Errno> {
    // SAFETY: the call touches no memory; no `OwnedFd` owns a standard descriptor, so none loses its file.
    unsafe { call!(dup3(fd.raw() => Fd, standard.raw() => Fd, 0 => Number)) }
}

/// `flock(fd, LOCK_EX | LOCK_NB)`: locks a file or a directory, without waiting.
///
/// The kernel releases the lock when the last descriptor of this open file is closed, however the process ends. EAGAIN: another
/// open file of it has a lock. ENOLCK: there are too many locks.
/// <https://man7.org/linux/man-pages/man2/flock.2.html>
pub fn flock(fd: BorrowedFd) -> Result<(), Errno> {
    let operation = libc::LOCK_EX | libc::LOCK_NB;
    // SAFETY: the call touches no memory.
    unsafe { call!(flock(fd.raw() => Fd, operation => Name("LOCK_EX|LOCK_NB"))) }
}

/// `umask(mask)`: sets the permission bits that the kernel removes from the mode of each new file.
///
/// The call does not fail. <https://man7.org/linux/man-pages/man2/umask.2.html>
pub fn umask(mask: u32) {
    // SAFETY: the call touches no memory.
    let old: Result<(), Errno> = unsafe { call!(umask(mask => Mode)) };
    let _ = old; // The old mask.
}

/// `getcwd(buffer, len)`: writes the path of the working directory into the buffer; returns its length with the NUL.
///
/// ERANGE: the path is longer than the buffer. ENOENT: the directory was removed.
/// <https://man7.org/linux/man-pages/man2/getcwd.2.html>
pub fn getcwd(buffer: &mut [u8]) -> Result<usize, Errno> {
    let len = buffer.len();
    // SAFETY: the kernel writes at most `len` bytes into the buffer.
    unsafe { call!(getcwd(buffer.as_mut_ptr() => Name("{...}"), len => Number)) }
}
