//! detach: the old root is unmounted, and the host's whole tree with it.

use crate::spec::Spec;
use crate::step::{self, Reported, Step};
use crate::sys;

/// The row of this step.
pub static STEP: Step = Step {
    name: "detach",
    why: "The host's tree is still mounted on the new root: once it is detached, no path leads to it.",
    calls: &["umount2"],
    chapter: "08-detach.md",
    inside: Some(|context| detach(context.spec)),
    ..Step::NEW
};

/// Detaches the mount on top at ".", which is the old root. The spec says which steps were skipped, for the hint.
///
/// The host's other mounts are on the old root. A mount that has others on it cannot be unmounted, but it can be detached:
/// MNT_DETACH takes the whole tree out of sight at once, and the kernel frees it when its last user is gone.
pub fn detach(spec: &Spec) -> Result<(), Reported> {
    const NO_OLD_ROOT: &[u8] = b"there is no old root here: the step pivot puts it here";
    let hint: &[&[u8]] = if spec.skips("pivot") { &[NO_OLD_ROOT] } else { &[] };
    sys::umount2(c".", libc::MNT_DETACH).map_err(|errno| step::failed_with(c".", errno, hint))
}
