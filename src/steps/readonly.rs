//! readonly: with `--read-only`, the root cannot be written to.

use crate::step::{self, Reported, Step};
use crate::sys;

/// The row of this step.
pub static STEP: Step = Step {
    name: "readonly",
    why: "All mount points are made, so nothing more has to be written to the root.",
    calls: &["mount_setattr"],
    chapter: "15-files.md",
    when: |spec| spec.options.read_only,
    inside: Some(|_| make_root_readonly()),
    ..Step::NEW
};

/// Makes the root's mount read-only. Mounts below it stay as they are.
pub fn make_root_readonly() -> Result<(), Reported> {
    sys::mount_setattr_rdonly_alone(c"/").map_err(|errno| step::failed(c"/", errno))
}
