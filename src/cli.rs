//! The command line: argv and the environment become a [`Spec`], or a complaint.

use core::ffi::CStr;
use core::iter;

use crate::explain::Explain;
use crate::limits::{self, Limit};
use crate::print::Printer;
use crate::run::{PARENT, SEQUENCE, WRITE};
use crate::spec::{Command, Name, Skipped, Spec};
use crate::step::{self, Reported, Step};
use crate::sys::{CStrPtr, Errno, Process, STDOUT, before_nul};
use crate::text::{Text, cut, has, split, visible};
use crate::user;
use crate::volume::{self, Memory, Volume};

/// What `--help` prints, and the table of options: the compiler makes [`FLAGS`] of it.
const HELP: &[u8] = b"\
usage: container [OPTIONS] ID IMAGE CMD [ARG]...

Runs CMD in the container ID, on a copy-on-write view of images/IMAGE. What it
writes is there again the next time. Options stand before ID; -- ends them.

The command:
  -e, --env NAME[=VALUE]         a variable for it; without =VALUE, as yours is
      --env-file FILE            more of them, one on each line
  -u, --user USER[:GROUP]        who runs it: the container's names, or numbers
  -w, --workdir DIR              where it begins; made if it is missing
      --ulimit NAME=SOFT[:HARD]  a limit on its resources, as ulimit(1) has them
      --init                     run it as PID 2, below a PID 1 that reaps
The terminal:
  -t, --tty                      a terminal of its own, even in a pipe
  -T, --no-tty                   no terminal of its own
Files:
  -v, --volume HOST:DIR[:ro]     show a file or directory of the host inside
      --tmpfs DIR[:size=N]       a file system in memory
      --read-only                nothing else can be written to
      --rm                       keep what it writes in memory, and forget it
Isolation:
      --hostname NAME            in place of the ID
      --pid host                 see the host's processes
      --bare                     the least that makes a container, and no more
Learning:
      --explain[=plain]          narrate the system calls; plain: without times
      --skip STEP                leave a step out, for an experiment
      --steps                    print the steps: chapter, system calls, why
Messages:
  -q, --quiet                    neither hints nor notes: errors alone
  -h, --help                     print this help and exit
  -V, --version                  print the version and exit

Steps: private volume memory names overlay pivot detach proc dev tty attach
       workdir user seal init session limits become exec

CONTAINER_IMAGES is where the images are, in place of ./images; CONTAINER_STATE
where containers keep files, in place of /tmp/container or /tmp/container-UID.
Exit status: the command's; 128+N: ended by signal N; 125: container failed;
126: the command cannot be run; 127: it was not found.
";

/// One option, as the help has it: `  -e, --env NAME[=VALUE]         a variable`.
#[derive(Clone, Copy)]
pub struct Flag {
    /// `-e`, or two blanks.
    short: [u8; 2],
    /// `--env NAME[=VALUE]`
    form: &'static [u8],
    /// How much of that is the name.
    name_len: u8,
}

/// All that there are, in the order of the help. It is the compiler that reads it, so that no run has to.
static FLAGS: [Flag; ACTIONS.len()] = {
    let mut flags = [Flag::NONE; ACTIONS.len()];
    let mut free: &mut [Flag] = &mut flags;
    let mut rest = HELP;
    while let [_, after @ ..] = rest {
        if let [b'\n', _, _, dash, letter, _, _, b'-', b'-', ..] = rest {
            let form = rest.split_at(7).1.split_at(27).0;
            let (flag, others) = free.split_first_mut().expect("each line has its action");
            *flag = Flag::new([*dash, *letter], form.trim_ascii_end());
            free = others;
        }
        rest = after;
    }
    assert!(free.is_empty(), "each action has its line");
    flags
};

impl Flag {
    const NONE: Self = Self { short: *b"  ", form: b"", name_len: 0 };

    const fn new(short: [u8; 2], form: &'static [u8]) -> Self {
        let mut rest = form;
        while let [b'-' | b'a'..=b'z', after @ ..] = rest {
            rest = after;
        }
        Self { short, form, name_len: (form.len() - rest.len()) as u8 }
    }

    /// `--env`
    fn name(self) -> &'static [u8] {
        self.form.get(..self.name_len.into()).unwrap_or_default()
    }

    /// Whether this is its name.
    pub fn is(self, name: &str) -> bool {
        self.name() == name.as_bytes()
    }

    /// Whether a word must follow.
    fn takes_a_word(self) -> bool {
        has(self.form, b' ')
    }
}

const VERSION: &[u8] = concat!("container ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

const TMPFS: &str = "DIR or DIR:OPTION,OPTION, where DIR begins with /, does not end in .. and is not the root; the options are size=N, mode=N, uid=N, gid=N, nr_inodes=N, ro, rw, exec, noexec, suid, nosuid, dev, nodev";

const VOLUME: &str = "HOST:DIR or HOST:DIR:ro, and DIR begins with /, does not end in .. and is not the root";

/// What an option does, with its value or "", to the spec.
type Action = fn(&mut Spec<'static>, &'static CStr) -> Result<(), Reported>;

/// What each option does, in the order of the help.
static ACTIONS: [Action; 21] = [
    // --env
    |_, value| check(!matches!(value.to_bytes(), [] | [b'=', ..]), value, "NAME or NAME=VALUE"),
    // --env-file
    |_, value| check(!value.is_empty(), value, "a path"),
    // --user
    |spec, value| {
        spec.user = Some(value);
        check(user::is_well_formed(value), value, user::FORM)
    },
    // --workdir
    |spec, value| {
        spec.workdir = Some(value);
        check(value.to_bytes().starts_with(b"/"), value, "a path that begins with /")
    },
    // --ulimit
    |_, value| check(Limit::parse(value.to_bytes()).is_some(), value, limits::FORM),
    // --init
    |spec, _| set(&mut spec.init, true),
    // --tty
    |spec, _| set(&mut spec.terminal, Some(true)),
    // --no-tty
    |spec, _| set(&mut spec.terminal, Some(false)),
    // --volume
    |spec, value| {
        check(Volume::new(value).is_some(), value, VOLUME)?;
        spec.volumes += 1;
        if spec.volumes > volume::MOST {
            return Err(step::failed_with(visible(value), Errno::E2BIG, &[b"at most 32 volumes"]));
        }
        Ok(())
    },
    // --tmpfs
    |_, value| check(Memory::new(value).is_some(), value, TMPFS),
    // --read-only
    |spec, _| set(&mut spec.read_only, true),
    // --rm
    |spec, _| set(&mut spec.is_temporary, true),
    // --hostname
    |spec, value| {
        spec.hostname = Some(value);
        Name::new(value).map(|_| ()).ok_or_else(|| usage(value, &[b"a host name", RULE]))
    },
    // --pid
    |spec, value| {
        spec.host_pids = true;
        check(value == c"host", value, "host")
    },
    // --bare
    |spec, _| set(&mut spec.bare, true),
    // --explain
    |spec, value| match value.to_bytes() {
        b"" => set(&mut spec.explain, Explain::Full),
        b"plain" => set(&mut spec.explain, Explain::Plain),
        _ => Err(usage(value, &[b"there is --explain, --explain=plain"])),
    },
    // --skip
    |spec, value| skip(&mut spec.skipped, value),
    // --steps
    |spec, _| set(&mut spec.instead, Some(print_steps)),
    // --quiet
    |_, _| {
        step::be_quiet();
        Ok(())
    },
    // --help
    |spec, _| set(&mut spec.instead, Some(|| print(HELP, c"--help"))),
    // --version
    |spec, _| set(&mut spec.instead, Some(|| print(VERSION, c"--version"))),
];

fn set<T>(option: &mut T, value: T) -> Result<(), Reported> {
    *option = value;
    Ok(())
}

fn check(is_right: bool, value: &CStr, form: &str) -> Result<(), Reported> {
    if is_right { Ok(()) } else { Err(usage(value, &[b"it must be ", form.as_bytes()])) }
}

/// Adds the step of that name to those that are left out.
fn skip(skipped: &mut Skipped, name: &CStr) -> Result<(), Reported> {
    let is_it = |step: &Step| step.name.as_bytes() == name.to_bytes();
    match SEQUENCE.iter().position(is_it) {
        Some(index) => {
            skipped.add(index);
            Ok(())
        }
        None if PARENT.iter().any(is_it) => Err(usage(
            name,
            &[b"the parent's steps hand values on to each other, and none of them can be left out"],
        )),
        None => Err(no_step(name)),
    }
}

fn no_step(word: &CStr) -> Reported {
    let text = &mut Text::new();
    text.push(b"the steps that can be left out are:");
    for step in &SEQUENCE {
        text.push(b" ");
        text.push(step.name.as_bytes());
    }
    usage(word, &[text.as_cstr().to_bytes()])
}

/// Words of argv or of the environment.
pub type Words = &'static [Option<CStrPtr<'static>>];

/// Reads the whole command line and the variables of the environment that count.
///
/// Options end where something else than a container is asked for: what is wrong with the rest does not matter then.
#[inline(never)]
pub fn parse(process: &Process, spec: &mut Spec<'static>) -> Result<(), Reported> {
    spec.options = process.args.get(1..).unwrap_or_default();
    spec.env = process.env;
    spec.owner = process.euid;
    spec.images = variable(process.env, b"CONTAINER_IMAGES").unwrap_or(c"images");
    spec.state = variable(process.env, b"CONTAINER_STATE");
    spec.colour = variable(process.env, b"NO_COLOR").is_none();
    let mut given = Given::new(spec.options);
    while given.next()? {
        ACTIONS.get(given.index).map_or(Ok(()), |act| act(spec, given.value))?;
        if spec.instead.is_some() {
            return Ok(());
        }
    }
    parse_operands(spec, given.rest)
}

/// The values of an option that can be given more than once, in their order; `options` are the words of the command line.
pub fn values(options: Words, long: &str) -> impl Iterator<Item = &'static CStr> {
    given(options).filter(move |(flag, _)| flag.is(long)).map(|(_, value)| value)
}

/// All options that were given, with their values, in their order.
pub fn given(options: Words) -> impl Iterator<Item = (Flag, &'static CStr)> {
    let mut given = Given::new(options);
    // The parser has refused those that are wrong.
    iter::from_fn(move || given.next().unwrap_or(false).then_some((given.flag, given.value)))
}

/// The options of a command line, one after the other. They stand before ID: the first word that is none ends them, and so
/// does `--`.
struct Given {
    /// The option that was read last.
    flag: Flag,
    /// Which it is among them all.
    index: usize,
    /// Its value or "".
    value: &'static CStr,
    /// The word that it is in.
    word: &'static CStr,
    /// Where more letters are in that word, or 0: as getopt(3) has it, `-qt` is `-q -t`, and `-wDIR` is `-w DIR`.
    letters: usize,
    /// The words after that.
    rest: Words,
}

impl Given {
    const fn new(words: Words) -> Self {
        Self { flag: Flag::NONE, index: 0, value: c"", word: c"", letters: 0, rest: words }
    }

    /// Reads an option, if there is one more.
    fn next(&mut self) -> Result<bool, Reported> {
        if self.letters == 0 {
            let [Some(word), rest @ ..] = self.rest else { return Ok(false) };
            let word = word.to_cstr();
            let [b'-', after @ ..] = word.to_bytes() else { return Ok(false) };
            (self.word, self.rest) = (word, rest);
            match after {
                b"-" => return Ok(false),
                [b'-', ..] => return self.name().map(|()| true),
                _ => self.letters = 1,
            }
        }
        self.letter().map(|()| true)
    }

    /// `-a`, and perhaps its value or more letters in the same word.
    fn letter(&mut self) -> Result<(), Reported> {
        let letter = self.word.to_bytes().get(self.letters);
        self.find(&[b'-', letter.copied().unwrap_or_default()])?;
        self.letters += 1;
        let after = Some(tail(self.word, self.letters)).filter(|after| !after.is_empty());
        if after.is_some() && !self.flag.takes_a_word() {
            self.value = c"";
            return Ok(());
        }
        self.letters = 0;
        self.take_value(after)
    }

    /// `--name` or `--name=value`.
    fn name(&mut self) -> Result<(), Reported> {
        let (name, value) = cut(self.word.to_bytes(), b'=');
        self.find(name)?;
        self.take_value(value.map(|_| tail(self.word, name.len() + 1)))
    }

    /// Finds the option of that name, which is `-a` or `--name`.
    fn find(&mut self, name: &[u8]) -> Result<(), Reported> {
        let is_it = |flag: &Flag| flag.short == name || flag.name() == name;
        self.index = FLAGS.iter().position(is_it).ok_or_else(|| unknown(self.word, name))?;
        self.flag = FLAGS.get(self.index).copied().unwrap_or(Flag::NONE);
        Ok(())
    }

    /// Its value is in the same word; or, if it needs one and has none, in the next.
    fn take_value(&mut self, inline: Option<&'static CStr>) -> Result<(), Reported> {
        let form = self.flag.form;
        let (needs_one, may_have_one) = (self.flag.takes_a_word(), has(form, b'['));
        self.value = match (inline, self.rest) {
            (Some(value), _) if needs_one || may_have_one && !value.is_empty() => value,
            (None, [Some(next), rest @ ..]) if needs_one => {
                self.rest = rest;
                next.to_cstr()
            }
            (None, _) if !needs_one => c"",
            _ if self.flag.is("--skip") => return Err(no_step(self.word)),
            _ if needs_one || may_have_one => return Err(usage(self.word, &[b"it needs a value: ", form])),
            _ => return Err(usage(self.word, &[form, b" takes no value"])),
        };
        Ok(())
    }
}

/// What follows the first bytes of a word.
fn tail(word: &CStr, len: usize) -> &CStr {
    word.to_bytes_with_nul().get(len..).and_then(before_nul).unwrap_or(c"")
}

/// What people know from other programs, and what is in its place here.
const ELSEWHERE: &[u8] = b"\
-i --interactive=stdin is connected always, and -t is the default in a terminal
-d --detach=& runs it in the background: container ID IMAGE CMD < /dev/null &
--name=the ID is the name
-p --publish --net --network=the network, with its ports, is the host's always";

fn elsewhere(name: &[u8]) -> Option<&'static [u8]> {
    let mut lines = split(ELSEWHERE, b'\n').map(|line| cut(line, b'='));
    lines.find(|(names, _)| split(names, b' ').any(|known| known == name))?.1
}

/// Says that there is no option of that name in a word, and which one may have been meant.
fn unknown(word: &CStr, name: &[u8]) -> Reported {
    let whole = cut(word.to_bytes(), b'=').0;
    let (before, instead, after): (&[u8], &[u8], &[u8]) = if let Some(instead) = elsewhere(whole) {
        (b"; ", instead, b"")
    } else if let Some(long) = nearest(whole) {
        (b"; did you mean ", long, b"?")
    } else {
        (b"; ", elsewhere(name).unwrap_or(b"container --help lists them"), b"")
    };
    usage(word, &[b"there is no such option", before, instead, after])
}

/// The option that may have been meant: one that begins so, or is a slip or two away. `-rm` is `--rm` with one dash.
fn nearest(word: &[u8]) -> Option<&'static [u8]> {
    let (name, most) = match word {
        [b'-', b'-', name @ ..] => (name, (name.len() / 2).min(2)),
        [_, name @ ..] => (name, 0),
        [] => return None,
    };
    for slips in 0..=most {
        for flag in &FLAGS {
            let other = flag.name().get(2..).unwrap_or_default();
            if name.len() > 1 && (other.starts_with(name) || is_near(name, other, slips)) {
                return Some(flag.name());
            }
        }
    }
    None
}

/// Whether so many slips make one word of the other: letters left out, put in, or changed.
fn is_near(word: &[u8], other: &[u8], slips: usize) -> bool {
    match (word, other) {
        ([], []) => true,
        ([letter, word @ ..], [same, other @ ..]) if letter == same => is_near(word, other, slips),
        _ => {
            slips > 0
                && [(1, 0), (0, 1), (1, 1)].iter().any(|&(skip, skip_other)| {
                    let (word, other) = (word.get(skip..), other.get(skip_other..));
                    is_near(word.unwrap_or_default(), other.unwrap_or_default(), slips - 1)
                })
        }
    }
}

fn parse_operands(spec: &mut Spec<'static>, operands: Words) -> Result<(), Reported> {
    let [id, image, command @ ..] = operands else { return Err(missing(c"ID")) };
    spec.id = name(id.ok_or_else(|| missing(c"ID"))?, b"an ID")?;
    spec.image = name(image.ok_or_else(|| missing(c"IMAGE"))?, b"an IMAGE")?;
    spec.command = Command::new(command).ok_or_else(|| missing(c"CMD"))?;
    let asked = [
        (spec.hostname.is_some(), c"--hostname"),
        (spec.init, c"--init"),
        (spec.terminal == Some(true), c"--tty"),
    ];
    match asked.iter().find(|(is_asked, _)| *is_asked && spec.bare) {
        Some((_, option)) => {
            Err(usage(option, &[b"--bare goes without it: leave out one of the two options"]))
        }
        None => Ok(()),
    }
}

const RULE: &[u8] = b" is 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or a digit";

fn name(word: CStrPtr<'static>, what: &[u8]) -> Result<Name<'static>, Reported> {
    let word = word.to_cstr();
    let is_option = word.to_bytes().starts_with(b"-");
    let place: &[u8] = if is_option { b"; options stand before ID" } else { b"" };
    Name::new(word).ok_or_else(|| usage(word, &[what, RULE, place]))
}

fn missing(operand: &CStr) -> Reported {
    usage(operand, &[b"it is missing; ", cut(HELP, b'\n').0])
}

fn usage(word: &CStr, hint: &[&[u8]]) -> Reported {
    step::failed_with(visible(word), Errno::EINVAL, hint)
}

/// The value of an environment variable; one that is empty counts as unset.
fn variable(env: Words, name: &[u8]) -> Option<&'static CStr> {
    let entry = entry(env, name)?.to_cstr();
    Some(tail(entry, name.len() + 1)).filter(|value| !value.is_empty())
}

/// The whole `NAME=value` of an environment variable.
pub fn entry<'a>(env: &'a [Option<CStrPtr<'a>>], name: &[u8]) -> Option<CStrPtr<'a>> {
    let is_named =
        |word: &CStrPtr| word.to_bytes().strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'='));
    env.iter().flatten().copied().find(is_named)
}

/// `--steps`: for each step its name, its chapter, its system calls, and why it is there.
fn print_steps() -> Result<u8, Reported> {
    let mut printer = Printer::new(STDOUT);
    put_steps(printer.put(b"parent\n"), &PARENT);
    put_steps(printer.put(b"child\n"), &SEQUENCE);
    printed(&mut printer, c"--steps")
}

fn put_steps(printer: &mut Printer, steps: &[Step]) {
    for step in steps {
        let mut name = step.name.as_bytes();
        for line in split(step.text.as_bytes(), b'\n') {
            let padding = b"         ".get(name.len()..).unwrap_or_default();
            printer.put(b"  ").put(name).put(padding).put(line).put(b"\n");
            name = b"";
        }
    }
}

/// Prints a text on stdout for an option.
fn print(text: &[u8], option: &CStr) -> Result<u8, Reported> {
    printed(Printer::new(STDOUT).put(text), option)
}

fn printed(printer: &mut Printer, option: &CStr) -> Result<u8, Reported> {
    step::begin(&WRITE);
    printer.finish().map(|()| 0).map_err(|errno| step::failed(option, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spec of a command line that is all options.
    fn spec_of(word: &'static CStr, value: Option<&'static CStr>) -> Spec<'static> {
        let words: [Option<CStrPtr>; 3] = [Some(word.into()), value.map(CStrPtr::from), None];
        let mut given = Given::new(Box::leak(Box::new(words)));
        let mut spec = Spec::NEW;
        while given.next() == Ok(true) {
            assert_eq!(ACTIONS[given.index](&mut spec, given.value), Ok(()), "{word:?}");
        }
        spec
    }

    #[test]
    fn each_option_has_its_own_action() {
        assert_eq!(spec_of(c"--user", Some(c"1")).user, Some(c"1"));
        assert_eq!(spec_of(c"--workdir", Some(c"/")).workdir, Some(c"/"));
        assert!(spec_of(c"--init", None).init);
        assert_eq!(spec_of(c"--tty", None).terminal, Some(true));
        assert_eq!(spec_of(c"--no-tty", None).terminal, Some(false));
        assert_eq!(spec_of(c"--volume", Some(c"/:/a")).volumes, 1);
        assert!(spec_of(c"--read-only", None).read_only);
        assert!(spec_of(c"--rm", None).is_temporary);
        assert_eq!(spec_of(c"--hostname", Some(c"a")).hostname, Some(c"a"));
        assert!(spec_of(c"--pid", Some(c"host")).host_pids);
        assert!(spec_of(c"--bare", None).bare);
        assert_eq!(spec_of(c"--explain", None).explain, Explain::Full);
        assert!(spec_of(c"--skip", Some(c"private")).skipped.has(0));
        for option in [c"--steps", c"--help", c"--version"] {
            assert!(spec_of(option, None).instead.is_some());
        }
        for (option, value) in
            [(c"--env", c"A"), (c"--env-file", c"a"), (c"--ulimit", c"cpu=1"), (c"--tmpfs", c"/a")]
        {
            spec_of(option, Some(value));
        }
    }

    #[test]
    fn a_misspelt_word_is_near_and_another_word_is_not() {
        for (word, slips) in [("env", 0), ("env-", 1), ("nv", 1), ("ens", 1), ("evn", 2), ("e", 2), ("", 3)] {
            assert!(is_near(word.as_bytes(), b"env", slips), "{word}");
            assert!(slips == 0 || !is_near(word.as_bytes(), b"env", slips - 1), "{word}");
        }
    }
}
