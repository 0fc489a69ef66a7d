//! Volumes and file systems in memory: other trees that the command line puts into the container's.

use core::ffi::{CStr, c_ulong};
use core::mem;

use crate::cli;
use crate::run::Scene;
use crate::spec::{Spec, without_trailing_slashes};
use crate::step::{self, Reported};
use crate::sys::{self, BorrowedFd, Errno};
use crate::text::Text;

/// How many volumes a container can have.
pub const MOST: usize = 32;

/// `HOST:DIR[:ro]`: a file or directory of the host, and where it is to be seen inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume<'a> {
    host: &'a [u8],
    dir: &'a [u8],
    read_only: bool,
}

impl<'a> Volume<'a> {
    /// Takes a value that has the form. HOST may have colons in it, DIR none.
    pub fn new(value: &'a CStr) -> Option<Self> {
        let value = value.to_bytes();
        let (value, read_only) = match split_last(value)? {
            (rest, b"ro") => (rest, true),
            (rest, b"rw") => (rest, false),
            _ => (value, false),
        };
        let (host, dir) = split_last(value)?;
        (!host.is_empty() && is_a_place(dir)).then_some(Self { host, dir, read_only })
    }
}

/// What is before the last colon, and what is after it.
fn split_last(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = value.rsplitn(2, |byte| *byte == b':');
    let last = parts.next()?;
    Some((parts.next()?, last))
}

/// Whether something can be put there: an absolute path that is not the root by another name.
fn is_a_place(dir: &[u8]) -> bool {
    dir.starts_with(b"/") && dir.iter().any(|byte| !b"/.".contains(byte))
}

/// `DIR[:OPTION,…]`: a file system in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory<'a> {
    dir: &'a [u8],
    options: &'a [u8],
}

impl<'a> Memory<'a> {
    /// Takes a value that has the form, with options that are known.
    pub fn new(value: &'a CStr) -> Option<Self> {
        let mut parts = value.to_bytes().splitn(2, |byte| *byte == b':');
        let memory = Self { dir: parts.next()?, options: parts.next().unwrap_or_default() };
        let is_known = |option: &[u8]| flag(option).is_some() || is_setting(option);
        (is_a_place(memory.dir) && memory.options().all(is_known)).then_some(memory)
    }

    fn options(self) -> impl Iterator<Item = &'a [u8]> {
        self.options.split(|byte| *byte == b',').filter(|option| !option.is_empty())
    }

    /// The flags of its mount: those of docker, unless its options say otherwise.
    fn flags(self) -> c_ulong {
        let begin = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        self.options().filter_map(flag).fold(
            begin,
            |flags, (mask, is_set)| {
                if is_set { flags | mask } else { flags & !mask }
            },
        )
    }

    /// What tmpfs itself is told.
    fn data(self, text: &mut Text) -> &CStr {
        text.join(&[b"mode=1777"]);
        for setting in self.options().filter(|option| is_setting(option)) {
            text.push(b",");
            text.push(setting);
        }
        text.as_cstr()
    }
}

/// The flag of a mount that an option of `--tmpfs` sets or takes away.
fn flag(option: &[u8]) -> Option<(c_ulong, bool)> {
    let (name, is_no) = option.strip_prefix(b"no").map_or((option, false), |name| (name, true));
    Some(match name {
        b"suid" => (libc::MS_NOSUID, is_no),
        b"dev" => (libc::MS_NODEV, is_no),
        b"exec" => (libc::MS_NOEXEC, is_no),
        b"ro" if !is_no => (libc::MS_RDONLY, true),
        b"rw" if !is_no => (libc::MS_RDONLY, false),
        _ => return None,
    })
}

/// Whether an option is for tmpfs, with a value that can be one: the kernel would refuse anything else after much was done.
fn is_setting(option: &[u8]) -> bool {
    let all = |digits: &[u8], last: u8| {
        !digits.is_empty() && digits.len() < 19 && digits.iter().all(|digit| (b'0'..=last).contains(digit))
    };
    let mut parts = option.splitn(2, |byte| *byte == b'=');
    match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        (b"size", [digits @ .., b'k' | b'K' | b'm' | b'M' | b'g' | b'G' | b'%']) => all(digits, b'9'),
        (b"size" | b"uid" | b"gid" | b"nr_inodes", digits) => all(digits, b'9'),
        (b"mode", digits) => digits.len() <= 5 && all(digits, b'7'),
        _ => false,
    }
}

/// Whether the command line asks for something of this file.
pub fn is_asked(spec: &Spec) -> bool {
    spec.has("--volume") || spec.has("--tmpfs")
}

/// volume: takes hold of what the host lends, each with all that is mounted in it, attached nowhere.
pub fn open(scene: &mut Scene) -> Result<(), Reported> {
    const MISSING: &[u8] = b"the host has no such file or directory: make it first, or look at the spelling";
    let volumes = cli::values(scene.spec.options, "--volume").filter_map(Volume::new);
    for (slot, volume) in scene.volumes.iter_mut().zip(volumes) {
        let text = &mut Text::new();
        let path = text.join(&[volume.host]);
        let hint: &[&[u8]] = &[MISSING];
        let opened = sys::open_tree_recursive(path)
            .map_err(|errno| step::failed_with(path, errno, if errno == Errno::ENOENT { hint } else { &[] }));
        *slot = Some(opened?);
    }
    Ok(())
}

/// attach: volumes and file systems in memory, in the order of the command line, so that one can be in another.
pub fn attach(scene: &mut Scene) -> Result<(), Reported> {
    let mut opened = scene.volumes.iter().flatten();
    for (option, value) in cli::given(scene.spec.options) {
        let text = &mut Text::new();
        if option.is("--volume") {
            let volume = Volume::new(value).zip(opened.next());
            volume.map_or(Ok(()), |(volume, tree)| attach_volume(volume, tree.borrow(), text))?;
        } else if option.is("--tmpfs") {
            let memory = Memory::new(value);
            memory.map_or(Ok(()), |memory| mount_memory(memory, text))?;
        }
    }
    Ok(())
}

fn attach_volume(volume: Volume, tree: BorrowedFd, text: &mut Text) -> Result<(), Reported> {
    let status = sys::fstat(tree).map_err(|errno| step::failed(text.join(&[volume.host]), errno))?;
    let is_directory = status.mode & libc::S_IFMT == libc::S_IFDIR;
    make_place(volume.dir, is_directory)?;
    let place = text.join(&[volume.dir]);
    sys::move_mount_following(tree, place).map_err(|errno| why_not_there(place, errno, is_directory))?;
    if volume.read_only {
        sys::mount_setattr_rdonly(place).map_err(|errno| step::failed(place, errno))?;
    }
    Ok(())
}

fn why_not_there(place: &CStr, errno: Errno, is_directory: bool) -> Reported {
    const DIRECTORY: &[u8] = b"what comes there is a directory, and what the container has there is none";
    const FILE: &[u8] = b"what comes there is no directory, and what the container has there is one";
    match errno {
        Errno::EINVAL | Errno::ENOTDIR => {
            step::failed_with(place, Errno::ENOTDIR, &[if is_directory { DIRECTORY } else { FILE }])
        }
        Errno::ENOENT => step::failed_with(place, errno, &[DANGLING]),
        _ => step::failed(place, errno),
    }
}

fn mount_memory(memory: Memory, text: &mut Text) -> Result<(), Reported> {
    make_place(memory.dir, true)?;
    let (place, data) = (text.join(&[memory.dir]), &mut Text::new());
    sys::mount(c"tmpfs", place, c"tmpfs", memory.flags(), memory.data(data)).map_err(|errno| match errno {
        Errno::EINVAL => step::failed(place, errno), // A number is too large for tmpfs.
        _ => why_not_there(place, errno, true),
    })
}

const DANGLING: &[u8] = b"a symbolic link on the way leads to nothing in the container";

/// Makes what something is to be mounted on, and the directories above it, if it is missing.
///
/// Symbolic links are followed, and end in the container's root. With `--pid host` there is one kind of link in sight that
/// does not, /proc/PID/root and its like: these are refused.
fn make_place(dir: &[u8], is_directory: bool) -> Result<(), Reported> {
    const MAGIC: &[u8] =
        b"a symbolic link on the way leads in circles, or through /proc and out of the container";
    let text = &mut Text::new();
    let place = text.join(&[dir]);
    match sys::openat2_without_magic(place).map(mem::forget) {
        Ok(()) => Ok(()), // It is not closed here, since close_range(2) closes all descriptors.
        Err(Errno::ENOENT) => make(dir, is_directory, text).map_err(|errno| {
            let hint: &[&[u8]] =
                if matches!(errno, Errno::ENOENT | Errno::EEXIST) { &[DANGLING] } else { &[] };
            step::failed_with(text.as_cstr(), errno, hint)
        }),
        Err(Errno::ELOOP) => Err(step::failed_with(place, Errno::ELOOP, &[MAGIC])),
        Err(errno) => Err(step::failed(place, errno)),
    }
}

/// After a failure, `text` holds the path that could not be made.
fn make(dir: &[u8], is_directory: bool, text: &mut Text) -> Result<(), Errno> {
    for parent in parents(dir) {
        make_directory(text.join(&[parent]))?;
    }
    let place = text.join(&[without_trailing_slashes(dir)]);
    if is_directory { make_directory(place) } else { sys::mknod_file(place, 0o644) }
}

fn make_directory(path: &CStr) -> Result<(), Errno> {
    match sys::mkdirat(path, 0o755) {
        Err(Errno::EEXIST) => Ok(()),
        made => made.and_then(|()| sys::fchmodat(path, 0o755)), // Whatever the umask is.
    }
}

/// The directories above the last component of an absolute path, from the root down.
fn parents(dir: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let dir = without_trailing_slashes(dir);
    let ends = dir.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
    ends.filter_map(|(end, _)| dir.get(..end))
}

/// After a failure: takes the places that [`attach`] made in `upper` away again, as far as nothing is in them.
pub fn take_back(spec: &Spec) {
    let text = &mut Text::new();
    for (option, value) in cli::given(spec.options) {
        let dir = if option.is("--volume") {
            Volume::new(value).map(|volume| volume.dir)
        } else if option.is("--tmpfs") {
            Memory::new(value).map(|memory| memory.dir)
        } else {
            None
        };
        let Some(dir) = dir.map(without_trailing_slashes) else { continue };
        for made in [dir].into_iter().chain(parents(dir).rev()) {
            spec.container_path(text, b"/upper");
            text.push(made);
            remove_empty(text.as_cstr());
        }
    }
}

/// Removes a directory or a file with nothing in it, on a path that no symbolic link leads away from.
fn remove_empty(path: &CStr) {
    if sys::openat2_without_links(path).is_err() {
        return;
    }
    // What cannot be removed was not made by this run, or is in use: it stays.
    if sys::rmdir(path) == Err(Errno::ENOTDIR) && sys::lstat(path).is_ok_and(|file| file.size == 0) {
        let _ = sys::unlink(path);
    }
}

/// seal: the root itself; what is mounted in it stays as it is.
pub fn seal(_: &mut Scene) -> Result<(), Reported> {
    sys::mount_setattr_rdonly_alone(c"/").map_err(|errno| step::failed(c"/", errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(value: &CStr) -> Option<(&str, &str, bool)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        Volume::new(value).map(|volume| (text(volume.host), text(volume.dir), volume.read_only))
    }

    #[test]
    fn a_volume_is_a_place_on_the_host_and_one_inside() {
        assert_eq!(volume(c"/a:/b"), Some(("/a", "/b", false)));
        assert_eq!(volume(c"a/b:/b/c/:ro"), Some(("a/b", "/b/c/", true)));
        assert_eq!(volume(c".:/b:rw"), Some((".", "/b", false)));
        assert_eq!(volume(c"a:b:/c:ro"), Some(("a:b", "/c", true)));
        assert_eq!(volume(c"a:/ro"), Some(("a", "/ro", false)));
    }

    #[test]
    fn anything_else_is_no_volume() {
        for value in [
            c"",
            c":",
            c"a",
            c"/a",
            c"/a:",
            c":/a",
            c":/a:ro",
            c"/a:b",
            c"/a:/",
            c"/a://",
            c"/a:/..",
            c"/a:/b:z",
            c"/a:/b:ro,z",
            c"/a:/b:",
            c"a:ro",
            c":ro",
            c"/a:ro",
        ] {
            assert_eq!(volume(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_file_system_in_memory_has_the_flags_of_docker_unless_it_is_told_otherwise() {
        let flags = |value| Memory::new(value).map(Memory::flags);
        let usual = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        assert_eq!(flags(c"/a"), Some(usual));
        assert_eq!(flags(c"/a:"), Some(usual));
        assert_eq!(flags(c"/a:rw,noexec,nosuid,size=65536k"), Some(usual));
        assert_eq!(flags(c"/a:ro,exec"), Some(libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV));
        assert_eq!(flags(c"/a:exec,suid,dev"), Some(0));
        let data = |value| Memory::new(value).unwrap().data(&mut Text::new()).to_owned();
        assert_eq!(data(c"/a:exec").as_c_str(), c"mode=1777");
        assert_eq!(data(c"/a:size=1m,ro,mode=0700,uid=7").as_c_str(), c"mode=1777,size=1m,mode=0700,uid=7");
    }

    #[test]
    fn what_tmpfs_would_refuse_is_refused_before() {
        for value in [
            c"",
            c"a",
            c"/",
            c"/..",
            c":size=1",
            c"/a:x",
            c"/a:size",
            c"/a:size=",
            c"/a:size=k",
            c"/a:size=-1",
            c"/a:size=1t",
            c"/a:size=1kk",
            c"/a:mode=8",
            c"/a:mode=",
            c"/a:mode=777777",
            c"/a:uid=root",
            c"/a:size=99999999999999999999",
            c"/a:ro rw",
            c"/a:nosuid=1",
            c"/a:size=1:ro",
        ] {
            assert_eq!(Memory::new(value), None, "{value:?}");
        }
    }

    #[test]
    fn the_directories_above_a_place_are_made_from_the_root_down() {
        let of = |dir| parents(dir).map(|parent| std::str::from_utf8(parent).unwrap()).collect::<Vec<_>>();
        assert_eq!(of(b"/a/b/c"), ["/a", "/a/b"]);
        assert_eq!(of(b"/a/"), <Vec<&str>>::new());
        assert_eq!(of(b"//a//b"), ["/", "//a", "//a/"]);
    }
}
