//! `--explain`: prints each system call on stderr when it is made.
//!
//! This is an observer of the core (sys/observer.rs). It shows the calls, and the step to which they belong. Until the child calls
//! execve(2) it shares the parent's memory, so both use the same counter.

use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::step::{self, Step};
use crate::sys::{self, Argument, AtomicRef, Call, Errno, Fields, Flag, Observer, STDERR, SigSet, Strings};
use crate::text::number::decimal;
use crate::text::print::Printer;
use crate::text::{errno_names, split};

static OBSERVER: Observer = Observer { before, after };

static STYLE: AtomicU8 = AtomicU8::new(PLAIN);
const PLAIN: u8 = 0;
const TIMED: u8 = 1;
const COLOURED: u8 = 2;

// Only loads and stores: in a debug build for aarch64, the other operations call functions that this program does not have. They
// are not needed, because parent and child never run at the same time while they share memory.

/// The number of calls that have been printed.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// When the current call was made, in nanoseconds.
static START: AtomicU64 = AtomicU64::new(0);
/// Whether the child is running.
static IS_CHILD: AtomicBool = AtomicBool::new(false);
/// The step under whose heading calls are printed.
static HEADING: AtomicRef<Step> = AtomicRef::none();

/// Starts to print system calls, without times and colour, so that two runs can be compared.
pub fn start_plain() {
    start(PLAIN);
}

/// Starts to print system calls with times, and in colour if that is wanted and stderr is a terminal.
pub fn start_full(colour_is_wanted: bool) {
    start(if colour_is_wanted && sys::tcgets(STDERR).is_ok() { COLOURED } else { TIMED });
}

fn start(style: u8) {
    STYLE.store(style, Relaxed);
    sys::observe(Some(&OBSERVER));
}

/// Stops printing system calls.
pub fn stop_tracing() {
    sys::observe(None);
}

/// Sets whether the calls that follow are the child's or the parent's.
pub fn child_runs(runs: bool) {
    IS_CHILD.store(runs, Relaxed);
}

/// Whether a call is printed before it is made, because it sleeps, does not return, or returns after the calls of the child.
fn is_printed_first(call: &Call) -> bool {
    matches!(call.name(), "clone" | "execve" | "wait4" | "ppoll" | "exit_group")
}

fn before(call: &Call) -> bool {
    if is_printed_first(call) {
        let mut line = Line::new();
        line.begin();
        line.call(call, 0);
        return line.end();
    }
    if STYLE.load(Relaxed) != PLAIN {
        START.store(sys::clock_gettime(), Relaxed);
    }
    true
}

fn after(call: &Call, result: Result<usize, Errno>) -> bool {
    let is_printed = is_printed_first(call);
    let is_timed = !is_printed && STYLE.load(Relaxed) != PLAIN;
    let time = if is_timed { sys::clock_gettime().saturating_sub(START.load(Relaxed)) } else { 0 };
    let mut line = Line::new();
    if is_printed {
        line.put(b"    ").put(call.name().as_bytes());
    } else {
        line.begin();
        line.call(call, result_width(result));
    }
    line.result(call, result);
    if is_timed {
        line.put(b"  ").number((time / 1000) as u32).put(b".").number((time % 1000 / 100) as u32).put(b" us");
    }
    line.end()
}

/// The columns of a line. Only a long string may go beyond.
const COLUMNS: usize = 100;

/// The columns that are kept free for an argument whose length is not worth counting.
const SHORT: usize = 30;

/// The columns that a result needs.
fn result_width(result: Result<usize, Errno>) -> usize {
    match result {
        Ok(_) => " = 0x7f0000000000".len(),
        Err(errno) => {
            let (name, meaning) = describe(errno);
            " = -1  ()".len() + name.len() + meaning.len()
        }
    }
}

fn describe(errno: Errno) -> (&'static str, &'static str) {
    errno_names::describe(errno).unwrap_or(("an errno", "without a name"))
}

/// The columns that an argument needs.
fn width(argument: &Argument) -> usize {
    match argument {
        Argument::Text(text) => text.count_bytes() + 8,
        Argument::Name(name) => name.len().max(SHORT),
        Argument::Flags(value, flags) => flags_width(*value, flags).max(SHORT),
        Argument::Fields(fields) => {
            let field = |(name, value, flags): (&str, u32, &[Flag])| {
                name.len() + "=, ".len() + flags_width(value, flags)
            };
            fields.set().map(field).sum::<usize>().max(SHORT)
        }
        _ => SHORT,
    }
}

/// The columns that the names of constants need, joined with `|`.
fn flags_width(value: u32, flags: &[Flag]) -> usize {
    let names = flags.iter().filter(|flag| flag.is_in(value));
    names.map(|flag| flag.name.len() + 1).sum::<usize>().saturating_sub(1)
}

/// A call on its way to stderr.
struct Line {
    printer: Printer<'static>,
    column: usize,
}

impl Line {
    const fn new() -> Self {
        Self { printer: Printer::new(STDERR), column: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.printer.put(bytes);
        self.column += bytes.len();
        self
    }

    fn number(&mut self, number: u32) -> &mut Self {
        self.put(decimal(number, &mut [0; 10]))
    }

    fn padded(&mut self, word: &[u8], width: usize) -> &mut Self {
        self.put(word);
        while self.column < width {
            self.put(b" ");
        }
        self
    }

    fn colour(&mut self, escape: &[u8]) -> &mut Self {
        if STYLE.load(Relaxed) == COLOURED {
            self.printer.put(escape);
        }
        self
    }

    /// Prints the heading, if the step is a new one; then the number, the process and the step.
    fn begin(&mut self) {
        let step = step::current().unwrap_or(&Step::NEW);
        self.heading(step);
        let count = COUNT.load(Relaxed) + 1;
        COUNT.store(count, Relaxed);
        let indent: &[u8] = match count {
            ..10 => b"  ",
            10..100 => b" ",
            _ => b"",
        };
        self.put(indent).number(count);
        let process: &[u8] = if IS_CHILD.load(Relaxed) { b" child" } else { b" parent" };
        self.padded(process, 11).padded(step.name.as_bytes(), 20);
    }

    /// Prints the name and the purpose of a step, unless its heading is the last one.
    fn heading(&mut self, step: &'static Step) {
        if HEADING.get().is_some_and(|last| ptr::eq(last, step)) {
            return;
        }
        HEADING.set(Some(step));
        self.colour(b"\x1b[1m").put(step.name.as_bytes()).put(b": ").colour(b"\x1b[0m");
        self.put(step.why.as_bytes()).put(b"\n");
        self.column = 0;
    }

    /// Prints `name(arguments)`, in the notation of strace(1). The result must fit into the last line.
    fn call(&mut self, call: &Call, result_width: usize) {
        self.put(call.name().as_bytes()).put(b"(");
        let mut arguments = call.arguments().peekable();
        let mut is_first = true;
        while let Some(argument) = arguments.next() {
            let after = if arguments.peek().is_some() { 0 } else { result_width };
            if !is_first && !self.put(b",").break_before(width(&argument) + 1 + after) {
                self.put(b" ");
            }
            is_first = false;
            self.argument(argument);
        }
        self.put(b")");
    }

    fn argument(&mut self, argument: Argument) -> &mut Self {
        const REGULAR_FILE: u32 = libc::S_IFREG;
        match argument {
            Argument::Name(name) => self.put(name.as_bytes()),
            Argument::Text(text) => self.string(text),
            Argument::Argv(strings) => self.strings(strings),
            Argument::Envp(strings) => self.put(b"/* ").number(strings.count() as u32).put(b" vars */"),
            Argument::Signals(set) => self.signals(set),
            Argument::Fd(libc::AT_FDCWD) => self.put(b"AT_FDCWD"),
            Argument::Fd(number) | Argument::Signed(number) => {
                self.put(if number < 0 { b"-" } else { b"" }).number(number.unsigned_abs())
            }
            Argument::Number(number) => self.number(number),
            Argument::Mode(mode) if mode & REGULAR_FILE != 0 => {
                self.digits((mode & !REGULAR_FILE) as usize, 3, b"S_IFREG|0")
            }
            Argument::Mode(mode) => self.digits(mode as usize, 3, b"0"),
            Argument::Address(address) => self.digits(address, 4, b"0x"),
            Argument::Flags(value, flags) => self.flags(value, flags),
            Argument::Fields(fields) => self.fields(fields),
        }
    }

    /// Prints the names without `SIG`. As in strace(1), `~[…]` is all signals except these.
    fn signals(&mut self, set: SigSet) -> &mut Self {
        let are_most = set.has(64);
        let set = if are_most { SigSet::ALL.without(set) } else { set };
        self.put(if are_most { b"~[" } else { &b"["[..] });
        let mut separator = &b""[..];
        for signal in 1..65 {
            if set.has(signal) {
                let name = sys::signal_name(signal).unwrap_or("SIG?");
                self.put(separator).put(name.as_bytes().get(3..).unwrap_or_default());
                separator = b" ";
            }
        }
        self.put(b"]")
    }

    /// Prints the first strings of argv.
    fn strings(&mut self, strings: Strings) -> &mut Self {
        self.put(b"[");
        for (index, string) in strings.take(4).enumerate() {
            self.put(if index > 0 { b", " } else { b"" }).string(string);
        }
        let is_longer = strings.count() > 4;
        self.put(if is_longer { b", ...]" } else { b"]" })
    }

    /// Prints a string in quotes. The options of a mount may be longer than a line, so a line may end after a comma.
    fn string(&mut self, string: &CStr) -> &mut Self {
        self.put(b"\"");
        for (index, part) in split(string.to_bytes(), b',').enumerate() {
            if index > 0 {
                self.put(b",");
                self.break_before(part.len() + 8);
            }
            self.printer.put_foreign(part);
            self.column += part.len();
        }
        self.put(b"\"")
    }

    /// Begins another line if this one has not enough columns left.
    fn break_before(&mut self, width: usize) -> bool {
        let is_full = self.column + width > COLUMNS;
        if is_full {
            self.put(b"\n    ");
            self.column = 4;
        }
        is_full
    }

    /// Prints a number in digits of so many bits each.
    fn digits(&mut self, number: usize, bits: u32, prefix: &[u8]) -> &mut Self {
        self.put(prefix);
        let mut shift = 0;
        while number >> shift >> bits > 0 {
            shift += bits;
        }
        loop {
            let digit = (number >> shift) as u8 & ((1 << bits) - 1);
            self.put(&[digit + if digit < 10 { b'0' } else { b'a' - 10 }]);
            if shift == 0 {
                return self;
            }
            shift -= bits;
        }
    }

    /// Prints the names of constants joined with `|`, and the remaining bits as a number.
    fn flags(&mut self, value: u32, flags: &[Flag]) -> &mut Self {
        let (mut rest, mut separator) = (value, &b""[..]);
        for flag in flags.iter().filter(|flag| flag.is_in(value)) {
            self.put(separator).put(flag.name.as_bytes());
            (rest, separator) = (flag.removed_from(rest), b"|");
        }
        if rest != 0 || separator.is_empty() { self.put(separator).number(rest) } else { self }
    }

    /// Prints a struct.
    fn fields(&mut self, fields: Fields) -> &mut Self {
        let mut separator = &b"{"[..];
        for (name, value, flags) in fields.set() {
            self.put(separator).put(name.as_bytes()).put(b"=").flags(value, flags);
            separator = b", ";
        }
        self.put(b"}")
    }

    fn result(&mut self, call: &Call, result: Result<usize, Errno>) {
        self.put(b" = ");
        match result {
            Ok(address) if call.name() == "mmap" => self.digits(address, 4, b"0x"),
            Ok(mask) if call.name() == "umask" => self.digits(mask, 3, b"0"),
            Ok(value) => self.number(value as u32),
            Err(errno) => {
                let (name, meaning) = describe(errno);
                self.colour(b"\x1b[31m").put(b"-1 ").put(name.as_bytes());
                self.put(b" (").put(meaning.as_bytes()).put(b")").colour(b"\x1b[0m")
            }
        };
    }

    /// Writes the line. Returns whether to continue: if stderr is closed, the run goes on and the tracing stops.
    fn end(&mut self) -> bool {
        self.put(b"\n");
        self.printer.finish().is_ok()
    }
}
