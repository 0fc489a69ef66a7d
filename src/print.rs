//! Output for people: gathered, so that a message of up to 1 KiB is one write(2), and with nothing in it that a terminal would
//! obey.

use crate::sys::{self, BorrowedFd, Errno};

/// A buffer before a descriptor.
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

    /// Adds a word of somebody else's: control characters, and bytes that are not UTF-8, come out as `\xNN`.
    pub fn put_foreign(&mut self, bytes: &[u8]) -> &mut Self {
        for chunk in bytes.utf8_chunks() {
            for char in chunk.valid().chars() {
                let encoded = &mut [0; 4];
                let utf8 = char.encode_utf8(encoded).as_bytes();
                if char.is_control() {
                    self.put_hex(utf8)
                } else {
                    self.put(utf8)
                };
            }
            self.put_hex(chunk.invalid());
        }
        self
    }

    fn put_hex(&mut self, bytes: &[u8]) -> &mut Self {
        for &byte in bytes {
            let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
            self.put(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
        }
        self
    }

    /// Writes what was gathered, and says whether all of it arrived.
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
