//! tty: terminals that belong to the container, and one of them for the command.

use core::ffi::{CStr, c_uint};

use crate::step::{self, Reported, Step, unless_bare};
use crate::sys::{self, BorrowedFd, CWD, Errno, Instruction, STDIN, STDOUT};

/// The row of this step.
pub static STEP: Step = Step {
    name: "tty",
    why: "The command gets a terminal inside, because it must not type into the caller's.",
    calls: &["mkdirat", "mount", "symlinkat", "openat", "ioctl", "mknodat", "sendmsg", "seccomp"],
    chapter: "17-terminal.md",
    when: unless_bare,
    inside: Some(|context| {
        mount_devpts()?;
        match context.channel {
            Some(channel) if context.has_terminal => context.pty_slave = Some(open_terminal(channel)?),
            _ if context.shares_terminal => install_tty_filter()?,
            _ => {}
        }
        Ok(())
    }),
    ..Step::NEW
};

/// The device that opens a new terminal of the instance.
const PTMX: &CStr = c"/dev/pts/ptmx";

/// Mounts an instance of devpts that no other container has, at /dev/pts.
pub fn mount_devpts() -> Result<(), Reported> {
    const WITH_GROUP: &CStr = c"newinstance,ptmxmode=0666,mode=0620,gid=5";
    const WITHOUT_GROUP: &CStr = c"newinstance,ptmxmode=0666,mode=0620";
    let at = c"/dev/pts";
    let mount = |data| sys::mount(c"devpts", at, c"devpts", libc::MS_NOSUID | libc::MS_NOEXEC, data);
    // If `dev` is skipped, the image's own may be there.
    let unless_there = |outcome| if outcome == Err(Errno::EEXIST) { Ok(()) } else { outcome };
    unless_there(sys::mkdirat(CWD, at, 0o755)).map_err(|errno| step::failed(at, errno))?;
    let outcome = match mount(WITH_GROUP) {
        Err(Errno::EINVAL) => mount(WITHOUT_GROUP), // This user namespace does not map group 5, tty.
        outcome => outcome,
    };
    outcome.map_err(|errno| step::failed(at, errno))?;
    unless_there(sys::symlink(c"pts/ptmx", c"/dev/ptmx")).map_err(|errno| step::failed(c"/dev/ptmx", errno))
}

/// Opens the first terminal of the instance and sends its master to the supervisor. Returns the slave, which is /dev/console
/// too.
pub fn open_terminal(channel: BorrowedFd) -> Result<BorrowedFd<'static>, Reported> {
    let console = c"/dev/console";
    let pty_slave = openpty(channel).map_err(|errno| step::failed(PTMX, errno))?;
    sys::mknod_file(CWD, console, 0o620)
        .and_then(|()| sys::mount(c"/dev/pts/0", console, c"", libc::MS_BIND, c""))
        .map_err(|errno| step::failed(console, errno))?;
    Ok(pty_slave)
}

/// Opens a pseudoterminal with the modes and the size of the caller's terminal, and sends the master through the channel.
/// Returns the slave. execve(2) closes both here.
fn openpty(channel: BorrowedFd) -> Result<BorrowedFd<'static>, Errno> {
    let pty_master = sys::openat(PTMX, libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK, 0)?.leak();
    sys::unlockpt(pty_master)?;
    let pty_slave = sys::tiocgptpeer(pty_master)?.leak();
    // stdout may be a terminal if stdin is not. If neither is, the kernel's own modes and no size will do.
    let outer = [STDIN, STDOUT].into_iter().find_map(|fd| Some((fd, sys::tcgets(fd).ok()?)));
    if let Some((fd, modes)) = outer {
        sys::tcsets(pty_slave, &modes)?;
        sys::tiocswinsz(pty_master, &sys::tiocgwinsz(fd)?)?;
    }
    sys::sendmsg(channel, pty_master)?;
    Ok(pty_slave)
}

/// Installs a seccomp filter for a command whose stdin, stdout or stderr is the caller's terminal.
///
/// ioctl(2) fails with EPERM if it would type into a terminal (TIOCSTI, TIOCLINUX), since the caller's shell would take that
/// for its user's keys, or if it would take the terminal away from the shell's session (TIOCSCTTY with 1).
pub fn install_tty_filter() -> Result<(), Reported> {
    sys::seccomp(&TTY_FILTER).map_err(|errno| step::failed(c"", errno))
}

static TTY_FILTER: [Instruction; 12] = {
    const LOAD: c_uint = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const EQUALS: c_uint = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: c_uint = libc::BPF_RET | libc::BPF_K;
    const fn line(code: c_uint, jt: u8, jf: u8, k: c_uint) -> Instruction {
        Instruction { code: code as u16, jt, jf, k }
    }
    // The offsets in struct seccomp_data of the lower halves of args[1] and args[2], in bytes.
    let request = if cfg!(target_endian = "little") { 24 } else { 28 };
    let argument = request + 8;
    [
        line(LOAD, 0, 0, 0),                           // The number of the call:
        line(EQUALS, 2, 0, libc::SYS_ioctl as c_uint), // ioctl,
        line(EQUALS, 1, 0, 54),                        // ioctl of the architecture's 32-bit sibling,
        line(EQUALS, 0, 6, 0x4000_0202),               // ioctl of x32, the other ABI of x86_64.
        line(LOAD, 0, 0, request),
        line(EQUALS, 5, 0, libc::TIOCSTI as c_uint),
        line(EQUALS, 4, 0, libc::TIOCLINUX as c_uint),
        line(EQUALS, 0, 2, libc::TIOCSCTTY as c_uint),
        line(LOAD, 0, 0, argument),
        line(EQUALS, 1, 0, 1),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        line(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as c_uint),
    ]
};
