//! tmpstate: with `--rm`, the container's directory is in memory.

use crate::paths::Paths;
use crate::state::make_parts;
use crate::step::{self, Reported, Step};
use crate::sys;

/// The row of this step.
pub static STEP: Step = Step {
    name: "tmpstate",
    why: "Files that are not to be kept go into memory, which is freed when the container ends.",
    calls: &["open_tree", "mount", "chdir", "mkdirat", "move_mount"],
    chapter: "15-files.md",
    when: |spec| spec.is_temporary(),
    outside: Some(|context| mount_state(context.paths)),
    ..Step::NEW
};

/// Mounts a tmpfs over the image's directory, in this mount namespace alone, and makes the container's directory in it. The kernel
/// frees it with the namespace.
///
/// The image's directory is sure to be there, and no later step needs its path: the image is opened first, and attached in the
/// tmpfs.
pub fn mount_state(paths: &Paths) -> Result<(), Reported> {
    let failed = |errno| step::failed(paths.image, errno);
    let image = sys::open_tree_clone(paths.image).map_err(failed)?;
    sys::mount(c"tmpfs", paths.image, c"tmpfs", 0, c"mode=700").map_err(failed)?;
    sys::chdir(paths.image).map_err(failed)?;
    make_parts(paths)?;
    sys::move_mount(image.leak(), paths.lower).map_err(|errno| step::failed(paths.lower, errno))
}
