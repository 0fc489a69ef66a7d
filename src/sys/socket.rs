//! A pair of sockets, and the one thing that a pipe cannot carry: a descriptor.

use core::ffi::{c_int, c_uint, c_void};
use core::mem::offset_of;
use core::ptr;

use super::call::{Template, call, make_short, template};
use super::{BorrowedFd, Errno, OwnedFd};

/// A control message that holds one descriptor, as cmsg(3) lays it out.
#[repr(C)]
struct Rights {
    /// Up to the end of the descriptor.
    len: usize,
    level: c_int,
    kind: c_int,
    fd: c_int,
    padding: c_int,
}

/// The length of it that counts.
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

/// `socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)`: two sockets that are connected with each other.
///
/// EMFILE: there are no two descriptors left.
/// <https://man7.org/linux/man-pages/man2/socketpair.2.html>
pub fn socketpair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut fds: [c_int; 2] = [-1; 2];
    let (family, kind) = (libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC);
    // SAFETY: the kernel writes two ints; the new descriptors belong to the results alone.
    let () = unsafe {
        call!(socketpair("AF_UNIX|SOCK_STREAM+SOCK_CLOEXEC|0|{...}"), family, kind, 0, fds.as_mut_ptr())
    }?;
    let [one, other] = fds;
    Ok((OwnedFd::new(one), OwnedFd::new(other)))
}

/// `sendmsg(socket, {one byte, SCM_RIGHTS: fd}, MSG_NOSIGNAL)`: gives a copy of a descriptor to whoever has the other end.
///
/// EPIPE: nobody has.
/// <https://man7.org/linux/man-pages/man2/sendmsg.2.html>, <https://man7.org/linux/man-pages/man7/unix.7.html>
pub fn sendmsg(socket: BorrowedFd, fd: BorrowedFd) -> Result<(), Errno> {
    let mut rights =
        Rights { len: LEN, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, fd: fd.raw(), padding: 0 };
    // SAFETY: that is the call's template; it only reads.
    unsafe { transfer(template!(sendmsg("%d|{...}|MSG_NOSIGNAL")), socket, &mut rights, libc::MSG_NOSIGNAL) }
}

/// `recvmsg(socket, {one byte, SCM_RIGHTS}, MSG_CMSG_CLOEXEC)`: waits for the descriptor that [`sendmsg`] sends; None if something
/// else came, or the other end was closed before anything did.
///
/// <https://man7.org/linux/man-pages/man2/recvmsg.2.html>
pub fn recvmsg(socket: BorrowedFd) -> Result<Option<OwnedFd>, Errno> {
    let mut rights = Rights { len: 0, level: 0, kind: 0, fd: -1, padding: 0 };
    let template = template!(recvmsg("%d|{...}|MSG_CMSG_CLOEXEC"));
    // SAFETY: that is the call's template; it writes a descriptor at most.
    let () = unsafe { transfer(template, socket, &mut rights, libc::MSG_CMSG_CLOEXEC) }?;
    Ok((rights.len == LEN).then(|| OwnedFd::new(rights.fd)))
}

/// # Safety
///
/// `template` is that of sendmsg(2) or recvmsg(2).
#[inline(never)]
unsafe fn transfer(
    template: *const Template,
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
    // SAFETY: the kernel reads and writes at most what the lengths say, in values that live meanwhile.
    unsafe {
        make_short(template, socket.raw() as usize, (&raw mut message).expose_provenance(), flags as usize)
    }
}

/// The kernel's poll(2) struct: a descriptor, and whether something can be read from it or written to it.
pub type PollFd = libc::pollfd;

/// A row for [`ppoll`]: no descriptor is a row that is never ready.
pub fn poll_fd(fd: Option<BorrowedFd>, events: i16) -> PollFd {
    PollFd { fd: fd.map_or(-1, BorrowedFd::raw), events, revents: 0 }
}

/// `ppoll(fds, count, NULL, NULL, 8)`: sleeps until one of the descriptors is ready, for as long as it takes.
///
/// EINTR: a signal with a handler came.
/// <https://man7.org/linux/man-pages/man2/poll.2.html>
pub fn ppoll(fds: &mut [PollFd]) -> Result<(), Errno> {
    let count = fds.len() as c_uint;
    // SAFETY: the kernel reads and writes so many structs.
    unsafe { call!(ppoll("{...}|%d|NULL|NULL|8"), fds.as_mut_ptr(), count, 0, 0, 8) }
}
