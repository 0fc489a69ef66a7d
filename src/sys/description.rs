//! The description of a system call: its number, its name, and how each argument is shown to a person.

use core::ffi::{CStr, c_char, c_int};
use core::iter;
use core::marker::PhantomData;
use core::ptr;

use super::flags::Flag;
use super::sigset::SigSet;

/// A system call as this program uses it. `call!` (call.rs) makes one for each place that makes a call.
pub(super) struct Description {
    /// The number, for the kernel.
    pub(super) number: u16,
    /// The name, without the `sys_` of the kernel.
    pub(super) name: &'static str,
    /// How the arguments are shown, in their order. References, because the compiler keeps one copy of equal forms.
    pub(super) forms: &'static [&'static Form],
}

/// How an argument is shown. It also says what is in the register.
pub(super) enum Form {
    /// A constant, or a struct that is not decoded: these words.
    Name(&'static str),
    /// The address of a string that ends in a NUL.
    Text,
    /// The address of an array of strings that ends in NULL.
    Argv,
    /// The same, of which only the number of strings is shown.
    Envp,
    /// The address of a set of signals.
    Signals,
    /// A file descriptor, or `AT_FDCWD`.
    Fd,
    /// A number of 32 bits that is never negative.
    Number,
    /// A number of 32 bits that may be negative.
    Signed,
    /// Permission bits; mknodat(2) also takes the type of the file.
    Mode,
    /// An address.
    Address,
    /// A constant, or several joined with `|`.
    Flags(&'static [Flag]),
    /// The address of a struct that starts with 64-bit fields, one for each row.
    Fields(&'static [Field]),
}

/// A 64-bit field of a struct.
pub(super) struct Field {
    /// The name in the kernel's header.
    pub(super) name: &'static str,
    /// The constants that the field takes.
    pub(super) flags: &'static [Flag],
}

/// A system call that is being made.
pub struct Call {
    pub(super) description: &'static Description,
    /// The arguments. Arguments that the call does not have are 0.
    pub(super) registers: [usize; 6],
}

/// An argument of a system call.
pub enum Argument<'call> {
    /// The name of a constant, or words for a struct that is not decoded.
    Name(&'static str),
    /// A string.
    Text(&'call CStr),
    /// The arguments of a program.
    Argv(Strings<'call>),
    /// The environment of a program.
    Envp(Strings<'call>),
    /// A set of signals.
    Signals(SigSet),
    /// A file descriptor, or `AT_FDCWD`.
    Fd(c_int),
    /// A number.
    Number(u32),
    /// A number that may be negative.
    Signed(c_int),
    /// Permission bits, and perhaps the type of a file (`S_IFMT`).
    Mode(u32),
    /// An address.
    Address(usize),
    /// An integer and the names of the constants that it may contain.
    Flags(u32, &'static [Flag]),
    /// The fields of a struct that are not 0.
    Fields(Fields<'call>),
}

impl Call {
    /// The name of the system call.
    pub const fn name(&self) -> &'static str {
        self.description.name
    }

    /// The arguments, in their order.
    pub fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        let forms = self.description.forms.iter();
        // SAFETY: only `make` (call.rs) and process.rs make a `Call`. The caller of `make` promises that each register is what its
        // form says until the call returns, and the `Call` does not live longer. The forms of process.rs read no memory.
        forms.zip(self.registers).map(|(form, register)| unsafe { decode(form, register) })
    }
}

/// Reads an argument.
///
/// # Safety
///
/// The register is what the form says. The memory that it points to is not written to during `'call`.
unsafe fn decode<'call>(form: &Form, register: usize) -> Argument<'call> {
    match *form {
        Form::Name(name) => Argument::Name(name),
        // SAFETY: the caller promises a string that ends in a NUL.
        Form::Text => Argument::Text(unsafe { CStr::from_ptr(ptr::with_exposed_provenance(register)) }),
        Form::Argv => Argument::Argv(Strings::at(register)),
        Form::Envp => Argument::Envp(Strings::at(register)),
        // SAFETY: the caller promises the address of a set, which is a 64-bit integer.
        Form::Signals => Argument::Signals(SigSet(unsafe { read_u64(register) })),
        Form::Fd => Argument::Fd(register as c_int),
        Form::Number => Argument::Number(register as u32),
        Form::Signed => Argument::Signed(register as c_int),
        Form::Mode => Argument::Mode(register as u32),
        Form::Address => Argument::Address(register),
        Form::Flags(flags) => Argument::Flags(register as u32, flags),
        Form::Fields(fields) => Argument::Fields(Fields { fields, address: register, call: PhantomData }),
    }
}

/// # Safety
///
/// `address` is that of an initialized and aligned 64-bit integer.
unsafe fn read_u64(address: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { ptr::with_exposed_provenance::<u64>(address).read() }
}

/// The strings of argv or envp.
#[derive(Clone, Copy)]
pub struct Strings<'call> {
    next: *const *const c_char,
    call: PhantomData<&'call Call>,
}

impl Strings<'_> {
    fn at(register: usize) -> Self {
        Self { next: ptr::with_exposed_provenance(register), call: PhantomData }
    }
}

impl<'call> Iterator for Strings<'call> {
    type Item = &'call CStr;

    fn next(&mut self) -> Option<&'call CStr> {
        // SAFETY: `decode` made this value from an array that ends in NULL, and no element before this one is NULL.
        let string = unsafe { self.next.read() };
        if string.is_null() {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        // SAFETY: an element that is not NULL is the address of a string that ends in a NUL.
        Some(unsafe { CStr::from_ptr(string) })
    }
}

/// The fields of a struct.
#[derive(Clone, Copy)]
pub struct Fields<'call> {
    fields: &'static [Field],
    address: usize,
    call: PhantomData<&'call Call>,
}

impl Fields<'_> {
    /// The name, the value and the constants of each field that is not 0.
    pub fn set(self) -> impl Iterator<Item = (&'static str, u32, &'static [Flag])> {
        let addresses = iter::successors(Some(self.address), |address| Some(address + size_of::<u64>()));
        self.fields.iter().zip(addresses).filter_map(|(field, address)| {
            // SAFETY: `decode` made this value from the address of a struct that starts with a 64-bit integer for each row.
            let value = unsafe { read_u64(address) } as u32;
            (value != 0).then_some((field.name, value, field.flags))
        })
    }
}
