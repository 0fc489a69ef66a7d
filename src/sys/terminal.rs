//! Terminals: their modes, their size, and pseudoterminals. A pseudoterminal (pty) is a pair of a master and a slave.

use core::ffi::c_int;
use core::mem::MaybeUninit;

use super::call::call;
use super::errno::Errno;
use super::fd::{BorrowedFd, OwnedFd};
use super::flags::OPEN_FLAGS;
use super::process::Pid;

/// The modes of a terminal: the kernel's struct termios, which differs from the one of the C library.
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
    /// The modes that cfmakeraw(3) makes: a program gets every byte at once and unchanged.
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

    /// The signal that the terminal sends when this byte is typed. The usual bytes are Ctrl-C, Ctrl-\ and Ctrl-Z.
    pub fn signal_of(&self, byte: u8) -> Option<c_int> {
        let keys = [(libc::VINTR, libc::SIGINT), (libc::VQUIT, libc::SIGQUIT), (libc::VSUSP, libc::SIGTSTP)];
        let is_it = |(index, _): &&(usize, c_int)| self.characters.get(*index) == Some(&byte) && byte != 0;
        keys.iter().find(is_it).filter(|_| self.local & libc::ISIG != 0).map(|(_, signal)| *signal)
    }

    /// Whether the terminal passes on the next typed byte without a special meaning after this one. The usual byte is Ctrl-V.
    pub fn quotes(&self, byte: u8) -> bool {
        let is_on = self.local & (libc::ICANON | libc::IEXTEN) == libc::ICANON | libc::IEXTEN;
        is_on && byte != 0 && self.characters.get(libc::VLNEXT) == Some(&byte)
    }

    /// Whether the terminal collects lines (canonical mode), and makes an end of file of the byte below.
    pub const fn is_canonical(&self) -> bool {
        self.local & libc::ICANON != 0
    }

    /// The byte that ends the input when it is typed. The usual byte is Ctrl-D.
    pub fn end_of_file(&self) -> u8 {
        self.characters.get(libc::VEOF).copied().unwrap_or(4)
    }

    /// The byte that deletes the line when it is typed. The usual byte is Ctrl-U.
    pub fn kill_line(&self) -> u8 {
        self.characters.get(libc::VKILL).copied().unwrap_or(21)
    }
}

/// `ioctl(fd, TCGETS, &termios)`: reads the modes of a terminal.
///
/// ENOTTY: the file is not a terminal. EIO: the terminal has hung up.
/// <https://man7.org/linux/man-pages/man2/TCSETS.2const.html>
pub fn tcgets(fd: BorrowedFd) -> Result<Termios, Errno> {
    let mut termios = MaybeUninit::<Termios>::uninit();
    // SAFETY: the kernel writes one struct termios in its layout.
    let () = unsafe {
        call!(ioctl(fd.raw() => Fd, libc::TCGETS => Name("TCGETS"), termios.as_mut_ptr() => Name("{...}")))
    }?;
    // SAFETY: the call succeeded, so the kernel filled the struct.
    Ok(unsafe { termios.assume_init() })
}

/// `ioctl(fd, TCSETS, &termios)`: sets the modes of a terminal at once.
///
/// The kernel stops a background process that does this with SIGTTOU. EIO: the process is in an orphaned background process
/// group, or the terminal has hung up. ENOTTY: the file is not a terminal. EINTR: a signal interrupted the call.
/// <https://man7.org/linux/man-pages/man2/TCSETS.2const.html>
pub fn tcsets(fd: BorrowedFd, termios: &Termios) -> Result<(), Errno> {
    // SAFETY: the kernel reads one struct termios in its layout.
    unsafe {
        call!(ioctl(fd.raw() => Fd, libc::TCSETS => Name("TCSETS"), &raw const *termios => Name("{...}")))
    }
}

/// The size of a terminal in characters, and in pixels if the terminal has set them.
pub type Size = libc::winsize;

/// `ioctl(fd, TIOCGWINSZ, &winsize)`: reads the size of a terminal.
///
/// ENOTTY: the file is not a terminal.
/// <https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html>
pub fn tiocgwinsz(fd: BorrowedFd) -> Result<Size, Errno> {
    let mut size = Size { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one struct winsize.
    let () = unsafe {
        call!(ioctl(fd.raw() => Fd, libc::TIOCGWINSZ => Name("TIOCGWINSZ"), &raw mut size => Name("{...}")))
    }?;
    Ok(size)
}

/// `ioctl(fd, TIOCSWINSZ, &winsize)`: sets the size of a terminal. If the size changes, the foreground process group gets
/// SIGWINCH.
///
/// ENOTTY: the file is not a terminal.
/// <https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html>
pub fn tiocswinsz(fd: BorrowedFd, size: &Size) -> Result<(), Errno> {
    // SAFETY: the kernel reads one struct winsize.
    unsafe {
        call!(ioctl(fd.raw() => Fd, libc::TIOCSWINSZ => Name("TIOCSWINSZ"), &raw const *size => Name("{...}")))
    }
}

/// `ioctl(fd, TIOCGPGRP, &pgrp)`: the foreground process group of a terminal. For a pty master, it is that of the slave.
///
/// ENOTTY: the file is not a pty master and not the controlling terminal of this process.
/// <https://man7.org/linux/man-pages/man2/TIOCSPGRP.2const.html>
pub fn tiocgpgrp(fd: BorrowedFd) -> Result<Pid, Errno> {
    let mut group: c_int = 0;
    // SAFETY: the kernel writes one int.
    let () = unsafe {
        call!(ioctl(fd.raw() => Fd, libc::TIOCGPGRP => Name("TIOCGPGRP"), &raw mut group => Name("{...}")))
    }?;
    Ok(Pid::new(group))
}

/// `ioctl(master, TIOCSPTLCK, &0)`: unlocks the slave of a pty, like unlockpt(3). A process can open the slave only then.
///
/// ENOTTY: the file is not a pty master.
/// <https://man7.org/linux/man-pages/man2/TIOCSPTLCK.2const.html>
pub fn unlockpt(master: BorrowedFd) -> Result<(), Errno> {
    let unlocked: c_int = 0;
    // SAFETY: the kernel reads one int.
    unsafe {
        call!(ioctl(
            master.raw() => Fd, libc::TIOCSPTLCK => Name("TIOCSPTLCK"), &raw const unlocked => Name("[0]")
        ))
    }
}

/// `ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)`: opens the slave of a pty. It needs no path.
///
/// EIO: the slave is locked. ENOTTY: the file is not a pty master. EMFILE: no descriptor is free.
/// <https://man7.org/linux/man-pages/man2/TIOCGPTPEER.2const.html>
pub fn tiocgptpeer(master: BorrowedFd) -> Result<OwnedFd, Errno> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the call touches no memory; the result owns the new descriptor.
    unsafe {
        call!(ioctl(
            master.raw() => Fd, libc::TIOCGPTPEER => Name("TIOCGPTPEER"), flags => Flags(OPEN_FLAGS)
        ))
    }
}

/// `ioctl(fd, TIOCSCTTY, 0)`: makes a terminal the controlling terminal of this session.
///
/// EPERM: this process is not a session leader, or its session has a controlling terminal, or the terminal belongs to another
/// session. ENOTTY: the file is not a terminal.
/// <https://man7.org/linux/man-pages/man2/TIOCSCTTY.2const.html>
pub fn tiocsctty(fd: BorrowedFd) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(ioctl(fd.raw() => Fd, libc::TIOCSCTTY => Name("TIOCSCTTY"), 0 => Number)) }
}

/// `ioctl(master, TIOCPKT, &1)`: turns on packet mode. Each read of the master now begins with a byte that is 0 before output. If
/// it is not 0, it reports an event, and nothing follows.
///
/// ENOTTY: the file is not a pty master.
/// <https://man7.org/linux/man-pages/man2/TIOCPKT.2const.html>
pub fn tiocpkt(master: BorrowedFd) -> Result<(), Errno> {
    let on: c_int = 1;
    // SAFETY: the kernel reads one int.
    unsafe {
        call!(ioctl(master.raw() => Fd, libc::TIOCPKT => Name("TIOCPKT"), &raw const on => Name("[1]")))
    }
}
