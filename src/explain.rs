//! `--explain`: narrates the system calls on stderr, as they happen.
//!
//! It is an observer of the core (sys/call.rs), and knows nothing that the calls do not tell it, but for the step that is
//! running. Parent and child share their memory up to the command's execve, so both count in the same counter.

use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::spec::Explain;
use crate::step::{self, Step};
use crate::sys::{self, Argument, Call, Errno, Observer, STDERR, SigSet, Strings};
use crate::text::number::decimal;
use crate::text::print::Printer;
use crate::text::{errno_names, split};

static OBSERVER: Observer = Observer { before, after };

static STYLE: AtomicU8 = AtomicU8::new(PLAIN);
const PLAIN: u8 = 0;
const TIMED: u8 = 1;
const COLOURED: u8 = 2;

static COUNT: AtomicU32 = AtomicU32::new(0);
static BEGUN: AtomicU64 = AtomicU64::new(0);
static WHO: AtomicU8 = AtomicU8::new(0);
const PARENT_RUNS: u8 = 0;
const CHILD_RUNS: u8 = 1;

/// From now on, narrates.
pub fn start(explain: Explain, colour_is_wanted: bool) {
    let style = match explain {
        Explain::Off => return,
        Explain::Plain => PLAIN,
        Explain::Full if colour_is_wanted && sys::tcgets(STDERR).is_ok() => COLOURED,
        Explain::Full => TIMED,
    };
    STYLE.store(style, Relaxed);
    sys::observe(Some(&OBSERVER));
}

/// From now on, tells nothing more.
pub fn stop_tracing() {
    sys::observe(None);
}

/// Says that the child is running now, and that the parent is again.
pub fn child_runs(runs: bool) {
    WHO.store(if runs { CHILD_RUNS } else { PARENT_RUNS }, Relaxed);
}

/// A call that blocks, does not return, or returns when much else has been told: it is told when it begins.
fn is_told_first(call: &Call) -> bool {
    split(b"clone execve wait4 ppoll exit_group", b' ').any(|name| name == call.name())
}

fn before(call: &Call) -> bool {
    if is_told_first(call) {
        let mut line = Line::new();
        line.begin();
        line.call(call);
        return line.end();
    }
    if STYLE.load(Relaxed) != PLAIN {
        BEGUN.store(sys::clock_gettime(), Relaxed);
    }
    true
}

fn after(call: &Call, result: Result<usize, Errno>) -> bool {
    let is_told = is_told_first(call);
    let is_timed = !is_told && STYLE.load(Relaxed) != PLAIN;
    let time = if is_timed { sys::clock_gettime().saturating_sub(BEGUN.load(Relaxed)) } else { 0 };
    let mut line = Line::new();
    if is_told {
        line.put(b"    ").put(call.name());
    } else {
        line.begin();
        line.call(call);
    }
    line.result(call, result);
    if is_timed {
        line.put(b"  ").number((time / 1000) as u32).put(b".").number((time % 1000 / 100) as u32).put(b" us");
    }
    line.end()
}

/// The bit of a mode that says what mknodat(2) is to make.
const REGULAR_FILE: usize = libc::S_IFREG as usize;

/// One call on its way to stderr.
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

    /// The heading, if the step is a new one; then number, who and step.
    fn begin(&mut self) {
        static TOLD: AtomicPtr<Step> = AtomicPtr::new(ptr::null_mut());
        let Some(step) = step::current() else { return };
        let address = ptr::from_ref(step).cast_mut();
        if TOLD.swap(address, Relaxed) != address {
            self.colour(b"\x1b[1m").put(step.name.as_bytes()).put(b": ").colour(b"\x1b[0m");
            self.put(step.why.as_bytes()).put(b"\n");
            self.column = 0;
        }
        let count = COUNT.fetch_add(1, Relaxed) + 1;
        let indent: &[u8] = if count < 10 {
            b"  "
        } else if count < 100 {
            b" "
        } else {
            b""
        };
        self.put(indent).number(count);
        let who: &[u8] = if WHO.load(Relaxed) == CHILD_RUNS { b" child" } else { b" parent" };
        self.padded(who, 11).padded(step.name.as_bytes(), 19);
    }

    /// `name(arguments)`, as strace(1) writes it.
    fn call(&mut self, call: &Call) {
        self.put(call.name()).put(b"(");
        for (index, argument) in call.arguments().enumerate() {
            // Lines are of 100 columns; only a path may be long.
            let room = match argument {
                Argument::Text(text) => text.count_bytes() + 8,
                Argument::Register(kind, _) => kind.len().max(30),
                _ => 30,
            };
            if index > 0 && !self.put(b",").break_before(room - 1) {
                self.put(b" ");
            }
            match argument {
                Argument::Text(text) => self.string(text),
                Argument::Argv(strings) => self.strings(strings),
                Argument::Environment(strings) => {
                    self.put(b"/* ").number(strings.count() as u32).put(b" vars */")
                }
                Argument::SigSet(set) => self.signals(set),
                Argument::Register(kind, register) => self.register(kind, register),
            };
        }
        self.put(b")");
    }

    fn register(&mut self, kind: &'static [u8], register: usize) -> &mut Self {
        match kind {
            b"%d" if register == libc::AT_FDCWD as usize => self.put(b"AT_FDCWD"),
            b"%d" => self.number(register as u32),
            b"%o" if register & REGULAR_FILE != 0 => self.digits(register & !REGULAR_FILE, 3, b"S_IFREG|0"),
            b"%o" => self.digits(register, 3, b"0"),
            b"%x" => self.digits(register, 4, b"0x"),
            [b'%', letter] => self.flags(*letter, register as u32),
            _ => self.literal(kind),
        }
    }

    /// Without their first three letters, and `~[…]` for all but those, as strace(1) has them.
    fn signals(&mut self, set: SigSet) -> &mut Self {
        let are_most = set.has(64);
        let set = if are_most { SigSet::ALL.without(set) } else { set };
        self.put(if are_most { b"~[" } else { &b"["[..] });
        let mut separator = &b""[..];
        for signal in 1..65 {
            if set.has(signal) {
                let name = name_of(b'S', signal as u32).unwrap_or(b"SIG?");
                self.put(separator).put(name.get(3..).unwrap_or_default());
                separator = b" ";
            }
        }
        self.put(b"]")
    }

    /// The first few of argv.
    fn strings(&mut self, strings: Strings) -> &mut Self {
        self.put(b"[");
        for (index, string) in strings.take(4).enumerate() {
            self.put(if index > 0 { b", " } else { b"" }).string(string);
        }
        let is_longer = strings.count() > 4;
        self.put(if is_longer { b", ...]" } else { b"]" })
    }

    /// What stands for itself; `+` is where `|` would separate arguments.
    fn literal(&mut self, text: &[u8]) -> &mut Self {
        for &byte in text {
            self.put(&[if byte == b'+' { b'|' } else { byte }]);
        }
        self
    }

    /// In quotes. The options of a mount, which can be longer than a line, are broken after a comma.
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

    /// Goes on in the next line if so many columns are not left in this one.
    fn break_before(&mut self, room: usize) -> bool {
        let is_full = self.column + room > 100;
        if is_full {
            self.put(b"\n    ");
            self.column = 4;
        }
        is_full
    }

    /// A number in digits of so many bits each.
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

    fn flags(&mut self, letter: u8, flags: u32) -> &mut Self {
        if let Some(name) = name_of(letter, flags).filter(|_| letter != b'R') {
            return self.put(name);
        }
        let (mut rest, mut separator) = (flags, &b""[..]);
        for (bits, name) in names(letter) {
            if flags & bits == bits {
                self.put(separator).put(name);
                (rest, separator) = (rest & !bits, b"|");
            }
        }
        if rest != 0 || separator.is_empty() { self.put(separator).number(rest) } else { self }
    }

    fn result(&mut self, call: &Call, result: Result<usize, Errno>) {
        self.put(b" = ");
        match result {
            Ok(address) if call.name() == b"mmap" => self.digits(address, 4, b"0x"),
            Ok(value) => self.number(value as u32),
            Err(errno) => {
                let (name, meaning) = errno_names::describe(errno).unwrap_or(("an error", "without a name"));
                self.colour(b"\x1b[31m").put(b"-1 ").put(name.as_bytes());
                self.put(b" (").put(meaning.as_bytes()).put(b")").colour(b"\x1b[0m")
            }
        };
    }

    /// Says whether it arrived. A narration that nobody reads is no reason to stop, but one to fall silent.
    fn end(&mut self) -> bool {
        self.put(b"\n");
        self.printer.finish().is_ok()
    }
}

/// What a letter of a template calls a number.
fn name_of(letter: u8, number: u32) -> Option<&'static [u8]> {
    names(letter).find(|(known, _)| *known == number).map(|(_, name)| name)
}

/// The flags that a letter of a template stands for.
fn names(letter: u8) -> impl Iterator<Item = (u32, &'static [u8])> {
    macro_rules! names {
        ($($name:ident)*) => { (&[$(libc::$name as u32),*], concat!($(stringify!($name), " "),*)) };
    }
    let (numbers, names): (&[u32], &str) = match letter {
        b'A' => names!(AT_RECURSIVE AT_SYMLINK_NOFOLLOW AT_REMOVEDIR AT_EMPTY_PATH),
        b'C' => names!(CLONE_VM CLONE_VFORK CLONE_NEWNS CLONE_NEWUTS CLONE_NEWPID SIGCHLD),
        b'L' => names!(RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC
            RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE
            RLIMIT_RTPRIO RLIMIT_RTTIME),
        b'M' => {
            names!(MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_BIND MS_REC MS_PRIVATE MS_SHARED MS_RELATIME)
        }
        b'O' => names!(O_WRONLY O_RDWR O_CREAT O_EXCL O_NOCTTY O_NONBLOCK O_NOFOLLOW O_CLOEXEC),
        b'R' => names!(O_RDONLY O_NONBLOCK O_NOFOLLOW O_CLOEXEC),
        b'S' => {
            names!(SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGTERM SIGSTOP SIGTSTP SIGCONT SIGWINCH SIGCHLD SIGKILL SIGPIPE
                SIGTTIN SIGTTOU)
        }
        b'U' => names!(MNT_DETACH),
        _ => (&[], ""),
    };
    let mut names = split(names.as_bytes(), b' ');
    numbers.iter().map_while(move |number| Some((*number, names.next()?)))
}
