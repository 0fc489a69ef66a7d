//! The container's directory on the host: made, checked, locked. src/paths.rs has a picture of it.
//!
//! The base directory and the container's have mode 0700 and belong to the owner, so that no other user can put anything into them.
//! While the container runs, the supervisor holds a lock on its directory (flock(2)). A second run is refused, and
//! systemd-tmpfiles(8), which removes old files in /tmp, leaves a locked directory alone.

use core::ffi::CStr;

use crate::directory::make_directory;
use crate::paths::Paths;
use crate::spec::{Mount, Spec};
use crate::step::{self, Reported};
use crate::sys::{self, Arena, CWD, Errno, FileStatus, OwnedFd};
use crate::text::number::{self, decimal};
use crate::text::{last_index, lines, split, without_trailing_slashes};

/// The files of the layer in `paths.etc_layer`, and the directories that hold them.
pub const ETC_LAYER_FILES: [&CStr; 3] = [c"etc/hosts", c"etc/hostname", c"etc/resolv.conf"];

/// The directory of one container. A value proves that the directory is the owner's and is locked.
pub struct State<'a> {
    spec: &'a Spec<'a>,
    image: &'a CStr,
    arena: &'a Arena,
    /// The directory of all containers.
    base: &'a CStr,
    /// None until `base` is checked.
    paths: Option<Paths<'a>>,
    /// The container's directory, with a lock on it.
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
    /// Makes the directory or checks it, and takes the lock. Returns the paths as well.
    pub fn prepare(
        spec: &'a Spec<'a>,
        image: &'a CStr,
        arena: &'a Arena,
    ) -> Result<(Self, Paths<'a>), Reported> {
        let base = base_path(spec, arena).map_err(|errno| step::failed(c"", errno))?;
        let mut state = Self {
            spec,
            image,
            arena,
            base,
            paths: None,
            lock: None,
            made_base: false,
            made_container: false,
        };
        match state.make() {
            Ok(paths) => Ok((state, paths)),
            Err(reported) => {
                state.discard();
                Err(reported)
            }
        }
    }

    /// Keeps the directory locked until this process ends.
    pub fn keep(self) {
        self.lock.map(OwnedFd::leak);
    }

    fn make(&mut self) -> Result<Paths<'a>, Reported> {
        let failed = |errno| step::failed(c"", errno);
        for _ in 0..MOST_TRIES {
            let is_new = make_or_check(self.base, self.spec.owner)?;
            self.made_base |= is_new.ok_or_else(|| step::failed(self.base, Errno::ENOENT))?;
            if self.spec.state.is_some() {
                self.base = resolve(self.base, self.arena)?;
                check_ancestors(self.base, self.spec.owner, self.arena)?;
            }
            let container = self.arena.string(&[self.base.to_bytes(), b"/", self.spec.id.as_bytes()]);
            let paths = Paths::new(self.image, container.map_err(failed)?, self.arena).map_err(failed)?;
            self.paths = Some(paths);
            if self.lock(&paths)? {
                return Ok(paths);
            }
        }
        Err(step::failed(self.paths.map_or(self.base, |paths| paths.container), Errno::ENOENT))
    }

    /// Opens the container's directory, which is made if it is missing, and locks it; false if another run removed it meanwhile.
    fn lock(&mut self, paths: &Paths) -> Result<bool, Reported> {
        let path = paths.container;
        let failed = |errno| step::failed(path, errno);
        let (opened, is_new) = open_or_make(path);
        self.made_container = is_new;
        let lock = match opened {
            Ok(lock) => lock,
            Err(Errno::ENOENT) => return Ok(false),
            // It is not a directory. The check says what it is.
            Err(errno @ (Errno::ENOTDIR | Errno::ELOOP)) => {
                let status = sys::lstat(path).map_err(failed)?;
                return check(path, status, self.spec.owner).and_then(|()| Err(failed(errno)));
            }
            Err(errno) => return Err(failed(errno)),
        };
        sys::flock(lock.borrow()).map_err(|errno| match errno {
            Errno::EAGAIN => {
                self.made_container = false; // It belongs to the run that has locked it first.
                already_running(self.spec, path, &lock)
            }
            _ => failed(errno),
        })?;
        let status = sys::fstat(lock.borrow()).map_err(failed)?;
        if status.nlink == 0 {
            return Ok(false); // Another run removed the directory after this one had opened it.
        }
        check(path, status, self.spec.owner)?;
        self.lock = Some(lock);
        if is_new { make_parts(paths).map(|()| true) } else { Ok(true) }
    }

    /// After a failure: removes what this run made. It removes only empty directories, so that nothing that a container wrote can
    /// be lost.
    pub fn discard(self) {
        if let (Some(paths), true) = (&self.paths, self.made_container) {
            remove_parts(self.spec, paths);
            // It is removed while it is locked: a run that has opened it finds that it is gone, and starts again.
            if sys::rmdir(CWD, paths.container).is_err() {
                return; // Something is left in it.
            }
        }
        if self.made_base {
            let _ = sys::rmdir(CWD, self.base); // Another container may be in it by now.
        }
    }
}

/// Opens a directory, or makes it and opens it; says whether it is new. ENOENT: it has just been made or removed by another run, or the
/// directory above it is missing.
fn open_or_make(path: &CStr) -> (Result<OwnedFd, Errno>, bool) {
    match open_directory(path) {
        Err(Errno::ENOENT) => match sys::mkdirat(CWD, path, 0o700) {
            Ok(()) => (open_directory(path), true),
            Err(Errno::EEXIST) => (Err(Errno::ENOENT), false),
            Err(errno) => (Err(errno), false),
        },
        opened => (opened, false),
    }
}

/// `$CONTAINER_STATE`, or /tmp/container for root, or /tmp/container-UID.
fn base_path<'a>(spec: &Spec<'a>, arena: &'a Arena) -> Result<&'a CStr, Errno> {
    match (spec.state, spec.owner) {
        // The kernel would follow a symbolic link that has a slash behind it.
        (Some(path), _) => arena.string(&[without_trailing_slashes(path.to_bytes())]),
        (None, 0) => Ok(c"/tmp/container"),
        (None, uid) => arena.string(&[b"/tmp/container-", decimal(uid, &mut [0; 10])]),
    }
}

/// The absolute path of a directory, without symbolic links, `.` and `..`.
fn resolve<'a>(path: &CStr, arena: &'a Arena) -> Result<&'a CStr, Reported> {
    let absolute = || {
        let here = sys::open_existing(c".", libc::O_PATH | libc::O_DIRECTORY)?;
        let buffer = arena.bytes(libc::PATH_MAX as usize)?;
        sys::chdir(path)?;
        let outcome = sys::getcwd(buffer);
        sys::fchdir(here.borrow())?;
        outcome?;
        CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::ENAMETOOLONG)
    };
    absolute().map_err(|errno| step::failed(path, errno))
}

/// Refuses a directory if another user could replace a directory above it: each must belong to root or the owner, and others may
/// write to it only if it is sticky, as /tmp is.
fn check_ancestors(path: &CStr, owner: u32, arena: &Arena) -> Result<(), Reported> {
    const HINT: &[u8] = b"another user can replace this directory: set CONTAINER_STATE to a place that only you and root can change";
    let mut above = path.to_bytes();
    while let Some(slash) = last_index(above, b'/') {
        above = above.get(..slash).unwrap_or_default();
        let name = if above.is_empty() { b"/" } else { above };
        let directory = arena.string(&[name]).map_err(|errno| step::failed(path, errno))?;
        let status = sys::lstat(directory).map_err(|errno| step::failed(directory, errno))?;
        let is_trusted = status.uid == 0 || status.uid == owner;
        let is_open = status.mode & 0o022 != 0 && status.mode & libc::S_ISVTX == 0;
        if !is_trusted || is_open {
            return Err(step::failed_with(directory, Errno::EPERM, &[HINT]));
        }
    }
    Ok(())
}

/// Opens a directory for reading, which flock(2) needs. A symbolic link is not followed.
fn open_directory(path: &CStr) -> Result<OwnedFd, Errno> {
    sys::open_existing(path, libc::O_DIRECTORY | libc::O_NOFOLLOW)
}

/// Makes `upper`, `work` and `merged` where they are missing. The mode of `upper` is that of the container's root.
pub fn make_parts(paths: &Paths) -> Result<(), Reported> {
    for (path, mode) in [(paths.upper, 0o755), (paths.work, 0o700), (paths.merged, 0o755)] {
        make_directory(path, mode).map_err(|errno| step::failed(path, errno))?;
    }
    Ok(())
}

/// Removes the parts of the container's directory that are empty. What cannot be removed is in use, or holds something: it stays,
/// and so no error is reported here.
fn remove_parts(spec: &Spec, paths: &Paths) {
    let open = |path| sys::open_existing(path, libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW);
    if let Ok(upper) = open(paths.upper) {
        let places = spec.options.mounts.iter().map(Mount::dir).chain(spec.options.workdir);
        // Steps make /proc and /dev if the image has none.
        for place in places.chain([c"/proc", c"/dev"]) {
            remove_place(&upper, place);
        }
    }
    if let Ok(layer) = open(paths.etc_layer) {
        for file in ETC_LAYER_FILES {
            let _ = sys::unlink(layer.borrow(), file);
        }
        let _ = sys::rmdir(layer.borrow(), c"etc");
    }
    if let Ok(work) = open(paths.work) {
        // overlayfs makes work/work, and work/index where its index is on.
        let _ = sys::rmdir(work.borrow(), c"work");
        let _ = sys::rmdir(work.borrow(), c"index");
    }
    for path in [paths.upper, paths.merged, paths.work, paths.etc_layer] {
        let _ = sys::rmdir(CWD, path);
    }
}

/// Removes a place that a step made in `upper`, and the directories above it, if they are empty. `upper` is the root for the path, as
/// it was in the container. What a symbolic link leads to is left alone.
#[inline(never)] // As `find_holder`.
fn remove_place(upper: &OwnedFd, place: &CStr) {
    // The path is shortened in a buffer. The arena may be full: that may be the failure.
    let buffer = &mut [0; libc::PATH_MAX as usize];
    for (to, from) in buffer.iter_mut().zip(place.to_bytes()) {
        *to = *from;
    }
    let mut len = place.count_bytes();
    while let Some(slash) = buffer.get(..len).and_then(|path| last_index(path, b'/')) {
        buffer.get_mut(slash..=slash).unwrap_or_default().fill(0);
        let name = buffer.get(slash + 1..).map(CStr::from_bytes_until_nul);
        let above = if slash == 0 { Ok(c"/") } else { CStr::from_bytes_until_nul(buffer) };
        if let (Ok(above), Some(Ok(name))) = (above, name)
            && let Ok(directory) = sys::openat2_in_root(upper.borrow(), above)
        {
            remove_empty(&directory, name);
        }
        len = slash;
    }
}

/// Removes an empty directory or an empty file.
fn remove_empty(directory: &OwnedFd, name: &CStr) {
    let is_empty_file = || {
        sys::openat2_in_root(directory.borrow(), name)
            .and_then(|file| sys::fstat(file.borrow()))
            .is_ok_and(|file| file.mode & libc::S_IFMT == libc::S_IFREG && file.size == 0)
    };
    if sys::rmdir(directory.borrow(), name) == Err(Errno::ENOTDIR) && is_empty_file() {
        let _ = sys::unlink(directory.borrow(), name); // If it cannot be removed, it stays.
    }
}

/// Removes the mark that overlayfs leaves in `work` when it mounts with `volatile`; says whether there was one.
///
/// overlayfs refuses to mount directories with such a mark, because writes to them may have been lost. It looks for the mark
/// only when it mounts. <https://docs.kernel.org/filesystems/overlayfs.html#volatile-mount>
pub fn remove_volatile_mark(paths: &Paths) -> bool {
    let [incompat, volatile, dirty] = paths.volatile_mark;
    // If there is no mark, there is nothing to remove. If the mark stays, the next run tries again.
    let _ = sys::unlink(CWD, dirty);
    let outcome = sys::rmdir(CWD, volatile);
    let _ = sys::rmdir(CWD, incompat); // Likewise.
    outcome.is_ok()
}

fn already_running(spec: &Spec, path: &CStr, lock: &OwnedFd) -> Reported {
    let digits = &mut [0; 10];
    let pid = find_holder(lock).map(|pid| decimal(pid, digits));
    let (before, pid, after): (&[u8], &[u8], &[u8]) =
        pid.map_or((b"", b"", b""), |pid| (b" (pid ", pid, b")"));
    let hint =
        [spec.id.as_bytes(), b" is already running", before, pid, after, b": end it, or choose another ID"];
    step::failed_with(path, Errno::EBUSY, &hint)
}

/// The process that holds the lock, from /proc/locks; None if that cannot be read, or if the process has just ended. A line is
/// `1: FLOCK  ADVISORY  WRITE 1234 fe:00:131089 0 EOF` (proc_locks(5)).
#[inline(never)] // Its buffer is on the stack only while it runs.
fn find_holder(lock: &OwnedFd) -> Option<u32> {
    let inode = sys::fstat(lock.borrow()).ok()?.ino;
    let file = sys::open_existing(c"/proc/locks", 0).ok()?;
    let buffer = &mut [0; 4096];
    let mut offset = 0;
    loop {
        let len = sys::pread(file.borrow(), buffer, offset).ok().filter(|len| *len > 0)?;
        let text = buffer.get(..len)?;
        if let Some(pid) = lines(text).find_map(|line| holder_of(line, inode)) {
            return Some(pid);
        }
        // The last line may have been cut.
        offset += last_index(text, b'\n').map_or(len, |end| end + 1) as u64;
    }
}

fn holder_of(line: &[u8], inode: u64) -> Option<u32> {
    let mut words = split(line, b' ').filter(|word| !word.is_empty());
    words.find(|word| *word == b"FLOCK")?;
    let pid = number::parse_id(words.nth(2)?)?;
    let device_and_inode = words.next()?;
    (number::parse(split(device_and_inode, b':').last()?)? == inode).then_some(pid)
}

/// Makes a directory for the owner alone, or checks the one that is there. Says whether it is new; None if the directory
/// above it is missing.
fn make_or_check(path: &CStr, owner: u32) -> Result<Option<bool>, Reported> {
    match sys::lstat(path) {
        Ok(status) => check(path, status, owner).map(|()| Some(false)),
        Err(Errno::ENOENT) => match sys::mkdirat(CWD, path, 0o700) {
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
    fn the_holder_of_a_lock_is_in_the_line_of_its_inode() {
        let line = b"1: FLOCK  ADVISORY  WRITE 1234 fe:00:131089 0 EOF";
        assert_eq!(holder_of(line, 131_089), Some(1234));
        assert_eq!(holder_of(line, 131_088), None);
        assert_eq!(holder_of(b"1: POSIX  ADVISORY  WRITE 1234 fe:00:131089 0 EOF", 131_089), None);
        assert_eq!(holder_of(b"1: FLOCK  ADVI", 131_089), None);
        assert_eq!(holder_of(b"", 0), None);
    }
}
