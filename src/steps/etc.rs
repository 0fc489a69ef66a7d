//! etc: /etc/hosts, /etc/hostname and /etc/resolv.conf.
//!
//! The files are a layer of the overlay, between `upper` and the image:
//!
//! ```text
//! upper                what the container writes: it wins, as everywhere
//! names/etc/…          hosts, hostname and resolv.conf of this run
//! images/IMAGE/etc/…   hidden where it has these files
//! ```
//!
//! So no path of the image is followed, and the image need not have the files. The container can replace, rename and remove
//! them like any other file; a file that has something mounted on it cannot be.

use core::ffi::CStr;

use crate::directory::make_directory;
use crate::paths::Paths;
use crate::spec::Name;
use crate::state::ETC_LAYER_FILES;
use crate::step::{self, Reported, Step, unless_bare};
use crate::sys::{self, Arena, BorrowedFd, CWD, Errno, FileStatus, OwnedFd};
use crate::text::{last_index, split_once};

/// The row of this step.
pub static STEP: Step = Step {
    name: "etc",
    why: "Programs look up the names of hosts in files that the image cannot know.",
    calls: &["statx", "mkdirat", "fchownat", "fchmodat", "openat", "pread64", "write", "close", "unlinkat"],
    chapter: "16-names.md",
    when: unless_bare,
    outside: Some(|context| {
        context.has_etc_layer = make_etc_layer(context.arena, context.paths, context.spec.hostname())?;
        Ok(())
    }),
    ..Step::NEW
};

/// Makes the layer. Says whether there is one: an image whose /etc is not a directory keeps it as it is.
pub fn make_etc_layer(arena: &Arena, paths: &Paths, hostname: Name) -> Result<bool, Reported> {
    let image_etc = joined(arena, &[paths.lower.to_bytes(), b"/etc"])?;
    let image_etc = match sys::lstat(image_etc) {
        Ok(etc) if etc.mode & libc::S_IFMT != libc::S_IFDIR => return Ok(false),
        Ok(etc) => Some(etc),
        Err(Errno::ENOENT) => None,
        Err(errno) => return Err(step::failed(image_etc, errno)),
    };
    let layer = Layer { arena, path: paths.etc_layer };
    layer.make_etc(image_etc)?;
    let name = hostname.as_bytes();
    let [hosts, hostname, resolver] = ETC_LAYER_FILES;
    layer.put(hosts, &[HOSTS, name, b"\n"])?;
    layer.put(hostname, &[name, b"\n"])?;
    let buffer = arena.bytes(libc::PATH_MAX as usize).map_err(|errno| step::failed(c"", errno))?;
    match read_resolver(buffer) {
        Some(content) => layer.put(resolver, &[content])?,
        None => remove(joined(arena, &[paths.etc_layer.to_bytes(), b"/", resolver.to_bytes()])?)?,
    }
    Ok(true)
}

const HOSTS: &[u8] = b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t";

fn joined<'a>(arena: &'a Arena, parts: &[&[u8]]) -> Result<&'a CStr, Reported> {
    arena.string(parts).map_err(|errno| step::failed(c"", errno))
}

/// The host's own resolv.conf: the network is the host's, and so are the name servers. None if it cannot be read: then names
/// cannot be looked up on the host either.
fn read_resolver(buffer: &mut [u8]) -> Option<&[u8]> {
    let size = buffer.len();
    let file = sys::open_existing(c"/etc/resolv.conf", libc::O_NONBLOCK).ok()?.leak();
    let len = sys::pread(file, buffer, 0).ok()?;
    let read = buffer.get(..len)?;
    // A longer file is cut at the end of a line.
    let end = if len < size { len } else { last_index(read, b'\n')? };
    Some(split_once(read.get(..end)?, 0).0)
}

/// The layer as it is made.
struct Layer<'a> {
    arena: &'a Arena,
    path: &'a CStr,
}

impl Layer<'_> {
    /// Makes the directory /etc of the layer. It hides the image's, so it gets the same owner and the same mode, each time: the
    /// image may have changed since the last run.
    fn make_etc(&self, image_etc: Option<FileStatus>) -> Result<(), Reported> {
        let path = joined(self.arena, &[self.path.to_bytes(), b"/etc"])?;
        let failed = |errno| step::failed(path, errno);
        let wanted = image_etc.map_or((0o755, 0, 0), |etc| (etc.mode & 0o7777, etc.uid, etc.gid));
        let etc = match sys::lstat(path) {
            Err(Errno::ENOENT) => {
                make_directory(self.path, 0o755)
                    .and_then(|()| make_directory(path, 0o755))
                    .map_err(failed)?;
                sys::lstat(path)
            }
            status => status,
        };
        let etc = etc.map_err(failed)?;
        if (etc.mode & 0o7777, etc.uid, etc.gid) != wanted {
            let (mode, uid, gid) = wanted;
            // A change of the owner clears bits of the mode, so it comes first.
            sys::lchown(path, uid, gid).and_then(|()| sys::fchmodat(path, mode)).map_err(failed)?;
        }
        Ok(())
    }

    /// Puts a file into the layer, unless an earlier run has put the same one there.
    fn put(&self, file: &CStr, content: &[&[u8]]) -> Result<(), Reported> {
        let path = joined(self.arena, &[self.path.to_bytes(), b"/", file.to_bytes()])?;
        let content = joined(self.arena, content)?.to_bytes();
        match self.is_there(path, content) {
            Ok(true) => return Ok(()),
            Err(Errno::ENOENT) => {}
            _ => remove(path)?,
        }
        write(path, content).map_err(|errno| step::failed(path, errno))
    }

    fn is_there(&self, path: &CStr, content: &[u8]) -> Result<bool, Errno> {
        // One byte more, to notice a file that is longer.
        let buffer = self.arena.bytes(content.len() + 1)?;
        let file = left_open(sys::open_existing(path, libc::O_NOFOLLOW))?;
        let len = sys::pread(file, buffer, 0)?;
        Ok(buffer.get(..len) == Some(content))
    }
}

fn write(path: &CStr, content: &[u8]) -> Result<(), Errno> {
    // The file is closed at once: `sandbox` cannot make a mount read-only while a file on it is open for writing.
    let file = sys::openat(path, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o644)?;
    sys::write(file.borrow(), content).map(drop)
}

/// Saves a close(2): execve(2) closes all descriptors, or the end of the process.
fn left_open(opened: Result<OwnedFd, Errno>) -> Result<BorrowedFd<'static>, Errno> {
    opened.map(OwnedFd::leak)
}

fn remove(path: &CStr) -> Result<(), Reported> {
    match sys::unlink(CWD, path) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(step::failed(path, errno)),
    }
}
