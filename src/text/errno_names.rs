//! The names of errnos and their meaning, in the words of strerror(3).
//!
//! The `syscalls` crate has words for every errno. This table has the ones that the calls of this program return, in the
//! words that other programs use, in a quarter of the space.

use crate::sys::Errno;

/// An errno, its name and its meaning.
struct Row {
    errno: Errno,
    name: &'static str,
    meaning: &'static str,
}

macro_rules! table {
    ($($name:ident: $meaning:literal,)*) => {
        impl Errno {
            $(#[doc = $meaning] pub const $name: Self = Self::new(libc::$name);)*
        }

        static ERRNOS: &[Row] = &[$(Row { errno: Errno::$name, name: stringify!($name), meaning: $meaning }),*];
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

/// The name of an errno and its meaning. None if the table does not have it.
pub fn describe(errno: Errno) -> Option<(&'static str, &'static str)> {
    let row = ERRNOS.iter().find(|row| row.errno == errno)?;
    Some((row.name, row.meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_strerror() {
        let mut described = 0;
        for number in 1..134 {
            let Some((name, meaning)) = describe(Errno::new(number)) else { continue };
            let strerror = std::io::Error::from_raw_os_error(number).to_string();
            assert_eq!(strerror, format!("{meaning} (os error {number})"));
            assert_eq!(syscalls::Errno::new(number).name(), Some(name));
            described += 1;
        }
        assert_eq!(described, ERRNOS.len());
    }
}
