//! pivot: the overlay becomes the root, and the old root is mounted on top of it, at the same place.

use core::ffi::CStr;

use crate::spec::Spec;
use crate::step::{self, Reported, Step};
use crate::sys::{self, Errno};

/// The row of this step.
pub static STEP: Step = Step {
    name: "pivot",
    why: "The overlay becomes the root of this mount namespace, so that every path begins in it.",
    calls: &["chdir", "pivot_root"],
    chapter: "07-pivot-root.md",
    inside: Some(|context| pivot(context.paths.merged, context.spec)),
    ..Step::NEW
};

/// Makes `new_root` the root. The spec says which steps were skipped, for the hint.
///
/// pivot_root(2) wants a directory beneath the new root for the old one. With "." for both, no directory has to be made, and
/// none stays: <https://man7.org/linux/man-pages/man2/pivot_root.2.html#NOTES>.
pub fn pivot(new_root: &CStr, spec: &Spec) -> Result<(), Reported> {
    sys::chdir(new_root).map_err(|errno| step::failed(new_root, errno))?;
    sys::pivot_root(c".", c".").map_err(|errno| diagnose(new_root, spec, errno))
}

/// Says which of the six causes of EINVAL holds. `private` and `overlay` rule out all but one if they have run.
fn diagnose(new_root: &CStr, spec: &Spec, errno: Errno) -> Reported {
    const RAMFS: &[u8] =
        b"the root is the initial ramfs, which pivot_root cannot move: switch_root to another root first";
    const SHARED: &[u8] = b"a mount involved is shared: the step private prevents this";
    const NO_MOUNT: &[u8] = b"this is not a mount point: the step overlay makes it one";
    let is_initial = || sys::statfs(c"/").is_ok_and(|root| matches!(root.magic, 0x8584_58f6 | 0x0102_1994));
    let hint: &[&[u8]] = match errno {
        Errno::EBUSY | Errno::EINVAL if spec.skips("overlay") => &[NO_MOUNT],
        Errno::EINVAL if spec.skips("private") => &[SHARED],
        Errno::EINVAL if is_initial() => &[RAMFS],
        _ => &[],
    };
    step::failed_with(new_root, errno, hint)
}
