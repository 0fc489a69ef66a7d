//! What a container is: validated plain data. A front end fills it in; everything else only reads it.

use core::ffi::CStr;

use crate::cli;
use crate::explain::Explain;
use crate::step::Reported;
use crate::sys::{Argv, CStrPtr};
use crate::text::{Text, decimal, has};

/// All that the run sequence needs to know.
pub struct Spec<'a> {
    /// Which container: its files are found again by it.
    pub id: Name<'a>,
    /// Which image it starts from.
    pub image: Name<'a>,
    /// The directory that holds the images.
    pub images: &'a CStr,
    /// The directory that holds the containers' own files, or None for the user's own under /tmp.
    pub state: Option<&'a CStr>,
    /// Whose files those are: the user that runs this.
    pub owner: u32,
    /// What runs inside.
    pub command: Command<'a>,
    /// The words of the command line, for options that can be given more than once: see [`crate::cli::values`].
    pub options: cli::Words,
    /// The caller's environment, with its NULL: `TERM`, and what `--env NAME` takes from it.
    pub env: cli::Words,
    /// `--workdir`: where the command begins.
    pub workdir: Option<&'a CStr>,
    /// `--user`: who it is, as the user wrote it.
    pub user: Option<&'a CStr>,
    /// `--hostname`.
    pub hostname: Option<&'a CStr>,
    /// `--read-only`: nothing can be written but in volumes.
    pub read_only: bool,
    /// `--rm`: the container's files are in memory, and go with it.
    pub is_temporary: bool,
    /// `--pid host`: the command sees the host's processes.
    pub host_pids: bool,
    /// `--init`: PID 1 is not the command but its keeper.
    pub init: bool,
    /// `-t` or `-T`: whether the command gets a terminal of its own; None: if it runs in one.
    pub terminal: Option<bool>,
    /// `--bare`: the least that makes a container, and no more.
    pub bare: bool,
    /// `--skip`: the steps of the child that are left out.
    pub skipped: Skipped,
    /// `--explain`: how much is told of the system calls.
    pub explain: Explain,
    /// Whether the telling may be in colour: $NO_COLOR is not set.
    pub colour: bool,
    /// How many volumes there are.
    pub volumes: usize,
    /// `--help` and its like: what is printed in place of all that.
    pub instead: Option<fn() -> Result<u8, Reported>>,
}

/// Steps of [`crate::run::SEQUENCE`] that are left out, one bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipped(u32);

impl Skipped {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// And this one.
    pub const fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Whether this one is.
    pub const fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}

impl Spec<'_> {
    /// What is so unless the command line says otherwise; the operands are missing yet.
    pub const NEW: Self = Self {
        id: Name(c""),
        image: Name(c""),
        images: c"images",
        state: None,
        owner: 0,
        command: Command { name: c"", words: &[] },
        options: &[],
        env: &[],
        workdir: None,
        user: None,
        hostname: None,
        read_only: false,
        is_temporary: false,
        host_pids: false,
        init: false,
        terminal: None,
        bare: false,
        skipped: Skipped::NONE,
        explain: Explain::Off,
        colour: true,
        volumes: 0,
        instead: None,
    };

    /// `--hostname`, or the ID.
    pub fn hostname(&self) -> &CStr {
        self.hostname.unwrap_or(self.id.as_cstr())
    }

    /// The image's directory.
    pub fn image_path<'t>(&self, text: &'t mut Text) -> &'t CStr {
        text.join(&[self.images.to_bytes(), b"/", self.image.as_bytes()])
    }

    /// The directory of all of this user's containers: `$CONTAINER_STATE`, or /tmp/container, or /tmp/container-UID.
    pub fn state_path<'t>(&self, text: &'t mut Text) -> &'t CStr {
        match (self.state, self.owner) {
            // A slash at the end would have a symbolic link followed.
            (Some(path), _) => text.join(&[without_trailing_slashes(path.to_bytes())]),
            (None, 0) => text.join(&[b"/tmp/container"]),
            (None, uid) => text.join(&[b"/tmp/container-", decimal(uid, &mut [0; 10])]),
        }
    }

    /// Whether what the container writes need not survive a crash of the machine. Nobody can expect that of /tmp; a directory of
    /// the user's own choice may have been chosen for it. Of what is in memory there is nothing to be written to a disk.
    pub const fn is_volatile(&self) -> bool {
        self.state.is_none() && !self.is_temporary
    }

    /// Whether an option that can be given more than once is there.
    pub fn has(&self, long: &str) -> bool {
        cli::values(self.options, long).next().is_some()
    }

    /// The directory of this container, and what is in it: `container_path(text, b"/upper")`.
    pub fn container_path<'t>(&self, text: &'t mut Text, name: &[u8]) -> &'t CStr {
        self.state_path(text);
        for part in &[b"/", self.id.as_bytes(), name] {
            text.push(part);
        }
        text.as_cstr()
    }
}

/// `/a/b/` is `/a/b`; `/` stays.
pub fn without_trailing_slashes(path: &[u8]) -> &[u8] {
    match path {
        [rest @ .., b'/'] if !rest.is_empty() => without_trailing_slashes(rest),
        path => path,
    }
}

/// The name of a container or an image: letters, digits, `_`, `.`, `-`, beginning with a letter or digit, at most 64.
///
/// So it is one component of a path, and never an option, `.`, `..` or hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a CStr);

impl<'a> Name<'a> {
    /// Takes a word that keeps the rule.
    pub fn new(word: &'a CStr) -> Option<Self> {
        let bytes = word.to_bytes();
        let begins_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || has(b"_.-", *byte);
        (begins_well && bytes.len() <= 64 && bytes.iter().all(is_allowed)).then_some(Self(word))
    }

    /// The name, for the kernel.
    pub const fn as_cstr(self) -> &'a CStr {
        self.0
    }

    /// The name, without its NUL.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0.to_bytes()
    }
}

/// The command and its arguments, where the kernel put them: the tail of argv, with its NULL.
#[derive(Clone, Copy)]
pub struct Command<'a> {
    name: &'a CStr,
    words: &'a [Option<CStrPtr<'a>>],
}

impl<'a> Command<'a> {
    /// Takes `[Some(command), arguments…, None]`.
    pub fn new(words: &'a [Option<CStrPtr<'a>>]) -> Option<Self> {
        let name = words.first()?.as_ref()?.to_cstr();
        Argv::new(words).map(|_| Self { name, words })
    }

    /// The command's own word.
    pub const fn name(self) -> &'a CStr {
        self.name
    }

    /// The command as argv.
    pub fn argv(self) -> Option<Argv<'a>> {
        Argv::new(self.words)
    }

    /// The arguments after the command's own word, with their NULL.
    pub fn arguments(self) -> &'a [Option<CStrPtr<'a>>] {
        self.words.get(1..).unwrap_or_default()
    }
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
}
