//! `container ID IMAGE CMD...`: runs a program on a copy-on-write view of an image, with system calls and nothing else.
//!
//! Three layers, and every function obeys:
//!
//! 1. `sys/arch`: the assembly, one file per architecture: `_start`, and clone onto a new stack.
//! 2. `sys`: the unsafe core. One function per system call; typed in, `Result<_, Errno>` out. It decides nothing.
//! 3. The safe layer, all other modules: safe code in small functions. Data first, then the verbs that use it.
//!
//! The modules below stand in the order in which they use each other: a file imports only files that come before it. The
//! data flows the other way. A front end, [`cli`], turns a command line into a [`spec::Spec`], the plain data that says
//! *what* a container is. [`run`] makes one from it, step by step, and [`supervise`] waits for it. [`run`] is the place to
//! begin reading.
//!
//! A failure is reported where it happens, with the step, the path and the errno, and travels on as [`step::Reported`].
//! Nothing allocates: strings and lists whose length is not known before are in a [`sys::Arena`], and the words of the
//! command line stay where the kernel put them.

#![cfg_attr(not(test), no_std)]
// Nothing can catch a panic, and each one that may happen takes space in the binary. Tests fail by panicking.
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

// The core, and text without an allocator.
pub mod sys;

pub mod text;

// What a container is.
pub mod spec;

pub mod paths;

// What a step is: what it is given, and how its failure is reported.
pub mod context;

pub mod step;

pub mod explain;

// What steps share.
pub mod directory;
pub mod file;
pub mod stdio;

pub mod state;

pub mod supervise;

// The steps of the child and of the parent.
pub mod steps;

pub mod parent;
pub mod sandbox;

// The sequence.
pub mod run;

// The front end.
pub mod cli;

use cli::Request;
use sys::{Arena, Process};

/// The program: from the initial stack to the exit status.
pub fn main(process: &Process) -> u8 {
    let arena = Arena::new();
    let outcome = cli::parse(process, &arena).and_then(|request| match request {
        Request::Print(what) => cli::print(what).map(Outcome::Printed),
        Request::Run(spec) => run::start(&spec, &arena, process).map(Outcome::Running),
    });
    // The command has copies of its words: the arena goes back to the kernel before the wait.
    drop(arena);
    let outcome = outcome.and_then(|outcome| match outcome {
        Outcome::Printed(status) => Ok(status),
        Outcome::Running(container) => container.wait(),
    });
    outcome.unwrap_or_else(|reported| reported.status())
}

/// What a request has led to.
enum Outcome {
    /// A text was printed; the exit status.
    Printed(u8),
    /// A container runs.
    Running(run::Running),
}
