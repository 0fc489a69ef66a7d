//! A step of the run sequence: its name, why it is there, what it does, and how it fails.

use core::ffi::CStr;
use core::num::NonZeroU8;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use crate::print::Printer;
use crate::run::{self, Scene};
use crate::spec::Spec;
use crate::sys::{Errno, STDERR};
use crate::text::{decimal, split};
use crate::words;

/// What a step of the child does.
pub type Action = fn(&mut Scene) -> Result<(), Reported>;

/// One named step. The sequences in [`crate::run`] are arrays of them.
pub struct Step {
    /// What messages, options and chapters call it.
    pub name: &'static str,
    /// Three lines: the chapter of the book that teaches it; the system calls that it makes, in their order, those of a first run
    /// alone included; and one sentence that says why it is there.
    pub text: &'static str,
    /// Whether a run has it, if it is the child's. What the parent does depends on more than the spec.
    pub when: fn(&Spec) -> bool,
    /// The child's part while the host's tree is still in sight: paths are the host's.
    pub outside: Option<Action>,
    /// The child's part from `pivot` on: paths are the container's.
    pub inside: Option<Action>,
}

impl Step {
    /// Why it is there.
    pub fn why(&self) -> &'static [u8] {
        split(self.text.as_bytes(), b'\n').last().unwrap_or_default()
    }
}

/// The step that runs, as [`run::steps`] counts them; at first, `parse`.
static CURRENT: AtomicU8 = AtomicU8::new(0);

/// Says that a step begins: to it belong the system calls and the failures that follow.
pub fn begin(step: &'static Step) {
    let index = run::steps().position(|other| ptr::eq(other, step));
    CURRENT.store(index.unwrap_or_default() as u8, Relaxed);
}

/// The step that runs.
pub fn current() -> &'static Step {
    run::steps().nth(CURRENT.load(Relaxed).into()).unwrap_or(run::PARSE)
}

/// The proof that a failure has been told to the user; what is left of it is the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported(NonZeroU8);

/// The exit status of a failure of the runtime itself, as docker, chroot(1) and env(1) have it.
pub const FAILED: u8 = 125;

impl Reported {
    /// The status to exit with.
    pub const fn status(self) -> u8 {
        self.0.get()
    }

    /// A failure with this exit status. It is never 0, by which a failure would look like a success.
    pub const fn from_status(status: u8) -> Self {
        match NonZeroU8::new(status) {
            Some(status) => Self(status),
            None => Self(NonZeroU8::MAX),
        }
    }

    /// The same failure with another exit status: 126 and 127 are the command's.
    pub const fn with_status(self, status: u8) -> Self {
        Self::from_status(status)
    }
}

/// Whether errors alone are said.
static QUIET: AtomicBool = AtomicBool::new(false);

/// `--quiet`: from now on, neither hints nor notes.
pub fn be_quiet() {
    QUIET.store(true, Relaxed);
}

/// Says `container: left out: STEP` on stderr.
pub fn announce_skipped(step: &Step) {
    if QUIET.load(Relaxed) {
        return;
    }
    let mut printer = Printer::new(STDERR);
    printer.put(b"container: left out: ").put(step.name.as_bytes()).put(b"\n");
    // Nobody may be listening.
    let _ = printer.finish();
}

/// Says `container: STEP PATH: ERRNO (words)` on stderr, of the step that runs; without PATH, where it is empty because the step
/// has none.
pub fn failed(path: &CStr, errno: Errno) -> Reported {
    failed_with(path, errno, &[])
}

/// As [`failed`], and then `hint: …` with the parts of the hint one after the other, if there are any.
pub fn failed_with(path: &CStr, errno: Errno, hint: &[&[u8]]) -> Reported {
    let mut printer = Printer::new(STDERR);
    printer.put(b"container: ").put(current().name.as_bytes());
    if !path.is_empty() {
        printer.put(b" ").put_foreign(path.to_bytes());
    }
    printer.put(b": ");
    match words::describe(errno) {
        Some(words) => printer.put(words),
        None => printer.put(b"errno ").put(decimal(errno.number(), &mut [0; 10])),
    };
    printer.put(b"\n");
    if !hint.is_empty() && !QUIET.load(Relaxed) {
        printer.put(b"hint: ");
        for part in hint {
            printer.put_foreign(part);
        }
        printer.put(b"\n");
    }
    // If stderr is closed or full, there is nowhere left to complain to; the exit status tells.
    let _ = printer.finish();
    Reported::from_status(FAILED)
}
