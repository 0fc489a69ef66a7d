//! Directories that are made where they are missing. The umask is 0022, so each gets exactly the mode that it is made with.

use core::ffi::CStr;

use crate::sys::{self, CWD, Errno};

/// Makes a directory. One that is there stays as it is.
pub fn make_directory(path: &CStr, mode: u32) -> Result<(), Errno> {
    match sys::mkdirat(CWD, path, mode) {
        Err(Errno::EEXIST) => Ok(()),
        outcome => outcome,
    }
}
