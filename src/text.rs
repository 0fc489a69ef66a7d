//! Strings for the kernel, built without an allocator.

use core::ffi::CStr;

use crate::sys::Errno;

/// The longest path that the kernel takes, its NUL counted (`PATH_MAX`); also the most that mount(2) takes as options.
const CAPACITY: usize = 4096;

/// A string under construction. It always ends in a NUL, and never has one within.
pub struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    /// The empty string.
    pub const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// All the parts, one after the other. ENAMETOOLONG: they do not fit.
    pub fn concat(parts: &[&[u8]]) -> Result<Self, Errno> {
        let mut text = Self::new();
        parts.iter().try_for_each(|part| text.push(part))?;
        Ok(text)
    }

    /// Adds `bytes` at the end. ENAMETOOLONG: they do not fit, and nothing is added. EINVAL: there is a NUL in them.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.contains(&0) {
            return Err(Errno::EINVAL);
        }
        let end = self.len + bytes.len();
        // `get_mut` up to `end` and not including the last byte: that one stays NUL.
        let room = self.bytes.get_mut(..CAPACITY - 1).and_then(|bytes| bytes.get_mut(self.len..end));
        room.ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// The string, for the kernel.
    pub fn as_cstr(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"") // the last byte is a NUL always
    }

    /// The string, without its NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.as_cstr().to_bytes()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
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
        let text = Text::concat(&[b"/tmp", b"/", b"c1"]).unwrap();
        assert_eq!(text.as_cstr(), c"/tmp/c1");
    }

    #[test]
    fn what_is_too_long_for_the_kernel_is_refused_and_not_cut() {
        let mut text = Text::concat(&[&[b'a'; CAPACITY - 1]]).unwrap();
        assert_eq!(text.as_bytes().len(), CAPACITY - 1);
        assert_eq!(text.push(b"b"), Err(Errno::ENAMETOOLONG));
        assert_eq!(text.as_bytes().len(), CAPACITY - 1);
        assert!(Text::concat(&[&[b'a'; CAPACITY]]).is_err());
    }

    #[test]
    fn a_nul_inside_is_refused() {
        assert_eq!(Text::concat(&[b"a\0b"]).err(), Some(Errno::EINVAL));
    }

    #[test]
    fn decimal_writes_every_digit() {
        for number in [0, 7, 10, 65534, u32::MAX] {
            assert_eq!(decimal(number, &mut [0; 10]), number.to_string().as_bytes());
        }
    }
}
