//! tmpstate: with `--rm`, the container's directory is in memory.

use crate::paths::Paths;
use crate::state::make_parts;
use crate::step::{self, Reported, Step};
use crate::sys;

/// The row of this step.
pub static STEP: Step = Step {
    name: "tmpstate",
    why: "Files that are not to be kept go into memory, which is freed when the container ends.",
    calls: &["mount", "mkdirat", "fchmodat"],
    chapter: "15-files.md",
    when: |spec| spec.options.is_temporary,
    outside: Some(|context| mount_state(context.paths)),
    ..Step::NEW
};

/// Mounts a tmpfs over the base directory, in this mount namespace alone, and makes the container's directory in it. The
/// kernel frees it with the namespace.
pub fn mount_state(paths: &Paths) -> Result<(), Reported> {
    sys::mount(c"tmpfs", paths.base, c"tmpfs", 0, c"mode=700")
        .map_err(|errno| step::failed(paths.base, errno))?;
    sys::mkdirat(paths.container, 0o700).map_err(|errno| step::failed(paths.container, errno))?;
    make_parts(paths)
}
