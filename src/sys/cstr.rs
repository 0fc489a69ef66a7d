//! C strings and arrays of C strings, as the kernel reads and writes them.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A C `char *`: a string that ends in a NUL, by its address alone. `Option<CStrPtr>` is a `char *` that may be NULL.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct CStrPtr<'a> {
    address: NonNull<c_char>,
    string: PhantomData<&'a CStr>,
}

impl<'a> CStrPtr<'a> {
    /// The same string with its length.
    pub fn to_cstr(self) -> &'a CStr {
        // SAFETY: the address comes from a `&'a CStr` or from the kernel (initial.rs). Either string ends in a NUL and lives for 'a.
        unsafe { CStr::from_ptr(self.address.as_ptr()) }
    }

    /// The bytes of the string, without the NUL.
    pub fn to_bytes(self) -> &'a [u8] {
        self.to_cstr().to_bytes()
    }
}

impl<'a> From<&'a CStr> for CStrPtr<'a> {
    fn from(string: &'a CStr) -> Self {
        Self { address: NonNull::from(string).cast(), string: PhantomData }
    }
}

impl fmt::Debug for CStrPtr<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.to_cstr().fmt(formatter)
    }
}

/// Two pointers are equal if their strings are equal.
impl PartialEq for CStrPtr<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_cstr() == other.to_cstr()
    }
}

/// A `char *const []`, which execve(2) takes for the arguments and for the environment. Its last element is NULL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Argv<'a>(&'a [Option<CStrPtr<'a>>]);

impl<'a> Argv<'a> {
    /// Checks that the last element is NULL; returns None if it is not.
    pub fn new(words: &'a [Option<CStrPtr<'a>>]) -> Option<Self> {
        matches!(words.last(), Some(None)).then_some(Self(words))
    }

    /// The strings before the NULL.
    pub fn iter(self) -> impl Iterator<Item = &'a CStr> {
        self.0.iter().flatten().map(|string| string.to_cstr())
    }

    pub(super) const fn as_ptr(self) -> *const Option<CStrPtr<'a>> {
        self.0.as_ptr()
    }
}
