//! A file system of the kernel's, mounted at a directory of the container.

use core::ffi::{CStr, c_ulong};

use crate::step::{self, Reported};
use crate::sys::{self, CWD, Errno};

/// Mounts a file system without a device. The directory is made if the image does not have it.
pub fn mount_at(target: &CStr, fstype: &CStr, flags: c_ulong, data: &CStr) -> Result<(), Reported> {
    const NOT_A_DIRECTORY: &[u8] = b"the image has something else than a directory there";
    let mount = || sys::mount(fstype, target, fstype, flags, data);
    let outcome = match mount() {
        Err(Errno::ENOENT) => sys::mkdirat(CWD, target, 0o755).and_then(|()| mount()),
        outcome => outcome,
    };
    outcome.map_err(|errno| {
        let is_known = matches!(errno, Errno::ENOTDIR | Errno::EEXIST | Errno::ELOOP);
        let hint: &[&[u8]] = if is_known { &[NOT_A_DIRECTORY] } else { &[] };
        step::failed_with(target, errno, hint)
    })
}
