//! A pair of sockets, and the one thing that a pipe cannot carry: a descriptor.

use core::ffi::{c_int, c_uint};
use core::mem::MaybeUninit;

use super::call::call;
use super::{BorrowedFd, Errno, OwnedFd};

/// A control message that holds one descriptor, as cmsg(3) lays it out.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    fd: c_int,
    padding: c_int,
}

/// The length of it that counts: the header and the descriptor.
const LEN: usize = size_of::<libc::cmsghdr>() + size_of::<c_int>();

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

/// `sendmsg(socket, {one byte, SCM_RIGHTS: fd}, MSG_NOSIGNAL)`: gives a copy of a descriptor, if there is one, to whoever has
/// the other end.
///
/// EPIPE: nobody has.
/// <https://man7.org/linux/man-pages/man2/sendmsg.2.html>, <https://man7.org/linux/man-pages/man7/unix.7.html>
pub fn sendmsg(socket: BorrowedFd, fd: Option<BorrowedFd>) -> Result<(), Errno> {
    let header =
        libc::cmsghdr { cmsg_len: LEN as _, cmsg_level: libc::SOL_SOCKET, cmsg_type: libc::SCM_RIGHTS };
    let mut rights = Rights { header, fd: fd.map_or(-1, BorrowedFd::raw), padding: 0 };
    let mut byte = 0u8;
    with_message(&mut byte, fd.is_some().then_some(&mut rights), |message| {
        // SAFETY: the kernel reads the message, whose addresses are those of values that live meanwhile.
        unsafe { call!(sendmsg("%d|{...}|MSG_NOSIGNAL"), socket.raw(), message, libc::MSG_NOSIGNAL) }
    })
}

/// `recvmsg(socket, {one byte, SCM_RIGHTS}, MSG_CMSG_CLOEXEC)`: waits for what [`sendmsg`] sends, with its descriptor if it has
/// one; None if the other end was closed before anything came.
///
/// <https://man7.org/linux/man-pages/man2/recvmsg.2.html>
pub fn recvmsg(socket: BorrowedFd) -> Result<Option<Option<OwnedFd>>, Errno> {
    let header = libc::cmsghdr { cmsg_len: 0, cmsg_level: 0, cmsg_type: 0 };
    let mut rights = Rights { header, fd: -1, padding: 0 };
    let mut byte = 0u8;
    let received: usize = with_message(&mut byte, Some(&mut rights), |message| {
        let flags = libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the kernel writes at most what the message's lengths say, into values that live meanwhile.
        unsafe { call!(recvmsg("%d|{...}|MSG_CMSG_CLOEXEC"), socket.raw(), message, flags) }
    })?;
    #[allow(clippy::unnecessary_cast)] // With musl's definitions it is another type.
    let has_fd = rights.header.cmsg_type == libc::SCM_RIGHTS && rights.header.cmsg_len as usize == LEN;
    Ok((received > 0).then(|| has_fd.then(|| OwnedFd::new(rights.fd))))
}

fn with_message<T>(
    byte: &mut u8,
    rights: Option<&mut Rights>,
    use_it: impl FnOnce(*mut libc::msghdr) -> T,
) -> T {
    let mut vector = libc::iovec { iov_base: (&raw mut *byte).cast(), iov_len: 1 };
    let mut message = MaybeUninit::<libc::msghdr>::zeroed();
    let place = message.as_mut_ptr();
    // SAFETY: all zeros is a struct msghdr: no name, no data, no control message.
    let message = unsafe { &mut *place };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    if let Some(rights) = rights {
        message.msg_control = (&raw mut *rights).cast();
        message.msg_controllen = size_of::<Rights>() as _;
    }
    use_it(message)
}

/// The kernel's poll(2) struct: a descriptor, and whether something can be read from it or written to it.
pub type Ready = libc::pollfd;

/// A row for [`ppoll`]: no descriptor is a row that is never ready.
pub fn ready(fd: Option<BorrowedFd>, events: i16) -> Ready {
    Ready { fd: fd.map_or(-1, BorrowedFd::raw), events, revents: 0 }
}

/// `ppoll(fds, count, NULL, NULL, 8)`: sleeps until one of the descriptors is ready, for as long as it takes.
///
/// EINTR: a signal with a handler came.
/// <https://man7.org/linux/man-pages/man2/poll.2.html>
pub fn ppoll(fds: &mut [Ready]) -> Result<(), Errno> {
    let count = fds.len() as c_uint;
    // SAFETY: the kernel reads and writes so many structs.
    unsafe { call!(ppoll("{...}|%d|NULL|NULL|8"), fds.as_mut_ptr(), count, 0, 0, 8) }
}
