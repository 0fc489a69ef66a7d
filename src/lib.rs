//! `container ID IMAGE CMD...`: runs a program on a copy-on-write view of an image, with system calls and nothing else.
//!
//! Three layers, and every function obeys:
//!
//! 1. `sys/arch`: the assembly, one file per architecture: `_start`, and clone onto a new stack.
//! 2. `sys`: the unsafe core. One function per system call; typed in, `Result<_, Errno>` out. It decides nothing.
//! 3. The shell, all other modules: safe code in small functions. Data first, then the verbs that use it.
//!
//! The modules below stand in the order in which the data flows: the command line becomes a [`spec::Spec`], the plain
//! data that says *what* a container is; everything after it *makes* one. [`run`] is the place to begin reading.
//!
//! A failure is told to the user where it happens, with the the path and the errno, and travels on as
//! [`step::Reported`]. Nothing allocates: strings are built in a [`text::Text`], and the arguments are used where the
//! kernel put them.

#![cfg_attr(not(test), no_std)]
// There is nobody to catch a panic, and each that may happen costs room. Tests, for their part, fail by panicking.
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod sys;

pub mod cli;
pub mod spec;

pub mod run;
pub mod state;

pub mod environment;
pub mod exec;
pub mod explain;
pub mod init;
pub mod interpreter;
pub mod limits;
pub mod names;
pub mod rootfs;
pub mod supervise;
pub mod terminal;
pub mod user;
pub mod volume;
pub mod workdir;

pub mod file;
pub mod print;
pub mod step;
pub mod text;
pub mod words;

use spec::Spec;
use sys::Process;

/// The program: from the initial stack to the exit status.
pub fn main(process: &Process) -> u8 {
    let mut spec = Spec::NEW;
    let outcome = cli::parse(process, &mut spec).and_then(|()| match spec.instead {
        Some(print) => print(),
        None => run::run(&spec),
    });
    outcome.unwrap_or_else(|reported| reported.status())
}
