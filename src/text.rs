//! Strings for the kernel, built without an allocator.

use core::ffi::CStr;

use crate::sys::before_nul;

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
        before_nul(&self.bytes).unwrap_or(c"")
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

/// The parts of a text between which `separator` stands.
pub fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| *byte == separator)
}

/// What stands before the first separator, and what comes after it, if there is one.
pub fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == separator) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}

/// Where a byte is in a text for the last time.
pub fn last(text: &[u8], byte: u8) -> Option<usize> {
    text.iter().rposition(|other| *other == byte)
}

/// Whether a byte is in a text. (The one of core is made for long texts, and is long itself.)
#[expect(clippy::manual_contains)]
pub fn has(text: &[u8], byte: u8) -> bool {
    text.iter().any(|other| *other == byte)
}

/// The number that decimal digits are, and nothing but digits: no sign, no blank. None, too, if it has no room in 64 bits.
pub fn number(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let value = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(value.into())
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
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
    fn a_text_is_cut_at_the_first_separator() {
        assert_eq!(cut(b"a=b=c", b'='), (&b"a"[..], Some(&b"b=c"[..])));
        assert_eq!(cut(b"a=", b'='), (&b"a"[..], Some(&b""[..])));
        assert_eq!(cut(b"a", b'='), (&b"a"[..], None));
        assert_eq!(cut(b"", b'='), (&b""[..], None));
    }

    #[test]
    fn decimal_writes_every_digit() {
        for number in [0, 7, 10, 65534, u32::MAX] {
            assert_eq!(decimal(number, &mut [0; 10]), number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(super::number(number.to_string().as_bytes()), Some(number));
        }
        assert_eq!(number(b"007"), Some(7));
        for wrong in
            ["", "-1", "+1", " 1", "1 ", "1a", "0x1", "18446744073709551616", "99999999999999999999999"]
        {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
