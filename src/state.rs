//! The container's directory: made, checked, locked.
//!
//! ```text
//! /tmp/container          0700, the owner's: nobody else can put anything into it
//! └── ID
//!     ├── lock            locked by the supervisor while the container runs; holds a line once the rest is whole
//!     ├── upper           what the container wrote
//!     ├── work            overlayfs's own
//!     └── merged          where the overlay is mounted, in the container's mount namespace alone
//! ```

use core::ffi::CStr;

use crate::spec::Spec;
use crate::step::{Reported, Step};
use crate::sys::{self, Errno, FileStatus, OwnedFd, Pid};
use crate::text::{Text, decimal};

/// The directory of one container. Holding one proves that it is whole, that it is the owner's, and that it is locked.
pub struct State<'a> {
    spec: &'a Spec<'a>,
    lock: OwnedFd,
    made: Made,
}

/// What this run made, and takes away again if the container does not come to be.
struct Made {
    base: bool,
    dir: bool,
}

impl<'a> State<'a> {
    /// Makes what is missing, checks what is there, and locks it.
    pub fn prepare(step: &Step, spec: &'a Spec) -> Result<Self, Reported> {
        loop {
            let base = spec.state_path();
            let is_new = make_or_check(step, &base, spec.owner)?;
            let is_new = is_new.ok_or_else(|| step.failed(base.as_cstr(), Errno::ENOENT))?;
            let mut made = Made { base: is_new, dir: false };
            match Self::lock(step, spec, &mut made) {
                Ok(Some(lock)) => return Self { spec, lock, made }.complete(step),
                Ok(None) => {}
                Err(reported) => {
                    remove_empty(spec, &made);
                    return Err(reported);
                }
            }
        }
    }

    /// Makes the container's directory or checks it, and locks it; None if another run took it away in the meantime.
    fn lock(step: &Step, spec: &Spec, made: &mut Made) -> Result<Option<OwnedFd>, Reported> {
        match make_or_check(step, &spec.container_path(b""), spec.owner)? {
            Some(is_new) => made.dir = is_new,
            None => return Ok(None),
        }
        let path = spec.container_path(b"/lock");
        let lock = match sys::openat(path.as_cstr(), libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW, 0o600) {
            Ok(lock) => lock,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(step.failed(path.as_cstr(), errno)),
        };
        match sys::fcntl_setlk(lock.borrow()) {
            Ok(()) => Ok(Some(lock)),
            Err(Errno::EAGAIN | Errno::EACCES) => Err(already_running(step, spec, &lock)),
            Err(errno) => Err(step.failed(path.as_cstr(), errno)),
        }
    }

    /// With the lock held: makes the rest, unless an earlier run has made it whole and said so in the lock file.
    fn complete(mut self, step: &Step) -> Result<Self, Reported> {
        let path = self.spec.container_path(b"/lock");
        let lock = sys::fstat(self.lock.borrow()).map_err(|errno| step.failed(path.as_cstr(), errno))?;
        if lock.nlink == 0 {
            return Self::prepare(step, self.spec); // A run that failed has removed it: begin anew.
        }
        if lock.size > 0 {
            return Ok(self);
        }
        self.made.dir = true;
        self.make_parts(step).inspect_err(|_| self.discard())?;
        let said = sys::write(self.lock.borrow(), b"upper, work and merged are whole\n");
        said.map_err(|errno| step.failed(path.as_cstr(), errno)).inspect_err(|_| self.discard())?;
        Ok(self)
    }

    fn make_parts(&self, step: &Step) -> Result<(), Reported> {
        for (name, mode) in [(&b"/upper"[..], 0o755), (b"/work", 0o700), (b"/merged", 0o755)] {
            let path = self.spec.container_path(name);
            let made = match sys::mkdirat(path.as_cstr(), mode) {
                Err(Errno::EEXIST) => Ok(()),
                // Whatever the umask is: the mode of `upper` is the mode of the container's root.
                made => made.and_then(|()| sys::fchmodat(path.as_cstr(), mode)),
            };
            made.map_err(|errno| step.failed(path.as_cstr(), errno))?;
        }
        Ok(())
    }

    /// Whether the supervisor, which holds the lock, is alive still. For the child to ask: a process's own lock is never
    /// in its way.
    pub fn supervisor_lives(&self) -> Result<bool, Errno> {
        sys::fcntl_getlk(self.lock.borrow()).map(|holder| holder.is_some())
    }

    /// Takes away what this run made, after a failure. It removes directories only if they are empty, so that nothing that
    /// a container wrote can be lost.
    pub fn discard(&self) {
        // An overlay makes work/work, and work/index where its index is on; steps make /proc and /dev where the image has none.
        const PARTS: [&[u8]; 7] =
            [b"/upper/proc", b"/upper/dev", b"/upper", b"/merged", b"/work/work", b"/work/index", b"/work"];
        let remove = |name: &&[u8]| sys::rmdir(self.spec.container_path(name).as_cstr());
        let holds_something = |name: &&[u8]| remove(name) == Err(Errno::ENOTEMPTY);
        if !self.made.dir || PARTS.iter().any(holds_something) {
            return;
        }
        // Whoever waits for the lock finds the file without a name, and begins anew.
        if sys::unlink(self.spec.container_path(b"/lock").as_cstr()).is_ok() {
            remove_empty(self.spec, &self.made);
        }
    }
}

fn already_running(step: &Step, spec: &Spec, lock: &OwnedFd) -> Reported {
    let holder = sys::fcntl_getlk(lock.borrow()).ok().flatten(); // It may have ended by now.
    let digits = &mut [0; 10];
    let pid = decimal(holder.map_or(0, Pid::number), digits);
    let hint = [spec.id.as_bytes(), b" is already running (pid ", pid, b"); end it, or choose another ID"];
    step.failed_with(spec.container_path(b"").as_cstr(), Errno::EBUSY, &hint)
}

/// Removes the two directories, as far as this run made them and nobody has put anything into them since.
fn remove_empty(spec: &Spec, made: &Made) {
    for (is_ours, path) in [(made.dir, spec.container_path(b"")), (made.base, spec.state_path())] {
        if is_ours && sys::rmdir(path.as_cstr()).is_err() {
            return; // Another run is using it, and will not miss us.
        }
    }
}

/// Makes a directory for the owner alone, or checks the one that is there; says whether it is new, or None if the
/// directory above it is missing.
fn make_or_check(step: &Step, path: &Text, owner: u32) -> Result<Option<bool>, Reported> {
    match sys::lstat(path.as_cstr()) {
        Ok(status) => check(step, path.as_cstr(), status, owner).map(|()| Some(false)),
        Err(Errno::ENOENT) => match sys::mkdirat(path.as_cstr(), 0o700) {
            Ok(()) => Ok(Some(true)),
            Err(Errno::EEXIST) => make_or_check(step, path, owner), // Somebody was quicker: look who.
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(step.failed(path.as_cstr(), errno)),
        },
        Err(errno) => Err(step.failed(path.as_cstr(), errno)),
    }
}

/// Refuses a directory that another user may have put there, or may put something into.
fn check(step: &Step, path: &CStr, status: FileStatus, owner: u32) -> Result<(), Reported> {
    const REST: &[u8] = b": another user may have put it there; remove it, or set CONTAINER_STATE";
    let refuse = |errno, cause: &[u8]| Err(step.failed_with(path, errno, &[cause, REST]));
    match status.mode & libc::S_IFMT {
        libc::S_IFDIR => {}
        libc::S_IFLNK => return refuse(Errno::ELOOP, b"it is a symbolic link"),
        _ => return refuse(Errno::ENOTDIR, b"it is not a directory"),
    }
    if status.uid != owner {
        return refuse(Errno::EPERM, b"it belongs to another user");
    }
    if status.mode & 0o022 != 0 {
        return refuse(Errno::EPERM, b"others can write to it");
    }
    Ok(())
}
