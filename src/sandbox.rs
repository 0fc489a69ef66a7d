//! The sandbox of an experiment: when `--skip` leaves out a step that isolates, nothing of the host may change.

use core::ffi::CStr;

use crate::step::{self, Reported};
use crate::sys::{self, Errno};

fn failed(path: &CStr) -> impl Fn(Errno) -> Reported {
    move |errno| step::failed(path, errno)
}

/// In the parent: enters a mount namespace that is thrown away at the end, and whose mounts do not show on the host.
///
/// The experiment without `private` needs shared mounts, as a host with systemd has them. Only then does the step matter.
pub fn sandbox_mount_namespace(is_shared: bool) -> Result<(), Reported> {
    sys::unshare(libc::CLONE_NEWNS).map_err(failed(c""))?;
    sys::mount_change(c"/", libc::MS_REC | libc::MS_PRIVATE).map_err(failed(c"/"))?;
    if is_shared {
        sys::mount_change(c"/", libc::MS_REC | libc::MS_SHARED).map_err(failed(c"/"))?;
    }
    Ok(())
}

/// In the child, after the `outside` parts: all mounts become read-only.
pub fn remount_read_only() -> Result<(), Reported> {
    sys::mount_setattr_rdonly(c"/").map_err(failed(c"/"))
}

/// In the parent, after a failure without `private`: unmounts what the child mounted in this namespace too. The mount would
/// keep directories in use, which have to be removed.
pub fn unmount_leaked(target: &CStr) {
    let _ = sys::umount2(target, libc::MNT_DETACH); // If the child failed earlier, nothing is mounted there.
}
