//! The command line: argv and the environment become a [`Spec`], or a complaint.

use core::ffi::CStr;

use crate::print::Printer;
use crate::run::{PARSE, SEQUENCE};
use crate::spec::{Command, Name, Spec};
use crate::step::{Reported, Step};
use crate::sys::{Errno, Process, STDOUT, Word};
use crate::text::visible;

/// What the user asks for.
pub enum Request<'a> {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// `ID IMAGE CMD [ARG]...`
    Run(Spec<'a>),
}

/// One option of the command line.
struct Flag {
    /// The name with its two dashes.
    long: &'static str,
    /// The name of one letter, with its dash.
    short: Option<&'static str>,
    /// Its line in `--help`.
    help: &'static str,
    /// What it does to the options seen so far.
    apply: fn(&mut Options),
}

/// The table of options: it is parsed by, and `--help` is printed from it.
const FLAGS: [Flag; 3] = [
    Flag {
        long: "--bare",
        short: None,
        help: "two namespaces, overlay, pivot_root, /proc and execve, and no more",
        apply: |options| options.bare = true,
    },
    Flag {
        long: "--help",
        short: Some("-h"),
        help: "print this help and exit",
        apply: |options| options.instead = Instead::Help,
    },
    Flag {
        long: "--version",
        short: Some("-V"),
        help: "print the version and exit",
        apply: |options| options.instead = Instead::Version,
    },
];

/// What the options say.
#[derive(Default)]
struct Options {
    bare: bool,
    instead: Instead,
}

/// What to do in place of running a container.
#[derive(Default)]
enum Instead {
    #[default]
    Nothing,
    Help,
    Version,
}

const USAGE: &[u8] = b"usage: container [OPTIONS] ID IMAGE CMD [ARG]...";

/// Reads the whole command line and the three variables of the environment that count.
pub fn parse(process: &Process) -> Result<Request<'static>, Reported> {
    let words = process.args.get(1..).unwrap_or_default();
    let (options, operands) = parse_options(words)?;
    match options.instead {
        Instead::Help => Ok(Request::Help),
        Instead::Version => Ok(Request::Version),
        Instead::Nothing => Ok(Request::Run(parse_operands(&options, operands, process)?)),
    }
}

type Words = &'static [Option<Word<'static>>];

/// Options stand before ID: the first word that is none ends them, and so does `--`. `--help` and `--version` end it all.
fn parse_options(mut words: Words) -> Result<(Options, Words), Reported> {
    let mut options = Options::default();
    while let (Instead::Nothing, [Some(word), rest @ ..]) = (&options.instead, words) {
        let word = word.to_cstr();
        if !word.to_bytes().starts_with(b"-") {
            break;
        }
        words = rest;
        if word == c"--" {
            break;
        }
        let is_named = |flag: &&Flag| {
            let name = word.to_bytes();
            name == flag.long.as_bytes() || flag.short.is_some_and(|short| name == short.as_bytes())
        };
        let Some(flag) = FLAGS.iter().find(is_named) else {
            return Err(usage(word, &[b"there is no such option; container --help lists them"]));
        };
        (flag.apply)(&mut options);
    }
    Ok((options, words))
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
    })
}

fn name(word: Word<'static>, what: &[u8]) -> Result<Name<'static>, Reported> {
    const RULE: &[u8] = b" is 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or a digit";
    let word = word.to_cstr();
    Name::new(word).ok_or_else(|| usage(word, &[what, RULE]))
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
        put_column(&mut printer, flag.long.as_bytes());
        printer.put(flag.help.as_bytes()).put(b"\n");
    }
    printer.put(b"  --  ");
    put_column(&mut printer, b"");
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

fn put_column(printer: &mut Printer, word: &[u8]) {
    const WIDTH: usize = 12;
    printer.put(word).put(b"            ".get(word.len().min(WIDTH)..).unwrap_or_default());
}

/// `--version`, on stdout.
pub fn print_version() -> Result<u8, Reported> {
    let mut printer = Printer::new(STDOUT);
    printer.put(b"container ").put(env!("CARGO_PKG_VERSION").as_bytes()).put(b"\n");
    printed(&mut printer, c"--version")
}

fn printed(printer: &mut Printer, word: &CStr) -> Result<u8, Reported> {
    const WRITE: &Step = &Step { name: "write", ..PARSE };
    printer.finish().map(|()| 0).map_err(|errno| WRITE.failed(word, errno))
}
