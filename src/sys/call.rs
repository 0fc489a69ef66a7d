//! The system call itself: a number and its registers in, one out. Every wrapper of the core comes through [`make`].

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use syscalls::raw_syscall;

use super::{Errno, SigSet};
use crate::text::split;

/// Makes a system call, and turns its result into what the wrapper returns. What a call has no argument for is 0, and so is the
/// sixth register always: only mmap(2) of a file would have use for it.
///
/// # Safety
///
/// The registers hold what the man page of the call asks for. Memory that the kernel writes to is meant for it, and what the
/// call does to this process (its memory, descriptors, signals) takes nothing away that somebody else still counts on.
/// Where the template has `%s`, `%v`, `%e` or `%g`, the register holds the address of a string, of a vector that ends in NULL, or of
/// a set of signals. The template ends in a NUL.
#[inline(never)] // There are many wrappers: each puts its arguments into registers, and jumps here.
pub(super) unsafe fn make<T: Returned>(
    template: *const Template,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
) -> Result<T, Errno> {
    // SAFETY: the caller's promise.
    unsafe { enter_kernel(&Call { template, registers: [a, b, c, d, e, 0] }) }.map(T::returned)
}

/// [`make`] with three arguments.
///
/// # Safety
///
/// As there.
#[inline(never)]
pub(super) unsafe fn make_short<T: Returned>(
    template: *const Template,
    a: usize,
    b: usize,
    c: usize,
) -> Result<T, Errno> {
    // SAFETY: the caller's promise.
    unsafe { make(template, a, b, c, 0, 0) }
}

/// This is the one place where the kernel's -4095..-1 becomes an [`Errno`].
///
/// # Safety
///
/// As [`make`].
#[inline(never)]
unsafe fn enter_kernel(call: &Call) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = call.registers;
    before(call);
    // SAFETY: the template is a constant.
    let number = unsafe { (*call.template).number };
    // SAFETY: the caller's promise.
    let result = Errno::check(unsafe { raw_syscall!(number, a, b, c, d, e, f) });
    after(call, result);
    result
}

/// What a wrapper makes of the number that the kernel returns.
pub(super) trait Returned {
    fn returned(value: usize) -> Self;
}

impl Returned for usize {
    fn returned(value: usize) -> Self {
        value
    }
}

impl Returned for () {
    fn returned(_: usize) {}
}

/// `call!(mkdirat("AT_FDCWD|%s|%o"), a, b, c)`: [`make`] with these arguments, which read like this.
macro_rules! call {
    ($name:ident($template:expr)) => {
        call!($name($template), 0, 0, 0)
    };
    ($name:ident($template:expr), $a:expr) => {
        call!($name($template), $a, 0, 0)
    };
    ($name:ident($template:expr), $a:expr, $b:expr) => {
        call!($name($template), $a, $b, 0)
    };
    ($name:ident($template:expr), $a:expr, $b:expr, $c:expr) => {
        $crate::sys::call::make_short(
            $crate::sys::call::template!($name($template)), $a as usize, $b as usize, $c as usize
        )
    };
    ($name:ident($template:expr), $a:expr, $b:expr, $c:expr, $d:expr) => {
        call!($name($template), $a, $b, $c, $d, 0)
    };
    ($name:ident($template:expr), $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        $crate::sys::call::make(
            $crate::sys::call::template!($name($template)),
            $a as usize, $b as usize, $c as usize, $d as usize, $e as usize,
        )
    };
}

/// The [`Template`] of [`call!`]. It lies with the code of the core, which link.ld has in one place.
macro_rules! template {
    ($name:ident($template:expr)) => {{
        const TEXT: &[u8] = concat!(stringify!($name), "|", $template, "\0").as_bytes();
        const TEXT_LEN: usize = TEXT.len();
        #[unsafe(link_section = ".rodata.sys")]
        static TEMPLATE: $crate::sys::call::Template<[u8; TEXT_LEN]> = $crate::sys::call::Template {
            number: syscalls::Sysno::$name as u16,
            text: *TEXT.first_chunk().expect("an array of its own length"),
        };
        (&raw const TEMPLATE).cast()
    }};
}
pub(super) use {call, template};

/// What is known of a system call before it is made. Whoever has but its address sees no end of the text, which is a NUL.
#[repr(C)]
pub(super) struct Template<Text = [u8; 0]> {
    pub(super) number: u16,
    /// Its name; and then how its arguments read, one after the other with `|` between them, and what is in their registers:
    /// `%s` a string, `%v` argv, `%e` envp, `%g` a set of signals, `%d` a number or a descriptor, `%o` permission bits, `%x` an address, and a capital
    /// letter flags, whose names explain.rs has. Anything else stands for itself.
    pub(super) text: Text,
}

/// A system call that is being made.
pub struct Call {
    pub(super) template: *const Template,
    pub(super) registers: [usize; 6],
}

/// An argument of a system call, for whoever is told of it.
pub enum Argument<'call> {
    /// A string.
    Text(&'call CStr),
    /// argv.
    Argv(Strings<'call>),
    /// envp.
    Environment(Strings<'call>),
    /// A set of signals.
    SigSet(SigSet),
    /// Anything else: how the template has it, and the register.
    Register(&'static [u8], usize),
}

/// The strings of argv or envp.
#[derive(Clone, Copy)]
pub struct Strings<'call> {
    next: *const *const c_char,
    call: PhantomData<&'call Call>,
}

impl Call {
    /// What it is called.
    pub fn name(&self) -> &'static [u8] {
        self.words().next().unwrap_or_default()
    }

    /// The words of its template.
    fn words(&self) -> impl Iterator<Item = &'static [u8]> {
        // SAFETY: the template is a constant.
        let text = unsafe { &raw const (*self.template).text };
        // SAFETY: its text ends in a NUL.
        let text = unsafe { CStr::from_ptr(text.cast()) };
        split(text.to_bytes(), b'|')
    }

    /// Its arguments, one after the other.
    pub fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        let strings = |register| Strings { next: ptr::with_exposed_provenance(register), call: PhantomData };
        let mut words = self.words();
        words.next();
        let argument = move |kind: &'static [u8], register: usize| match kind {
            // SAFETY: whoever makes the call vouches for the template, and waits while an observer has the call.
            b"%s" => Argument::Text(unsafe { CStr::from_ptr(ptr::with_exposed_provenance(register)) }),
            b"%v" => Argument::Argv(strings(register)),
            b"%e" => Argument::Environment(strings(register)),
            b"%g" => {
                // SAFETY: it is the address of a set, as whoever makes the call vouches.
                let set = unsafe { ptr::with_exposed_provenance::<u64>(register).read() };
                Argument::SigSet(SigSet(set))
            }
            _ => Argument::Register(kind, register),
        };
        self.registers.iter().map_while(move |register| words.next().map(|kind| argument(kind, *register)))
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

/// Somebody who is told of every system call, before and after, and says whether to go on with it. Calls that it makes itself
/// are not told.
pub struct Observer {
    /// Gets the call.
    pub before: fn(&Call) -> bool,
    /// Gets the result as well. A call that does not return is told before only.
    pub after: fn(&Call, Result<usize, Errno>) -> bool,
}

/// The observer, or null. A call costs two loads and two branches more for it.
static OBSERVER: AtomicPtr<Observer> = AtomicPtr::new(ptr::null_mut());

/// From now on, tells `observer` of every system call, or nobody.
pub fn observe(observer: Option<&'static Observer>) {
    OBSERVER.store(observer.map_or(ptr::null(), ptr::from_ref).cast_mut(), Ordering::Relaxed);
}

/// Tells the observer, if there is one, that a call is to be made.
pub(super) fn before(call: &Call) {
    watch(|observer| (observer.before)(call));
}

/// Tells the observer, if there is one, how it went.
pub(super) fn after(call: &Call, result: Result<usize, Errno>) {
    watch(|observer| (observer.after)(call, result));
}

/// Tells the observer, if there is one, and does not tell it of what it does meanwhile.
fn watch(tell: impl FnOnce(&Observer) -> bool) {
    let observer = OBSERVER.load(Ordering::Relaxed);
    // SAFETY: what is stored is null, or a shared reference that lives for ever.
    if let Some(told) = unsafe { observer.as_ref() } {
        OBSERVER.store(ptr::null_mut(), Ordering::Relaxed);
        if tell(told) {
            OBSERVER.store(observer, Ordering::Relaxed);
        }
    }
}
