//! private: no mount of the container shows outside.

use crate::step::{self, Reported, Step};
use crate::sys::{self, Errno};

/// The row of this step.
pub static STEP: Step = Step {
    name: "private",
    why: "A new mount namespace shares mount events with the old one: a mount here would show there.",
    calls: &["mount"],
    chapter: "05-private.md",
    outside: Some(|_| private()),
    ..Step::NEW
};

/// Makes all mounts of this namespace private.
pub fn private() -> Result<(), Reported> {
    const NOT_A_MOUNT: &[u8] = b"/ is not a mount point: is this inside a chroot?";
    sys::mount_change(c"/", libc::MS_REC | libc::MS_PRIVATE).map_err(|errno| {
        let hint: &[&[u8]] = if errno == Errno::EINVAL { &[NOT_A_MOUNT] } else { &[] };
        step::failed_with(c"/", errno, hint)
    })
}
