//! The container's directory: made, checked, locked. src/paths.rs has a picture of it.
//!
//! The base directory and the container's have mode 0700 and belong to the owner, so that no other user can put anything
//! into them. The supervisor locks `lock` while the container runs. `lock` holds a line once the other parts are made.

use core::ffi::CStr;

use crate::directory::make_directory;
use crate::paths::Paths;
use crate::spec::{Mount, Spec};
use crate::step::{self, Reported};
use crate::sys::{self, Arena, BorrowedFd, Errno, FileStatus, OwnedFd, Pid, SigSet};
use crate::text::number::decimal;
use crate::text::{last_index, without_trailing_slashes};

/// The files of the layer in `paths.etc_layer`, and the directories that hold them.
pub const ETC_LAYER_FILES: [&[u8]; 3] = [b"/etc/hosts", b"/etc/hostname", b"/etc/resolv.conf"];

/// The directory of one container. A value proves that the directory is complete, is the owner's, and is locked.
pub struct State<'a> {
    spec: &'a Spec<'a>,
    paths: &'a Paths<'a>,
    /// None with `--rm`: files in memory belong to this run alone, and need no lock.
    lock: Option<OwnedFd>,
    /// Whether this run made the base directory. A run that fails removes what it made.
    made_base: bool,
    /// Whether this run made the container's directory.
    made_container: bool,
}

/// How often a run starts again because another run removed the directory. Other runs do not fail so often. The limit is for
/// file systems, such as /proc, that answer ENOENT to every mkdir.
const MOST_TRIES: usize = 100;

impl<'a> State<'a> {
    /// Makes the missing parts, checks the others, and takes the lock.
    pub fn prepare(spec: &'a Spec<'a>, paths: &'a Paths<'a>, arena: &Arena) -> Result<Self, Reported> {
        let mut state = Self { spec, paths, lock: None, made_base: false, made_container: false };
        match state.make() {
            Ok(()) => Ok(state),
            Err(reported) => {
                state.discard(arena);
                Err(reported)
            }
        }
    }

    /// Keeps the directory locked until this process ends.
    pub fn keep(self) {
        self.lock.map(OwnedFd::leak);
    }

    fn make(&mut self) -> Result<(), Reported> {
        let base = self.paths.base;
        for _ in 0..MOST_TRIES {
            let is_new = make_or_check(base, self.spec.owner)?;
            self.made_base |= is_new.ok_or_else(|| step::failed(base, Errno::ENOENT))?;
            if self.spec.options.is_temporary || self.lock()? {
                return Ok(());
            }
        }
        Err(step::failed(self.paths.container, Errno::ENOENT))
    }

    /// Makes or checks the container's directory, and locks it; false if another run removed it meanwhile.
    fn lock(&mut self) -> Result<bool, Reported> {
        match make_or_check(self.paths.container, self.spec.owner)? {
            Some(is_new) => self.made_container = is_new,
            None => return Ok(false),
        }
        let path = self.paths.lock;
        let lock = match open_lock(path) {
            Ok(lock) => lock,
            Err(Errno::ENOENT) => return Ok(false),
            Err(errno) => return Err(step::failed(path, errno)),
        };
        match sys::fcntl_setlk(lock.borrow()) {
            Ok(()) => self.complete(lock),
            Err(Errno::EAGAIN | Errno::EACCES) => Err(already_running(self.spec, self.paths, &lock)),
            Err(errno) => {
                if self.made_container {
                    let _ = sys::unlink(path); // If it stays, so does the directory, and the next run completes it.
                }
                Err(step::failed(path, errno))
            }
        }
    }

    /// With the lock held: makes the other parts, unless `lock` says that they are made.
    fn complete(&mut self, lock: OwnedFd) -> Result<bool, Reported> {
        let failed = |errno| step::failed(self.paths.lock, errno);
        let lock = self.lock.insert(lock);
        let status = sys::fstat(lock.borrow()).map_err(failed)?;
        if status.nlink == 0 {
            self.lock = None; // Another run removed the file after this one had opened it.
            return Ok(false);
        }
        if status.size == 0 {
            self.made_container = true;
            make_parts(self.paths)?;
            mark_complete(lock.borrow()).map_err(failed)?;
        }
        Ok(true)
    }

    /// After a failure: removes what this run made. It removes only empty directories, so that nothing that a container
    /// wrote can be lost.
    pub fn discard(mut self, arena: &Arena) {
        if self.lock.is_some() {
            if !self.made_container || !remove_parts(self.spec, self.paths, arena) {
                return;
            }
            // The file is closed before its directory is removed: some file systems rename a file that is open.
            self.lock = None;
        }
        // Both directories are removed only if they are still empty.
        if self.made_container && sys::rmdir(self.paths.container).is_err() {
            return; // Another run uses it.
        }
        if self.made_base {
            let _ = sys::rmdir(self.paths.base); // Another container may be in it by now.
        }
    }
}

/// Opens the lock file, and makes it if it is missing.
fn open_lock(path: &CStr) -> Result<OwnedFd, Errno> {
    let lock = sys::openat(path, libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW, 0o600)?;
    // If the caller closed stderr, the file must not take its place: messages would be written into it.
    if lock.is_standard() { sys::fcntl_dupfd(lock.borrow(), 3) } else { Ok(lock) }
}

/// Makes `upper`, `work` and `merged` where they are missing. The mode of `upper` is that of the container's root.
pub fn make_parts(paths: &Paths) -> Result<(), Reported> {
    for (path, mode) in [(paths.upper, 0o755), (paths.work, 0o700), (paths.merged, 0o755)] {
        make_directory(path, mode).map_err(|errno| step::failed(path, errno))?;
    }
    Ok(())
}

/// Removes the parts of the container's directory that are empty; says whether nothing is left but the directory itself.
fn remove_parts(spec: &Spec, paths: &Paths, arena: &Arena) -> bool {
    let below = |path: &CStr, name: &[u8]| arena.string(&[path.to_bytes(), name]).unwrap_or_default();
    for mount in spec.options.mounts {
        remove_place(arena, paths.upper, mount);
    }
    for file in ETC_LAYER_FILES {
        let _ = sys::unlink(below(paths.etc_layer, file)); // The run may have failed before it made the file.
    }
    // overlayfs makes work/work, and work/index where its index is on. Steps make /proc and /dev if the image has none.
    let parts = [
        below(paths.upper, b"/proc"),
        below(paths.upper, b"/dev"),
        paths.upper,
        paths.merged,
        below(paths.work, b"/work"),
        below(paths.work, b"/index"),
        paths.work,
        below(paths.etc_layer, b"/etc"),
        paths.etc_layer,
    ];
    // A run that waits for the lock finds that the file has no name any more, and starts again.
    !parts.iter().any(|path| sys::rmdir(path) == Err(Errno::ENOTEMPTY)) && sys::unlink(paths.lock).is_ok()
}

/// Removes from `upper` the place that the step `attach` made for a mount, and the directories above it, if they are empty.
fn remove_place(arena: &Arena, upper: &CStr, mount: &Mount) {
    let mut place = without_trailing_slashes(mount.dir().to_bytes());
    while !place.is_empty() {
        if let Ok(path) = arena.string(&[upper.to_bytes(), place]) {
            remove_empty(path);
        }
        place = parent(place);
    }
}

/// Writes to the file `lock`.
///
/// If the caller limits the size of files (RLIMIT_FSIZE), the kernel sends SIGXFSZ too. It stays pending, and the error is reported.
fn mark_complete(lock: BorrowedFd) -> Result<(), Errno> {
    const TOO_LARGE: SigSet = SigSet::of(&[libc::SIGXFSZ]);
    sys::rt_sigprocmask_block(TOO_LARGE)?;
    sys::write(lock, b"upper, work and merged are whole\n")?;
    sys::rt_sigprocmask_unblock(TOO_LARGE)
}

/// The path before the last slash.
fn parent(path: &[u8]) -> &[u8] {
    path.get(..last_index(path, b'/').unwrap_or_default()).unwrap_or_default()
}

/// Removes an empty directory or an empty file, unless a component of its path is a symbolic link.
fn remove_empty(path: &CStr) {
    if sys::openat2_without_links(path).is_err() {
        return;
    }
    // A file that cannot be removed was not made by this run, or is in use: it stays.
    if sys::rmdir(path) == Err(Errno::ENOTDIR) && sys::lstat(path).is_ok_and(|file| file.size == 0) {
        let _ = sys::unlink(path); // Likewise.
    }
}

/// Removes the mark that overlayfs leaves in `work` when it mounts with `volatile`; says whether there was one.
///
/// overlayfs refuses to mount directories with such a mark, because writes to them may have been lost. It looks for the mark
/// only when it mounts. <https://docs.kernel.org/filesystems/overlayfs.html#volatile-mount>
pub fn remove_volatile_mark(arena: &Arena, work: &CStr) -> bool {
    let below = |name: &[u8]| arena.string(&[work.to_bytes(), b"/work/incompat", name]).unwrap_or_default();
    // If there is no mark, there is nothing to remove. If the mark stays, the next run tries again.
    let _ = sys::unlink(below(b"/volatile/dirty"));
    let outcome = sys::rmdir(below(b"/volatile"));
    let _ = sys::rmdir(below(b"")); // Likewise.
    outcome.is_ok()
}

fn already_running(spec: &Spec, paths: &Paths, lock: &OwnedFd) -> Reported {
    let holder = sys::fcntl_getlk(lock.borrow()).ok().flatten(); // It may have ended by now.
    let digits = &mut [0; 10];
    let pid = decimal(holder.map_or(0, Pid::number), digits);
    let hint = [spec.id.as_bytes(), b" is already running (pid ", pid, b"): end it, or choose another ID"];
    step::failed_with(paths.container, Errno::EBUSY, &hint)
}

/// Makes a directory for the owner alone, or checks the one that is there. Says whether it is new; None if the directory
/// above it is missing.
fn make_or_check(path: &CStr, owner: u32) -> Result<Option<bool>, Reported> {
    match sys::lstat(path) {
        Ok(status) => check(path, status, owner).map(|()| Some(false)),
        Err(Errno::ENOENT) => match sys::mkdirat(path, 0o700) {
            Ok(()) => Ok(Some(true)),
            Err(Errno::EEXIST) => make_or_check(path, owner), // Another process made it meanwhile: check it.
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(step::failed(path, errno)),
        },
        Err(errno) => Err(step::failed(path, errno)),
    }
}

/// Refuses a directory that another user may have made, or may put files into.
fn check(path: &CStr, status: FileStatus, owner: u32) -> Result<(), Reported> {
    const PLANTED: &[u8] = b": another user may have put it there; remove it, or set CONTAINER_STATE";
    const SHARED: &[u8] =
        b": take the permission away, or set CONTAINER_STATE to a directory that only you can write to";
    let (errno, hint): (_, &[&[u8]]) = match status.mode & libc::S_IFMT {
        libc::S_IFLNK => (Errno::ELOOP, &[b"this is a symbolic link", PLANTED]),
        kind if kind != libc::S_IFDIR => (Errno::ENOTDIR, &[b"this is not a directory", PLANTED]),
        _ if status.uid != owner => (Errno::EPERM, &[b"this belongs to another user", PLANTED]),
        _ if status.mode & 0o022 != 0 => {
            (Errno::EPERM, &[b"other users can write to this directory", SHARED])
        }
        _ => return Ok(()),
    };
    Err(step::failed_with(path, errno, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_a_path_ends_before_its_last_component() {
        assert_eq!(parent(b"/a/b/c"), b"/a/b");
        assert_eq!(parent(b"/a"), b"");
        assert_eq!(parent(b""), b"");
    }
}
