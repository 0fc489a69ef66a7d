//! The files of `--env-file`: lines of the form NAME=VALUE or NAME.
//!
//! The caller names such a file, so it may be anything that can be read: a pipe, a terminal, a file of /proc. It is read to
//! its end, whatever size it says it has. As with cat(1), a FIFO is waited for until it has a writer, and Ctrl-C ends that.

use core::ffi::CStr;

use super::draft::Draft;
use crate::file;
use crate::spec::Variable;
use crate::step::{self, Reported};
use crate::sys::{self, Arena, BorrowedFd, Errno, List};
use crate::text::number::decimal;
use crate::text::{lines, split_once};

/// Reads the files in the order of the command line. NAME alone is a variable of the caller, if there is one.
pub fn read_all<'a>(
    draft: &Draft<'a>,
    paths: &[&'a CStr],
    variables: &mut List<'a, Variable<'a>>,
) -> Result<(), Reported> {
    for path in paths {
        let text = read(draft.arena, path).map_err(|errno| failed(path, errno))?;
        if text.contains(&0) {
            return Err(step::failed_with(
                path,
                Errno::EINVAL,
                &[b"there is a NUL in the file, so it is not text"],
            ));
        }
        for (index, line) in lines(without_mark(text)).enumerate() {
            if let Some(line) = content_of(line) {
                let variable = variable_of(draft, line).map_err(|errno| wrong_line(path, index, errno))?;
                variable
                    .map_or(Ok(()), |variable| variables.push(draft.arena, variable))
                    .map_err(|errno| failed(path, errno))?;
            }
        }
    }
    Ok(())
}

/// ENOMEM: the arena is full.
fn read<'a>(arena: &'a Arena, path: &CStr) -> Result<&'a [u8], Errno> {
    let file = sys::open_existing(path, libc::O_NOCTTY)?;
    arena.fill(|free| read_to_end(file.borrow(), free)).map(|text| &*text)
}

/// Returns the number of bytes. ENOMEM: the buffer is full.
fn read_to_end(file: BorrowedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    const PIECE: usize = 64 * 1024; // The files of /proc/sys refuse to be read in pieces of 4 MiB.
    let mut len = 0;
    loop {
        let end = buffer.len().min(len + PIECE);
        let piece = buffer.get_mut(len..end).filter(|piece| !piece.is_empty()).ok_or(Errno::ENOMEM)?;
        match sys::read(file, piece) {
            Ok(0) => return Ok(len),
            Ok(read) => len += read,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The text without U+FEFF, a mark that some editors put at the beginning of a file.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The line without blanks at its beginning and a carriage return at its end; None for a blank line and a comment.
fn content_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
    (!matches!(line.first(), None | Some(b'#'))).then_some(line)
}

/// EINVAL: there is no name, or there are blanks in it. ENOMEM: the arena is full.
fn variable_of<'a>(draft: &Draft<'a>, line: &[u8]) -> Result<Option<Variable<'a>>, Errno> {
    let (name, value) = split_once(line, b'=');
    if name.is_empty() || name.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
        return Err(Errno::EINVAL);
    }
    match value {
        Some(_) => Ok(Variable::new(draft.arena.string(&[line])?)),
        None => Ok(draft.caller_variable(name)),
    }
}

fn wrong_line(path: &CStr, index: usize, errno: Errno) -> Reported {
    if errno != Errno::EINVAL {
        return failed(path, errno);
    }
    let digits = &mut [0; 10];
    let number = decimal(index as u32 + 1, digits);
    let hint = [b"line ", number, b" is neither NAME=VALUE nor NAME, without blanks in NAME"];
    step::failed_with(path, errno, &hint)
}

fn failed(path: &CStr, errno: Errno) -> Reported {
    let hint: &[&[u8]] = if errno == Errno::ENOMEM { &[file::TOO_LARGE] } else { &[] };
    step::failed_with(path, errno, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_say_nothing() {
        assert_eq!(content_of(b" \tA=b "), Some(&b"A=b "[..]));
        assert_eq!(content_of(b"A=b\r"), Some(&b"A=b"[..]));
        for empty in ["", "\r", "  ", "# A=b", "  #"] {
            assert_eq!(content_of(empty.as_bytes()), None, "{empty:?}");
        }
        assert_eq!(without_mark(b"\xef\xbb\xbfA=b"), b"A=b");
    }
}
