//! The strings of argv and envp as execve(2) wants them: arrays of addresses that end in NULL.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::text::has;

/// What stands before the first NUL; None: there is no NUL.
pub fn before_nul(bytes: &[u8]) -> Option<&CStr> {
    // SAFETY: there is a NUL among the bytes, all of which may be read, and for as long as the result.
    has(bytes, 0).then(|| unsafe { CStr::from_ptr(bytes.as_ptr().cast()) })
}

/// A NUL-terminated string by its address alone, so that `Option<Word>` is a C `char *` and `None` is NULL.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Word<'a> {
    address: NonNull<c_char>,
    string: PhantomData<&'a CStr>,
}

impl<'a> Word<'a> {
    /// The same string, with its length found.
    pub fn to_cstr(self) -> &'a CStr {
        // SAFETY: a Word is made from a `&'a CStr` or by the kernel (initial.rs), and both end in a NUL that stays for 'a.
        unsafe { CStr::from_ptr(self.address.as_ptr()) }
    }

    /// The bytes of the string, without the NUL.
    pub fn to_bytes(self) -> &'a [u8] {
        self.to_cstr().to_bytes()
    }
}

impl<'a> From<&'a CStr> for Word<'a> {
    fn from(string: &'a CStr) -> Self {
        Self { address: NonNull::from(string).cast(), string: PhantomData }
    }
}

/// A `char *const []`: holding one proves that its last element is NULL.
#[derive(Clone, Copy)]
pub struct Vector<'a>(&'a [Option<Word<'a>>]);

impl<'a> Vector<'a> {
    /// Takes an array whose last element is `None`; anything else is no vector.
    pub fn new(words: &'a [Option<Word<'a>>]) -> Option<Self> {
        matches!(words.last(), Some(None)).then_some(Self(words))
    }

    pub(super) const fn as_ptr(self) -> *const Option<Word<'a>> {
        self.0.as_ptr()
    }
}
