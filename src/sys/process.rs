//! Processes: how they start, become another program, are waited for, and end.

use core::ffi::{CStr, c_int, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::AtomicU32;

use syscalls::raw_syscall;

use super::arch;
use super::arena::Arena;
use super::call::{call, describe};
use super::cstr::Argv;
use super::description::Call;
use super::errno::Errno;
use super::fd::BorrowedFd;
use super::flags::CLONE_FLAGS;
use super::observer::{after, before};
use super::stack::Stack;

/// A process ID in the PID namespace of this process. It is 0 for a process outside the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(c_int);

impl Pid {
    pub(super) const fn new(pid: c_int) -> Self {
        Self(pid)
    }

    pub(super) const fn raw(self) -> c_int {
        self.0
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0.unsigned_abs()
    }
}

/// `clone(flags | CLONE_VM | CLONE_VFORK | SIGCHLD, top of the stack)`: starts a process that runs `child` on `stack`.
///
/// `flags` are new namespaces (CLONE_NEWNS, CLONE_NEWPID …). The value that `child` returns is the exit status of the process.
/// EPERM: no CAP_SYS_ADMIN. ENOSPC: there are too many namespaces (/proc/sys/user). EAGAIN: there are too many processes. ENOMEM:
/// no memory.
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
///
/// The child shares this process's memory (CLONE_VM). The function is safe nevertheless, because of CLONE_VFORK: the kernel lets
/// the caller continue only after the child has called execve(2) or ended, and then the child no longer uses the memory. So to
/// the caller the child is like a function call:
///
/// - The child runs on memory that no other value uses, `stack`, and borrows it for just that time.
/// - The values that `child` borrows live until the call returns.
/// - The two processes never run in the shared memory at the same time.
/// - If SIGKILL ends the caller while it sleeps, the caller never uses the memory again.
/// - No panic leaves `child`: a panic ends the process, and `enter` never returns.
/// - The child has copies of the descriptors, the signal actions and the working directory, since CLONE_FILES, CLONE_SIGHAND and
///   CLONE_FS are not given.
pub fn clone<F: FnOnce() -> u8>(flags: c_int, stack: &mut Stack, child: F) -> Result<Pid, Errno> {
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let mut child = Some(child);
    // SAFETY: the argument is the address of an `Option<F>`, which `enter::<F>` takes. It lives until this function returns,
    // and CLONE_VFORK is set.
    unsafe { clone_onto(flags, stack, enter::<F>, (&raw mut child).cast()) }
}

/// `clone(flags | SIGCHLD, top of the stack)`: starts a process that runs `child` on `stack`, with a copy of this process's memory.
///
/// [`fork`] does not need a stack: its child continues on a copy of the parent's. But that one may be small, because the limit of
/// the caller counts (RLIMIT_STACK). The errors are those of [`clone`].
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub fn clone_copy<F: FnOnce() -> u8>(flags: c_int, stack: &mut Stack, child: F) -> Result<Pid, Errno> {
    let mut child = Some(child);
    // SAFETY: the argument is the address of an `Option<F>`, which `enter::<F>` takes. The child uses its own copy of it.
    unsafe { clone_onto(flags | libc::SIGCHLD, stack, enter::<F>, (&raw mut child).cast()) }
}

/// # Safety
///
/// `arg` is what `main` takes. If `flags` contain CLONE_VM, they contain CLONE_VFORK too, and `arg` lives until the child calls
/// execve(2) or ends. If not, the child has a copy of all memory.
#[inline(never)] // `clone` is generic: this is the part that all of its instances share.
unsafe fn clone_onto(
    flags: c_int,
    stack: &mut Stack,
    main: extern "C" fn(*mut c_void) -> !,
    arg: *mut c_void,
) -> Result<Pid, Errno> {
    let (flags, top) = (flags as usize, stack.top());
    let description = describe!(clone(Flags(CLONE_FLAGS), Address));
    let call = Call { description, registers: [flags, top.addr(), 0, 0, 0, 0] };
    before(&call);
    // SAFETY: `top` is the end of a page of the stack, so it is aligned. The child alone uses the stack: the parent sleeps, or the
    // child has a copy. The rest is the caller's promise.
    let returned = unsafe { arch::clone_onto(flags, top, main, arg) };
    finish_clone(&call, returned as usize)
}

/// Where the child starts, on its stack.
extern "C" fn enter<F: FnOnce() -> u8>(arg: *mut c_void) -> ! {
    // SAFETY: `clone` passes the address of its `Option<F>`, and sleeps while this function uses it.
    let child = unsafe { &mut *arg.cast::<Option<F>>() }.take();
    exit_group(child.map_or(0, |child| child()))
}

/// `clone(flags | SIGCHLD, NULL)`: like fork(2), starts a process with a copy of this process's memory. Both continue here: the
/// parent gets the ID of the child, and the child gets None.
///
/// EPERM, ENOSPC, EAGAIN, ENOMEM: as for [`clone`].
/// <https://man7.org/linux/man-pages/man2/clone.2.html>
pub fn fork(flags: c_int) -> Result<Option<Pid>, Errno> {
    let flags = (flags | libc::SIGCHLD) as usize;
    let description = describe!(clone(Flags(CLONE_FLAGS), Name("NULL")));
    let call = Call { description, registers: [flags, 0, 0, 0, 0, 0] };
    before(&call);
    // SAFETY: without CLONE_VM the memory of the child is a copy, so neither process sees a write of the other. The parameters
    // behind the stack are read only with flags that no caller passes.
    let returned = unsafe { raw_syscall!(call.description.number, flags, 0) };
    if returned == 0 {
        return Ok(None); // The observer sees the result once, in the parent.
    }
    finish_clone(&call, returned).map(Some)
}

/// In the parent: the result of clone(2).
fn finish_clone(call: &Call, returned: usize) -> Result<Pid, Errno> {
    let result = Errno::check(returned);
    after(call, result);
    result.map(|pid| Pid(pid as c_int))
}

/// `unshare(flags)`: moves this process into new namespaces, such as CLONE_NEWNS.
///
/// EPERM: no CAP_SYS_ADMIN. ENOSPC: there are too many namespaces (/proc/sys/user). ENOMEM: no memory.
/// <https://man7.org/linux/man-pages/man2/unshare.2.html>
pub fn unshare(flags: c_int) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(unshare(flags => Flags(CLONE_FLAGS))) }
}

/// `sethostname(name, len)`: sets the host name of this UTS namespace.
///
/// EINVAL: the name is longer than 64 bytes. EPERM: no CAP_SYS_ADMIN.
/// <https://man7.org/linux/man-pages/man2/sethostname.2.html>
pub fn sethostname(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads, and at most the length of the string.
    unsafe { call!(sethostname(name.as_ptr() => Text, name.count_bytes() => Number)) }
}

/// `exit_group(status)`: ends the process.
///
/// The call does not return.
/// <https://man7.org/linux/man-pages/man2/exit_group.2.html>
pub fn exit_group(status: u8) -> ! {
    loop {
        // SAFETY: after the call no code of this process runs that could rely on anything.
        let returned: Result<(), Errno> = unsafe { call!(exit_group(status => Number)) };
        // There is no result. The loop proves to the compiler that this function does not return.
        let _ = returned;
    }
}

/// Unmaps an arena, although values borrow from it, and ends the process with the status that `rest` returns.
///
/// No value that borrows from the arena is used again: this function does not return, so none of its callers continues. `rest`
/// captures nothing, and gets a number. (No static leads it to an arena: an arena is not `Sync`.)
/// <https://man7.org/linux/man-pages/man2/munmap.2.html>, <https://man7.org/linux/man-pages/man2/exit_group.2.html>
pub fn exit_without(arena: &Arena, rest: fn(Pid) -> u8, pid: Pid) -> ! {
    // SAFETY: see above. A panic in `rest` ends the process too.
    unsafe { arena.unmap() }
    exit_group(rest(pid))
}

/// `execve(path, argv, envp)`: replaces the program of this process. It returns only if that failed.
///
/// ENOENT: the file, its interpreter or its loader does not exist. EACCES: the file is not executable or not a regular file, or
/// no permission to search the path. ENOEXEC: the kernel does not know the format. ENOTDIR: a component of the path is not a
/// directory. E2BIG: the arguments and the environment are too long. ETXTBSY: the file is open for writing.
/// <https://man7.org/linux/man-pages/man2/execve.2.html>
pub fn execve(path: &CStr, argv: Argv, envp: Argv) -> Errno {
    let path = path.as_ptr();
    // SAFETY: the kernel only reads the path, which ends in a NUL, and the two arrays, which end in NULL.
    let failed: Result<(), Errno> =
        unsafe { call!(execve(path => Text, argv.as_ptr() => Argv, envp.as_ptr() => Envp)) };
    failed.err().unwrap_or(Errno::new(libc::EINVAL)) // Never EINVAL: a successful execve does not return.
}

/// How a process ended or stopped, in the encoding of wait4(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitStatus(c_int);

impl WaitStatus {
    /// The status that a shell shows: the exit status of the process, or 128+N if signal N ended it.
    pub const fn shell_status(self) -> u8 {
        match self.0 & 0x7f {
            0 => (self.0 >> 8) as u8,
            signal => 128 + signal as u8,
        }
    }

    /// Whether the process has stopped.
    pub const fn is_stopped(self) -> bool {
        self.0 & 0xff == 0x7f
    }

    /// Whether the process has ended: it has neither stopped nor continued.
    pub const fn has_ended(self) -> bool {
        !self.is_stopped() && self.0 != 0xffff
    }
}

/// `wait4(pid, &status, 0, NULL)`: waits until a child has ended, and removes it from the process table.
///
/// EINTR: a signal interrupted the call. ECHILD: the process is not a child of this one.
/// <https://man7.org/linux/man-pages/man2/wait4.2.html>
pub fn wait4(pid: Pid) -> Result<WaitStatus, Errno> {
    let mut status = MaybeUninit::<c_int>::uninit();
    // SAFETY: the kernel writes one int.
    let () = unsafe {
        call!(wait4(
            pid.0 => Signed, status.as_mut_ptr() => Name("[status]"), 0 => Number, 0 => Name("NULL")
        ))
    }?;
    // SAFETY: the call succeeded, so the kernel wrote the int.
    Ok(WaitStatus(unsafe { status.assume_init() }))
}

/// `wait4(pid, &status, WNOHANG | WUNTRACED | WCONTINUED, NULL)`: asks without waiting whether a child has ended, stopped or
/// continued. `None` for the process, which is PID -1, means any child.
///
/// Returns None if no child has changed. ECHILD: the process is not a child of this one, or there are no children.
/// <https://man7.org/linux/man-pages/man2/wait4.2.html>
pub fn wait4_nohang(pid: Option<Pid>) -> Result<Option<(Pid, WaitStatus)>, Errno> {
    let mut status: c_int = 0;
    let (pid, options) = (pid.map_or(-1, Pid::raw), libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED);
    // SAFETY: the kernel writes one int.
    let changed: usize = unsafe {
        call!(wait4(
            pid => Signed,
            &raw mut status => Name("[status]"),
            options => Name("WNOHANG|WUNTRACED|WCONTINUED"),
            0 => Name("NULL"),
        ))
    }?;
    Ok((changed != 0).then_some((Pid(changed as c_int), WaitStatus(status))))
}

/// `getpid()`: the ID of this process.
///
/// The call does not fail.
/// <https://man7.org/linux/man-pages/man2/getpid.2.html>
pub fn getpid() -> Pid {
    // SAFETY: the call touches no memory.
    Pid(unsafe { call!(getpid()) }.unwrap_or(0usize) as c_int)
}

/// `getppid()`: the ID of the parent of this process. If the parent has ended, another process is the parent now.
///
/// The call does not fail. The result is 0 if the parent is outside this PID namespace.
/// <https://man7.org/linux/man-pages/man2/getppid.2.html>
pub fn getppid() -> Pid {
    // SAFETY: the call touches no memory.
    Pid(unsafe { call!(getppid()) }.unwrap_or(0usize) as c_int)
}

/// `getpgid(0)`: the process group of this process.
///
/// The call does not fail with this argument.
/// <https://man7.org/linux/man-pages/man2/getpgid.2.html>
pub fn getpgid() -> Pid {
    // SAFETY: the call touches no memory.
    Pid(unsafe { call!(getpgid(0 => Number)) }.unwrap_or(0usize) as c_int)
}

/// `setsid()`: starts a session without a controlling terminal, and in it a process group. This process is the leader of both.
///
/// EPERM: this process is the leader of a process group already.
/// <https://man7.org/linux/man-pages/man2/setsid.2.html>
pub fn setsid() -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(setsid()) }
}

/// `prctl(PR_SET_PDEATHSIG, SIGKILL)`: the kernel kills this process when the thread that started it ends.
///
/// The call does not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html>
pub fn prctl_set_pdeathsig() -> Result<(), Errno> {
    let (operation, signal) = (libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    // SAFETY: the call touches no memory.
    unsafe { call!(prctl(operation => Name("PR_SET_PDEATHSIG"), signal => Name("SIGKILL"))) }
}

/// `prctl(PR_SET_DUMPABLE, 0)`: no process without CAP_SYS_PTRACE may trace this process or read its memory.
///
/// The call does not fail with these arguments.
/// <https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html>
pub fn prctl_set_not_dumpable() -> Result<(), Errno> {
    let operation = libc::PR_SET_DUMPABLE;
    // SAFETY: the call touches no memory.
    unsafe { call!(prctl(operation => Name("PR_SET_DUMPABLE"), 0 => Name("SUID_DUMP_DISABLE"))) }
}

/// `set_tid_address(&word)`: when this thread ends while another process shares its memory, the kernel sets `word` to 0.
///
/// A thread library uses it to learn that a thread has ended. Here the child of a vfork uses it to learn that its parent has
/// ended. The call does not fail; its result, the ID of the thread, is ignored.
/// <https://man7.org/linux/man-pages/man2/set_tid_address.2.html>
pub fn set_tid_address(word: &'static AtomicU32) {
    // SAFETY: the kernel keeps the address and later writes an aligned 32-bit word there; an atomic in a static allows that.
    let tid: Result<(), Errno> = unsafe { call!(set_tid_address(word.as_ptr() => Address)) };
    let _ = tid; // The call does not fail.
}

/// `chdir(path)`: changes the working directory.
///
/// ENOENT: there is no such directory. ENOTDIR: the path is not a directory. EACCES: no permission to search it.
/// <https://man7.org/linux/man-pages/man2/chdir.2.html>
pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel only reads the path, which ends in a NUL.
    unsafe { call!(chdir(path.as_ptr() => Text)) }
}

/// `fchdir(fd)`: changes the working directory to an open directory. The descriptor can be one of O_PATH.
///
/// ENOTDIR: it is not a directory. EACCES: no permission to search it.
/// <https://man7.org/linux/man-pages/man2/chdir.2.html>
pub fn fchdir(fd: BorrowedFd) -> Result<(), Errno> {
    // SAFETY: the call touches no memory.
    unsafe { call!(fchdir(fd.raw() => Fd)) }
}

/// `clock_gettime(CLOCK_MONOTONIC, &timespec)`: the time in nanoseconds since an arbitrary moment.
///
/// The call does not fail: every kernel has this clock.
/// <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>
pub fn clock_gettime() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let clock = libc::CLOCK_MONOTONIC;
    // SAFETY: the kernel writes one struct timespec.
    let read: Result<(), Errno> =
        unsafe { call!(clock_gettime(clock => Name("CLOCK_MONOTONIC"), &raw mut time => Name("{...}"))) };
    let _ = read; // The call does not fail.
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
    fn a_process_that_has_stopped_or_continued_has_not_ended() {
        assert!(WaitStatus(0).has_ended() && WaitStatus(9).has_ended() && WaitStatus(255 << 8).has_ended());
        assert!(!WaitStatus(19 << 8 | 0x7f).has_ended() && !WaitStatus(0xffff).has_ended());
    }

    #[test]
    fn the_status_of_a_command_that_a_signal_ends_is_128_more_than_the_signal() {
        assert_eq!(WaitStatus(9).shell_status(), 137);
        assert_eq!(WaitStatus(11 | 0x80).shell_status(), 139, "a core dump does not count");
    }
}
