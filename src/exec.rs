//! The environment, and the search for the command along PATH, as execvp(3) has it.

use core::ffi::CStr;

use crate::interpreter;
use crate::run::Scene;
use crate::spec::Command;
use crate::step::{Reported, Step};
use crate::sys::{self, Errno, Vector, Word};
use crate::text::{Text, visible};

/// PATH inside, as docker sets it.
const PATH: &CStr = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The same, as the search wants it.
const DIRECTORIES: [&[u8]; 6] =
    [b"/usr/local/sbin/", b"/usr/local/bin/", b"/usr/sbin/", b"/usr/bin/", b"/sbin/", b"/bin/"];

/// What runs a file that is of no format the kernel knows.
const SHELL: &CStr = c"/bin/sh";

/// The exit status of a command that was found and could not be run.
const CANNOT_RUN: u8 = 126;

/// The exit status of a command that was not found.
const NOT_FOUND: u8 = 127;

/// exec: this process becomes the command. It returns only if it could not.
pub fn exec(step: &Step, scene: &mut Scene) -> Result<(), Reported> {
    let command = scene.spec.command;
    let failed = |errno| step.failed(visible(command.name()), errno);
    let text = &mut Text::new();
    let hostname = text.join(&[b"HOSTNAME=", scene.spec.id.as_bytes()]);
    let env = [Some(PATH.into()), Some(c"HOME=/root".into()), Some(hostname.into()), scene.spec.term, None];
    let (Some(argv), Some(env)) = (command.argv(), Vector::new(&env)) else {
        return Err(failed(Errno::EINVAL));
    };
    sys::close_range(3, u32::MAX).map_err(failed)?;
    let errno = search(command, argv, env);
    Err(explain(step, command, errno))
}

/// Tries the places where the command may be, until one of them runs it; returns why none did.
fn search(command: Command, argv: Vector, env: Vector) -> Errno {
    let mut remembered = Errno::ENOENT;
    let text = &mut Text::new();
    for directory in directories(command.name()) {
        match run(text.join(&[directory, command.name().to_bytes()]), command, argv, env) {
            Errno::ENOENT | Errno::ENOTDIR if remembered == Errno::EACCES => {}
            errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => remembered = errno,
            errno => return errno,
        }
    }
    remembered
}

/// What may stand before a command's word to make it a path: nothing, if there is a slash in it; else each directory.
fn directories(name: &CStr) -> &'static [&'static [u8]] {
    match name.to_bytes() {
        [] => &[],
        name if name.contains(&b'/') => &[b""],
        _ => &DIRECTORIES,
    }
}

/// execve, and once more through the shell if the kernel does not know the format: a script may lack its `#!` line.
fn run(path: &CStr, command: Command, argv: Vector, env: Vector) -> Errno {
    match sys::execve(path, argv, env) {
        Errno::ENOEXEC => run_in_shell(path, command, env),
        errno => errno,
    }
}

/// `/bin/sh PATH ARG...`
fn run_in_shell(path: &CStr, command: Command, env: Vector) -> Errno {
    const MOST: usize = 8192;
    let mut words = [None; MOST];
    let [zeroth, first, rest @ ..] = &mut words;
    (*zeroth, *first) = (Some(Word::from(SHELL)), Some(path.into()));
    let arguments = command.arguments();
    let Some(places) = rest.get_mut(..arguments.len()) else { return Errno::E2BIG };
    places.copy_from_slice(arguments);
    match Vector::new(&words).map(|argv| sys::execve(SHELL, argv, env)) {
        Some(Errno::ENOENT) | None => Errno::ENOEXEC, // There is no shell: what was wrong first still is.
        Some(errno) => errno,
    }
}

/// Says why the command did not run, with the status that says whether it was found.
fn explain(step: &Step, command: Command, errno: Errno) -> Reported {
    const NOT_EXECUTABLE: &[u8] = b"it, or what runs it, is a directory or not executable: see chmod +x";
    const NO_FORMAT: &[u8] =
        b"it is for another kind of machine; or it is a script without #!, and the image has no /bin/sh that runs";
    let name = visible(command.name());
    let hint: &[&[u8]] = match errno {
        Errno::ENOENT | Errno::ENOTDIR => return explain_not_found(step, name, errno),
        Errno::EACCES => &[NOT_EXECUTABLE],
        Errno::ENOEXEC => &[NO_FORMAT],
        _ => &[],
    };
    step.failed_with(name, errno, hint).with_status(CANNOT_RUN)
}

/// Either it is not there; or the file is, and what is not there is what runs it, or what runs that in its turn.
fn explain_not_found(step: &Step, name: &CStr, errno: Errno) -> Reported {
    let (path, interpreter) = (&mut Text::new(), &mut Text::new());
    let mut exists = |directory: &&[u8]| sys::stat(path.join(&[directory, name.to_bytes()])).is_ok();
    if !directories(name).iter().any(&mut exists) {
        return step.failed(name, errno).with_status(NOT_FOUND);
    }
    let hint: &[&[u8]] = if find_missing(path.as_cstr(), interpreter) {
        let missing = interpreter.as_cstr().to_bytes();
        &[b"the file is there, but its interpreter or loader ", missing, b" is not in the image"]
    } else {
        &[b"the file is there, but something that it needs to run is not in the image"]
    };
    step.failed_with(path.as_cstr(), errno, hint).with_status(CANNOT_RUN)
}

/// Follows the programs that run one another, from `path` on, until one of them is not there: that is in `interpreter` then.
fn find_missing(path: &CStr, interpreter: &mut Text) -> bool {
    const DEEPEST: usize = 5; // The kernel's own limit.
    let file = &mut Text::new();
    file.join(&[path.to_bytes()]);
    for _ in 0..DEEPEST {
        match interpreter_of(file.as_cstr(), interpreter) {
            Some(next) if sys::stat(next).is_err() => return true,
            Some(next) => file.join(&[next.to_bytes()]),
            None => return false,
        };
    }
    false
}

/// The path of what runs a file.
fn interpreter_of<'t>(path: &CStr, text: &'t mut Text) -> Option<&'t CStr> {
    let file = sys::openat(path, libc::O_RDONLY | libc::O_NONBLOCK, 0).ok()?;
    let mut head = [0; 4096];
    let len = sys::pread(file.borrow(), &mut head, 0).ok()?;
    Some(text.join(&[interpreter::named_in(head.get(..len)?)?]))
}
