//! Volumes and file systems in memory: other trees that the command line puts into the container's.

use core::ffi::{CStr, c_ulong};
use core::mem;

use crate::cli;
use crate::file::make_directories;
use crate::run::Scene;
use crate::spec::{Spec, without_trailing_slashes};
use crate::step::{self, Reported};
use crate::sys::{self, BorrowedFd, Errno};
use crate::text::{Text, cut, has, last, number, split};

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
        let (value, read_only) = match value {
            [rest @ .., b':', b'r', b'o'] => (rest, true),
            [rest @ .., b':', b'r', b'w'] => (rest, false),
            _ => (value, false),
        };
        let colon = last(value, b':')?;
        let (host, dir) = (value.get(..colon)?, value.get(colon + 1..)?);
        (!host.is_empty() && is_a_place(dir)).then_some(Self { host, dir, read_only })
    }
}

/// Whether something can be put there: an absolute path that is not the root by another name, as one that ends in `..` may be.
fn is_a_place(dir: &[u8]) -> bool {
    let components = split(dir, b'/').filter(|component| !component.is_empty() && *component != b".");
    dir.starts_with(b"/") && components.last().is_some_and(|last| last != b"..")
}

/// `DIR[:OPTION,…]`: a file system in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory<'a> {
    dir: &'a [u8],
    options: &'a [u8],
    /// The flags of its mount: those of docker, unless its options say otherwise.
    flags: c_ulong,
}

impl<'a> Memory<'a> {
    /// Takes a value that has the form, with options that are known.
    pub fn new(value: &'a CStr) -> Option<Self> {
        let (dir, options) = cut(value.to_bytes(), b':');
        let mut flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        let options = options.unwrap_or_default();
        let mut all = split(options, b',');
        let is_right =
            |option: &[u8]| option.is_empty() || change_flag(option, &mut flags) || is_setting(option);
        (is_a_place(dir) && all.all(is_right)).then_some(Self { dir, options, flags })
    }

    /// What tmpfs itself is told.
    fn data(self, text: &mut Text) -> &CStr {
        text.join(&[b"mode=1777"]);
        for setting in split(self.options, b',').filter(|option| is_setting(option)) {
            text.push(b",");
            text.push(setting);
        }
        text.as_cstr()
    }
}

/// Sets or takes away the flag of the mount that an option stands for; says whether it stands for one.
fn change_flag(option: &[u8], flags: &mut c_ulong) -> bool {
    let (name, is_no) = match option {
        [b'n', b'o', name @ ..] => (name, true),
        name => (name, false),
    };
    let (flag, is_set) = match name {
        b"suid" => (libc::MS_NOSUID, is_no),
        b"dev" => (libc::MS_NODEV, is_no),
        b"exec" => (libc::MS_NOEXEC, is_no),
        b"ro" if !is_no => (libc::MS_RDONLY, true),
        b"rw" if !is_no => (libc::MS_RDONLY, false),
        _ => return false,
    };
    *flags = if is_set { *flags | flag } else { *flags & !flag };
    true
}

/// Whether an option is for tmpfs, with a value that can be one: the kernel would refuse anything else after much was done.
fn is_setting(option: &[u8]) -> bool {
    let (name, value) = cut(option, b'=');
    let value = value.unwrap_or_default();
    if name == b"mode" {
        return value.len() <= 5 && number(value).is_some() && !has(value, b'8') && !has(value, b'9');
    }
    let digits = match value {
        [digits @ .., unit] if name == b"size" && has(b"kKmMgG%", *unit) => digits,
        digits => digits,
    };
    let is_known = name == b"size" || name == b"uid" || name == b"gid" || name == b"nr_inodes";
    is_known && digits.len() < 19 && number(digits).is_some()
}

/// Whether the command line asks for something of this file.
pub fn is_asked(spec: &Spec) -> bool {
    spec.has("--volume") || spec.has("--tmpfs")
}

/// volume: takes hold of what the host lends, each with all that is mounted in it, attached nowhere.
pub fn open(scene: &mut Scene) -> Result<(), Reported> {
    const MISSING: &[u8] = b"the host has no such file or directory: make it first, or look at the spelling";
    let (text, mut free) = (&mut Text::new(), scene.volumes.iter_mut());
    for value in cli::values(scene.spec.options, "--volume") {
        if let (Some(volume), Some(slot)) = (Volume::new(value), free.next()) {
            let path = text.join(&[volume.host]);
            *slot = Some(sys::open_tree_recursive(path).map_err(|errno| {
                let hint: &[&[u8]] = if errno == Errno::ENOENT { &[MISSING] } else { &[] };
                step::failed_with(path, errno, hint)
            })?);
        }
    }
    Ok(())
}

/// attach: volumes and file systems in memory, in the order of the command line, so that one can be in another.
pub fn attach(scene: &mut Scene) -> Result<(), Reported> {
    let (text, mut opened) = (&mut Text::new(), scene.volumes.iter().flatten());
    for (option, value) in cli::given(scene.spec.options) {
        if option.is("--volume") {
            if let (Some(volume), Some(tree)) = (Volume::new(value), opened.next()) {
                attach_volume(volume, tree.borrow(), text)?;
            }
        } else if option.is("--tmpfs")
            && let Some(memory) = Memory::new(value)
        {
            mount_memory(memory, text)?;
        }
    }
    Ok(())
}

fn attach_volume(volume: Volume, tree: BorrowedFd, text: &mut Text) -> Result<(), Reported> {
    let status = sys::fstat(tree).map_err(|errno| step::failed(text.join(&[volume.host]), errno))?;
    let is_directory = status.mode & libc::S_IFMT == libc::S_IFDIR;
    make_place(volume.dir, is_directory, text)?;
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
    let (errno, hint): (_, &[&[u8]]) = match errno {
        Errno::EINVAL | Errno::ENOTDIR if is_directory => (Errno::ENOTDIR, &[DIRECTORY]),
        Errno::EINVAL | Errno::ENOTDIR => (Errno::ENOTDIR, &[FILE]),
        Errno::ENOENT => (errno, &[DANGLING]),
        _ => (errno, &[]),
    };
    step::failed_with(place, errno, hint)
}

fn mount_memory(memory: Memory, text: &mut Text) -> Result<(), Reported> {
    make_place(memory.dir, true, text)?;
    let (place, data) = (text.join(&[memory.dir]), &mut Text::new());
    sys::mount(c"tmpfs", place, c"tmpfs", memory.flags, memory.data(data)).map_err(|errno| match errno {
        Errno::EINVAL => step::failed(place, errno), // A number is too large for tmpfs.
        _ => why_not_there(place, errno, true),
    })
}

const DANGLING: &[u8] = b"a symbolic link on the way leads to nothing in the container";

/// Makes what something is to be mounted on, or where the command is to begin, and the directories above it, if it is missing.
///
/// Symbolic links are followed, and end in the container's root. With `--pid host` there is one kind of link in sight that
/// does not, /proc/PID/root and its like: these are refused.
pub fn make_place(dir: &[u8], is_directory: bool, text: &mut Text) -> Result<(), Reported> {
    const MAGIC: &[u8] =
        b"a symbolic link on the way leads in circles, or through /proc and out of the container";
    // What is there is not closed here, since execve(2) closes all descriptors.
    let made = match sys::openat2_without_magic(text.join(&[dir])).map(mem::forget) {
        Err(Errno::ENOENT) => make(dir, is_directory, text),
        outcome => outcome,
    };
    made.map_err(|errno| {
        let hint: &[&[u8]] = match errno {
            Errno::ENOENT | Errno::EEXIST => &[DANGLING],
            Errno::ELOOP => &[MAGIC],
            _ => &[],
        };
        step::failed_with(text.as_cstr(), errno, hint)
    })
}

/// After a failure, `text` holds the path that could not be made.
fn make(dir: &[u8], is_directory: bool, text: &mut Text) -> Result<(), Errno> {
    if is_directory {
        return make_directories(dir, text);
    }
    let dir = without_trailing_slashes(dir);
    make_directories(parent(dir), text)?;
    sys::mknod_file(text.join(&[dir]), 0o644)
}

/// What stands before the last slash.
fn parent(path: &[u8]) -> &[u8] {
    path.get(..last(path, b'/').unwrap_or_default()).unwrap_or_default()
}

/// After a failure: takes the places that [`attach`] made in `upper` away again, as far as nothing is in them.
pub fn take_back(spec: &Spec, text: &mut Text) {
    for (option, value) in cli::given(spec.options) {
        let dir = if option.is("--volume") {
            Volume::new(value).map(|volume| volume.dir)
        } else if option.is("--tmpfs") {
            Memory::new(value).map(|memory| memory.dir)
        } else {
            None
        };
        let mut made = without_trailing_slashes(dir.unwrap_or_default());
        while !made.is_empty() {
            spec.container_path(text, b"/upper");
            text.push(made);
            remove_empty(text.as_cstr());
            made = parent(made);
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
        let _ = sys::unlink(path); // Likewise.
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
        assert_eq!(volume(c"a:/b/../.c/."), Some(("a", "/b/../.c/.", false)));
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
            c"/a:/b/..",
            c"/a:/b/.././",
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
        let flags = |value| Memory::new(value).map(|memory| memory.flags);
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
    fn what_is_above_a_place_ends_where_the_last_component_begins() {
        assert_eq!(parent(b"/a/b/c"), b"/a/b");
        assert_eq!(parent(b"/a"), b"");
        assert_eq!(parent(b""), b"");
    }
}
