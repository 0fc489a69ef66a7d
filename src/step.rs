//! A step of the run sequence: its name, the reason for it, what it does, and how its failure is reported.

use core::ffi::CStr;
use core::num::NonZeroU8;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::context::Context;
use crate::spec::Spec;
use crate::sys::{self, AtomicRef, Errno, STDERR};
use crate::text::errno_names;
use crate::text::number::decimal;
use crate::text::print::Printer;

/// What a step of the child does.
pub type Action = fn(&mut Context) -> Result<(), Reported>;

/// One named step. src/parent.rs and src/steps/mod.rs list them.
pub struct Step {
    /// The name in messages, options and chapters.
    pub name: &'static str,
    /// One sentence that says why the step is there.
    pub why: &'static str,
    /// The system calls that it can make, in their order. A run makes those that it needs.
    pub calls: &'static [&'static str],
    /// The chapter of the book that teaches it.
    pub chapter: &'static str,
    /// Whether a run has this step. It counts for the steps of the child alone.
    pub when: fn(&Spec) -> bool,
    /// The child's part while the host's tree is in sight: paths are the host's.
    pub outside: Option<Action>,
    /// The child's part from `pivot` on: paths are the container's.
    pub inside: Option<Action>,
}

impl Step {
    /// A step that every run has and that does nothing. A row names what is different.
    pub const NEW: Self =
        Self { name: "", why: "", calls: &[], chapter: "", when: |_| true, outside: None, inside: None };
}

/// For [`Step::when`]: every run but those with `--bare` has the step.
pub fn unless_bare(spec: &Spec) -> bool {
    !spec.options.bare
}

/// The step that is running.
static CURRENT: AtomicRef<Step> = AtomicRef::none();

/// Begins a step. The system calls and the failures that follow belong to it.
pub fn begin(step: &'static Step) {
    CURRENT.set(Some(step));
}

/// The step that is running; None before the first one.
pub fn current() -> Option<&'static Step> {
    CURRENT.get()
}

/// The proof that a failure was reported to the user. The exit status is all that is left of the failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported(NonZeroU8);

/// The exit status when the runtime itself failed, as in docker, chroot(1) and env(1).
pub const FAILED: u8 = 125;

impl Reported {
    /// The status to exit with.
    pub const fn status(self) -> u8 {
        self.0.get()
    }

    /// A failure with this exit status. A status of 0 becomes 255, because 0 would look like a success.
    pub const fn from_status(status: u8) -> Self {
        match NonZeroU8::new(status) {
            Some(status) => Self(status),
            None => Self(NonZeroU8::MAX),
        }
    }

    /// The same failure with another exit status, such as 126 and 127 for the command.
    pub const fn with_status(self, status: u8) -> Self {
        Self::from_status(status)
    }
}

/// Whether hints and notes are left out.
static QUIET: AtomicBool = AtomicBool::new(false);

/// `--quiet`: from now on, prints errors only.
pub fn be_quiet() {
    QUIET.store(true, Relaxed);
}

/// Prints `container: skipped: STEP` on stderr.
pub fn announce_skipped(step: &str) {
    if !QUIET.load(Relaxed) {
        let mut printer = Printer::new(STDERR);
        printer.put(b"container: skipped: ").put(step.as_bytes()).put(b"\n");
        let _ = printer.finish(); // The note is a courtesy: the run goes on without it.
    }
}

/// Prints `container: STEP PATH: ERRNO (words)` on stderr, for the step that is running. An empty path is left out.
pub fn failed(path: &CStr, errno: Errno) -> Reported {
    failed_with(path, errno, &[])
}

/// As [`failed`], and then `hint: …` with the parts of the hint, if there are any.
pub fn failed_with(path: &CStr, errno: Errno, hint: &[&[u8]]) -> Reported {
    let step = current().map_or("", |step| step.name).as_bytes();
    let space: &[u8] = if path.is_empty() { b"" } else { b" " };
    let digits = &mut [0; 10];
    let (name, before, meaning, after): (&[u8], &[u8], &[u8], &[u8]) = match errno_names::describe(errno) {
        Some((name, meaning)) => (name.as_bytes(), b" (", meaning.as_bytes(), b")"),
        None => (b"errno", b" ", decimal(errno.number(), digits), b""),
    };
    report(&[step, space, path.to_bytes(), b": ", name, before, meaning, after], hint)
}

/// Prints `container: MESSAGE` on stderr, and then `hint: …`, each from its parts. An empty hint is left out.
pub fn report(message: &[&[u8]], hint: &[&[u8]]) -> Reported {
    // stderr may be a file at its limit, and SIGXFSZ would change the exit status.
    let _ = sys::rt_sigaction_ignore(libc::SIGXFSZ); // The call does not fail.
    let mut printer = Printer::new(STDERR);
    put_line(&mut printer, b"container: ", message);
    if !hint.is_empty() && !QUIET.load(Relaxed) {
        put_line(&mut printer, b"hint: ", hint);
    }
    let _ = printer.finish(); // If stderr is closed or full, the exit status is all that can tell.
    Reported::from_status(FAILED)
}

fn put_line(printer: &mut Printer, before: &[u8], parts: &[&[u8]]) {
    printer.put(before);
    for part in parts {
        printer.put_foreign(part);
    }
    printer.put(b"\n");
}
