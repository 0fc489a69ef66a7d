//! The command line: argv and the environment become a [`Spec`], or a complaint.

use core::ffi::CStr;

use crate::explain::Explain;
use crate::limits::{self, Limit};
use crate::print::Printer;
use crate::run::{PARENT, SEQUENCE, WRITE};
use crate::spec::{Command, Name, Skipped, Spec};
use crate::step::{self, Reported};
use crate::sys::{Errno, Process, STDOUT, Word, before_nul};
use crate::text::{split, visible};
use crate::user;
use crate::volume::{self, Memory, Volume};

/// What the user asks for.
pub enum Request<'a> {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `--steps`
    Steps,
    /// `ID IMAGE CMD [ARG]...`
    Run(Spec<'a>),
}

/// One option of the command line.
pub struct Flag {
    /// The name with its two dashes.
    pub long: &'static str,
    /// The name of one letter.
    short: Option<u8>,
    /// What follows it in `--help`: nothing, ` WORD` if it takes a word, `[=WORD]` if it may.
    value: &'static str,
    /// The heading that it stands under in `--help`.
    group: &'static str,
    /// Its line in `--help`.
    help: &'static str,
    /// What it does, with its value or "", to the options seen so far; or the hint that says what is wrong with its value.
    apply: fn(&mut Options, &'static CStr) -> Result<(), Wrong>,
}

impl Flag {
    /// Whether a word must follow.
    fn takes_a_word(&self) -> bool {
        self.value.starts_with(' ')
    }
}

/// Why an option or its value is refused.
enum Wrong {
    /// There is no such option. For one letter among others, which.
    Unknown(Option<u8>),
    /// It needs a value, and nothing follows.
    Incomplete(&'static Flag),
    /// It has a value, and takes none.
    Overfull(&'static Flag),
    /// The value has not this form.
    Form(&'static str),
    /// It is none of the steps, or there is none.
    UnknownStep,
    /// It is a but of the parent.
    ParentStep,
    /// It is none of the words that there are; these are.
    OneOf(&'static str),
    /// It is not a name.
    NoName,
    /// It is one more than there is room for.
    TooMany,
}

/// The table of options: it is parsed by, and `--help` is printed from it.
const FLAGS: [Flag; 21] = [
    Flag {
        long: "--env",
        short: Some(b'e'),
        value: " NAME[=VALUE]",
        group: "The command",
        help: "a variable for it; without =VALUE, as yours is",
        apply: |_, value| {
            check(!value.to_bytes().is_empty() && !value.to_bytes().starts_with(b"="), "NAME or NAME=VALUE")
        },
    },
    Flag {
        long: "--env-file",
        short: None,
        value: " FILE",
        group: "The command",
        help: "more of them, one on each line",
        apply: |_, value| check(!value.is_empty(), "a path"),
    },
    Flag {
        long: "--user",
        short: Some(b'u'),
        value: " USER[:GROUP]",
        group: "The command",
        help: "who runs it: the container's names, or numbers",
        apply: |options, value| {
            check(user::is_well_formed(value), user::FORM).map(|()| options.user = Some(value))
        },
    },
    Flag {
        long: "--workdir",
        short: Some(b'w'),
        value: " DIR",
        group: "The command",
        help: "where it begins; made if it is missing",
        apply: |options, value| absolute(value).map(|()| options.workdir = Some(value)),
    },
    Flag {
        long: "--ulimit",
        short: None,
        value: " NAME=SOFT[:HARD]",
        group: "The command",
        help: "a limit on its resources, as ulimit(1) has them",
        apply: |_, value| check(Limit::parse(value.to_bytes()).is_some(), limits::FORM),
    },
    Flag {
        long: "--init",
        short: None,
        value: "",
        group: "The command",
        help: "run it as PID 2, below a PID 1 that reaps",
        apply: |options, _| set(&mut options.init, true),
    },
    Flag {
        long: "--tty",
        short: Some(b't'),
        value: "",
        group: "The terminal",
        help: "a terminal of its own, even in a pipe",
        apply: |options, _| set(&mut options.terminal, Some(true)),
    },
    Flag {
        long: "--no-tty",
        short: Some(b'T'),
        value: "",
        group: "The terminal",
        help: "no terminal of its own",
        apply: |options, _| set(&mut options.terminal, Some(false)),
    },
    Flag {
        long: "--volume",
        short: Some(b'v'),
        value: " HOST:DIR[:ro]",
        group: "Files",
        help: "show a file or directory of the host inside",
        apply: |options, value| {
            check(
                Volume::new(value).is_some(),
                "HOST:DIR or HOST:DIR:ro, and DIR begins with / and is not the root",
            )?;
            options.volumes += 1;
            if options.volumes > volume::MOST { Err(Wrong::TooMany) } else { Ok(()) }
        },
    },
    Flag {
        long: "--tmpfs",
        short: None,
        value: " DIR[:size=N]",
        group: "Files",
        help: "a file system in memory",
        apply: |_, value| check(Memory::new(value).is_some(), TMPFS),
    },
    Flag {
        long: "--read-only",
        short: None,
        value: "",
        group: "Files",
        help: "nothing else can be written to",
        apply: |options, _| set(&mut options.read_only, true),
    },
    Flag {
        long: "--rm",
        short: None,
        value: "",
        group: "Files",
        help: "keep what it writes in memory, and forget it",
        apply: |options, _| set(&mut options.is_temporary, true),
    },
    Flag {
        long: "--hostname",
        short: None,
        value: " NAME",
        group: "Isolation",
        help: "in place of the ID",
        apply: |options, value| match Name::new(value) {
            Some(_) => set(&mut options.hostname, Some(value)),
            None => Err(Wrong::NoName),
        },
    },
    Flag {
        long: "--pid",
        short: None,
        value: " host",
        group: "Isolation",
        help: "see the host's processes",
        apply: |options, value| check(value == c"host", "host").map(|()| options.host_pids = true),
    },
    Flag {
        long: "--bare",
        short: None,
        value: "",
        group: "Isolation",
        help: "the least that makes a container, and no more",
        apply: |options, _| set(&mut options.bare, true),
    },
    Flag {
        long: "--explain",
        short: None,
        value: "[=plain]",
        group: "Learning",
        help: "narrate the system calls; plain: without times",
        apply: |options, value| match value.to_bytes() {
            b"" => set(&mut options.explain, Explain::Full),
            b"plain" => set(&mut options.explain, Explain::Plain),
            _ => Err(Wrong::OneOf("--explain, --explain=plain")),
        },
    },
    Flag {
        long: "--skip",
        short: None,
        value: " STEP",
        group: "Learning",
        help: "leave a step out, for an experiment",
        apply: |options, value| skip(&mut options.skipped, value.to_bytes()),
    },
    Flag {
        long: "--steps",
        short: None,
        value: "",
        group: "Learning",
        help: "print the steps: system calls, chapter, why",
        apply: |options, _| set(&mut options.instead, Instead::Steps),
    },
    Flag {
        long: "--quiet",
        short: Some(b'q'),
        value: "",
        group: "Messages",
        help: "neither hints nor notes: errors alone",
        apply: |_, _| {
            step::be_quiet();
            Ok(())
        },
    },
    Flag {
        long: "--help",
        short: Some(b'h'),
        value: "",
        group: "Messages",
        help: "print this help and exit",
        apply: |options, _| set(&mut options.instead, Instead::Help),
    },
    Flag {
        long: "--version",
        short: Some(b'V'),
        value: "",
        group: "Messages",
        help: "print the version and exit",
        apply: |options, _| set(&mut options.instead, Instead::Version),
    },
];

const TMPFS: &str = "DIR or DIR:OPTION,OPTION, where DIR begins with / and is not the root; the options are size=N, mode=N, uid=N, gid=N, nr_inodes=N, ro, rw, exec, noexec, suid, nosuid, dev, nodev";

fn check(is_right: bool, form: &'static str) -> Result<(), Wrong> {
    if is_right { Ok(()) } else { Err(Wrong::Form(form)) }
}

fn absolute(path: &CStr) -> Result<(), Wrong> {
    check(path.to_bytes().starts_with(b"/"), "a path that begins with /")
}

fn set<T>(option: &mut T, value: T) -> Result<(), Wrong> {
    *option = value;
    Ok(())
}

/// Adds the step of that name to those that are left out.
fn skip(skipped: &mut Skipped, name: &[u8]) -> Result<(), Wrong> {
    if PARENT.iter().any(|step| step.name.as_bytes() == name) {
        return Err(Wrong::ParentStep);
    }
    let is_found =
        SEQUENCE.iter().position(|step| step.name.as_bytes() == name).map(|index| skipped.add(index));
    is_found.ok_or(Wrong::UnknownStep)
}

/// What the options say.
struct Options {
    volumes: usize,
    user: Option<&'static CStr>,
    workdir: Option<&'static CStr>,
    hostname: Option<&'static CStr>,
    terminal: Option<bool>,
    init: bool,
    read_only: bool,
    is_temporary: bool,
    host_pids: bool,
    bare: bool,
    explain: Explain,
    skipped: Skipped,
    instead: Instead,
}

/// What to do in place of running a container.
enum Instead {
    Nothing,
    Help,
    Version,
    Steps,
}

const USAGE: &[u8] = b"usage: container [OPTIONS] ID IMAGE CMD [ARG]...";

/// Reads the whole command line and the variables of the environment that count.
#[inline(never)]
pub fn parse(process: &Process) -> Result<Request<'static>, Reported> {
    let words = process.args.get(1..).unwrap_or_default();
    let (options, operands) = parse_options(words)?;
    match options.instead {
        Instead::Help => Ok(Request::Help),
        Instead::Version => Ok(Request::Version),
        Instead::Steps => Ok(Request::Steps),
        Instead::Nothing => Ok(Request::Run(parse_operands(&options, words, operands, process)?)),
    }
}

/// Words of argv or of the environment.
pub type Words = &'static [Option<Word<'static>>];

/// Options end where something else than a container is asked for: what is wrong with the rest does not matter then.
fn parse_options(words: Words) -> Result<(Options, Words), Reported> {
    let mut options = Options {
        volumes: 0,
        user: None,
        workdir: None,
        hostname: None,
        terminal: None,
        init: false,
        read_only: false,
        is_temporary: false,
        host_pids: false,
        bare: false,
        explain: Explain::Off,
        skipped: Skipped::NONE,
        instead: Instead::Nothing,
    };
    let mut given = Given::new(words);
    while let (Instead::Nothing, Some(option)) = (&options.instead, given.next()) {
        let (flag, value) = option.map_err(|wrong| refused(given.word, wrong))?;
        (flag.apply)(&mut options, value).map_err(|wrong| refused(value, wrong))?;
    }
    Ok((options, given.rest))
}

/// The values of an option that can be given more than once, in their order; `options` are the words of the command line.
pub fn values(options: Words, long: &str) -> impl Iterator<Item = &'static CStr> {
    given(options).filter(move |(flag, _)| flag.long == long).map(|(_, value)| value)
}

/// All options that were given, with their values, in their order.
pub fn given(options: Words) -> impl Iterator<Item = (&'static Flag, &'static CStr)> {
    Given::new(options).map_while(Result::ok) // The parser has refused those that are wrong.
}

/// The options of a command line, one after the other, each with its value or "". They stand before ID: the first word that
/// is none ends them, and so does `--`.
struct Given {
    /// The word that was read last.
    word: &'static CStr,
    /// Its letters that were not: as getopt(3) has it, `-qt` is `-q -t`, and `-wDIR` is `-w DIR`.
    letters: &'static CStr,
    /// The words after it.
    rest: Words,
}

impl Given {
    const fn new(words: Words) -> Self {
        Self { word: c"", letters: c"", rest: words }
    }

    /// `-a`, and perhaps its value or more letters in the same word.
    fn letter(&mut self) -> Result<(&'static Flag, &'static CStr), Wrong> {
        let letter = self.letters.to_bytes().first().copied();
        let after = tail(self.letters, 1);
        self.letters = c"";
        let flag = FLAGS.iter().find(|flag| letter.is_some() && flag.short == letter);
        let flag = flag.ok_or(Wrong::Unknown(letter))?;
        if flag.takes_a_word() {
            return self.value(flag, Some(after).filter(|value| !value.is_empty()));
        }
        self.letters = after;
        Ok((flag, c""))
    }

    /// `--name` or `--name=value`.
    fn name(&mut self) -> Result<(&'static Flag, &'static CStr), Wrong> {
        let name = name_of(self.word);
        let flag = FLAGS.iter().find(|flag| flag.long.as_bytes() == name).ok_or(Wrong::Unknown(None))?;
        self.value(flag, self.word.to_bytes().get(name.len()).map(|_| tail(self.word, name.len() + 1)))
    }

    /// An option with the value in its own word; or, if it needs one and has none, in the next.
    fn value(
        &mut self,
        flag: &'static Flag,
        value: Option<&'static CStr>,
    ) -> Result<(&'static Flag, &'static CStr), Wrong> {
        match (value, self.rest) {
            (Some(_), _) if flag.value.is_empty() => Err(Wrong::Overfull(flag)),
            (Some(value), _) if value.is_empty() && !flag.takes_a_word() => Err(Wrong::Incomplete(flag)),
            (Some(value), _) => Ok((flag, value)),
            (None, [Some(next), rest @ ..]) if flag.takes_a_word() => {
                self.rest = rest;
                Ok((flag, next.to_cstr()))
            }
            (None, _) if flag.takes_a_word() => Err(Wrong::Incomplete(flag)),
            (None, _) => Ok((flag, c"")),
        }
    }
}

impl Iterator for Given {
    type Item = Result<(&'static Flag, &'static CStr), Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.letters.is_empty() {
            return Some(self.letter());
        }
        let [Some(word), rest @ ..] = self.rest else { return None };
        let word = word.to_cstr();
        if !word.to_bytes().starts_with(b"-") {
            return None;
        }
        (self.word, self.rest) = (word, rest);
        match word.to_bytes() {
            b"--" => None,
            [b'-', b'-', ..] => Some(self.name()),
            _ => {
                self.letters = tail(word, 1);
                Some(self.letter())
            }
        }
    }
}

/// What follows the first bytes of a word.
fn tail(word: &CStr, len: usize) -> &CStr {
    word.to_bytes_with_nul().get(len..).and_then(before_nul).unwrap_or(c"")
}

/// The `--name` of `--name=value`.
fn name_of(word: &CStr) -> &[u8] {
    word.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Says what is wrong with an option or a value, and what would be right.
fn refused(word: &CStr, wrong: Wrong) -> Reported {
    match wrong {
        Wrong::Unknown(letter) => unknown(word, letter),
        // A step's name is missing.
        Wrong::Incomplete(flag) if flag.value == " STEP" => refused(word, Wrong::UnknownStep),
        Wrong::Incomplete(flag) => {
            usage(word, &[b"it needs a value: ", flag.long.as_bytes(), flag.value.as_bytes()])
        }
        Wrong::Overfull(flag) => usage(word, &[flag.long.as_bytes(), b" takes no value"]),
        Wrong::Form(form) => usage(word, &[b"it must be ", form.as_bytes()]),
        Wrong::OneOf(words) => usage(word, &[b"there is ", words.as_bytes()]),
        Wrong::NoName => usage(word, &[b"a host name", RULE]),
        Wrong::TooMany => step::failed_with(visible(word), Errno::E2BIG, &[b"at most 32 volumes"]),
        Wrong::ParentStep => usage(
            word,
            &[b"the parent's steps hand values on to each other, and none of them can be left out"],
        ),
        Wrong::UnknownStep => {
            let mut hint = [&b""[..]; 1 + 2 * SEQUENCE.len()];
            let (first, rest) = hint.split_at_mut(1);
            first.fill(b"the steps that can be left out are:");
            for (step, pair) in SEQUENCE.iter().zip(rest.chunks_exact_mut(2)) {
                if let [space, name] = pair {
                    (*space, *name) = (b" ", step.name.as_bytes());
                }
            }
            usage(word, &hint)
        }
    }
}

/// What people know from other programs, and what is in its place here.
const ELSEWHERE: [(&[&str], &str); 4] = [
    (&["-i", "--interactive"], "stdin is connected always, and -t is the default in a terminal"),
    (&["-d", "--detach"], "& runs it in the background: container ID IMAGE CMD < /dev/null &"),
    (&["--name"], "the ID is the name"),
    (&["-p", "--publish", "--net", "--network"], "the network, with its ports, is the host's always"),
];

/// Says that there is no such option, and which one may have been meant.
fn unknown(word: &CStr, letter: Option<u8>) -> Reported {
    const NONE: &[u8] = b"there is no such option";
    let elsewhere =
        |name: &[u8]| ELSEWHERE.iter().find(|(names, _)| names.iter().any(|known| known.as_bytes() == name));
    let name = name_of(word);
    let near = nearest(name).filter(|_| elsewhere(name).is_none());
    let instead = elsewhere(name).or_else(|| elsewhere(&[b'-', letter?]));
    match (near, instead) {
        (Some(flag), _) => usage(word, &[NONE, b"; did you mean ", flag.long.as_bytes(), b"?"]),
        (None, Some((_, instead))) => usage(word, &[NONE, b"; ", instead.as_bytes()]),
        (None, None) => usage(word, &[NONE, b"; container --help lists them"]),
    }
}

/// The option that may have been meant: one that begins so, or is a slip or two away. `-rm` is `--rm` with one dash.
fn nearest(word: &[u8]) -> Option<&'static Flag> {
    let name = word.strip_prefix(b"--").or(word.strip_prefix(b"-")).filter(|name| name.len() > 1)?;
    let slips = |flag: &&Flag| {
        let long = flag.long.as_bytes().get(2..).unwrap_or_default();
        if long.starts_with(name) { 0 } else { distance(name, long) }
    };
    let most = if word.starts_with(b"--") { (name.len() / 2).min(2) } else { 0 };
    FLAGS.iter().min_by_key(slips).filter(|flag| slips(flag) <= most)
}

/// How many letters must be put in, taken out or changed to make one word of the other: Levenshtein's distance.
fn distance(word: &[u8], long: &[u8]) -> usize {
    let mut row = [0; 16]; // The distances of what was read of `word` to all that `long` begins with.
    for (index, cell) in row.iter_mut().enumerate() {
        *cell = index;
    }
    for (index, letter) in word.iter().enumerate() {
        let mut before = index;
        let mut left = index + 1;
        if let Some(cell) = row.first_mut() {
            *cell = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(long) {
            let changed = before + usize::from(letter != other);
            before = *cell;
            left = changed.min(before + 1).min(left + 1);
            *cell = left;
        }
    }
    row.get(long.len()).copied().unwrap_or(usize::MAX)
}

fn parse_operands(
    options: &Options,
    given: Words,
    operands: Words,
    process: &Process,
) -> Result<Spec<'static>, Reported> {
    let [id, image, command @ ..] = operands else { return Err(missing(c"ID")) };
    let id = name(id.ok_or_else(|| missing(c"ID"))?, b"an ID")?;
    let image = name(image.ok_or_else(|| missing(c"IMAGE"))?, b"an IMAGE")?;
    let command = Command::new(command).ok_or_else(|| missing(c"CMD"))?;
    if let (true, Some(hostname)) = (options.bare, options.hostname) {
        return Err(usage(
            hostname,
            &[b"--bare has no host name of its own: leave out one of the two options"],
        ));
    }
    Ok(Spec {
        id,
        image,
        images: variable(process.env, b"CONTAINER_IMAGES").unwrap_or(c"images"),
        state: variable(process.env, b"CONTAINER_STATE"),
        owner: process.euid,
        command,
        options: given,
        env: process.env,
        workdir: options.workdir,
        user: options.user,
        hostname: options.hostname.unwrap_or(id.as_cstr()),
        read_only: options.read_only,
        is_temporary: options.is_temporary,
        host_pids: options.host_pids,
        init: options.init && !options.bare,
        terminal: options.terminal,
        bare: options.bare,
        skipped: options.skipped,
        explain: options.explain,
        colour: variable(process.env, b"NO_COLOR").is_none(),
    })
}

const RULE: &[u8] = b" is 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or a digit";

fn name(word: Word<'static>, what: &[u8]) -> Result<Name<'static>, Reported> {
    let word = word.to_cstr();
    Name::new(word).ok_or_else(|| match word.to_bytes() {
        [b'-', ..] => usage(word, &[what, RULE, b"; options stand before ID"]),
        _ => usage(word, &[what, RULE]),
    })
}

fn missing(operand: &CStr) -> Reported {
    usage(operand, &[b"it is missing; ", USAGE])
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
pub fn entry<'a>(env: &'a [Option<Word<'a>>], name: &[u8]) -> Option<Word<'a>> {
    let is_named =
        |word: &Word| word.to_bytes().strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'='));
    env.iter().flatten().copied().find(is_named)
}

/// `--help`, on stdout: at most 40 lines of 80 columns.
pub fn print_help() -> Result<u8, Reported> {
    const WIDTH: usize = 27;
    let mut printer = Printer::new(STDOUT);
    printer.put(USAGE).put(
        b"\n
Runs CMD in the container ID, on a copy-on-write view of images/IMAGE. What it
writes is there again the next time. Options stand before ID; -- ends them.\n\n",
    );
    let mut group = "";
    for flag in &FLAGS {
        if flag.group != group {
            group = flag.group;
            printer.put(group.as_bytes()).put(b":\n");
        }
        match flag.short {
            Some(short) => printer.put(&[b' ', b' ', b'-', short, b',', b' ']),
            None => printer.put(b"      "),
        };
        printer.put(flag.long.as_bytes()).put(flag.value.as_bytes());
        put_padding(&mut printer, flag.long.len() + flag.value.len(), WIDTH);
        printer.put(flag.help.as_bytes()).put(b"\n");
    }
    put_steps(&mut printer);
    printer.put(
        b"
CONTAINER_IMAGES is where the images are, in place of ./images; CONTAINER_STATE
where containers keep files, in place of /tmp/container or /tmp/container-UID.
Exit status: the command's; 128+N: ended by signal N; 125: container failed;
126: the command cannot be run; 127: it was not found.
",
    );
    printed(&mut printer, c"--help")
}

/// The steps that can be left out, in lines of 80 columns.
fn put_steps(printer: &mut Printer) {
    printer.put(b"\nSteps:");
    let mut column = 6;
    for step in &SEQUENCE {
        if column + 1 + step.name.len() > 80 {
            printer.put(b"\n      ");
            column = 6;
        }
        printer.put(b" ").put(step.name.as_bytes());
        column += 1 + step.name.len();
    }
    printer.put(b"\n");
}

fn put_padding(printer: &mut Printer, len: usize, width: usize) {
    for _ in len..width {
        printer.put(b" ");
    }
}

/// `--steps`, on stdout: for each step its name, its system calls, its chapter, and why it is there.
pub fn print_steps() -> Result<u8, Reported> {
    let mut printer = Printer::new(STDOUT);
    for (column, steps) in &[(&b"parent"[..], &PARENT[..]), (b"child", &SEQUENCE)] {
        printer.put(column).put(b"\n");
        for step in *steps {
            printer.put(b"  ").put(step.name.as_bytes());
            let mut column = 2 + step.name.len();
            for line in split(step.text.as_bytes(), b'\n') {
                put_padding(&mut printer, column, 11);
                printer.put(line).put(b"\n");
                column = 0;
            }
        }
    }
    printed(&mut printer, c"--steps")
}

/// `--version`, on stdout.
pub fn print_version() -> Result<u8, Reported> {
    let mut printer = Printer::new(STDOUT);
    printer.put(b"container ").put(env!("CARGO_PKG_VERSION").as_bytes()).put(b"\n");
    printed(&mut printer, c"--version")
}

fn printed(printer: &mut Printer, word: &CStr) -> Result<u8, Reported> {
    step::begin(&WRITE);
    printer.finish().map(|()| 0).map_err(|errno| step::failed(word, errno))
}
