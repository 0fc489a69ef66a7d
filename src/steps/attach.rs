//! attach: volumes and tmpfs mounts are put in their places.

use core::ffi::CStr;

use super::place::{Kind, open_place};
use crate::spec::{Mount, Tmpfs, Volume};
use crate::step::{self, Reported, Step};
use crate::sys::{self, Arena, BorrowedFd, Errno};

/// The row of this step.
pub static STEP: Step = Step {
    name: "attach",
    why: "Every path ends in the container now, so nothing can be mounted anywhere else.",
    calls: &[
        "statx",
        "openat2",
        "mkdirat",
        "mknodat",
        "close",
        "mount_setattr",
        "move_mount",
        "fchdir",
        "mount",
        "chdir",
    ],
    chapter: "15-files.md",
    when: |spec| !spec.options.mounts.is_empty(),
    inside: Some(|context| attach(context.arena, context.spec.options.mounts, context.volumes)),
    ..Step::NEW
};

/// Mounts each in the order of the spec, so that one can be inside another. `opened` has a detached mount for each volume.
pub fn attach(arena: &Arena, mounts: &[Mount], opened: &[BorrowedFd]) -> Result<(), Reported> {
    let mut opened = opened.iter();
    for mount in mounts {
        match mount {
            Mount::Tmpfs(tmpfs) => mount_tmpfs(arena, tmpfs)?,
            Mount::Volume(volume) => {
                if let Some(tree) = opened.next() {
                    attach_volume(arena, volume, *tree)?;
                }
            }
        }
    }
    Ok(())
}

fn attach_volume(arena: &Arena, volume: &Volume, tree: BorrowedFd) -> Result<(), Reported> {
    let status = sys::fstat(tree).map_err(|errno| step::failed(volume.host, errno))?;
    let is_directory = status.mode & libc::S_IFMT == libc::S_IFDIR;
    let place = open_place(arena, volume.dir, if is_directory { Kind::Directory } else { Kind::File })?;
    if volume.read_only {
        sys::mount_setattr_rdonly_open(tree).map_err(|errno| step::failed(volume.dir, errno))?;
    }
    sys::move_mount_onto(tree, place).map_err(|errno| diagnose(volume.dir, errno, is_directory))
}

/// mount(2) takes a path, and no descriptor: the place becomes the working directory, and the path is ".".
fn mount_tmpfs(arena: &Arena, tmpfs: &Tmpfs) -> Result<(), Reported> {
    let place = open_place(arena, tmpfs.dir, Kind::Directory)?;
    sys::fchdir(place)
        .and_then(|()| sys::mount(c"tmpfs", c".", c"tmpfs", tmpfs.flags, tmpfs.data))
        .and_then(|()| sys::chdir(c"/"))
        .map_err(|errno| match errno {
            Errno::EINVAL => step::failed(tmpfs.dir, errno), // A number is too large for tmpfs.
            _ => diagnose(tmpfs.dir, errno, true),
        })
}

fn diagnose(place: &CStr, errno: Errno, is_directory: bool) -> Reported {
    const DIRECTORY: &[u8] =
        b"a directory can be mounted only on a directory, and the container has a file there";
    const FILE: &[u8] = b"a file can be mounted only on a file, and the container has a directory there";
    let (errno, hint): (_, &[&[u8]]) = match errno {
        Errno::EINVAL | Errno::ENOTDIR if is_directory => (Errno::ENOTDIR, &[DIRECTORY]),
        Errno::EINVAL | Errno::ENOTDIR => (Errno::ENOTDIR, &[FILE]),
        _ => (errno, &[]),
    };
    step::failed_with(place, errno, hint)
}
