//! Output for people. A message of up to 1 KiB is one write(2), and holds nothing that a terminal would obey.

use crate::sys::{self, BorrowedFd, Errno};

/// A buffer in front of a descriptor.
pub struct Printer<'fd> {
    fd: BorrowedFd<'fd>,
    buffer: [u8; 1024],
    len: usize,
    outcome: Result<(), Errno>,
}

impl<'fd> Printer<'fd> {
    /// A printer that writes to `fd`.
    pub const fn new(fd: BorrowedFd<'fd>) -> Self {
        Self { fd, buffer: [0; 1024], len: 0, outcome: Ok(()) }
    }

    /// Adds the program's own words as they are.
    pub fn put(&mut self, bytes: &[u8]) -> &mut Self {
        for &byte in bytes {
            if self.len == self.buffer.len() {
                self.flush();
            }
            if let Some(place) = self.buffer.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
        self
    }

    /// Adds text that comes from outside the program. Control characters, and bytes that are not UTF-8, become `\xNN`.
    pub fn put_foreign(&mut self, mut bytes: &[u8]) -> &mut Self {
        while let Some(&first) = bytes.first() {
            let shown = first_char(bytes).unwrap_or_default();
            if shown.is_empty() {
                let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
                self.put(&[b'\\', b'x', digit(first >> 4), digit(first & 15)]);
            } else {
                self.put(shown);
            }
            bytes = bytes.get(shown.len().max(1)..).unwrap_or_default();
        }
        self
    }

    /// Writes the buffer. Returns the first error that any write of this printer had.
    pub fn finish(&mut self) -> Result<(), Errno> {
        self.flush();
        self.outcome
    }

    fn flush(&mut self) {
        let mut rest = self.buffer.get(..self.len).unwrap_or_default();
        while self.outcome.is_ok() && !rest.is_empty() {
            match sys::write(self.fd, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(errno) => self.outcome = Err(errno),
            }
        }
        self.len = 0;
    }
}

/// The character at the beginning of a text, if it is valid UTF-8 and does not control a terminal.
///
/// The decoder of core does the same, and takes a kilobyte more.
fn first_char(text: &[u8]) -> Option<&[u8]> {
    let first = u32::from(*text.first()?);
    // Its length in bytes, the bits of the first byte, and the least code of that length that is no control character.
    let (len, bits, least) = match first {
        0..0x80 => (1, first, 0x20),
        0xc0..0xe0 => (2, first & 0x1f, 0xa0),
        0xe0..0xf0 => (3, first & 0xf, 0x800),
        0xf0..0xf8 => (4, first & 0x7, 0x1_0000),
        _ => return None,
    };
    let char = text.get(..len)?;
    let add = |code, byte: &u8| (byte & 0xc0 == 0x80).then_some(code << 6 | u32::from(byte & 0x3f));
    let code = char.get(1..)?.iter().try_fold(bits, add)?;
    (code >= least && code != 0x7f && char::from_u32(code).is_some()).then_some(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_shown_unless_it_controls_a_terminal() {
        for code in 0..0x11_0000 {
            let Some(char) = char::from_u32(code) else { continue };
            let text = format!("{char}x");
            let shown = first_char(text.as_bytes());
            assert_eq!(
                shown,
                (!char.is_control()).then_some(&text.as_bytes()[..char.len_utf8()]),
                "{char:?}"
            );
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_not_shown() {
        let surrogates = [b"\xed\xa0\x80", b"\xed\xbf\xbf"];
        let overlong: [&[u8]; 4] = [b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf"];
        let too_large: [&[u8]; 4] =
            [b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xff"];
        let cut: [&[u8]; 6] = [b"", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc3x", b"\x80"];
        for text in surrogates.iter().map(|text| &text[..]).chain(overlong).chain(too_large).chain(cut) {
            assert_eq!(first_char(text), None, "{text:x?}");
        }
    }
}
