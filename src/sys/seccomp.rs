//! A filter that the kernel runs before each system call.

use super::Errno;
use super::call::call;

/// One instruction of a filter.
pub type Instruction = libc::sock_filter;

/// `seccomp(SECCOMP_SET_MODE_FILTER, 0, &program)`: from now on, for this process and all that descend from it, the filter
/// says what becomes of each system call. It cannot be taken off.
///
/// EACCES: no CAP_SYS_ADMIN. EINVAL: it is no filter that ends always.
/// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
pub fn seccomp(filter: &[Instruction]) -> Result<(), Errno> {
    let program = libc::sock_fprog { len: filter.len() as _, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the kernel reads the struct and the instructions that it names, which live meanwhile.
    unsafe {
        call!(
            seccomp("SECCOMP_SET_MODE_FILTER|0|{...}"),
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program
        )
    }
}
