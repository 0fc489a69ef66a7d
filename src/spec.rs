//! What a container is: plain data. A front end fills in a [`Spec`]; everything after it only reads one.
//!
//! The values here are valid: a front end checks them when it reads them. Nothing here knows a command line, a step or a
//! system call.

use core::ffi::{CStr, c_int, c_ulong};

use crate::sys::{Argv, CStrPtr};

/// Everything that the run sequence needs to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec<'a> {
    /// The name of the container. Its files are kept under it.
    pub id: Name<'a>,
    /// The name of the image that it starts from.
    pub image: Name<'a>,
    /// The program that runs inside, and its arguments.
    pub command: Command<'a>,
    /// The directory that holds the images.
    pub images: &'a CStr,
    /// The directory that holds the files of all containers; None: the user's default under /tmp.
    pub state: Option<&'a CStr>,
    /// The user who runs this, and who owns those files.
    pub owner: u32,
    /// The user who runs this through sudo(8), and whose images root may use.
    pub sudo_user: Option<u32>,
    /// Everything else.
    pub options: Options<'a>,
}

/// What a container is beside its name, its image and its command. Each option has a default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options<'a> {
    /// The variables that the command gets beside PATH, HOME and HOSTNAME. A later one replaces an earlier one.
    pub variables: &'a [Variable<'a>],
    /// The directory in which the command begins; None: `/`.
    pub workdir: Option<&'a CStr>,
    /// The user that the command runs as; None: root, or with `bare` the caller.
    pub user: Option<User<'a>>,
    /// The host name; None: the ID.
    pub hostname: Option<Name<'a>>,
    /// Volumes and tmpfs mounts, in the order in which they are mounted.
    pub mounts: &'a [Mount<'a>],
    /// The size of /dev/shm in bytes, at most 4 TiB; None: docker's default.
    pub shm_size: Option<u64>,
    /// The resource limits of the command, at most one for each resource.
    pub limits: &'a [Limit],
    /// Whether the root is read-only.
    pub read_only: bool,
    /// Whether the container's files are in memory and are removed at the end.
    pub is_temporary: bool,
    /// Whether the command sees the host's processes.
    pub host_pid: bool,
    /// Whether this program is PID 1 and the command PID 2.
    pub init: bool,
    /// Whether the command gets a terminal.
    pub terminal: Terminal,
    /// Whether the run has the least number of steps that make a container.
    pub bare: bool,
    /// The names of the child's steps that are skipped.
    pub skipped: &'a [&'static str],
}

impl Options<'_> {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        variables: &[],
        workdir: None,
        user: None,
        hostname: None,
        mounts: &[],
        shm_size: None,
        limits: &[],
        read_only: false,
        is_temporary: false,
        host_pid: false,
        init: false,
        terminal: Terminal::Auto,
        bare: false,
        skipped: &[],
    };
}

impl<'a> Spec<'a> {
    /// A container of root's with all defaults.
    pub const fn new(id: Name<'a>, image: Name<'a>, command: Command<'a>) -> Self {
        Self {
            id,
            image,
            command,
            images: c"images",
            state: None,
            owner: 0,
            sudo_user: None,
            options: Options::DEFAULT,
        }
    }

    /// The host name of the container.
    pub fn hostname(&self) -> Name<'a> {
        self.options.hostname.unwrap_or(self.id)
    }

    /// Whether the child's step of that name is skipped.
    pub fn skips(&self, step: &str) -> bool {
        self.options.skipped.contains(&step)
    }

    /// Whether the files of the container are in memory: with `--rm`, unless an experiment skips the step that does it.
    pub fn is_temporary(&self) -> bool {
        self.options.is_temporary && !self.skips("tmpstate")
    }

    /// Whether the files of the container may be lost when the machine crashes.
    ///
    /// Files under /tmp may. A directory that the user chose may have been chosen to keep them. Files in memory are never
    /// written to a disk, so the question does not arise.
    pub fn is_volatile(&self) -> bool {
        self.state.is_none() && !self.is_temporary()
    }

    /// The volumes among the mounts.
    pub fn volumes(&self) -> impl Iterator<Item = Volume<'a>> {
        self.options.mounts.iter().filter_map(|mount| match mount {
            Mount::Volume(volume) => Some(*volume),
            Mount::Tmpfs(_) => None,
        })
    }
}

/// The name of a container, an image or a host.
///
/// It has 1 to 64 letters, digits, `_`, `.` and `-`, and begins with a letter or a digit. So it is one component of a path,
/// and is never an option, `.`, `..` or a hidden file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a CStr);

impl<'a> Name<'a> {
    /// Takes a name; None if it breaks the rule.
    pub fn new(name: &'a CStr) -> Option<Self> {
        let bytes = name.to_bytes();
        let begins_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        (begins_well && bytes.len() <= 64 && bytes.iter().all(is_allowed)).then_some(Self(name))
    }

    /// The name, for the kernel.
    pub const fn as_cstr(self) -> &'a CStr {
        self.0
    }

    /// The name, without its NUL.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0.to_bytes()
    }
}

/// A command and its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Command<'a> {
    name: &'a CStr,
    argv: Argv<'a>,
}

impl<'a> Command<'a> {
    /// Takes an argv: `[Some(command), Some(argument)…, None]`; None if there is no command, or no NULL at the end.
    pub fn new(argv: &'a [Option<CStrPtr<'a>>]) -> Option<Self> {
        let name = argv.first()?.as_ref()?.to_cstr();
        Argv::new(argv).map(|argv| Self { name, argv })
    }

    /// The command itself: a path, or a name to be searched for along PATH.
    pub const fn name(self) -> &'a CStr {
        self.name
    }

    /// The command and its arguments.
    pub const fn argv(self) -> Argv<'a> {
        self.argv
    }
}

/// `NAME=VALUE`: a variable of the command's environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    entry: &'a CStr,
    name_len: usize,
}

impl<'a> Variable<'a> {
    /// Takes `NAME=VALUE`; None if there is no `=`, or no NAME before it.
    pub fn new(entry: &'a CStr) -> Option<Self> {
        let name_len = entry.to_bytes().iter().position(|byte| *byte == b'=')?;
        (name_len > 0).then_some(Self { entry, name_len })
    }

    /// `NAME=VALUE`
    pub const fn entry(self) -> &'a CStr {
        self.entry
    }

    /// `NAME`
    pub fn name(self) -> &'a [u8] {
        self.entry.to_bytes().get(..self.name_len).unwrap_or_default()
    }

    /// `VALUE`
    pub fn value(self) -> &'a [u8] {
        self.entry.to_bytes().get(self.name_len + 1..).unwrap_or_default()
    }
}

/// A user by name or by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The user.
    pub user: Account<'a>,
    /// The group; None: the user's groups.
    pub group: Option<Account<'a>>,
    /// Both as they were written, for messages.
    pub text: &'a CStr,
}

/// A user or a group, as /etc/passwd and /etc/group list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    /// A user or group ID.
    Id(u32),
    /// A name, which the container's own list has.
    Name(&'a [u8]),
}

/// Another tree of files in the container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount<'a> {
    /// A file or directory of the host.
    Volume(Volume<'a>),
    /// A file system in memory.
    Tmpfs(Tmpfs<'a>),
}

impl<'a> Mount<'a> {
    /// The place in the container.
    pub const fn dir(&self) -> &'a CStr {
        match self {
            Self::Volume(volume) => volume.dir,
            Self::Tmpfs(tmpfs) => tmpfs.dir,
        }
    }
}

/// A file or directory of the host, and the place where the container has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume<'a> {
    /// The path on the host.
    pub host: &'a CStr,
    /// The place in the container: an absolute path that is not the root.
    pub dir: &'a CStr,
    /// Whether the container can only read it.
    pub read_only: bool,
}

/// A file system in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmpfs<'a> {
    /// The place in the container: an absolute path that is not the root.
    pub dir: &'a CStr,
    /// The flags of mount(2).
    pub flags: c_ulong,
    /// The options of tmpfs(5), with commas between them.
    pub data: &'a CStr,
}

/// A limit on a resource, in the resource's units; `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The resource.
    pub resource: &'static Resource,
    /// The limit that is enforced.
    pub soft: u64,
    /// The limit up to which the process may raise the soft one.
    pub hard: u64,
}

/// A resource that setrlimit(2) limits.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name, in lower case and without RLIMIT_.
    pub name: &'static CStr,
    /// Its number.
    pub number: c_int,
}

/// The resources that `docker run --ulimit` knows.
pub static RESOURCES: [Resource; 15] = [
    Resource { name: c"core", number: libc::RLIMIT_CORE as c_int },
    Resource { name: c"cpu", number: libc::RLIMIT_CPU as c_int },
    Resource { name: c"data", number: libc::RLIMIT_DATA as c_int },
    Resource { name: c"fsize", number: libc::RLIMIT_FSIZE as c_int },
    Resource { name: c"locks", number: libc::RLIMIT_LOCKS as c_int },
    Resource { name: c"memlock", number: libc::RLIMIT_MEMLOCK as c_int },
    Resource { name: c"msgqueue", number: libc::RLIMIT_MSGQUEUE as c_int },
    Resource { name: c"nice", number: libc::RLIMIT_NICE as c_int },
    Resource { name: c"nofile", number: libc::RLIMIT_NOFILE as c_int },
    Resource { name: c"nproc", number: libc::RLIMIT_NPROC as c_int },
    Resource { name: c"rss", number: libc::RLIMIT_RSS as c_int },
    Resource { name: c"rtprio", number: libc::RLIMIT_RTPRIO as c_int },
    Resource { name: c"rttime", number: libc::RLIMIT_RTTIME as c_int },
    Resource { name: c"sigpending", number: libc::RLIMIT_SIGPENDING as c_int },
    Resource { name: c"stack", number: libc::RLIMIT_STACK as c_int },
];

/// Whether the command gets a terminal that belongs to the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// If stdin and stdout are a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_three_signs_that_do_not_come_first() {
        let longest = std::ffi::CString::new("a".repeat(64)).unwrap();
        for name in [c"c1", c"7", c"A", c"a.b", c"node-18_alpine", c"a..", longest.as_c_str()] {
            assert!(Name::new(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn anything_else_is_no_name() {
        let too_long = std::ffi::CString::new("a".repeat(65)).unwrap();
        let bad = [
            c"",
            c".",
            c"..",
            c"../x",
            c"a/b",
            c"/",
            c"-a",
            c"_a",
            c".a",
            c"a b",
            c"a\n",
            c"\x1b[2J",
            c"\xff",
            c"\xc3\xa9",
        ];
        for name in bad.into_iter().chain([too_long.as_c_str()]) {
            assert!(Name::new(name).is_none(), "{name:?}");
        }
    }

    #[test]
    fn a_variable_has_a_name_before_its_first_equals_sign() {
        let parts = |entry| Variable::new(entry).map(|variable| (variable.name(), variable.value()));
        assert_eq!(parts(c"A=b=c"), Some((&b"A"[..], &b"b=c"[..])));
        assert_eq!(parts(c"A="), Some((&b"A"[..], &b""[..])));
        assert_eq!(parts(c"A"), None);
        assert_eq!(parts(c"=b"), None);
    }

    #[test]
    fn each_resource_has_the_kernels_number_and_its_name() {
        macro_rules! numbers {
            ($($name:ident)*) => { [$((stringify!($name), libc::$name)),*] };
        }
        let numbers = numbers!(RLIMIT_CORE RLIMIT_CPU RLIMIT_DATA RLIMIT_FSIZE RLIMIT_LOCKS RLIMIT_MEMLOCK
            RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_NOFILE RLIMIT_NPROC RLIMIT_RSS RLIMIT_RTPRIO RLIMIT_RTTIME
            RLIMIT_SIGPENDING RLIMIT_STACK);
        for ((name, number), resource) in numbers.into_iter().zip(&RESOURCES) {
            let lower = name.strip_prefix("RLIMIT_").unwrap().to_lowercase();
            assert_eq!((resource.name.to_str().unwrap(), resource.number), (&*lower, number as c_int));
        }
    }
}
