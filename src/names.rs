//! The names of things: the host name, and the files in /etc that say what names mean.
//!
//! The files are a layer of the overlay's own, between `upper` and the image:
//!
//! ```text
//! upper                what the container writes: it wins, as everywhere
//! names/etc/…          hosts, hostname and resolv.conf of this run
//! images/IMAGE/etc/…   covered where it has these, whatever they are there
//! ```
//!
//! So no path of the image is followed, nothing has to be there for them, and they can be replaced, renamed and removed inside
//! as any other file, which files with something mounted on them could not be.

use core::ffi::CStr;
use core::mem::ManuallyDrop;

use crate::run::Scene;
use crate::spec::Spec;
use crate::state;
use crate::step::{self, Reported};
use crate::sys::{self, Errno, OwnedFd};
use crate::text::{Text, cut, last};

/// The layer, in the container's directory.
pub const LAYER: &[u8] = b"/names";

/// Its one directory.
pub const DIRECTORY: &[u8] = b"/names/etc";

const HOSTS: &[u8] = b"/names/etc/hosts";
const HOSTNAME: &[u8] = b"/names/etc/hostname";
const RESOLVER: &[u8] = b"/names/etc/resolv.conf";

/// Its files.
pub const FILES: [&[u8]; 3] = [HOSTS, HOSTNAME, RESOLVER];

/// names: the host name of this UTS namespace, and the layer with the three files.
///
/// An image whose /etc is something else than a directory keeps it, and has none of the files.
pub fn names(scene: &mut Scene) -> Result<(), Reported> {
    let (spec, name) = (scene.spec, scene.spec.hostname());
    sys::sethostname(name).map_err(|errno| step::failed(name, errno))?;
    let text = &mut Text::new();
    spec.image_path(text);
    text.push(b"/etc");
    // The directory in the layer hides that of the image, and so has its permission bits.
    let mode = match sys::lstat(text.as_cstr()) {
        Ok(etc) if etc.mode & libc::S_IFMT != libc::S_IFDIR => return Ok(()),
        Ok(etc) => etc.mode & 0o7777,
        Err(Errno::ENOENT) => 0o755,
        Err(errno) => return Err(step::failed(text.as_cstr(), errno)),
    };
    scene.has_names = true;
    put_files(spec, mode, text)
}

fn put_files(spec: &Spec, mode: u32, text: &mut Text) -> Result<(), Reported> {
    let name = spec.hostname().to_bytes();
    let hosts: [&[u8]; 3] =
        [b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t", name, b"\n"];
    put(spec, HOSTS, text.join(&hosts), mode)?;
    put(spec, HOSTNAME, text.join(&[name, b"\n"]), mode)?;
    match read_resolver(text) {
        Some(resolver) => put(spec, RESOLVER, resolver, mode),
        None => take_away(spec.container_path(text, RESOLVER)),
    }
}

/// The host's own: the network is the host's, and so are the servers that can be reached on it. None if it cannot be read: a
/// machine that asks no server needs no such file, and on one that cannot read it names do not work outside either.
fn read_resolver(text: &mut Text) -> Option<&CStr> {
    let file = left_open(sys::open_to_read(c"/etc/resolv.conf", libc::O_NONBLOCK)).ok()?;
    let mut bytes = [0; libc::PATH_MAX as usize];
    let len = sys::pread(file.borrow(), &mut bytes, 0).ok()?;
    let read = bytes.get(..len)?;
    // A file that is longer is cut where a line ends.
    let end = if len < bytes.len() { len } else { last(read, b'\n')? };
    Some(text.join(&[cut(read.get(..end)?, 0).0]))
}

/// Puts a file of the layer there, unless an earlier run has put the same. Where the layer is missing, it is made, with `mode`.
fn put(spec: &Spec, file: &[u8], content: &CStr, mode: u32) -> Result<(), Reported> {
    let text = &mut Text::new();
    let path = spec.container_path(text, file);
    match is_there(path, content) {
        Ok(true) => return Ok(()),
        Err(Errno::ENOENT) => {}
        _ => take_away(path)?,
    }
    let outcome = match write(path, content) {
        Err(Errno::ENOENT) => {
            state::make_part(spec, LAYER, mode, text)?;
            state::make_part(spec, DIRECTORY, mode, text)?;
            write(spec.container_path(text, file), content)
        }
        outcome => outcome,
    };
    outcome.map_err(|errno| step::failed(text.as_cstr(), errno))
}

fn write(path: &CStr, content: &CStr) -> Result<(), Errno> {
    // Closed at once: a mount on which something is open for writing cannot be made read-only, as `shield` wants to.
    let file = sys::openat(path, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o644)?;
    sys::fchmodat(path, 0o644)?; // Whatever the umask is.
    sys::write(file.borrow(), content.to_bytes()).map(drop)
}

fn is_there(path: &CStr, content: &CStr) -> Result<bool, Errno> {
    let file = left_open(sys::open_to_read(path, libc::O_NOFOLLOW))?;
    let mut bytes = [0; libc::PATH_MAX as usize];
    let len = sys::pread(file.borrow(), &mut bytes, 0)?;
    Ok(bytes.get(..len) == Some(content.to_bytes()))
}

/// Saves a close(2): execve(2) closes all descriptors, and what it leaves ends with the process.
fn left_open(opened: Result<OwnedFd, Errno>) -> Result<ManuallyDrop<OwnedFd>, Errno> {
    opened.map(ManuallyDrop::new)
}

fn take_away(path: &CStr) -> Result<(), Reported> {
    match sys::unlink(path) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(step::failed(path, errno)),
    }
}
