//! The container's tree of files: an overlay that becomes the root, with /proc and /dev in it.

use core::ffi::{CStr, c_ulong};

use crate::names;
use crate::run::{Scene, is_left_out};
use crate::spec::Spec;
use crate::step::{self, Reported};
use crate::sys::{self, Errno};
use crate::text::{Text, split};

/// private: no mount of the container's shows outside.
pub fn private(_: &mut Scene) -> Result<(), Reported> {
    sys::mount_change(c"/", libc::MS_REC | libc::MS_PRIVATE).map_err(|errno| match errno {
        Errno::EINVAL => {
            step::failed_with(c"/", errno, &[b"/ is not a mount point: is this inside a chroot?"])
        }
        _ => step::failed(c"/", errno),
    })
}

/// shield, in the parent: a mount namespace that will be thrown away, cut off from the host's, stands in for the host.
///
/// Where `private` is left out, its mounts are shared, as those of a host with systemd are: only then is there a difference.
pub fn shield(is_shared: bool) -> Result<(), Reported> {
    sys::unshare(libc::CLONE_NEWNS).map_err(|errno| step::failed(c"", errno))?;
    sys::mount_change(c"/", libc::MS_REC | libc::MS_PRIVATE).map_err(|errno| step::failed(c"/", errno))?;
    let shared = || sys::mount_change(c"/", libc::MS_REC | libc::MS_SHARED);
    if is_shared { shared().map_err(|errno| step::failed(c"/", errno)) } else { Ok(()) }
}

/// shield, after a failure: what the child mounted has leaked into the supervisor's mount namespace, and would keep directories in use.
pub fn take_off_leaked(spec: &Spec) {
    let text = &mut Text::new();
    let place = if spec.is_temporary { spec.state_path(text) } else { spec.container_path(text, b"/merged") };
    let _ = sys::umount2(place, libc::MNT_DETACH); // Where it has not leaked, there is nothing to take off.
}

/// shield, in the child: whatever of the host can be seen from here on, can only be looked at.
pub fn look_only() -> Result<(), Reported> {
    sys::mount_setattr_rdonly(c"/").map_err(|errno| step::failed(c"/", errno))
}

/// overlay: the image below, what the container writes above it, both in one at `merged`.
///
/// An overlay that goes has all that is unwritten on its file system written to the disk, and whoever waits for the container
/// waits for that. `volatile` says not to, and leaves a mark, with which overlayfs refuses the directories. The supervisor
/// takes the mark away while the command runs; if it was killed before it could, it is done here.
pub fn overlay(scene: &mut Scene) -> Result<(), Reported> {
    const TOO_LONG: &[u8] =
        b"CONTAINER_IMAGES and CONTAINER_STATE do not fit into one page: choose shorter ones";
    let (text, layers) = (&mut Text::new(), &mut Text::new());
    join_layers(layers, scene.spec, scene.has_names, text);
    let merged = scene.spec.container_path(text, b"/merged");
    if layers.is_too_long() {
        return Err(step::failed_with(merged, Errno::ENAMETOOLONG, &[TOO_LONG]));
    }
    let mount = || sys::mount(c"overlay", merged, c"overlay", libc::MS_RELATIME, layers.as_cstr());
    let outcome = match mount() {
        Err(Errno::EINVAL) if scene.state.unmark() => mount(),
        outcome => outcome,
    };
    outcome.map_err(|errno| why_no_overlay(scene.spec, merged, errno, layers))
}

/// `lowerdir=…,upperdir=…,workdir=…`
fn join_layers(layers: &mut Text, spec: &Spec, has_names: bool, text: &mut Text) {
    let mut before: &[u8] = b"lowerdir=";
    if has_names {
        push_escaped(layers, before, spec.container_path(text, names::LAYER));
        before = b":";
    }
    push_escaped(layers, before, spec.image_path(text));
    push_escaped(layers, b",upperdir=", spec.container_path(text, b"/upper"));
    push_escaped(layers, b",workdir=", spec.container_path(text, b"/work"));
    if spec.is_volatile() {
        layers.push(b",volatile");
    }
}

/// overlayfs splits its options at commas and its lower directories at colons, unless a backslash stands before: so it does in
/// the path, and not in what comes `before` it.
fn push_escaped(text: &mut Text, before: &[u8], path: &CStr) {
    text.push(before);
    for byte in path.to_bytes() {
        if b",:\\".contains(byte) {
            text.push(b"\\");
        }
        text.push(&[*byte]);
    }
}

/// Finds which of the documented causes it is that overlayfs refuses, and says what mends it.
fn why_no_overlay(spec: &Spec, merged: &CStr, errno: Errno, text: &mut Text) -> Reported {
    const ONE_IN_THE_OTHER: &[u8] =
        b"of the image and the container's directory one lies in the other: choose another CONTAINER_STATE";
    const NO_OVERLAYFS: &[u8] = b"this kernel has no overlayfs: try modprobe overlay";
    match errno {
        Errno::ENODEV => step::failed_with(merged, errno, &[NO_OVERLAYFS]),
        Errno::ENOENT => missing_part(spec, merged, text),
        Errno::ELOOP => step::failed_with(merged, errno, &[ONE_IN_THE_OTHER]),
        Errno::EINVAL | Errno::EOPNOTSUPP => refused_file_system(spec, merged, errno, text),
        _ => step::failed(merged, errno),
    }
}

fn missing_part(spec: &Spec, merged: &CStr, text: &mut Text) -> Reported {
    const HINT: &[u8] =
        b"it was there once: make it again, or remove all of the container's directory to begin anew";
    for name in split(b"/upper /work /merged", b' ') {
        let path = spec.container_path(text, name);
        if sys::lstat(path).is_err() {
            return step::failed_with(path, Errno::ENOENT, &[HINT]);
        }
    }
    step::failed(merged, Errno::ENOENT)
}

fn refused_file_system(spec: &Spec, merged: &CStr, errno: Errno, text: &mut Text) -> Reported {
    let state = file_system_of(spec.state_path(text));
    let image = file_system_of(spec.image_path(text));
    let hint = [
        b"the state directory is on ",
        state,
        b" and the image on ",
        image,
        b", and overlayfs refuses one of them; try CONTAINER_STATE=",
        suitable_directory(),
        b"/container",
    ];
    step::failed_with(merged, errno, &hint)
}

/// File systems by their magic numbers.
const MAGIC: [u32; 16] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0xf2f5_2010,
    0x794c_7630,
    0x8584_58f6,
    0x4d44,
    0x2011_bab0,
    0x6573_5546,
    0x6969,
    0x0102_1997,
    0xff53_4d42,
    0x7371_7368,
    0x9660,
    0x9fa0,
];

/// Their names, in the same order.
const NAMES: &[u8] =
    b"ext4 xfs btrfs tmpfs f2fs overlayfs ramfs vfat exfat fuse nfs 9p cifs squashfs iso9660 proc";

/// How many of them, at the beginning, overlayfs can write to: it needs trusted.* attributes, whiteouts and d_type.
/// <https://docs.kernel.org/filesystems/overlayfs.html>
const SUITABLE: usize = 5;

/// Where a path's file system is in the table.
fn kind_of(path: &CStr) -> Option<usize> {
    let magic = sys::statfs_type(path).ok()?;
    MAGIC.iter().position(|known| i64::from(*known) == magic)
}

fn file_system_of(path: &CStr) -> &'static [u8] {
    let name = kind_of(path).and_then(|kind| split(NAMES, b' ').nth(kind));
    name.unwrap_or(b"a file system that it does not know")
}

/// A directory that is there, that the user can write to, and whose file system an upper layer can be on.
fn suitable_directory() -> &'static [u8] {
    for path in &[c"/var/lib", c"/var/tmp", c"/run", c"/dev/shm"] {
        let is_suitable = kind_of(path).is_some_and(|kind| kind < SUITABLE);
        if is_suitable && sys::faccessat(path, libc::W_OK).is_ok() {
            return path.to_bytes();
        }
    }
    b"DIR"
}

/// pivot: the overlay becomes the root; the old root ends up mounted on top of it, at the same place.
///
/// pivot_root(2) wants a directory beneath the new root to put the old one at. "." for both does without making one, and
/// without leaving one behind: <https://man7.org/linux/man-pages/man2/pivot_root.2.html#NOTES>.
pub fn pivot(scene: &mut Scene) -> Result<(), Reported> {
    let text = &mut Text::new();
    let merged = scene.spec.container_path(text, b"/merged");
    sys::chdir(merged).map_err(|errno| step::failed(merged, errno))?;
    sys::pivot_root(c".", c".").map_err(|errno| why_no_pivot(scene.spec, merged, errno))
}

/// Says which of the six causes of EINVAL it is. `private` and `overlay`, if they have run, rule out all but one.
fn why_no_pivot(spec: &Spec, merged: &CStr, errno: Errno) -> Reported {
    const RAMFS: &[u8] =
        b"the root here is the initial ramfs, which cannot be pivoted away: switch_root to a real one first";
    const SHARED: &[u8] = b"a mount that is involved is shared: the step private would have mended it";
    const NO_MOUNT: &[u8] = b"it is not a mount point: the step overlay would have made it one";
    let is_initial = || sys::statfs_type(c"/").is_ok_and(|magic| matches!(magic, 0x8584_58f6 | 0x0102_1994));
    let hint: &[&[u8]] = match errno {
        Errno::EBUSY | Errno::EINVAL if is_left_out(spec, "overlay") => &[NO_MOUNT],
        Errno::EINVAL if is_left_out(spec, "private") => &[SHARED],
        Errno::EINVAL if is_initial() => &[RAMFS],
        _ => &[],
    };
    step::failed_with(merged, errno, hint)
}

/// detach: the old root, and the host's whole tree with it, is taken off.
///
/// The host's other mounts are on it, and a mount that has others on it cannot be unmounted but only detached: MNT_DETACH takes
/// the whole tree out of sight at once, and the kernel drops it when its last user is gone. umount2 looks for the mount on top
/// at ".", and that is the old root.
pub fn detach(scene: &mut Scene) -> Result<(), Reported> {
    const NOTHING_THERE: &[u8] = b"there is no old root here: the step pivot would have put it here";
    let hint: &[&[u8]] = if is_left_out(scene.spec, "pivot") { &[NOTHING_THERE] } else { &[] };
    sys::umount2(c".", libc::MNT_DETACH).map_err(|errno| step::failed_with(c".", errno, hint))
}

/// proc: /proc for the new PID namespace, from which nothing is run and no device opened.
pub fn proc(_: &mut Scene) -> Result<(), Reported> {
    mount_at(c"/proc", c"proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, c"")
}

/// Mounts a file system of the kernel's own at a directory, which is made if the image does not have it.
fn mount_at(target: &CStr, fstype: &CStr, flags: c_ulong, data: &CStr) -> Result<(), Reported> {
    let mount = || sys::mount(fstype, target, fstype, flags, data);
    let outcome = match mount() {
        Err(Errno::ENOENT) => sys::mkdirat(target, 0o755).and_then(|()| mount()),
        outcome => outcome,
    };
    outcome.map_err(|errno| match errno {
        Errno::ENOTDIR | Errno::EEXIST | Errno::ELOOP => {
            step::failed_with(target, errno, &[b"the image has something else there than a directory"])
        }
        _ => step::failed(target, errno),
    })
}

/// The devices that a container has: none of them leads to hardware or to another user's data.
pub const DEVICES: [&CStr; 6] =
    [c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom", c"/dev/tty"];

/// What programs expect beside them.
const LINKS: [(&CStr, &CStr); 4] = [
    (c"/proc/self/fd", c"/dev/fd"),
    (c"/proc/self/fd/0", c"/dev/stdin"),
    (c"/proc/self/fd/1", c"/dev/stdout"),
    (c"/proc/self/fd/2", c"/dev/stderr"),
];

/// dev, outside: takes hold of the host's devices, each as a mount that is attached nowhere.
pub fn open_devices(scene: &mut Scene) -> Result<(), Reported> {
    for (slot, path) in scene.devices.iter_mut().zip(&DEVICES) {
        *slot = Some(sys::open_tree_clone(path).map_err(|errno| step::failed(path, errno))?);
    }
    Ok(())
}

/// dev, inside: a small file system in memory in place of the image's /dev, and the devices attached in it.
pub fn dev(scene: &mut Scene) -> Result<(), Reported> {
    mount_at(c"/dev", c"tmpfs", libc::MS_NOSUID | libc::MS_NOEXEC, c"mode=755,size=64k")?;
    for (device, path) in scene.devices.iter().zip(&DEVICES) {
        if let Some(device) = device {
            sys::mknod_file(path, 0o666)
                .and_then(|()| sys::move_mount(device.borrow(), path))
                .map_err(|errno| step::failed(path, errno))?;
        }
    }
    // A device can be written to through a read-only mount; but chmod and chown inside would else change the host's own node.
    sys::mount_setattr_rdonly(c"/dev")
        .and_then(|()| sys::mount_setattr_writable(c"/dev"))
        .map_err(|errno| step::failed(c"/dev", errno))?;
    for (target, path) in &LINKS {
        sys::symlink(target, path).map_err(|errno| step::failed(path, errno))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlayfs_splits_at_is_escaped() {
        let mut text = Text::new();
        push_escaped(&mut text, b"x=", c"/a b/c,d:e\\f=g");
        assert_eq!(text.as_cstr(), c"x=/a b/c\\,d\\:e\\\\f=g");
    }
}
