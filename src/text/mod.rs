//! Text without an allocator: parts of strings, numbers, output, the words of an errno.

pub mod errno_names;
pub mod number;
pub mod print;

use core::ffi::CStr;

/// The part before the first `separator`, and the part after it if there is one.
pub fn split_once(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == separator) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}

/// The parts of a text between the separators.
pub fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |byte| *byte == separator)
}

/// The lines of a text. A newline at the end begins no other line.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(text.strip_suffix(b"\n").unwrap_or(text), b'\n')
}

/// The index of the last `byte` in a text.
pub fn last_index(text: &[u8], byte: u8) -> Option<usize> {
    text.iter().rposition(|other| *other == byte)
}

/// The string without its first bytes.
pub fn tail(string: &CStr, start: usize) -> &CStr {
    let bytes = string.to_bytes_with_nul().get(start..).unwrap_or_default();
    CStr::from_bytes_until_nul(bytes).unwrap_or_default()
}

/// `/a/b/` becomes `/a/b`; `/` stays.
pub fn without_trailing_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(1, |last| last + 1);
    path.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_at_the_first_separator() {
        assert_eq!(split_once(b"a=b=c", b'='), (&b"a"[..], Some(&b"b=c"[..])));
        assert_eq!(split_once(b"a=", b'='), (&b"a"[..], Some(&b""[..])));
        assert_eq!(split_once(b"a", b'='), (&b"a"[..], None));
        assert_eq!(split_once(b"", b'='), (&b""[..], None));
    }

    #[test]
    fn the_last_newline_begins_no_line() {
        let lines = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(lines(b"a\nb\n"), [b"a", b"b"]);
        assert_eq!(lines(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
    }

    #[test]
    fn slashes_at_the_end_go_and_the_root_stays() {
        for (path, expected) in
            [("/a/b/", "/a/b"), ("a", "a"), ("/", "/"), ("///", "/"), ("", ""), ("/a//", "/a")]
        {
            assert_eq!(without_trailing_slashes(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }
}
