//! limits: the resource limits of `--ulimit`.

use crate::spec::Limit;
use crate::step::{self, Reported, Step};
use crate::sys::{self, Errno};

/// The row of this step.
pub static STEP: Step = Step {
    name: "limits",
    why: "Limits come after the steps that they would hinder, and while root may still raise them.",
    calls: &["prlimit64"],
    chapter: "14-command.md",
    when: |spec| !spec.options.limits.is_empty(),
    inside: Some(|context| set_limits(context.spec.options.limits)),
    ..Step::NEW
};

/// Sets each limit for this process, which becomes the command.
pub fn set_limits(limits: &[Limit]) -> Result<(), Reported> {
    const ABOVE: &[u8] = b"this is above the hard limit (ulimit -H), which only CAP_SYS_RESOURCE may raise; \
        or above /proc/sys/fs/nr_open";
    for limit in limits {
        sys::prlimit(limit.resource.number, limit.soft, limit.hard).map_err(|errno| {
            let hint: &[&[u8]] = if errno == Errno::EPERM { &[ABOVE] } else { &[] };
            step::failed_with(limit.resource.name, errno, hint)
        })?;
    }
    Ok(())
}
