//! overlay: the image below, what the container writes above it, and both as one tree at `merged`.

use core::ffi::CStr;

use crate::paths::Paths;
use crate::state::{make_parts, remove_volatile_mark};
use crate::step::{self, Reported, Step};
use crate::sys::{self, Arena, Errno, List};

/// The row of this step.
pub static STEP: Step = Step {
    name: "overlay",
    why: "The container must be able to write, and the image must not change: writes go above it.",
    calls: &["mount", "statx", "mkdirat", "unlinkat", "statfs"],
    chapter: "06-overlay.md",
    outside: Some(|context| {
        mount_overlay(context.arena, context.paths, context.has_etc_layer, context.spec.is_volatile())
    }),
    ..Step::NEW
};

/// Mounts the overlay.
///
/// Unmounting an overlay syncs the whole upper file system, which delays the end of the container. With `volatile` it does
/// not. overlayfs then leaves a mark, and refuses to mount directories with a mark. The supervisor removes the mark while the
/// command runs. A supervisor that was killed left it there, so this removes it and tries again.
pub fn mount_overlay(
    arena: &Arena,
    paths: &Paths,
    has_etc_layer: bool,
    is_volatile: bool,
) -> Result<(), Reported> {
    const TOO_LONG: &[u8] =
        b"CONTAINER_IMAGES and CONTAINER_STATE do not fit into one page: choose shorter paths";
    let merged = paths.merged;
    let options = join_options(arena, paths, has_etc_layer, is_volatile)
        .map_err(|errno| step::failed(merged, errno))?;
    if options.count_bytes() >= libc::PATH_MAX as usize {
        // mount(2) reads no more than one page of options.
        return Err(step::failed_with(merged, Errno::ENAMETOOLONG, &[TOO_LONG]));
    }
    let mount = || sys::mount(c"overlay", merged, c"overlay", libc::MS_RELATIME, options);
    let mut outcome = mount();
    // An earlier run was killed before it had made all directories. `merged` is the last of them.
    if outcome == Err(Errno::ENOENT) && sys::lstat(merged) == Err(Errno::ENOENT) {
        make_parts(paths)?;
        outcome = mount();
    }
    if outcome == Err(Errno::EINVAL) && remove_volatile_mark(paths) {
        outcome = mount();
    }
    outcome.map_err(|errno| diagnose(paths, errno))?;
    // overlayfs mounts read-only, without an error, if it cannot make a directory in `work`.
    match sys::statfs(merged) {
        Ok(mounted) if mounted.is_read_only => Err(diagnose_read_only(paths)),
        _ => Ok(()),
    }
}

/// `lowerdir=…,upperdir=…,workdir=…`
fn join_options<'a>(
    arena: &'a Arena,
    paths: &Paths,
    has_etc_layer: bool,
    is_volatile: bool,
) -> Result<&'a CStr, Errno> {
    let (layer, colon): (&[u8], &[u8]) =
        if has_etc_layer { (escape(arena, paths.etc_layer)?, b":") } else { (b"", b"") };
    let volatile: &[u8] = if is_volatile { b",volatile" } else { b"" };
    arena.string(&[
        b"lowerdir=",
        layer,
        colon,
        escape(arena, paths.lower)?,
        b",upperdir=",
        escape(arena, paths.upper)?,
        b",workdir=",
        escape(arena, paths.work)?,
        volatile,
    ])
}

/// Puts a backslash before commas, at which overlayfs splits its options, before colons, at which it splits the lower
/// directories, and before backslashes.
fn escape<'a>(arena: &'a Arena, path: &CStr) -> Result<&'a [u8], Errno> {
    let mut escaped = List::new();
    for byte in path.to_bytes() {
        if matches!(byte, b',' | b':' | b'\\') {
            escaped.push(arena, b'\\')?;
        }
        escaped.push(arena, *byte)?;
    }
    Ok(escaped.into_slice())
}

/// Finds the documented cause that holds, and says what to do.
fn diagnose(paths: &Paths, errno: Errno) -> Reported {
    const OVERLAP: &[u8] = b"the image and the state directory overlap: choose another CONTAINER_STATE";
    const NO_OVERLAYFS: &[u8] = b"this kernel has no overlayfs: try modprobe overlay";
    match errno {
        Errno::ENODEV => step::failed_with(paths.merged, errno, &[NO_OVERLAYFS]),
        Errno::ENOENT => diagnose_missing(paths),
        Errno::ELOOP => step::failed_with(paths.merged, errno, &[OVERLAP]),
        Errno::EINVAL | Errno::EOPNOTSUPP => diagnose_file_system(paths, errno),
        _ => step::failed(paths.merged, errno),
    }
}

/// overlayfs could not make its directory in `work`: the reason is what mkdir(2) says there.
fn diagnose_read_only(paths: &Paths) -> Reported {
    const HINT: &[u8] =
        b"overlayfs could not make a directory in it: is the disk full (df, df -i) or read-only?";
    let probe = c"probe";
    let made = sys::openat(paths.work, libc::O_PATH | libc::O_DIRECTORY, 0).and_then(|work| {
        sys::mkdirat(work.borrow(), probe, 0o700).and_then(|()| sys::rmdir(work.borrow(), probe))
    });
    step::failed_with(paths.work, made.err().unwrap_or(Errno::EROFS), &[HINT])
}

fn diagnose_missing(paths: &Paths) -> Reported {
    const HINT: &[u8] =
        b"it was removed: make it again, or remove all of the container's directory to start from the image";
    let parts = [paths.upper, paths.work, paths.merged];
    match parts.into_iter().find(|path| sys::lstat(path).is_err()) {
        Some(path) => step::failed_with(path, Errno::ENOENT, &[HINT]),
        None => step::failed(paths.merged, Errno::ENOENT),
    }
}

fn diagnose_file_system(paths: &Paths, errno: Errno) -> Reported {
    let hint = [
        b"the state directory is on ",
        name_of_file_system(paths.container),
        b" and the image on ",
        name_of_file_system(paths.image),
        b", and overlayfs refuses one of them; try CONTAINER_STATE=",
        suitable_directory(),
        b"/container",
    ];
    step::failed_with(paths.merged, errno, &hint)
}

/// A kind of file system.
struct FileSystem {
    name: &'static [u8],
    /// Its number in statfs(2).
    magic: u32,
    /// Whether an upper layer can be on it: overlayfs needs trusted.* attributes, whiteouts and d_type.
    /// <https://docs.kernel.org/filesystems/overlayfs.html>
    takes_upper: bool,
}

static FILE_SYSTEMS: [FileSystem; 16] = [
    FileSystem { name: b"ext4", magic: 0xef53, takes_upper: true },
    FileSystem { name: b"xfs", magic: 0x5846_5342, takes_upper: true },
    FileSystem { name: b"btrfs", magic: 0x9123_683e, takes_upper: true },
    FileSystem { name: b"tmpfs", magic: 0x0102_1994, takes_upper: true },
    FileSystem { name: b"f2fs", magic: 0xf2f5_2010, takes_upper: true },
    FileSystem { name: b"overlayfs", magic: 0x794c_7630, takes_upper: false },
    FileSystem { name: b"ramfs", magic: 0x8584_58f6, takes_upper: false },
    FileSystem { name: b"vfat", magic: 0x4d44, takes_upper: false },
    FileSystem { name: b"exfat", magic: 0x2011_bab0, takes_upper: false },
    FileSystem { name: b"fuse", magic: 0x6573_5546, takes_upper: false },
    FileSystem { name: b"nfs", magic: 0x6969, takes_upper: false },
    FileSystem { name: b"9p", magic: 0x0102_1997, takes_upper: false },
    FileSystem { name: b"cifs", magic: 0xff53_4d42, takes_upper: false },
    FileSystem { name: b"squashfs", magic: 0x7371_7368, takes_upper: false },
    FileSystem { name: b"iso9660", magic: 0x9660, takes_upper: false },
    FileSystem { name: b"proc", magic: 0x9fa0, takes_upper: false },
];

fn file_system_of(path: &CStr) -> Option<&'static FileSystem> {
    let magic = sys::statfs(path).ok()?.magic;
    FILE_SYSTEMS.iter().find(|known| i64::from(known.magic) == magic)
}

fn name_of_file_system(path: &CStr) -> &'static [u8] {
    file_system_of(path).map_or(b"an unknown file system", |known| known.name)
}

/// A directory that the user can write to, and whose file system takes an upper layer.
fn suitable_directory() -> &'static [u8] {
    let is_suitable = |path: &&&CStr| {
        file_system_of(path).is_some_and(|known| known.takes_upper)
            && sys::faccessat(path, libc::W_OK).is_ok()
    };
    let found = [c"/var/lib", c"/var/tmp", c"/run", c"/dev/shm"];
    found.iter().find(is_suitable).map_or(b"DIR", |path| path.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlayfs_splits_at_is_escaped() {
        let arena = Arena::new();
        assert_eq!(escape(&arena, c"/a b/c,d:e\\f=g"), Ok(&b"/a b/c\\,d\\:e\\\\f=g"[..]));
    }
}
