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
use crate::step::{self, Reported};
use crate::sys::{self, Errno, OwnedFd};
use crate::text::Text;

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
    let mode = mode_of_etc(spec)?;
    scene.has_names = mode.is_some();
    mode.map_or(Ok(()), |mode| put_files(spec, mode))
}

/// The permission bits of the image's /etc, which its namesake in the layer above will hide; None if it is no directory.
#[inline(never)]
fn mode_of_etc(spec: &Spec) -> Result<Option<u32>, Reported> {
    let text = &mut Text::new();
    spec.image_path(text);
    text.push(b"/etc");
    match sys::lstat(text.as_cstr()) {
        Ok(etc) => Ok((etc.mode & libc::S_IFMT == libc::S_IFDIR).then_some(etc.mode & 0o7777)),
        Err(Errno::ENOENT) => Ok(Some(0o755)),
        Err(errno) => Err(step::failed(text.as_cstr(), errno)),
    }
}

fn put_files(spec: &Spec, mode: u32) -> Result<(), Reported> {
    let name = spec.hostname().to_bytes();
    let text = &mut Text::new();
    let hosts: [&[u8]; 3] =
        [b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t", name, b"\n"];
    put(spec, HOSTS, text.join(&hosts), mode)?;
    put(spec, HOSTNAME, text.join(&[name, b"\n"]), mode)?;
    match read_resolver(text) {
        Some(resolver) => put(spec, RESOLVER, resolver, mode),
        None => take_away(spec, RESOLVER),
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
    let end = if len < bytes.len() { len } else { read.iter().rposition(|byte| *byte == b'\n')? };
    Some(text.join(&[read.get(..end)?.split(|byte| *byte == 0).next()?]))
}

/// Puts a file of the layer there, unless an earlier run has put the same.
fn put(spec: &Spec, file: &[u8], content: &CStr, mode: u32) -> Result<(), Reported> {
    let text = &mut Text::new();
    match is_there(spec.container_path(text, file), content) {
        Ok(true) => return Ok(()),
        Err(Errno::ENOENT) => {}
        _ => take_away(spec, file)?,
    }
    let path = spec.container_path(text, file);
    let outcome = match write(path, content) {
        Err(Errno::ENOENT) => {
            make_layer(spec, mode)?;
            write(path, content)
        }
        outcome => outcome,
    };
    outcome.map_err(|errno| step::failed(path, errno))
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

/// Saves a close(2): close_range(2) closes all descriptors, and what it leaves ends with the process.
fn left_open(opened: Result<OwnedFd, Errno>) -> Result<ManuallyDrop<OwnedFd>, Errno> {
    opened.map(ManuallyDrop::new)
}

/// Makes the directories, as far as they are missing. `mode` is that of the image's own.
fn make_layer(spec: &Spec, mode: u32) -> Result<(), Reported> {
    let text = &mut Text::new();
    for &directory in &[LAYER, DIRECTORY] {
        let path = spec.container_path(text, directory);
        match sys::mkdirat(path, mode).and_then(|()| sys::fchmodat(path, mode)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(step::failed(path, errno)),
        }
    }
    Ok(())
}

fn take_away(spec: &Spec, file: &[u8]) -> Result<(), Reported> {
    let text = &mut Text::new();
    let path = spec.container_path(text, file);
    match sys::unlink(path) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(step::failed(path, errno)),
    }
}
