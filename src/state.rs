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

use crate::spec::{Name, Spec};
use crate::step::{Reported, Step};
use crate::sys::{self, Errno, FileStatus, OwnedFd, Pid};
use crate::text::{Text, decimal};

/// The directory of one container. Holding one proves that it is whole, that it is the owner's, and that it is locked.
pub struct State {
    base: Text,
    dir: Text,
    lock: OwnedFd,
    made: Made,
}

/// What this run found missing and made, and takes away again if the container does not come to be.
#[derive(Default)]
struct Made {
    base: bool,
    dir: bool,
}

impl State {
    /// Makes what is missing, checks what is there, and locks it.
    pub fn prepare(step: &Step, spec: &Spec) -> Result<Self, Reported> {
        let base = base(spec).map_err(|errno| step.failed(spec.state.unwrap_or(c""), errno))?;
        let dir = Text::concat(&[base.as_bytes(), b"/", spec.id.as_bytes()]);
        let dir = dir.map_err(|errno| step.failed(base.as_cstr(), errno))?;
        loop {
            let mut made = Made { base: make_or_check(step, base.as_cstr(), spec.owner)?, dir: false };
            let locked = make_or_check(step, dir.as_cstr(), spec.owner).and_then(|is_new| {
                made.dir = is_new;
                lock(step, &dir, spec.id)
            });
            match locked {
                Ok(Some(Lock { file, is_whole })) => {
                    made.dir |= !is_whole;
                    let state = Self { base, dir, lock: file, made };
                    return state.complete(step, is_whole);
                }
                Ok(None) => {}
                Err(reported) => {
                    remove_empty(&made, &base, &dir);
                    return Err(reported);
                }
            }
        }
    }

    /// The path of the directory.
    pub fn dir(&self) -> &CStr {
        self.dir.as_cstr()
    }

    /// The path of something in it. It ends in an error at the step that needs it, if it is too long.
    pub fn path(&self, step: &Step, name: &[u8]) -> Result<Text, Reported> {
        let path = Text::concat(&[self.dir.as_bytes(), b"/", name]);
        path.map_err(|errno| step.failed(self.dir(), errno))
    }

    /// Whether the supervisor, which holds the lock, is alive still. For the child: the supervisor itself holds no lock
    /// against itself.
    pub fn supervisor_lives(&self) -> Result<bool, Errno> {
        sys::fcntl_getlk(self.lock.borrow()).map(|holder| holder.is_some())
    }

    /// Makes the three directories, unless they were made whole by an earlier run, and says so in the lock file.
    fn complete(self, step: &Step, is_whole: bool) -> Result<Self, Reported> {
        if is_whole {
            return Ok(self);
        }
        match self.make_parts(step) {
            Ok(()) => Ok(self),
            Err(reported) => {
                self.discard();
                Err(reported)
            }
        }
    }

    fn make_parts(&self, step: &Step) -> Result<(), Reported> {
        for (name, mode) in [(&b"upper"[..], 0o755), (b"work", 0o700), (b"merged", 0o755)] {
            let path = self.path(step, name)?;
            match sys::mkdirat(path.as_cstr(), mode) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(step.failed(path.as_cstr(), errno)),
            }
        }
        let written = sys::write(self.lock.borrow(), b"upper, work and merged are whole\n");
        written.map(drop).map_err(|errno| step.failed(self.dir(), errno))
    }

    /// Takes away what this run made, after a failure. It removes directories only if they are empty, so that nothing that
    /// a container wrote can be lost.
    pub fn discard(&self) {
        if !self.made.dir {
            return;
        }
        // An overlay makes work/work, and work/index where its index is on; steps make /proc and /dev where the image has none.
        let own = [b"upper/proc", &b"upper/dev"[..], b"upper", b"merged", b"work/work", b"work/index", b"work"];
        for name in own {
            if self.remove(name, sys::rmdir) == Err(Errno::ENOTEMPTY) {
                return; // There is something in it that is not ours.
            }
        }
        // Whoever waits for the lock finds the file without a name, and begins anew.
        if self.remove(b"lock", sys::unlink).is_ok() {
            remove_empty(&self.made, &self.base, &self.dir);
        }
    }

    fn remove(&self, name: &[u8], remove: fn(&CStr) -> Result<(), Errno>) -> Result<(), Errno> {
        let path = Text::concat(&[self.dir.as_bytes(), b"/", name])?;
        remove(path.as_cstr())
    }
}

/// Removes the two directories, as far as this run made them and nobody has put anything into them since.
fn remove_empty(made: &Made, base: &Text, dir: &Text) {
    for (is_ours, path) in [(made.dir, dir), (made.base, base)] {
        if is_ours && sys::rmdir(path.as_cstr()).is_err() {
            return; // Another run is using it, and will not miss us.
        }
    }
}

/// Where the containers of this user are: `$CONTAINER_STATE`, or /tmp/container, or /tmp/container-UID.
fn base(spec: &Spec) -> Result<Text, Errno> {
    match (spec.state, spec.owner) {
        (Some(path), _) => Text::concat(&[path.to_bytes()]),
        (None, 0) => Text::concat(&[b"/tmp/container"]),
        (None, uid) => Text::concat(&[b"/tmp/container-", decimal(uid, &mut [0; 10])]),
    }
}

/// Makes a directory for the owner alone, or checks the one that is there; says whether it is new.
fn make_or_check(step: &Step, path: &CStr, owner: u32) -> Result<bool, Reported> {
    match sys::lstat(path) {
        Ok(status) => check(step, path, status, owner).map(|()| false),
        Err(Errno::ENOENT) => match sys::mkdirat(path, 0o700) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => make_or_check(step, path, owner), // Somebody was quicker: look who.
            Err(errno) => Err(step.failed(path, errno)),
        },
        Err(errno) => Err(step.failed(path, errno)),
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

/// The lock file, locked.
struct Lock {
    file: OwnedFd,
    /// Whether the line is in it that says that the directory is whole.
    is_whole: bool,
}

/// Locks the lock file; None if another run took the directory away in the meantime.
fn lock(step: &Step, dir: &Text, id: Name) -> Result<Option<Lock>, Reported> {
    let path = Text::concat(&[dir.as_bytes(), b"/lock"]).map_err(|errno| step.failed(dir.as_cstr(), errno))?;
    let failed = |errno| step.failed(path.as_cstr(), errno);
    let file = match sys::openat(path.as_cstr(), libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW, 0o600) {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(failed(errno)),
    };
    match sys::fcntl_setlk(file.borrow()) {
        Ok(()) => {}
        Err(Errno::EAGAIN | Errno::EACCES) => return Err(already_running(step, dir, id, &file)),
        Err(errno) => return Err(failed(errno)),
    }
    let status = sys::fstat(file.borrow()).map_err(failed)?;
    Ok((status.nlink > 0).then_some(Lock { file, is_whole: status.size > 0 }))
}

fn already_running(step: &Step, dir: &Text, id: Name, lock: &OwnedFd) -> Reported {
    let holder = sys::fcntl_getlk(lock.borrow()).ok().flatten(); // It may have ended by now.
    let digits = &mut [0; 10];
    let pid = decimal(holder.map_or(0, Pid::number), digits);
    let hint = [id.as_bytes(), b" is already running (pid ", pid, b"); end it, or choose another ID"];
    step.failed_with(dir.as_cstr(), Errno::EBUSY, &hint)
}
