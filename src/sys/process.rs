//! Processes: made, turned into another program, waited for, ended.

use core::ffi::{CStr, c_int, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU32;

use syscalls::raw_syscall;

use super::call::{Call, after, before, call, template};
use super::{Argv, Errno, Stack, arch};

/// A process ID in this process's PID namespace; 0 is a process outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(pub(super) c_int);

impl Pid {
    /// The number itself.
    pub const fn number(self) -> u32 {
        self.0.unsigned_abs()
    }
}

/// `clone(flags | CLONE_VM | CLONE_VFORK | SIGCHLD, stack top, …)`: starts a process that runs `child` on `stack`.
///
/// `flags` names new namespaces (CLONE_NEWNS, CLONE_NEWPID …). What `child` returns is the new process's exit status.
/// EPERM: no CAP_SYS_ADMIN. ENOSPC: too many namespaces (/proc/sys/user). EAGAIN: too many processes. ENOMEM.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
///
/// It is safe to call, although the child shares this process's memory (CLONE_VM), because of CLONE_VFORK: the kernel lets
/// the caller continue only after the child has given the memory up, by execve or by its end. So the child is to the
/// caller what a function call is. It runs on memory of its own, `stack`, that is lent to it for just that time; all that
/// `child` borrows is still there; and no two threads of control ever run in the memory at once. If SIGKILL ends the wait,
/// the caller does not continue at all. Nothing unwinds out of `child`: panics abort, and `enter` never returns. The child
/// has its own copy of descriptors, signal dispositions and working directory, since CLONE_FILES, CLONE_SIGHAND and
/// CLONE_FS are not asked for.
pub fn clone<F: FnOnce() -> u8>(flags: c_int, stack: &mut Stack, child: F) -> Result<Pid, Errno> {
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let mut child = Some(child);
    // SAFETY: the argument is what `enter::<F>` takes, and it outlives the child's use of the memory, as explained above.
    unsafe { clone_onto(flags, stack, enter::<F>, (&raw mut child).cast()) }
}

/// # Safety
///
/// `arg` is what `main` takes, and outlives the child's use of the memory.
#[inline(never)]
unsafe fn clone_onto(
    flags: c_int,
    stack: &mut Stack,
    main: extern "C" fn(*mut c_void) -> !,
    arg: *mut c_void,
) -> Result<Pid, Errno> {
    let top = stack.top();
    let call =
        Call { template: template!(clone("%C|%x")), registers: [flags as usize, top as usize, 0, 0, 0, 0] };
    before(&call);
    // SAFETY: the stack's top is the end of a page of memory that is lent for this call; the argument is the caller's promise.
    let returned = unsafe { arch::clone_onto(flags as usize, top, main, arg) };
    let result = Errno::check(returned as usize);
    after(&call, result);
    result.map(|pid| Pid(pid as c_int))
}

/// `clone(flags | SIGCHLD, NULL)`: starts a process with a copy of this one's memory, as fork(2) has it. Both go on from here: this
/// one with the ID of the new one, the new one with None.
///
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub fn fork(flags: c_int) -> Result<Option<Pid>, Errno> {
    let flags = (flags | libc::SIGCHLD) as usize;
    let call = Call { template: template!(clone("%C|NULL")), registers: [flags, 0, 0, 0, 0, 0] };
    before(&call);
    // SAFETY: the memory is a copy: nothing that one of the two does to it shows in the other's.
    let returned = unsafe { raw_syscall!(syscalls::Sysno::clone, flags, 0) };
    if returned == 0 {
        return Ok(None); // An observer hears of it once, from the other one.
    }
    let result = Errno::check(returned);
    after(&call, result);
    result.map(|pid| Some(Pid(pid as c_int)))
}

/// `unshare(flags)`: new namespaces for this process itself, such as CLONE_NEWNS.
///
/// EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/unshare.2.html>
pub fn unshare(flags: c_int) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(unshare("%C"), flags) }
}

/// `sethostname(name, len)`: the host name of this UTS namespace.
///
/// EINVAL: it is longer than 64 bytes. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/sethostname.2.html>
pub fn sethostname(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads, and no more than the string's length.
    unsafe { call!(sethostname("%s|%d"), name.as_ptr(), name.count_bytes()) }
}

/// Where the child begins, on its own stack.
extern "C" fn enter<F: FnOnce() -> u8>(arg: *mut c_void) -> ! {
    // SAFETY: `clone` passes the address of its `Option<F>`, and waits.
    let child = unsafe { &mut *arg.cast::<Option<F>>() }.take();
    exit_group(child.map_or(0, |child| child()))
}

/// `exit_group(status)`: ends the process.
///
/// <https://man7.org/linux/man-pages/man2/exit_group.2.html>
pub fn exit_group(status: u8) -> ! {
    loop {
        // SAFETY: the call ends the process; whatever it leaves undone is its own.
        let returned: Result<(), Errno> = unsafe { call!(exit_group("%d"), status) };
        // It does not return. The loop tells the compiler so.
        let _ = returned;
    }
}

/// `execve(path, argv, envp)`: turns this process into another program; returns only if it could not.
///
/// ENOENT: no such file, or its interpreter or loader is missing. EACCES: not executable, or no regular file.
/// ENOEXEC: of no format that the kernel knows. ENOTDIR: a component of the path is no directory. E2BIG: too many words.
/// <https://man7.org/linux/man-pages/man2/execve.2.html>
pub fn execve(path: &CStr, argv: Argv, envp: Argv) -> Errno {
    // SAFETY: the path ends in a NUL, both vectors in NULL, and the kernel only reads them.
    let failed: Result<(), Errno> =
        unsafe { call!(execve("%s|%v|%e"), path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    failed.err().unwrap_or(Errno::EINVAL) // an execve that succeeds does not return
}

/// How a process ended, as wait4(2) encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitStatus(c_int);

impl WaitStatus {
    /// The status that a shell would show: the process's own, or 128+N if signal N ended it.
    pub const fn shell_status(self) -> u8 {
        match self.0 & 0x7f {
            0 => (self.0 >> 8) as u8,
            signal => 128 + signal as u8,
        }
    }

    /// Whether the process did not end, but was stopped.
    pub const fn is_stopped(self) -> bool {
        self.0 & 0xff == 0x7f
    }
}

/// `wait4(pid, &status, 0, NULL)`: waits until a child has ended, and takes it off the process table.
///
/// EINTR: a signal came first; call again. ECHILD: it is no child of this process.
/// <https://man7.org/linux/man-pages/man2/wait4.2.html>
pub fn wait4(pid: Pid) -> Result<WaitStatus, Errno> {
    let mut status = MaybeUninit::<c_int>::uninit();
    // SAFETY: the kernel writes one int.
    let () = unsafe { call!(wait4("%d|[status]|0|NULL"), pid.0, status.as_mut_ptr(), 0, 0) }?;
    // SAFETY: the call succeeded, so the kernel wrote the int.
    Ok(WaitStatus(unsafe { status.assume_init() }))
}

/// `wait4(pid, &status, WNOHANG | WUNTRACED, NULL)`: as [`wait4`], but it does not sleep, and tells also that a child was
/// stopped; None if there is nothing new. PID -1 is any child.
///
/// <https://man7.org/linux/man-pages/man2/wait4.2.html>
pub fn wait4_nohang(pid: Option<Pid>) -> Result<Option<(Pid, WaitStatus)>, Errno> {
    let mut status: c_int = 0;
    let (who, options) = (pid.map_or(-1, |pid| pid.0), libc::WNOHANG | libc::WUNTRACED);
    // SAFETY: the kernel writes one int.
    let found: usize =
        unsafe { call!(wait4("%d|[status]|WNOHANG+WUNTRACED|NULL"), who, &raw mut status, options, 0) }?;
    Ok((found != 0).then_some((Pid(found as c_int), WaitStatus(status))))
}

/// `getpid()`: this process's own ID.
///
/// <https://man7.org/linux/man-pages/man2/getpid.2.html>
pub fn getpid() -> Pid {
    // SAFETY: the call touches no memory.
    Pid(unsafe { call!(getpid("")) }.unwrap_or(0usize) as c_int)
}

/// `getppid()`: the ID of this process's parent; of whoever is its parent now, if that has ended.
///
/// <https://man7.org/linux/man-pages/man2/getppid.2.html>
pub fn getppid() -> Pid {
    // SAFETY: the call touches no memory.
    Pid(unsafe { call!(getppid("")) }.unwrap_or(0usize) as c_int)
}

/// `getpgid(0)`: the process group that this process is in.
///
/// <https://man7.org/linux/man-pages/man2/setpgid.2.html>
pub fn getpgid() -> Pid {
    // SAFETY: the call touches no memory.
    Pid(unsafe { call!(getpgid("0"), 0) }.unwrap_or(0usize) as c_int)
}

/// `setsid()`: a new session, without a controlling terminal, and in it a new process group; this process leads both.
///
/// EPERM: it leads a process group already.
/// <https://man7.org/linux/man-pages/man2/setsid.2.html>
pub fn setsid() -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(setsid("")) }
}

/// `prctl(PR_SET_PDEATHSIG, SIGKILL)`: asks to be killed when the thread that made this process ends.
///
/// <https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html>
pub fn prctl_set_pdeathsig() -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(prctl("PR_SET_PDEATHSIG|SIGKILL"), libc::PR_SET_PDEATHSIG, libc::SIGKILL) }
}

/// `set_tid_address(&word)`: when this thread ends, the kernel sets `word` to 0, if another process shares the memory then.
///
/// It is how a thread library learns that a thread has ended; here, how the child of a vfork learns that its parent has.
/// <https://man7.org/linux/man-pages/man2/set_tid_address.2.html>
pub fn set_tid_address(word: &'static AtomicU32) {
    // SAFETY: the kernel keeps the address, and writes an aligned word there that lives for ever and is atomic.
    let tid: Result<(), Errno> = unsafe { call!(set_tid_address("%x"), word.as_ptr()) };
    let _ = tid; // The caller's own thread ID; the call always succeeds.
}

/// `chdir(path)`: changes the working directory.
///
/// ENOENT: there is no such directory. ENOTDIR: it is none. EACCES: search permission.
/// <https://man7.org/linux/man-pages/man2/chdir.2.html>
pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path ends in a NUL and the kernel only reads it.
    unsafe { call!(chdir("%s"), path.as_ptr()) }
}

/// `clock_gettime(CLOCK_MONOTONIC, &timespec)`: the time since some moment, in nanoseconds.
///
/// <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>
pub fn clock_gettime() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one struct timespec.
    let read: Result<(), Errno> =
        unsafe { call!(clock_gettime("CLOCK_MONOTONIC|{...}"), libc::CLOCK_MONOTONIC, &raw mut time) };
    // The clock is always there, so the call cannot fail; and if it did, the time would be 0.
    let _ = read;
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::WaitStatus;

    #[test]
    fn the_status_of_a_command_that_exits_is_its_own() {
        assert_eq!(WaitStatus(7 << 8).shell_status(), 7);
        assert_eq!(WaitStatus(255 << 8).shell_status(), 255);
    }

    #[test]
    fn the_status_of_a_command_that_a_signal_ends_is_128_more_than_the_signal() {
        assert_eq!(WaitStatus(9).shell_status(), 137);
        assert_eq!(WaitStatus(11 | 0x80).shell_status(), 139, "a core dump does not count");
    }
}
