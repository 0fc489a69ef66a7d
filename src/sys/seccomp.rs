//! A filter that the kernel runs before each system call of a process.

use super::call::call;
use super::errno::Errno;

/// One instruction of a filter.
pub type Instruction = libc::sock_filter;

/// `seccomp(SECCOMP_SET_MODE_FILTER, 0, &program)`: installs a filter for this process and all its later descendants.
///
/// The filter decides for each system call whether the kernel makes it. A process cannot remove a filter.
/// EACCES: no CAP_SYS_ADMIN and no no_new_privs. EINVAL: the filter is not valid, is empty or has more than 4096 instructions.
/// ENOMEM: no memory, or all filters of the process together are too long.
/// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
pub fn seccomp(filter: &[Instruction]) -> Result<(), Errno> {
    let program = libc::sock_fprog { len: filter.len() as _, filter: filter.as_ptr().cast_mut() };
    let operation = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the kernel reads the struct, and as many instructions as it says; both live until the call returns.
    unsafe {
        call!(seccomp(
            operation => Name("SECCOMP_SET_MODE_FILTER"), 0 => Number, &raw const program => Name("{...}")
        ))
    }
}
