//! dev: a /dev with six devices of the host and four links, and shared memory at /dev/shm.

use core::ffi::CStr;

use super::mounting::mount_at;
use crate::step::{self, Reported, Step, unless_bare};
use crate::sys::{self, Arena, BorrowedFd, CWD, List, OwnedFd};
use crate::text::number::decimal;

/// The row of this step.
pub static STEP: Step = Step {
    name: "dev",
    why: "Programs expect a few devices. They are the host's own, because an image must not choose them.",
    calls: &["open_tree", "mount", "mkdirat", "mknodat", "move_mount", "mount_setattr", "symlinkat"],
    chapter: "12-dev.md",
    when: unless_bare,
    outside: Some(|context| {
        context.devices = open_devices(context.arena)?;
        Ok(())
    }),
    inside: Some(|context| {
        make_dev(context.devices)?;
        mount_shm(context.arena, context.spec.options.shm_size)
    }),
};

/// The devices of a container. None of them leads to hardware or to another user's data.
const DEVICES: [&CStr; 6] =
    [c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom", c"/dev/tty"];

/// A symbolic link.
struct Link {
    path: &'static CStr,
    target: &'static CStr,
}

/// The links that programs expect beside the devices.
const LINKS: [Link; 4] = [
    Link { path: c"/dev/fd", target: c"/proc/self/fd" },
    Link { path: c"/dev/stdin", target: c"/proc/self/fd/0" },
    Link { path: c"/dev/stdout", target: c"/proc/self/fd/1" },
    Link { path: c"/dev/stderr", target: c"/proc/self/fd/2" },
];

/// Outside: opens each of the host's devices as a detached mount.
pub fn open_devices(arena: &Arena) -> Result<&[BorrowedFd<'static>], Reported> {
    let mut devices = List::new();
    for path in DEVICES {
        sys::open_tree_clone(path)
            .and_then(|device| devices.push(arena, OwnedFd::leak(device)))
            .map_err(|errno| step::failed(path, errno))?;
    }
    Ok(devices.into_slice())
}

/// Inside: mounts a small tmpfs at /dev, attaches the devices in it, and makes the links.
pub fn make_dev(devices: &[BorrowedFd]) -> Result<(), Reported> {
    mount_at(c"/dev", c"tmpfs", libc::MS_NOSUID | libc::MS_NOEXEC, c"mode=755,size=64k")?;
    for (device, path) in devices.iter().zip(DEVICES) {
        sys::mknod_file(CWD, path, 0o666)
            .and_then(|()| sys::move_mount(*device, path))
            .map_err(|errno| step::failed(path, errno))?;
    }
    // A program can write to a device on a read-only mount. chmod and chown fail there, and cannot change the host's node.
    sys::mount_setattr_rdonly(c"/dev")
        .and_then(|()| sys::mount_setattr_writable(c"/dev"))
        .map_err(|errno| step::failed(c"/dev", errno))?;
    for link in &LINKS {
        sys::symlink(link.target, link.path).map_err(|errno| step::failed(link.path, errno))?;
    }
    Ok(())
}

/// Mounts the file system in which shm_open(3) and sem_open(3) make their files. It has its own size, because these files are
/// memory: a program that fills it gets ENOSPC, and takes no more from the host.
pub fn mount_shm(arena: &Arena, size: Option<u64>) -> Result<(), Reported> {
    const DEFAULT: u64 = 64 << 20; // As docker has it.
    const SHM: &CStr = c"/dev/shm";
    let kib = size.unwrap_or(DEFAULT).div_ceil(1024);
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    arena
        .string(&[b"mode=1777,size=", decimal(kib as u32, &mut [0; 10]), b"k"])
        .and_then(|data| {
            sys::mkdirat(CWD, SHM, 0o755)?;
            sys::mount(c"shm", SHM, c"tmpfs", flags, data)
        })
        .map_err(|errno| step::failed(SHM, errno))
}
