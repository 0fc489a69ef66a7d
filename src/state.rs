//! The container's directory: made, checked, locked.
//!
//! ```text
//! /tmp/container          0700, the owner's: nobody else can put anything into it
//! └── ID
//!     ├── lock            locked by the supervisor while the container runs; holds a line once the rest is whole
//!     ├── upper           what the container wrote
//!     ├── names           /etc/hosts and its like, between `upper` and the image; made by the step `names`
//!     ├── work            overlayfs's own
//!     └── merged          where the overlay is mounted, in the container's mount namespace alone
//! ```

use core::ffi::CStr;

use crate::file::make_directory;
use crate::run::Scene;
use crate::spec::Spec;
use crate::step::{self, Reported};
use crate::sys::{self, Errno, FileStatus, OwnedFd, Pid};
use crate::text::{Text, decimal, split};
use crate::{names, volume};

/// The directory of one container. Holding one proves that it is whole, that it is the owner's, and that it is locked.
pub struct State<'a> {
    spec: &'a Spec<'a>,
    /// None with `--rm`: what is in memory is this run's alone, and needs none.
    lock: Option<OwnedFd>,
    /// What this run made, and takes away again if the container does not come to be: the directory of all containers.
    has_made_base: bool,
    /// And this container's.
    has_made_dir: bool,
}

/// How often a run begins anew because the directory is gone again. Other runs do not fail so often; but some file systems,
/// such as /proc, say ENOENT to every mkdir.
const MOST_TRIES: usize = 100;

impl<'a> State<'a> {
    /// Makes what is missing, checks what is there, and locks it.
    pub fn prepare(spec: &'a Spec) -> Result<Self, Reported> {
        let mut state = Self { spec, lock: None, has_made_base: false, has_made_dir: false };
        match state.make() {
            Ok(()) => Ok(state),
            Err(reported) => {
                state.discard();
                Err(reported)
            }
        }
    }

    #[inline(never)] // As find_image in run.rs: it gives the memory of its paths back.
    fn make(&mut self) -> Result<(), Reported> {
        let (spec, text) = (self.spec, &mut Text::new());
        for _ in 0..MOST_TRIES {
            let base = spec.state_path(text);
            let is_new = make_or_check(base, spec.owner)?;
            self.has_made_base |= is_new.ok_or_else(|| step::failed(base, Errno::ENOENT))?;
            // If another run that failed has taken the directory away in the meantime: begin anew.
            if spec.is_temporary || self.lock(text)? {
                return Ok(());
            }
        }
        Err(step::failed(spec.container_path(text, b""), Errno::ENOENT))
    }

    /// Makes the container's directory or checks it, and locks it; false if another run took it away in the meantime.
    fn lock(&mut self, text: &mut Text) -> Result<bool, Reported> {
        let spec = self.spec;
        match make_or_check(spec.container_path(text, b""), spec.owner)? {
            Some(is_new) => self.has_made_dir = is_new,
            None => return Ok(false),
        }
        let path = spec.container_path(text, b"/lock");
        let opened = sys::openat(path, libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW, 0o600);
        // Where the caller has closed stderr, the file must not take its place: messages would go into it.
        let lock = match opened
            .and_then(|lock| if lock.is_standard() { sys::fcntl_dupfd(lock.borrow(), 3) } else { Ok(lock) })
        {
            Ok(lock) => lock,
            Err(Errno::ENOENT) => return Ok(false),
            Err(errno) => return Err(step::failed(path, errno)),
        };
        match sys::fcntl_setlk(lock.borrow()) {
            Ok(()) => self.complete(lock, text),
            Err(Errno::EAGAIN | Errno::EACCES) => Err(already_running(spec, text, &lock)),
            Err(errno) => {
                if self.has_made_dir {
                    let _ = sys::unlink(path); // If it stays, so does the directory, and the next run completes it.
                }
                Err(step::failed(path, errno))
            }
        }
    }

    /// With the lock held: makes the rest, unless an earlier run has made it whole and said so in the lock file.
    fn complete(&mut self, lock: OwnedFd, text: &mut Text) -> Result<bool, Reported> {
        let lock = self.lock.insert(lock);
        let status = sys::fstat(lock.borrow());
        let status = status.map_err(|errno| step::failed(self.spec.container_path(text, b"/lock"), errno))?;
        if status.nlink == 0 {
            self.lock = None;
            return Ok(false);
        }
        if status.size == 0 {
            self.has_made_dir = true;
            make_parts(self.spec, text)?;
            let said = sys::write(lock.borrow(), b"upper, work and merged are whole\n");
            said.map_err(|errno| step::failed(self.spec.container_path(text, b"/lock"), errno))?;
        }
        Ok(true)
    }

    /// Takes away the mark by which an overlay mounted `volatile` shows that its writes were never synced, and says whether
    /// there was one. overlayfs looks for it when it mounts, and not again.
    ///
    /// <https://docs.kernel.org/filesystems/overlayfs.html#volatile-mount>
    #[inline(never)]
    pub fn unmark(&self) -> bool {
        let text = &mut Text::new();
        // Without a mark there is nothing to take away, and one that stays is met by the next run.
        let _ = sys::unlink(self.spec.container_path(text, b"/work/work/incompat/volatile/dirty"));
        let outcome = sys::rmdir(self.spec.container_path(text, b"/work/work/incompat/volatile"));
        let _ = sys::rmdir(self.spec.container_path(text, b"/work/work/incompat")); // Likewise.
        outcome.is_ok()
    }

    /// Takes away what this run made, after a failure. It removes directories only if they are empty, so that nothing that
    /// a container wrote can be lost.
    #[inline(never)]
    pub fn discard(mut self) {
        // An overlay makes work/work, and work/index where its index is on; steps make /proc and /dev where the image has none.
        const PARTS: &[u8] =
            b"/upper/proc /upper/dev /upper /merged /work/work /work/index /work /names/etc /names";
        let (spec, text) = (self.spec, &mut Text::new());
        if self.lock.is_some() {
            if !self.has_made_dir {
                return;
            }
            volume::take_back(spec, text);
            for file in &names::FILES {
                let _ = sys::unlink(spec.container_path(text, file)); // It may not have come so far.
            }
            let mut holds_something =
                |name: &[u8]| sys::rmdir(spec.container_path(text, name)) == Err(Errno::ENOTEMPTY);
            // Whoever waits for the lock will find that the file has no name any more, and begin anew.
            if split(PARTS, b' ').any(&mut holds_something)
                || sys::unlink(spec.container_path(text, b"/lock")).is_err()
            {
                return;
            }
            // The directory goes once the file is closed: some file systems keep a file that is open under another name.
            self.lock = None;
        }
        // Both go only if nobody has put anything into them since.
        if self.has_made_dir && sys::rmdir(spec.container_path(text, b"")).is_err() {
            return; // Another run is using it, and will not miss us.
        }
        if self.has_made_base {
            let _ = sys::rmdir(spec.state_path(text)); // Or another container is in it by now.
        }
    }
}

/// Makes `upper`, `work` and `merged`, as far as they are missing.
fn make_parts(spec: &Spec, text: &mut Text) -> Result<(), Reported> {
    make_part(spec, b"/upper", 0o755, text)?; // Its mode is that of the container's root.
    make_part(spec, b"/work", 0o700, text)?;
    make_part(spec, b"/merged", 0o755, text)
}

/// Makes one directory in the container's own, if it is missing.
pub fn make_part(spec: &Spec, name: &[u8], mode: u32, text: &mut Text) -> Result<(), Reported> {
    let path = spec.container_path(text, name);
    make_directory(path, mode).map_err(|errno| step::failed(path, errno))
}

/// memory: a file system in memory covers the directory of all containers, in this mount namespace alone, and the container's
/// own directory is made in it. It goes with the namespace, whatever ends that.
pub fn in_memory(scene: &mut Scene) -> Result<(), Reported> {
    let (spec, text) = (scene.spec, &mut Text::new());
    let base = spec.state_path(text);
    sys::mount(c"tmpfs", base, c"tmpfs", 0, c"mode=700").map_err(|errno| step::failed(base, errno))?;
    let dir = spec.container_path(text, b"");
    sys::mkdirat(dir, 0o700).map_err(|errno| step::failed(dir, errno))?;
    make_parts(spec, text)
}

fn already_running(spec: &Spec, text: &mut Text, lock: &OwnedFd) -> Reported {
    let holder = sys::fcntl_getlk(lock.borrow()).ok().flatten(); // It may have ended by now.
    let digits = &mut [0; 10];
    let pid = decimal(holder.map_or(0, Pid::number), digits);
    let hint = [spec.id.as_bytes(), b" is already running (pid ", pid, b"); end it, or choose another ID"];
    step::failed_with(spec.container_path(text, b""), Errno::EBUSY, &hint)
}

/// Makes a directory for the owner alone, or checks the one that is there; says whether it is new, or None if the
/// directory above it is missing.
fn make_or_check(path: &CStr, owner: u32) -> Result<Option<bool>, Reported> {
    match sys::lstat(path) {
        Ok(status) => check(path, status, owner).map(|()| Some(false)),
        Err(Errno::ENOENT) => match sys::mkdirat(path, 0o700) {
            Ok(()) => Ok(Some(true)),
            Err(Errno::EEXIST) => make_or_check(path, owner), // Somebody was quicker: look who.
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(step::failed(path, errno)),
        },
        Err(errno) => Err(step::failed(path, errno)),
    }
}

/// Refuses a directory that another user may have put there, or may put something into.
fn check(path: &CStr, status: FileStatus, owner: u32) -> Result<(), Reported> {
    const PLANTED: &[u8] = b": another user may have put it there; remove it, or set CONTAINER_STATE";
    const SHARED: &[u8] = b": take the permission away, or set CONTAINER_STATE to a directory of your own";
    let (errno, hint): (_, &[&[u8]]) = match status.mode & libc::S_IFMT {
        libc::S_IFLNK => (Errno::ELOOP, &[b"it is a symbolic link", PLANTED]),
        kind if kind != libc::S_IFDIR => (Errno::ENOTDIR, &[b"it is not a directory", PLANTED]),
        _ if status.uid != owner => (Errno::EPERM, &[b"it belongs to another user", PLANTED]),
        _ if status.mode & 0o022 != 0 => (Errno::EPERM, &[b"others can write to it", SHARED]),
        _ => return Ok(()),
    };
    Err(step::failed_with(path, errno, hint))
}
