//! x86_64: a function takes its arguments in rdi, rsi, rdx and rcx. A system call takes its number in rax, and changes only rax,
//! rcx and r11.

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
                "xor ebp, ebp", // No outer frame: a debugger's backtrace ends here.
                "mov rdi, rsp", // The kernel left argc, argv, envp and auxv where rsp points.
                "and rsp, -16", // The ABI wants 16-byte alignment at a call.
                "call {entry}", // Never returns.
                "ud2",          // If it did, this instruction would end the process with a signal.
                entry = sym $entry,
            )
        }
    };
}

/// `clone(flags, stack_top, NULL, NULL, 0)`; the child calls `main(arg)` on the new stack.
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
        "mov r9, rdx",       // Keep main and arg in registers that the system call does not change,
        "mov r8, rcx",       // because it needs rdx and changes rcx.
        "xor edx, edx",      // parent_tid: none.
        "xor r10d, r10d",    // child_tid: none. (tls, in r8, is read only with CLONE_SETTLS.)
        "mov eax, {number}", // flags and stack are in rdi and rsi already.
        "syscall",
        "test rax, rax",
        "jz 2f",             // 0: this is the child, and rsp is the new stack.
        "ret",
        "2:",
        "xor ebp, ebp",      // No outer frame for the child either.
        "mov rdi, r8",
        "call r9",           // main never returns: this stack has no return address.
        "ud2",
        number = const libc::SYS_clone,
    )
}
