//! proc: /proc for the new PID namespace.

use super::mounting::mount_at;
use crate::step::Step;

/// The row of this step.
pub static STEP: Step = Step {
    name: "proc",
    why: "/proc shows the PID namespace of the process that mounted it, and ps reads /proc.",
    calls: &["mount", "mkdirat"],
    chapter: "09-proc-dev.md",
    // No program is run from it, and no device opened in it.
    inside: Some(|_| mount_at(c"/proc", c"proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, c"")),
    ..Step::NEW
};
