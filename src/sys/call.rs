//! The system call instruction, and the macro with which the wrappers of the core use it.

use syscalls::raw_syscall;

use super::description::{Call, Description};
use super::errno::Errno;
use super::observer::{after, before};

/// Makes a system call. `call!` is the short way to write it.
///
/// The sixth register is 0: of the calls of this program only mmap(2) has a sixth argument, an offset that is 0.
///
/// # Safety
///
/// - Each register is what the man page of the call asks for.
/// - Each register is what its [`Form`](super::description::Form) says, and the memory that it points to lives until the call
///   returns.
/// - The memory that the kernel writes to may be overwritten with the values that the kernel writes.
/// - The effect of the call on this process breaks no promise of safe code: the call frees no memory and closes no descriptor
///   that another value still uses.
#[inline(never)] // Each of the many wrappers puts its arguments into registers and jumps here.
pub(super) unsafe fn make<T: ReturnValue>(
    description: &'static Description,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
) -> Result<T, Errno> {
    // SAFETY: the caller's promise.
    unsafe { enter_kernel(&Call { description, registers: [a, b, c, d, e, 0] }) }.map(T::from_register)
}

/// Makes a system call that has at most three arguments.
///
/// # Safety
///
/// As for [`make`].
#[inline(never)] // It is shorter in each wrapper than three arguments and two zeros.
pub(super) unsafe fn make_short<T: ReturnValue>(
    description: &'static Description,
    a: usize,
    b: usize,
    c: usize,
) -> Result<T, Errno> {
    // SAFETY: the caller's promise.
    unsafe { make(description, a, b, c, 0, 0) }
}

/// # Safety
///
/// As for [`make`].
#[inline(never)] // `make` is generic: this is the part that all of its instances share.
unsafe fn enter_kernel(call: &Call) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = call.registers;
    before(call);
    // SAFETY: the caller's promise.
    let returned = unsafe { raw_syscall!(call.description.number, a, b, c, d, e, f) };
    let result = Errno::check(returned);
    after(call, result);
    result
}

/// A type that a wrapper makes of the number in the register when the call has succeeded.
pub(super) trait ReturnValue {
    fn from_register(value: usize) -> Self;
}

impl ReturnValue for usize {
    fn from_register(value: usize) -> Self {
        value
    }
}

impl ReturnValue for () {
    fn from_register(_: usize) {}
}

/// Makes a system call: `call!(mkdirat(CWD.raw() => Fd, path.as_ptr() => Text, mode => Mode))`.
///
/// Behind each argument is its [`Form`](super::description::Form): how it is shown. The safety contract is that of [`make`].
macro_rules! call {
    ($name:ident($($argument:expr => $form:expr),* $(,)?)) => {
        $crate::sys::call::make_with!($crate::sys::call::describe!($name($($form),*)), $($argument),*)
    };
}

/// [`make`] or [`make_short`], depending on the number of arguments.
macro_rules! make_with {
    ($description:expr, ) => {
        $crate::sys::call::make_short($description, 0, 0, 0)
    };
    ($description:expr, $a:expr) => {
        $crate::sys::call::make_short($description, $a as usize, 0, 0)
    };
    ($description:expr, $a:expr, $b:expr) => {
        $crate::sys::call::make_short($description, $a as usize, $b as usize, 0)
    };
    ($description:expr, $a:expr, $b:expr, $c:expr) => {
        $crate::sys::call::make_short($description, $a as usize, $b as usize, $c as usize)
    };
    ($description:expr, $a:expr, $b:expr, $c:expr, $d:expr) => {
        $crate::sys::call::make_with!($description, $a, $b, $c, $d, 0)
    };
    ($description:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        $crate::sys::call::make(
            $description, $a as usize, $b as usize, $c as usize, $d as usize, $e as usize
        )
    };
    ($description:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => {{
        const { assert!($f == 0, "`make` has no sixth argument") };
        $crate::sys::call::make_with!($description, $a, $b, $c, $d, $e)
    }};
}

/// The [`Description`] of a call: `describe!(mkdirat(Fd, Text, Mode))`.
///
/// It has a section that link.ld places beside the code of the core: the number is read at every call.
macro_rules! describe {
    ($name:ident($($form:expr),* $(,)?)) => {{
        #[allow(unused_imports)] // Some calls have no arguments.
        use $crate::sys::description::{Description, Form::*};
        #[unsafe(link_section = ".rodata.sys")]
        static DESCRIPTION: Description = Description {
            number: syscalls::Sysno::$name as u16,
            name: stringify!($name),
            forms: &[$(&$form),*],
        };
        &DESCRIPTION
    }};
}
pub(super) use {call, describe, make_with};
