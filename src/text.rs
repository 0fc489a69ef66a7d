//! Strings for the kernel, built without an allocator.

use core::ffi::CStr;

/// The longest path that the kernel takes, its NUL counted; also the most that mount(2) takes as options.
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// A string under construction, which always ends in a NUL.
///
/// What does not fit is cut where the string is one byte longer than the kernel takes. So a path that is too long needs no
/// check here: the system call that gets it fails with ENAMETOOLONG, and is reported like any other that fails.
pub struct Text {
    bytes: [u8; PATH_MAX + 1],
    len: usize,
}

impl Text {
    /// The empty string.
    pub const fn new() -> Self {
        Self { bytes: [0; PATH_MAX + 1], len: 0 }
    }

    /// Becomes all the parts, one after the other. It is filled in place, since to return it would be to copy 4 KiB.
    pub fn join(&mut self, parts: &[&[u8]]) -> &CStr {
        self.len = 0;
        for part in parts {
            self.push(part);
        }
        self.as_cstr()
    }

    /// Adds `bytes`, which have no NUL among them, at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..PATH_MAX).unwrap_or_default();
        let fitting = bytes.len().min(room.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len += fitting;
        if let Some(end) = self.bytes.get_mut(self.len) {
            *end = 0; // Where a longer string was before.
        }
    }

    /// Whether the kernel would refuse it, or, of options to mount(2), ignore the rest.
    pub const fn is_too_long(&self) -> bool {
        self.len >= PATH_MAX
    }

    /// The string, for the kernel.
    pub fn as_cstr(&self) -> &CStr {
        // The byte after the string is a NUL always.
        self.bytes.get(..=self.len).and_then(|bytes| CStr::from_bytes_with_nul(bytes).ok()).unwrap_or(c"")
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

/// A word of the command line for a message, in which an empty one would not be seen.
pub fn visible(word: &CStr) -> &CStr {
    if word.is_empty() { c"''" } else { word }
}

/// A number in decimal digits: `decimal(42, &mut [0; 10])` is `b"42"`.
pub fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut first = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = index;
        if number == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_and_end_in_a_nul() {
        let mut text = Text::new();
        assert_eq!(text.as_cstr(), c"");
        assert_eq!(text.join(&[b"/tmp", b"/", b"c1"]), c"/tmp/c1");
        assert_eq!(text.join(&[b"/a"]), c"/a", "nothing is left of what was in it before");
    }

    #[test]
    fn the_longest_path_fits_and_the_kernel_refuses_what_is_longer() {
        let mut text = Text::new();
        assert!(crate::sys::stat(text.join(&[&[b'/'; PATH_MAX - 1]])).is_ok());
        assert!(!text.is_too_long());
        for excess in [1, 2, 5000] {
            let too_long = text.join(&[&[b'/'; PATH_MAX - 1], &vec![b'/'; excess], b"more"]);
            assert_eq!(crate::sys::stat(too_long).err(), Some(crate::sys::Errno::ENAMETOOLONG));
            assert!(text.is_too_long());
        }
    }

    #[test]
    fn decimal_writes_every_digit() {
        for number in [0, 7, 10, 65534, u32::MAX] {
            assert_eq!(decimal(number, &mut [0; 10]), number.to_string().as_bytes());
        }
    }
}
