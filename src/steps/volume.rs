//! volume: the files and directories of the host for `--volume` are opened.

use crate::spec::{Spec, Volume};
use crate::step::{self, Reported, Step};
use crate::sys::{self, Arena, BorrowedFd, Errno, List, OwnedFd};

/// The row of this step.
pub static STEP: Step = Step {
    name: "volume",
    why: "Volumes are opened while the host is in sight, and before the overlay is a part of it.",
    calls: &["open_tree"],
    chapter: "15-files.md",
    when: |spec: &Spec| spec.volumes().next().is_some(),
    outside: Some(|context| {
        context.volumes = open_volumes(context.arena, context.spec.volumes())?;
        Ok(())
    }),
    ..Step::NEW
};

/// Opens each volume as a detached copy of its mount and of all mounts below it.
pub fn open_volumes<'a>(
    arena: &'a Arena,
    volumes: impl Iterator<Item = Volume<'a>>,
) -> Result<&'a [BorrowedFd<'static>], Reported> {
    const MISSING: &[u8] = b"the host has no such file or directory: make it first, or check the spelling";
    let mut opened = List::new();
    for volume in volumes {
        let failed = |errno| {
            let hint: &[&[u8]] = if errno == Errno::ENOENT { &[MISSING] } else { &[] };
            step::failed_with(volume.host, errno, hint)
        };
        let mount = sys::open_tree_recursive(volume.host).map(OwnedFd::leak).map_err(failed)?;
        opened.push(arena, mount).map_err(failed)?;
    }
    Ok(opened.into_slice())
}
