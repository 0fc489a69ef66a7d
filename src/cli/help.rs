//! What `--help`, `--steps` and `--version` print.

use core::ffi::CStr;

use super::draft::Print;
use super::options::{OPTIONS, Opt, Value};
use super::usage::USAGE;
use crate::parent::{PARENT, WRITE};
use crate::step::{self, Reported, Step};
use crate::steps::SEQUENCE;
use crate::sys::STDOUT;
use crate::text::print::Printer;

/// Prints it on stdout. Returns the exit status.
pub fn print(what: Print) -> Result<u8, Reported> {
    let printer = &mut Printer::new(STDOUT);
    let option: &CStr = match what {
        Print::Help => {
            put_help(printer);
            c"--help"
        }
        Print::Steps => {
            put_steps(printer, b"PARENT   ", PARENT);
            put_steps(printer.put(b"\n"), b"CHILD    ", SEQUENCE);
            c"--steps"
        }
        Print::Version => {
            printer.put(concat!("container ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
            c"--version"
        }
    };
    step::begin(&WRITE);
    printer.finish().map(|()| 0).map_err(|errno| step::failed(option, errno))
}

const ABOUT: &[u8] = b"\n\
Runs CMD in the container ID, on a copy-on-write view of images/IMAGE. What it\n\
writes is there again the next time. Options stand before ID; -- ends them.\n\n";

const AFTER: &[u8] = b"\n\n\
CONTAINER_IMAGES is where the images are, in place of ./images; CONTAINER_STATE\n\
where containers keep files, in place of /tmp/container or /tmp/container-UID.\n\
Exit status: the command's; 128+N: ended by signal N; 125: container failed;\n\
126: the command cannot be run; 127: it was not found.\n";

fn put_help(printer: &mut Printer) {
    printer.put(USAGE.as_bytes()).put(ABOUT);
    let mut group = "";
    for option in OPTIONS {
        if option.group != group {
            group = option.group;
            printer.put(group.as_bytes()).put(b":\n");
        }
        put_option(printer, option);
    }
    put_step_names(printer.put(b"\nSteps:"));
    printer.put(AFTER);
}

/// `  -e, --env NAME[=VALUE]         a variable for it`
fn put_option(printer: &mut Printer, option: &Opt) {
    const WIDTH: usize = 27;
    match option.short {
        Some(letter) => printer.put(b"  -").put(&[letter]).put(b", "),
        None => printer.put(b"      "),
    };
    let form: [&[u8]; 4] = match option.value {
        Value::No => [option.long.as_bytes(), b"", b"", b""],
        Value::Required(value) => [option.long.as_bytes(), b" ", value.as_bytes(), b""],
        Value::Optional(value) => [option.long.as_bytes(), b"[=", value.as_bytes(), b"]"],
    };
    put_padded(printer, &form, WIDTH);
    printer.put(option.help.as_bytes()).put(b"\n");
}

/// The names of the child's steps, in lines of 80 columns.
fn put_step_names(printer: &mut Printer) {
    printer.put(b" ");
    put_wrapped(printer, SEQUENCE.iter().map(|step| step.name), 7, 79);
}

/// Words with a blank between them. Each line begins at a column and ends before another.
fn put_wrapped<'w>(printer: &mut Printer, words: impl Iterator<Item = &'w str>, begin: usize, end: usize) {
    let mut column = begin;
    for word in words {
        if column > begin && column + 1 + word.len() > end {
            printer.put(b"\n");
            put_padded(printer, &[], begin);
            column = begin;
        }
        if column > begin {
            printer.put(b" ");
            column += 1;
        }
        printer.put(word.as_bytes());
        column += word.len();
    }
}

/// A row for each step: its name, its chapter, its system calls, and below them the reason for it.
fn put_steps(printer: &mut Printer, heading: &[u8], steps: &[&Step]) {
    const NAME: usize = 10;
    const CHAPTER: usize = 20;
    put_padded(printer, &[heading], NAME);
    put_padded(printer, &[b"CHAPTER"], CHAPTER);
    printer.put(b"SYSTEM CALLS, AND WHY\n");
    for step in steps {
        put_padded(printer, &[step.name.as_bytes()], NAME);
        put_padded(printer, &[step.chapter.as_bytes()], CHAPTER);
        put_wrapped(printer, step.calls.iter().copied(), NAME + CHAPTER, usize::MAX); // One line, for awk(1).
        printer.put(b"\n");
        put_padded(printer, &[], NAME + CHAPTER);
        printer.put(step.why.as_bytes()).put(b"\n");
    }
}

/// The parts, and blanks up to the width.
fn put_padded(printer: &mut Printer, parts: &[&[u8]], width: usize) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    for part in parts {
        printer.put(part);
    }
    for _ in len..width {
        printer.put(b" ");
    }
}
