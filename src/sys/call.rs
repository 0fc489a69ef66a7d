//! The system call itself: a number and six registers in, one out. Every wrapper of the core comes through [`make`].

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use syscalls::{Errno, Sysno, syscall};

/// Makes a system call. This is the one place where the kernel's -4095..-1 becomes an [`Errno`] (in `syscall!`).
///
/// # Safety
///
/// The registers hold what the man page of the call asks for. Memory that the kernel writes to is meant for it, and what the
/// call does to this process (its memory, descriptors, signals) takes nothing away that somebody else still counts on.
/// Where the template has `%s`, `%v` or `%e`, the register holds the address of a string, or of a vector that ends in NULL.
pub(super) unsafe fn make(number: Sysno, call: &Call) -> Result<usize, Errno> {
    watch(|observer| (observer.before)(call));
    let [a, b, c, d, e, f] = call.registers;
    // SAFETY: the caller's promise.
    let result = unsafe { syscall!(number, a, b, c, d, e, f) };
    watch(|observer| (observer.after)(call, result));
    result
}

/// `call!(mkdirat("AT_FDCWD|%s|%o"), a, b, c)`: [`make`] with these arguments, which read like this.
macro_rules! call {
    ($name:ident($template:expr), $($argument:expr),*) => {
        $crate::sys::call::make(syscalls::Sysno::$name, &$crate::sys::call::describe!($name($template), $($argument),*))
    };
}

/// The [`Call`] of [`call!`], without making it.
macro_rules! describe {
    ($name:ident($template:expr), $($argument:expr),*) => {
        $crate::sys::call::Call {
            text: concat!(stringify!($name), "|", $template),
            registers: $crate::sys::call::registers!($($argument as usize),*),
        }
    };
}

/// Six registers: zeros stand for the arguments that a call does not have.
macro_rules! registers {
    ($a:expr) => {
        [$a, 0, 0, 0, 0, 0]
    };
    ($a:expr, $b:expr) => {
        [$a, $b, 0, 0, 0, 0]
    };
    ($a:expr, $b:expr, $c:expr) => {
        [$a, $b, $c, 0, 0, 0]
    };
    ($a:expr, $b:expr, $c:expr, $d:expr) => {
        [$a, $b, $c, $d, 0, 0]
    };
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        [$a, $b, $c, $d, $e, 0]
    };
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => {
        [$a, $b, $c, $d, $e, $f]
    };
}
pub(super) use registers;
pub(super) use {call, describe};

/// A system call that is being made.
pub struct Call {
    /// Its name; and then how its arguments read, one after the other with `|` between them, and what is in their registers:
    /// `%s` a string, `%v` argv, `%e` envp, `%d` a number or a descriptor, `%o` permission bits, `%x` an address, and a capital
    /// letter flags, whose names explain.rs has. Anything else stands for itself.
    pub(super) text: &'static str,
    pub(super) registers: [usize; 6],
}

/// An argument of a system call, for whoever is told of it.
pub enum Argument<'call> {
    /// A string.
    Text(&'call CStr),
    /// argv.
    Vector(Strings<'call>),
    /// envp.
    Environment(Strings<'call>),
    /// Anything else: how the template has it, and the register.
    Register(&'static str, usize),
}

/// The strings of argv or envp.
#[derive(Clone, Copy)]
pub struct Strings<'call> {
    next: *const *const c_char,
    call: PhantomData<&'call Call>,
}

impl Call {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        self.text.split('|').next().unwrap_or_default()
    }

    /// Its arguments, one after the other.
    pub fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        let strings = |register| Strings { next: ptr::with_exposed_provenance(register), call: PhantomData };
        self.text.split('|').skip(1).zip(self.registers).map(move |(kind, register)| match kind {
            // SAFETY: whoever makes the call vouches for the template, and waits while an observer has the call.
            "%s" => Argument::Text(unsafe { CStr::from_ptr(ptr::with_exposed_provenance(register)) }),
            "%v" => Argument::Vector(strings(register)),
            "%e" => Argument::Environment(strings(register)),
            _ => Argument::Register(kind, register),
        })
    }
}

impl<'call> Iterator for Strings<'call> {
    type Item = &'call CStr;

    fn next(&mut self) -> Option<&'call CStr> {
        // SAFETY: it is a vector that ends in NULL, as whoever makes the call vouches, and no NULL was read yet.
        let word = unsafe { self.next.read() };
        if word.is_null() {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        // SAFETY: what is not NULL is the address of a string.
        Some(unsafe { CStr::from_ptr(word) })
    }
}

/// Somebody who is told of every system call, before and after. Calls that it makes itself are not told.
pub struct Observer {
    /// Gets the call.
    pub before: fn(&Call),
    /// Gets the result as well. A call that does not return is told before only.
    pub after: fn(&Call, Result<usize, Errno>),
}

/// The observer, or null. A call costs two loads and two branches more for it.
static OBSERVER: AtomicPtr<Observer> = AtomicPtr::new(ptr::null_mut());

/// From now on, tells `observer` of every system call.
pub fn observe(observer: &'static Observer) {
    OBSERVER.store(ptr::from_ref(observer).cast_mut(), Ordering::Relaxed);
}

/// Tells the observer, if there is one, and does not tell it of what it does meanwhile.
pub(super) fn watch(tell: impl FnOnce(&Observer)) {
    let observer = OBSERVER.load(Ordering::Relaxed);
    // SAFETY: what is stored is null, or a shared reference that lives for ever.
    if let Some(told) = unsafe { observer.as_ref() } {
        OBSERVER.store(ptr::null_mut(), Ordering::Relaxed);
        tell(told);
        OBSERVER.store(observer, Ordering::Relaxed);
    }
}
