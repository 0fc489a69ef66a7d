//! aarch64: a function takes its arguments in x0 to x7. A system call takes its number in x8, and changes only x0.

use core::arch::naked_asm;
use core::ffi::c_void;

/// Defines `_start`, which the kernel jumps to when it starts the program. It calls `$entry` with the address of the initial
/// stack.
///
/// `$entry` is an `unsafe extern "C" fn(*const usize) -> !`.
#[macro_export]
macro_rules! start {
    ($entry:path) => {
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn _start() -> ! {
            core::arch::naked_asm!(
                "mov x29, xzr",      // No outer frame: a debugger's backtrace ends here.
                "mov x30, xzr",      // No return address either.
                "mov x0, sp",        // The kernel left argc, argv, envp and auxv where sp points.
                "and sp, x0, #-16",  // The ABI wants 16-byte alignment at a call.
                "bl {entry}",        // Never returns.
                "brk 1",             // If it did, this instruction would end the process with a signal.
                entry = sym $entry,
            )
        }
    };
}

/// `clone(flags, stack_top, NULL, 0, NULL)`; the child calls `main(arg)` on the new stack.
///
/// Returns the child's PID or a negated errno, in the parent only.
///
/// # Safety
///
/// `stack_top` is 16-byte aligned and is the end of writable memory that nothing else uses while the child runs. `arg` is what
/// `main` takes. With CLONE_VM, all memory that `main` uses lives until the child calls execve(2) or ends.
#[unsafe(naked)]
pub(in crate::sys) unsafe extern "C" fn clone_onto(
    flags: usize,
    stack_top: *mut c_void,
    main: extern "C" fn(*mut c_void) -> !,
    arg: *mut c_void,
) -> isize {
    naked_asm!(
        "mov x9, x2",        // Keep main and arg in registers that the system call does not change,
        "mov x10, x3",       // because it needs x2 and x3.
        "mov x2, xzr",       // parent_tid: none.
        "mov x3, xzr",       // tls: none. (It is before child_tid on this architecture.)
        "mov x4, xzr",       // child_tid: none.
        "mov x8, {number}",  // flags and stack are in x0 and x1 already.
        "svc 0",
        "cbz x0, 2f",        // 0: this is the child, and sp is the new stack.
        "ret",
        "2:",
        "mov x29, xzr",      // No outer frame for the child either.
        "mov x30, xzr",
        "mov x0, x10",
        "blr x9",            // main never returns: this stack has no return address.
        "brk 1",
        number = const libc::SYS_clone,
    )
}
