//! Terminals: their modes, their size, and the pair of ends that a pseudoterminal is.

use core::ffi::c_int;
use core::mem::MaybeUninit;

use super::call::call;
use super::{BorrowedFd, Errno, OwnedFd, Pid};

/// The kernel's struct termios, which is not the C library's: the modes of a terminal.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Termios {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line: u8,
    characters: [u8; 19],
}

impl Termios {
    /// As cfmakeraw(3): every byte is passed on as it is, and at once.
    pub const fn raw(mut self) -> Self {
        self.input &= !(libc::IGNBRK
            | libc::BRKINT
            | libc::PARMRK
            | libc::ISTRIP
            | libc::INLCR
            | libc::IGNCR
            | libc::ICRNL
            | libc::IXON);
        self.output &= !libc::OPOST;
        self.local &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
        self.control = self.control & !(libc::CSIZE | libc::PARENB) | libc::CS8;
        self
    }

    /// The signal that a byte stands for when it is typed: Ctrl-C, Ctrl-\ and Ctrl-Z, if they are what they usually are.
    pub fn signal_of(&self, byte: u8) -> Option<c_int> {
        let keys = [(libc::VINTR, libc::SIGINT), (libc::VQUIT, libc::SIGQUIT), (libc::VSUSP, libc::SIGTSTP)];
        let is_it = |(index, _): &&(usize, c_int)| self.characters.get(*index) == Some(&byte) && byte != 0;
        keys.iter().find(is_it).filter(|_| self.local & libc::ISIG != 0).map(|(_, signal)| *signal)
    }

    /// Whether a byte, typed, takes the meaning from the next one: Ctrl-V, as a rule.
    pub fn quotes(&self, byte: u8) -> bool {
        let is_on = self.local & (libc::ICANON | libc::IEXTEN) == libc::ICANON | libc::IEXTEN;
        is_on && byte != 0 && self.characters.get(libc::VLNEXT) == Some(&byte)
    }

    /// The byte that, typed, is the end of the input.
    pub fn end_of_file(&self) -> u8 {
        self.characters.get(libc::VEOF).copied().unwrap_or(4)
    }
}

/// `ioctl(fd, TCGETS, &termios)`: the modes of a terminal.
///
/// ENOTTY: it is none.
/// <https://man7.org/linux/man-pages/man2/TCSETS.2const.html>
pub fn tcgets(fd: BorrowedFd) -> Result<Termios, Errno> {
    let mut termios = MaybeUninit::<Termios>::uninit();
    // SAFETY: the kernel writes one struct of its own layout.
    let () = unsafe { call!(ioctl("%d|TCGETS|{...}"), fd.raw(), libc::TCGETS, termios.as_mut_ptr()) }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    Ok(unsafe { termios.assume_init() })
}

/// `ioctl(fd, TCSETS, &termios)`: sets the modes of a terminal, at once.
///
/// EIO: this process is in the background of an orphaned process group. One in the background is stopped by SIGTTOU.
/// <https://man7.org/linux/man-pages/man2/TCSETS.2const.html>
pub fn tcsets(fd: BorrowedFd, termios: &Termios) -> Result<(), Errno> {
    // SAFETY: the kernel reads one struct of its own layout.
    unsafe { call!(ioctl("%d|TCSETS|{...}"), fd.raw(), libc::TCSETS, &raw const *termios) }
}

/// The size of a terminal, in characters, and in pixels for those that care.
pub type Size = libc::winsize;

/// `ioctl(fd, TIOCGWINSZ, &winsize)`: the size of a terminal.
///
/// <https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html>
pub fn tiocgwinsz(fd: BorrowedFd) -> Result<Size, Errno> {
    let mut size = Size { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one struct winsize.
    let () = unsafe { call!(ioctl("%d|TIOCGWINSZ|{...}"), fd.raw(), libc::TIOCGWINSZ, &raw mut size) }?;
    Ok(size)
}

/// `ioctl(fd, TIOCSWINSZ, &winsize)`: sets the size; the foreground process group gets SIGWINCH if it is another one.
///
/// <https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html>
pub fn tiocswinsz(fd: BorrowedFd, size: &Size) -> Result<(), Errno> {
    // SAFETY: the kernel reads one struct winsize.
    unsafe { call!(ioctl("%d|TIOCSWINSZ|{...}"), fd.raw(), libc::TIOCSWINSZ, &raw const *size) }
}

/// `ioctl(fd, TIOCGPGRP, &pgrp)`: the process group in the foreground; on a master, that of its slave.
///
/// ENOTTY: it is not this process's controlling terminal.
/// <https://man7.org/linux/man-pages/man2/TIOCSPGRP.2const.html>
pub fn tiocgpgrp(fd: BorrowedFd) -> Result<Pid, Errno> {
    let mut group: c_int = 0;
    // SAFETY: the kernel writes one int.
    let () = unsafe { call!(ioctl("%d|TIOCGPGRP|{...}"), fd.raw(), libc::TIOCGPGRP, &raw mut group) }?;
    Ok(Pid(group))
}

/// `ioctl(master, TIOCSPTLCK, &0)`: lets the other end be opened.
///
/// <https://man7.org/linux/man-pages/man2/TIOCSPTLCK.2const.html>
pub fn unlockpt(master: BorrowedFd) -> Result<(), Errno> {
    let unlocked: c_int = 0;
    // SAFETY: the kernel reads one int.
    unsafe { call!(ioctl("%d|TIOCSPTLCK|[0]"), master.raw(), libc::TIOCSPTLCK, &raw const unlocked) }
}

/// `ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)`: opens the other end, the slave, without any path.
///
/// EIO: it is locked.
/// <https://man7.org/linux/man-pages/man2/TIOCGPTPEER.2const.html>
pub fn tiocgptpeer(master: BorrowedFd) -> Result<OwnedFd, Errno> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the call touches no memory; the new descriptor belongs to the result alone.
    unsafe {
        call!(ioctl("%d|TIOCGPTPEER|O_RDWR+O_NOCTTY+O_CLOEXEC"), master.raw(), libc::TIOCGPTPEER, flags)
    }
}

/// `ioctl(fd, TIOCSCTTY, 0)`: makes a terminal the controlling terminal of this session.
///
/// EPERM: this process leads no session, or has a controlling terminal, or another session has this one.
/// <https://man7.org/linux/man-pages/man2/TIOCSCTTY.2const.html>
pub fn tiocsctty(fd: BorrowedFd) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(ioctl("%d|TIOCSCTTY|0"), fd.raw(), libc::TIOCSCTTY, 0) }
}
