//! The table of options: a row for each, with everything that belongs to it.

use core::ffi::CStr;

use super::draft::{Draft, Print};
use super::values;
use crate::explain;
use crate::spec::{Mount, Name, Terminal};
use crate::step;
use crate::steps::SEQUENCE;
use crate::sys::Errno;

/// One option.
pub struct Opt {
    /// The letter of `-e`, if there is one.
    pub short: Option<u8>,
    /// `--env`
    pub long: &'static str,
    /// The value that it takes.
    pub value: Value,
    /// The heading of the help under which it is.
    pub group: &'static str,
    /// The line of the help.
    pub help: &'static str,
    /// What a value must be, for the message about a wrong one.
    pub must_be: &'static str,
    /// Sets it in the draft. The value is empty if there is none. EINVAL: the value is wrong. ENOMEM: the arena is full.
    pub set: for<'a> fn(&mut Draft<'a>, &'a CStr) -> Result<(), Errno>,
}

/// Whether an option takes a value, and how the help writes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// None.
    No,
    /// One, in the same word or the next.
    Required(&'static str),
    /// One, in the same word, or none.
    Optional(&'static str),
}

const COMMAND: &str = "The command";
const TERMINAL: &str = "The terminal";
const FILES: &str = "Files";
const ISOLATION: &str = "Isolation";
const LEARNING: &str = "Learning";
const MESSAGES: &str = "Messages";

impl Opt {
    /// An option without letter and value.
    const NEW: Self = Self {
        short: None,
        long: "",
        value: Value::No,
        group: "",
        help: "",
        must_be: "",
        set: |_, _| Ok(()),
    };
}

/// What an ID, an IMAGE and a host name must be.
pub const NAME: &str = "1 to 64 letters, digits, '_', '.' or '-', and begin with a letter or a digit";

/// All options, in the order of the help.
pub static OPTIONS: &[Opt] = &[
    Opt {
        short: Some(b'e'),
        long: "--env",
        value: Value::Required("NAME[=VALUE]"),
        group: COMMAND,
        help: "a variable for it; without =VALUE, your own",
        must_be: "NAME or NAME=VALUE",
        set: |draft, value| draft.add_variable(value),
    },
    Opt {
        long: "--env-file",
        value: Value::Required("FILE"),
        group: COMMAND,
        help: "a file with variables, one on each line",
        must_be: "a path",
        set: |draft, value| draft.env_files.push(draft.arena, non_empty(value)?),
        ..Opt::NEW
    },
    Opt {
        short: Some(b'u'),
        long: "--user",
        value: Value::Required("USER[:GROUP]"),
        group: COMMAND,
        help: "its user: a name of the container, or a number",
        must_be: "USER[:GROUP], each a name or a number from 0 to 4294967294",
        set: |draft, value| {
            draft.options.user = Some(values::user(value).ok_or(Errno::EINVAL)?);
            Ok(())
        },
    },
    Opt {
        short: Some(b'w'),
        long: "--workdir",
        value: Value::Required("DIR"),
        group: COMMAND,
        help: "where it begins; made if it is missing",
        must_be: "a path that begins with /",
        set: |draft, value| {
            draft.options.workdir = Some(values::absolute(value).ok_or(Errno::EINVAL)?);
            Ok(())
        },
    },
    Opt {
        long: "--ulimit",
        value: Value::Required("NAME=SOFT[:HARD]"),
        group: COMMAND,
        help: "a limit on its resources, as in ulimit(1)",
        must_be: "NAME=SOFT[:HARD], numbers or unlimited, SOFT at most HARD; NAME is one of: core cpu data fsize locks \
            memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack",
        set: |draft, value| draft.add_limit(values::limit(value.to_bytes()).ok_or(Errno::EINVAL)?),
        ..Opt::NEW
    },
    Opt {
        long: "--init",
        group: COMMAND,
        help: "run it as PID 2, below a PID 1 that reaps",
        set: |draft, _| assign(&mut draft.options.init, true),
        ..Opt::NEW
    },
    Opt {
        short: Some(b't'),
        long: "--tty",
        group: TERMINAL,
        help: "give the command a terminal, even in a pipe",
        set: |draft, _| assign(&mut draft.options.terminal, Terminal::Always),
        ..Opt::NEW
    },
    Opt {
        short: Some(b'T'),
        long: "--no-tty",
        group: TERMINAL,
        help: "give it no terminal",
        set: |draft, _| assign(&mut draft.options.terminal, Terminal::Never),
        ..Opt::NEW
    },
    Opt {
        short: Some(b'v'),
        long: "--volume",
        value: Value::Required("HOST:DIR[:ro]"),
        group: FILES,
        help: "show a file or directory of the host inside",
        must_be: "HOST:DIR or HOST:DIR:ro, where DIR begins with /, does not end in .. and is not the root",
        set: |draft, value| {
            let volume = values::volume(draft.arena, value)?;
            draft.mounts.push(draft.arena, Mount::Volume(volume))
        },
    },
    Opt {
        long: "--tmpfs",
        value: Value::Required("DIR[:size=N]"),
        group: FILES,
        help: "a file system in memory",
        must_be: "DIR or DIR:OPTION,OPTION, where DIR begins with /, does not end in .. and is not the root; the options \
            are size=N, mode=N, uid=N, gid=N, nr_inodes=N, ro, rw, exec, noexec, suid, nosuid, dev, nodev",
        set: |draft, value| {
            let tmpfs = values::tmpfs(draft.arena, value)?;
            draft.mounts.push(draft.arena, Mount::Tmpfs(tmpfs))
        },
        ..Opt::NEW
    },
    Opt {
        long: "--shm-size",
        value: Value::Required("SIZE"),
        group: FILES,
        help: "the size of /dev/shm: bytes, or with k, m, g",
        must_be: "a number of bytes from 1, or one with k, m or g, below 4096g",
        set: |draft, value| {
            draft.options.shm_size = Some(values::size(value.to_bytes()).ok_or(Errno::EINVAL)?);
            Ok(())
        },
        ..Opt::NEW
    },
    Opt {
        long: "--read-only",
        group: FILES,
        help: "nothing else can be written to",
        set: |draft, _| assign(&mut draft.options.read_only, true),
        ..Opt::NEW
    },
    Opt {
        long: "--rm",
        group: FILES,
        help: "keep what it writes in memory, and forget it",
        set: |draft, _| assign(&mut draft.options.is_temporary, true),
        ..Opt::NEW
    },
    Opt {
        long: "--hostname",
        value: Value::Required("NAME"),
        group: ISOLATION,
        help: "in place of the ID",
        must_be: NAME,
        set: |draft, value| {
            draft.options.hostname = Some(Name::new(value).ok_or(Errno::EINVAL)?);
            Ok(())
        },
        ..Opt::NEW
    },
    Opt {
        long: "--pid",
        value: Value::Required("host"),
        group: ISOLATION,
        help: "see the host's processes",
        must_be: "host",
        set: |draft, value| {
            draft.options.host_pid = true;
            if value == c"host" { Ok(()) } else { Err(Errno::EINVAL) }
        },
        ..Opt::NEW
    },
    Opt {
        long: "--bare",
        group: ISOLATION,
        help: "the least that makes a container, and no more",
        set: |draft, _| assign(&mut draft.options.bare, true),
        ..Opt::NEW
    },
    Opt {
        long: "--explain",
        value: Value::Optional("plain"),
        group: LEARNING,
        help: "narrate the system calls; plain: without times",
        must_be: "plain",
        set: |draft, value| {
            // The narration begins here, so that it has the files of --env-file too.
            match value.to_bytes() {
                b"" => explain::start_full(draft.caller_value(b"NO_COLOR").is_none()),
                b"plain" => explain::start_plain(),
                _ => return Err(Errno::EINVAL),
            }
            Ok(())
        },
        ..Opt::NEW
    },
    Opt {
        long: "--skip",
        value: Value::Required("STEP"),
        group: LEARNING,
        help: "skip a step of the child, for an experiment",
        must_be: "one of the child's steps, which container --steps lists",
        set: |draft, value| {
            let step = SEQUENCE.iter().find(|step| step.name.as_bytes() == value.to_bytes());
            draft.skipped.push(draft.arena, step.ok_or(Errno::EINVAL)?.name)
        },
        ..Opt::NEW
    },
    Opt {
        long: "--steps",
        group: LEARNING,
        help: "print the steps: chapter, system calls, why",
        set: |draft, _| assign(&mut draft.print, Some(Print::Steps)),
        ..Opt::NEW
    },
    Opt {
        short: Some(b'q'),
        long: "--quiet",
        group: MESSAGES,
        help: "print errors only",
        set: |_, _| {
            step::be_quiet();
            Ok(())
        },
        ..Opt::NEW
    },
    Opt {
        short: Some(b'h'),
        long: "--help",
        group: MESSAGES,
        help: "print this help and exit",
        set: |draft, _| assign(&mut draft.print, Some(Print::Help)),
        ..Opt::NEW
    },
    Opt {
        short: Some(b'V'),
        long: "--version",
        group: MESSAGES,
        help: "print the version and exit",
        set: |draft, _| assign(&mut draft.print, Some(Print::Version)),
        ..Opt::NEW
    },
];

fn assign<T>(field: &mut T, value: T) -> Result<(), Errno> {
    *field = value;
    Ok(())
}

fn non_empty(value: &CStr) -> Result<&CStr, Errno> {
    if value.is_empty() { Err(Errno::EINVAL) } else { Ok(value) }
}
