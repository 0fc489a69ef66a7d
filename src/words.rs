//! What an errno means, in the words of strerror(3).
//!
//! The `syscalls` crate has words too, for every errno there is; these are the ones that the calls of this program can
//! return, in the words that other programs use, and they take a quarter of the room.

use crate::sys::Errno;
use crate::text::split;

macro_rules! table {
    ($($name:ident: $words:literal,)*) => {
        impl Errno {
            $(#[doc = $words] pub const $name: Self = Self::new(libc::$name);)*
        }

        static ERRORS: &[Errno] = &[$(Errno::$name),*];

        /// A line for each of them.
        static WORDS: &str = concat!($(stringify!($name), " (", $words, ")\n"),*);
    };
}

table! {
    E2BIG: "Argument list too long",
    EACCES: "Permission denied",
    EAGAIN: "Resource temporarily unavailable",
    EBADF: "Bad file descriptor",
    EBUSY: "Device or resource busy",
    ECHILD: "No child processes",
    EDQUOT: "Disk quota exceeded",
    EEXIST: "File exists",
    EFBIG: "File too large",
    EINTR: "Interrupted system call",
    EINVAL: "Invalid argument",
    EIO: "Input/output error",
    EISDIR: "Is a directory",
    ELIBBAD: "Accessing a corrupted shared library",
    ELOOP: "Too many levels of symbolic links",
    EMFILE: "Too many open files",
    EMLINK: "Too many links",
    ENAMETOOLONG: "File name too long",
    ENFILE: "Too many open files in system",
    ENODEV: "No such device",
    ENOENT: "No such file or directory",
    ENOEXEC: "Exec format error",
    ENOLCK: "No locks available",
    ENOMEM: "Cannot allocate memory",
    ENOSPC: "No space left on device",
    ENOSYS: "Function not implemented",
    ENOTDIR: "Not a directory",
    ENOTEMPTY: "Directory not empty",
    ENOTTY: "Inappropriate ioctl for device",
    ENXIO: "No such device or address",
    EOPNOTSUPP: "Operation not supported",
    EOVERFLOW: "Value too large for defined data type",
    EPERM: "Operation not permitted",
    EPIPE: "Broken pipe",
    EROFS: "Read-only file system",
    ESTALE: "Stale file handle",
    ETXTBSY: "Text file busy",
    EUSERS: "Too many users",
    EXDEV: "Invalid cross-device link",
}

/// `ERRNO (words)`, or None for one that is not in the table.
pub fn describe(errno: Errno) -> Option<&'static [u8]> {
    let line = ERRORS.iter().position(|known| *known == errno)?;
    split(WORDS.as_bytes(), b'\n').nth(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_strerror() {
        let mut described = 0;
        for number in 1..134 {
            let Some(text) = describe(Errno::new(number)) else { continue };
            let text = std::str::from_utf8(text).unwrap();
            let (name, words) = text.strip_suffix(')').unwrap().split_once(" (").unwrap();
            let strerror = std::io::Error::from_raw_os_error(number).to_string();
            assert_eq!(strerror, format!("{words} (os error {number})"));
            assert_eq!(syscalls::Errno::new(number).name(), Some(name));
            described += 1;
        }
        assert_eq!(described, 39);
    }
}
