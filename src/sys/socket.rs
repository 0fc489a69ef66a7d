//! A pair of connected sockets, which can transfer a descriptor from one process to another, poll(2) and epoll(7).

use core::ffi::{c_int, c_uint, c_void};
use core::mem::offset_of;
use core::ptr;

use super::call::{call, describe, make_short};
use super::description::Description;
use super::errno::Errno;
use super::fd::{BorrowedFd, OwnedFd};

/// A control message that holds one descriptor, in the layout of cmsg(3).
#[repr(C)]
struct Rights {
    /// The number of bytes up to the end of `fd`.
    len: usize,
    level: c_int,
    kind: c_int,
    fd: c_int,
    padding: c_int,
}

/// The value of `len` when the message holds a descriptor.
const LEN: usize = offset_of!(Rights, padding);

/// The kernel's struct msghdr.
#[repr(C)]
struct Message {
    name: *const c_void,
    name_len: c_int,
    data: *mut libc::iovec,
    data_count: usize,
    control: *mut Rights,
    control_len: usize,
    flags: c_int,
}

/// `socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)`: opens two sockets that are connected to each other.
///
/// EMFILE, ENFILE: no two descriptors are free. ENOMEM: no memory.
/// <https://man7.org/linux/man-pages/man2/socketpair.2.html>
pub fn socketpair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds: [c_int; 2] = [-1; 2];
    // SAFETY: the kernel writes two ints into the array.
    let () = unsafe {
        call!(socketpair(
            libc::AF_UNIX => Name("AF_UNIX"),
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC => Name("SOCK_STREAM|SOCK_CLOEXEC"),
            0 => Number,
            fds.as_mut_ptr() => Name("{...}"),
        ))
    }?;
    let [one, other] = fds;
    Ok((OwnedFd::new(one), OwnedFd::new(other)))
}

/// `sendmsg(socket, {one byte, SCM_RIGHTS: fd}, MSG_NOSIGNAL)`: sends a copy of a descriptor to the process at the other end.
///
/// EPIPE: the other end is closed; MSG_NOSIGNAL prevents SIGPIPE. ETOOMANYREFS: too many descriptors are on their way.
/// <https://man7.org/linux/man-pages/man2/sendmsg.2.html>, <https://man7.org/linux/man-pages/man7/unix.7.html>
pub fn sendmsg(socket: BorrowedFd, fd: BorrowedFd) -> Result<(), Errno> {
    let description = describe!(sendmsg(Fd, Name("{...}"), Name("MSG_NOSIGNAL")));
    let mut rights =
        Rights { len: LEN, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, fd: fd.raw(), padding: 0 };
    // SAFETY: the description is that of sendmsg(2).
    unsafe { transfer(description, socket, &mut rights, libc::MSG_NOSIGNAL) }
}

/// `recvmsg(socket, {one byte, SCM_RIGHTS}, MSG_CMSG_CLOEXEC)`: receives the descriptor that [`sendmsg`] sends. It sleeps until
/// the other end sends a byte or closes.
///
/// Returns None if no descriptor came: the other end wrote a byte without one, closed before it sent a byte, or this process has
/// no descriptor free. EINTR: a signal interrupted the call.
/// <https://man7.org/linux/man-pages/man2/recvmsg.2.html>, <https://man7.org/linux/man-pages/man7/unix.7.html>
pub fn recvmsg(socket: BorrowedFd) -> Result<Option<OwnedFd>, Errno> {
    let description = describe!(recvmsg(Fd, Name("{...}"), Name("MSG_CMSG_CLOEXEC")));
    let mut rights = Rights { len: 0, level: 0, kind: 0, fd: -1, padding: 0 };
    // SAFETY: the description is that of recvmsg(2).
    let () = unsafe { transfer(description, socket, &mut rights, libc::MSG_CMSG_CLOEXEC) }?;
    Ok((rights.len == LEN).then(|| OwnedFd::new(rights.fd)))
}

/// Sends or receives one byte and a control message.
///
/// # Safety
///
/// The description is that of sendmsg(2) or recvmsg(2).
#[inline(never)] // Both calls share it.
unsafe fn transfer(
    description: &'static Description,
    socket: BorrowedFd,
    rights: &mut Rights,
    flags: c_int,
) -> Result<(), Errno> {
    let mut byte = 0u8;
    let mut data = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut message = Message {
        name: ptr::null(),
        name_len: 0,
        data: &raw mut data,
        data_count: 1,
        control: rights,
        control_len: size_of::<Rights>(),
        flags: 0,
    };
    let (socket, message) = (socket.raw() as usize, (&raw mut message).expose_provenance());
    // SAFETY: the lengths in `message` are those of values that live until the call returns, and the kernel may write to them.
    unsafe { make_short(description, socket, message, flags as usize) }
}

/// The kernel's struct pollfd: a descriptor, the events to wait for, and the events that occurred.
pub type PollFd = libc::pollfd;

/// A row for [`ppoll`]. The kernel skips a row without a descriptor.
pub fn poll_fd(fd: Option<BorrowedFd>, events: i16) -> PollFd {
    PollFd { fd: fd.map_or(-1, BorrowedFd::raw), events, revents: 0 }
}

/// `ppoll(fds, count, NULL, NULL, 8)`: sleeps until an event occurs on one of the descriptors, without a time limit.
///
/// The 8 is the size of a set of signals in bytes. EINTR: a signal interrupted the call. ENOMEM: no memory. EINVAL: there are
/// more rows than the limit (RLIMIT_NOFILE).
/// <https://man7.org/linux/man-pages/man2/poll.2.html>
pub fn ppoll(fds: &mut [PollFd]) -> Result<(), Errno> {
    let count = fds.len() as c_uint;
    // SAFETY: the kernel reads and writes `count` structs, as many as the slice has.
    unsafe {
        call!(ppoll(
            fds.as_mut_ptr() => Name("{...}"),
            count => Number,
            0 => Name("NULL"),
            0 => Name("NULL"),
            8 => Number,
        ))
    }
}

/// `ppoll(fds, count, {0, nanoseconds}, NULL, 8)`: sleeps until a descriptor is ready, but no longer than these nanoseconds, which
/// are less than a second. With 0 it asks without waiting.
///
/// The errors are those of [`ppoll`].
/// <https://man7.org/linux/man-pages/man2/poll.2.html>
pub fn ppoll_within(nanoseconds: u32, fds: &mut [PollFd]) -> Result<(), Errno> {
    let count = fds.len() as c_uint;
    let mut timeout = libc::timespec { tv_sec: 0, tv_nsec: i64::from(nanoseconds) };
    // SAFETY: the kernel reads and writes `count` structs, as many as the slice has, and one struct timespec.
    unsafe {
        call!(ppoll(
            fds.as_mut_ptr() => Name("{...}"),
            count => Number,
            &raw mut timeout => Name("{...}"),
            0 => Name("NULL"),
            8 => Number,
        ))
    }
}

/// `epoll_create1(EPOLL_CLOEXEC)`: opens an epoll instance.
///
/// EMFILE, ENFILE: no descriptor is free. ENOMEM: no memory.
/// <https://man7.org/linux/man-pages/man2/epoll_create.2.html>
pub fn epoll_create() -> Result<OwnedFd, Errno> {
    // SAFETY: the call touches no memory; the result owns the new descriptor.
    unsafe { call!(epoll_create1(libc::EPOLL_CLOEXEC => Name("EPOLL_CLOEXEC"))) }
}

/// `epoll_ctl(epoll, EPOLL_CTL_ADD, fd, {EPOLLOUT | EPOLLET})`: from now on the instance has an event each time the file wakes
/// those who wait to write to it, even if it was writable before. With EPOLLET an event occurs once, and not as long as the file
/// is writable.
///
/// EEXIST: the instance has the descriptor already. ENOMEM: no memory. EPERM: the file does not support epoll.
/// <https://man7.org/linux/man-pages/man2/epoll_ctl.2.html>
pub fn epoll_add_edge(epoll: BorrowedFd, fd: BorrowedFd) -> Result<(), Errno> {
    let mut event = libc::epoll_event { events: (libc::EPOLLOUT | libc::EPOLLET) as u32, u64: 0 };
    // SAFETY: the kernel reads one struct epoll_event.
    unsafe {
        call!(epoll_ctl(
            epoll.raw() => Fd,
            libc::EPOLL_CTL_ADD => Name("EPOLL_CTL_ADD"),
            fd.raw() => Fd,
            &raw mut event => Name("{...}"),
        ))
    }
}

/// `epoll_pwait(epoll, &event, 1, 0, NULL, 0)`: takes an event, if there is one, without waiting. Says whether there was one.
///
/// EINVAL: the descriptor is not an epoll instance.
/// <https://man7.org/linux/man-pages/man2/epoll_wait.2.html>
pub fn epoll_take(epoll: BorrowedFd) -> Result<bool, Errno> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: the kernel writes at most one struct epoll_event.
    let count: usize = unsafe {
        call!(epoll_pwait(
            epoll.raw() => Fd,
            &raw mut event => Name("[...]"),
            1 => Number,
            0 => Number,
            0 => Name("NULL"),
            0 => Number,
        ))
    }?;
    Ok(count > 0)
}
