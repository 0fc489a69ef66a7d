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
    let hostname = Text::concat(&[b"HOSTNAME=", scene.spec.id.as_bytes()]);
    let env = [
        Some(PATH.into()),
        Some(c"HOME=/root".into()),
        Some(hostname.as_cstr().into()),
        scene.spec.term,
        None,
    ];
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
    for path in candidates(command.name()) {
        match run(&path, command, argv, env) {
            Errno::ENOENT | Errno::ENOTDIR if remembered == Errno::EACCES => {}
            errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => remembered = errno,
            errno => return errno,
        }
    }
    remembered
}

/// The paths that a command's word may mean: itself, if there is a slash in it; else a file of each directory.
fn candidates(name: &CStr) -> impl Iterator<Item = Text> {
    let name = name.to_bytes();
    const AS_IT_IS: [&[u8]; 1] = [b""];
    let directories = match name {
        [] => &[][..],
        _ if name.contains(&b'/') => &AS_IT_IS,
        _ => &DIRECTORIES,
    };
    directories.iter().map(move |directory| Text::concat(&[directory, name]))
}

/// execve, and once more through the shell if the kernel does not know the format: a script may lack its `#!` line.
fn run(path: &Text, command: Command, argv: Vector, env: Vector) -> Errno {
    match sys::execve(path.as_cstr(), argv, env) {
        Errno::ENOEXEC => run_in_shell(path, command, env),
        errno => errno,
    }
}

/// `/bin/sh PATH ARG...`
fn run_in_shell(path: &Text, command: Command, env: Vector) -> Errno {
    const MOST: usize = 8192;
    let mut words = [None; MOST];
    let [zeroth, first, rest @ ..] = &mut words;
    (*zeroth, *first) = (Some(Word::from(SHELL)), Some(path.as_cstr().into()));
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
    let cannot = |path: &CStr, hint: &[&[u8]]| step.failed_with(path, errno, hint).with_status(CANNOT_RUN);
    let name = command.name();
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => match find_existing(name) {
            Some(path) => explain_missing_interpreter(step, &path),
            None => step.failed(visible(name), errno).with_status(NOT_FOUND),
        },
        Errno::EACCES => cannot(name, &[b"it is a directory, or not executable: see chmod +x"]),
        Errno::ENOEXEC => cannot(
            name,
            &[b"the kernel does not know its format, and there is no /bin/sh to run it as a script"],
        ),
        _ => cannot(name, &[]),
    }
}

/// The first candidate that is there after all.
fn find_existing(name: &CStr) -> Option<Text> {
    candidates(name).find(|path| sys::stat(path.as_cstr()).is_ok())
}

/// The file is there: what is not there is what runs it, or what runs that in its turn.
fn explain_missing_interpreter(step: &Step, path: &Text) -> Reported {
    const DEEPEST: usize = 5; // The kernel's own limit.
    let mut file = Text::concat(&[path.as_bytes()]);
    for _ in 0..DEEPEST {
        match interpreter_of(&file) {
            Some(interpreter) if sys::stat(interpreter.as_cstr()).is_err() => {
                let hint = [
                    b"the file is there, but its interpreter or loader ",
                    interpreter.as_bytes(),
                    b" is not in the image",
                ];
                return step.failed_with(path.as_cstr(), Errno::ENOENT, &hint).with_status(CANNOT_RUN);
            }
            Some(interpreter) => file = interpreter,
            None => break,
        }
    }
    let hint: &[u8] = b"the file is there, but something that it needs to run is not in the image";
    step.failed_with(path.as_cstr(), Errno::ENOENT, &[hint]).with_status(CANNOT_RUN)
}

fn interpreter_of(path: &Text) -> Option<Text> {
    let file = sys::openat(path.as_cstr(), libc::O_RDONLY | libc::O_NONBLOCK, 0).ok()?;
    let mut head = [0; 4096];
    let len = sys::pread(file.borrow(), &mut head, 0).ok()?;
    Some(Text::concat(&[interpreter::named_in(head.get(..len)?)?]))
}
