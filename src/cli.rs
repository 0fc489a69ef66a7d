//! The command line: argv and the environment become a [`Spec`], or a complaint.

use core::ffi::CStr;

use crate::explain::Explain;
use crate::print::Printer;
use crate::run::{PARENT, PARSE, SEQUENCE};
use crate::spec::{Command, Name, Skipped, Spec};
use crate::step::{Reported, Step};
use crate::sys::{Errno, Process, STDOUT, Word};
use crate::text::visible;

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
struct Flag {
    /// The name with its two dashes.
    long: &'static str,
    /// The name of one letter, with its dash.
    short: Option<&'static str>,
    /// What follows it in `--help`: nothing, ` WORD` if it takes a word, `[=WORD]` if it may.
    value: &'static str,
    /// Its line in `--help`.
    help: &'static str,
    /// What it does to the options seen so far; or the hint that says what is wrong with its value.
    apply: fn(&mut Options, Option<&CStr>) -> Result<(), Wrong>,
}

/// Why an option's value is refused.
enum Wrong {
    /// It is none of the steps, or there is none.
    UnknownStep,
    /// It is a step, but of the parent.
    ParentStep,
    /// It is none of the words that there are; these are.
    OneOf(&'static str),
}

/// The table of options: it is parsed by, and `--help` is printed from it.
const FLAGS: [Flag; 6] = [
    Flag {
        long: "--bare",
        short: None,
        value: "",
        help: "two namespaces, overlay, pivot_root, /proc and execve, and no more",
        apply: |options, _| set(&mut options.bare, true),
    },
    Flag {
        long: "--explain",
        short: None,
        value: "[=plain]",
        help: "narrate the system calls on stderr; plain: without times and colour",
        apply: |options, value| match value.map(CStr::to_bytes) {
            None => set(&mut options.explain, Explain::Full),
            Some(b"plain") => set(&mut options.explain, Explain::Plain),
            Some(_) => Err(Wrong::OneOf("--explain, --explain=plain")),
        },
    },
    Flag {
        long: "--skip",
        short: None,
        value: " STEP",
        help: "leave a step out, for an experiment",
        apply: |options, value| skip(&mut options.skipped, value.unwrap_or(c"").to_bytes()),
    },
    Flag {
        long: "--steps",
        short: None,
        value: "",
        help: "print the steps: system calls, chapter, why",
        apply: |options, _| set(&mut options.instead, Instead::Steps),
    },
    Flag {
        long: "--help",
        short: Some("-h"),
        value: "",
        help: "print this help and exit",
        apply: |options, _| set(&mut options.instead, Instead::Help),
    },
    Flag {
        long: "--version",
        short: Some("-V"),
        value: "",
        help: "print the version and exit",
        apply: |options, _| set(&mut options.instead, Instead::Version),
    },
];

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
pub fn parse(process: &Process) -> Result<Request<'static>, Reported> {
    let words = process.args.get(1..).unwrap_or_default();
    let (options, operands) = parse_options(words)?;
    match options.instead {
        Instead::Help => Ok(Request::Help),
        Instead::Version => Ok(Request::Version),
        Instead::Steps => Ok(Request::Steps),
        Instead::Nothing => Ok(Request::Run(parse_operands(&options, operands, process)?)),
    }
}

type Words = &'static [Option<Word<'static>>];

/// Options stand before ID: the first word that is none ends them, and so does `--`; so do those that ask for something else
/// than a container.
fn parse_options(mut words: Words) -> Result<(Options, Words), Reported> {
    let mut options =
        Options { bare: false, explain: Explain::Off, skipped: Skipped::NONE, instead: Instead::Nothing };
    while let (Instead::Nothing, [Some(word), rest @ ..]) = (&options.instead, words) {
        let word = word.to_cstr();
        if !word.to_bytes().starts_with(b"-") {
            break;
        }
        words = rest;
        if word == c"--" {
            break;
        }
        words = parse_option(&mut options, word, rest)?;
    }
    Ok((options, words))
}

/// One option, with its value: after a `=`, or, if it must have one, in the next word. Returns the words that are left.
fn parse_option(options: &mut Options, word: &'static CStr, rest: Words) -> Result<Words, Reported> {
    let (name, inline) = split_value(word);
    let is_named = |flag: &&Flag| {
        name == flag.long.as_bytes() || flag.short.is_some_and(|short| name == short.as_bytes())
    };
    let flag = FLAGS.iter().find(is_named).filter(|flag| inline.is_none() || !flag.value.is_empty());
    let flag = flag.ok_or_else(|| usage(word, &[b"there is no such option; container --help lists them"]))?;
    let (value, rest) = match (inline, rest) {
        (None, [Some(next), after @ ..]) if flag.value.starts_with(' ') => (Some(next.to_cstr()), after),
        _ => (inline, rest),
    };
    match (flag.apply)(options, value) {
        Ok(()) => Ok(rest),
        Err(wrong) => Err(wrong_value(value.unwrap_or(word), wrong)),
    }
}

/// `--name=value` apart.
fn split_value(word: &'static CStr) -> (&'static [u8], Option<&'static CStr>) {
    let bytes = word.to_bytes_with_nul();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(position) if bytes.starts_with(b"--") => {
            let value = bytes.get(position + 1..).and_then(|value| CStr::from_bytes_with_nul(value).ok());
            (bytes.get(..position).unwrap_or_default(), value)
        }
        _ => (word.to_bytes(), None),
    }
}

fn wrong_value(value: &CStr, wrong: Wrong) -> Reported {
    match wrong {
        Wrong::OneOf(words) => usage(value, &[b"there is ", words.as_bytes()]),
        Wrong::ParentStep => usage(
            value,
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
            usage(value, &hint)
        }
    }
}

fn parse_operands(options: &Options, operands: Words, process: &Process) -> Result<Spec<'static>, Reported> {
    let [id, image, command @ ..] = operands else { return Err(missing(c"ID")) };
    let id = name(id.ok_or_else(|| missing(c"ID"))?, b"an ID")?;
    let image = name(image.ok_or_else(|| missing(c"IMAGE"))?, b"an IMAGE")?;
    let command = Command::new(command).ok_or_else(|| missing(c"CMD"))?;
    Ok(Spec {
        id,
        image,
        images: variable(process.env, b"CONTAINER_IMAGES").unwrap_or(c"images"),
        state: variable(process.env, b"CONTAINER_STATE"),
        owner: process.euid,
        command,
        term: entry(process.env, b"TERM"),
        bare: options.bare,
        skipped: options.skipped,
        explain: options.explain,
        colour: variable(process.env, b"NO_COLOR").is_none(),
    })
}

fn name(word: Word<'static>, what: &[u8]) -> Result<Name<'static>, Reported> {
    const RULE: &[u8] = b" is 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or a digit";
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
    PARSE.failed_with(visible(word), Errno::EINVAL, hint)
}

/// The value of an environment variable; one that is empty counts as unset.
fn variable(env: Words, name: &[u8]) -> Option<&'static CStr> {
    let entry = entry(env, name)?.to_cstr();
    let value = entry.to_bytes_with_nul().get(name.len() + 1..)?;
    CStr::from_bytes_with_nul(value).ok().filter(|value| !value.is_empty())
}

/// The whole `NAME=value` of an environment variable.
fn entry(env: Words, name: &[u8]) -> Option<Word<'static>> {
    let is_named =
        |word: &Word| word.to_bytes().strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'='));
    env.iter().flatten().copied().find(is_named)
}

/// `--help`, on stdout.
pub fn print_help() -> Result<u8, Reported> {
    let mut printer = Printer::new(STDOUT);
    printer.put(USAGE).put(b"\n\nRuns CMD in the container ID: on a copy-on-write view of images/IMAGE, with its own processes\n");
    printer.put(
        b"and mounts. What it writes stays in /tmp/container/ID/upper, and is there again the next time.\n",
    );
    printer.put(b"\nOptions:\n");
    for flag in &FLAGS {
        let short = flag.short.unwrap_or("");
        printer.put(b"  ").put(short.as_bytes()).put(if short.is_empty() { b"    " } else { b", " });
        let width = flag.long.len() + flag.value.len();
        printer.put(flag.long.as_bytes()).put(flag.value.as_bytes());
        put_padding(&mut printer, width, 20);
        printer.put(flag.help.as_bytes()).put(b"\n");
    }
    printer.put(b"  --  ");
    put_padding(&mut printer, 0, 20);
    printer.put(b"end the options\n\nSteps:");
    for step in &SEQUENCE {
        printer.put(b" ").put(step.name.as_bytes());
    }
    printer.put(b"\n\nEnvironment:\n  CONTAINER_IMAGES  where the images are, in place of ./images\n");
    printer.put(b"  CONTAINER_STATE   where containers keep their files, in place of /tmp/container\n");
    printer.put(b"                    (or /tmp/container-UID for a user other than root)\n");
    printer.put(b"\nExit status: the command's own; 128+N if signal N ended it; 125 if container failed;\n");
    printer.put(b"126 if the command was found and could not be run; 127 if it was not found.\n");
    printed(&mut printer, c"--help")
}

fn put_padding(printer: &mut Printer, len: usize, width: usize) {
    for _ in len..width {
        printer.put(b" ");
    }
}

/// `--steps`, on stdout: for each step its name, its system calls and its chapter, and why it is there.
pub fn print_steps() -> Result<u8, Reported> {
    let mut printer = Printer::new(STDOUT);
    for (column, steps) in [(&b"parent"[..], &PARENT[..]), (b"child", &SEQUENCE)] {
        printer.put(column).put(b"\n");
        for step in steps {
            printer.put(b"  ").put(step.name.as_bytes());
            put_padding(&mut printer, step.name.len(), 8);
            printer.put(b" ").put(step.calls.as_bytes());
            put_padding(&mut printer, step.calls.len(), 60);
            printer
                .put(b" ")
                .put(step.chapter.as_bytes())
                .put(b"\n           ")
                .put(step.why.as_bytes())
                .put(b"\n");
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
    const WRITE: &Step = &Step { name: "write", ..PARENT[0] };
    printer.finish().map(|()| 0).map_err(|errno| WRITE.failed(word, errno))
}
