//! The strings of argv and envp as execve(2) wants them: arrays of addresses that end in NULL.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// What stands before the first NUL; None: there is no NUL.
pub fn before_nul(bytes: &[u8]) -> Option<&CStr> {
    // SAFETY: there is a NUL among the bytes, all of which may be read, and for as long as the result.
    bytes.contains(&0).then(|| unsafe { CStr::from_ptr(bytes.as_ptr().cast()) })
}

/// A NUL-terminated string by its address alone, so that `Option<CStrPtr>` is a C `char *` and `None` is NULL.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct CStrPtr<'a> {
    address: NonNull<c_char>,
    string: PhantomData<&'a CStr>,
}

impl<'a> CStrPtr<'a> {
    /// The same string, with its length found.
    pub fn to_cstr(self) -> &'a CStr {
        // SAFETY: a CStrPtr is made from a `&'a CStr` or by the kernel (initial.rs), and both end in a NUL that stays for 'a.
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

/// Two are equal if their strings are, wherever these are.
impl PartialEq for CStrPtr<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_cstr() == other.to_cstr()
    }
}

/// A `char *const []`: holding one proves that its last element is NULL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Argv<'a>(&'a [Option<CStrPtr<'a>>]);

impl<'a> Argv<'a> {
    /// Takes an array whose last element is `None`; anything else is no vector.
    pub fn new(words: &'a [Option<CStrPtr<'a>>]) -> Option<Self> {
        matches!(words.last(), Some(None)).then_some(Self(words))
    }

    /// The strings before the NULL.
    pub fn iter(self) -> impl Iterator<Item = &'a CStr> {
        self.0.iter().flatten().map(|word| word.to_cstr())
    }

    pub(super) const fn as_ptr(self) -> *const Option<CStrPtr<'a>> {
        self.0.as_ptr()
    }
}
