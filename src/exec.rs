//! The search for the command along PATH, as execvp(3) has it, and the end of this program: execve.

use core::ffi::CStr;

use crate::environment::Environment;
use crate::interpreter;
use crate::run::Scene;
use crate::spec::Command;
use crate::step::{self, Reported};
use crate::sys::{self, Argv, CStrPtr, Errno};
use crate::text::{Text, has, split, visible};

/// What runs a file that is of no format the kernel knows.
const SHELL: &CStr = c"/bin/sh";

/// What is said of more variables than that.
const TOO_MANY: &[u8] = b"a container gets 1024 variables at most";

/// The exit status of a command that was found and could not be run.
const CANNOT_RUN: u8 = 126;

/// The exit status of a command that was not found.
const NOT_FOUND: u8 = 127;

/// exec: this process becomes the command. It returns only if it could not.
pub fn exec(scene: &mut Scene) -> Result<(), Reported> {
    let command = scene.spec.command;
    let failed = |errno| step::failed(visible(command.name()), errno);
    let text = &mut Text::new();
    let hostname = text.join(&[b"HOSTNAME=", scene.spec.hostname().to_bytes()]);
    let home = scene.identity.as_ref().map_or(c"HOME=/root", |identity| identity.home.as_cstr());
    let environment = &mut Environment::new();
    let filled = environment.fill(scene.spec, scene.files, hostname, home);
    filled.map_err(|errno| step::failed_with(c"--env", errno, &[TOO_MANY]))?;
    let (Some(argv), Some(env)) = (command.argv(), environment.vector()) else {
        return Err(failed(Errno::EINVAL));
    };
    sys::close_on_exec().map_err(failed)?;
    let directories = environment.path();
    let errno = search(command, directories, argv, env);
    Err(explain(command, directories, errno))
}

/// Tries the places where the command may be, until one of them runs it; returns why none did.
fn search(command: Command, directories: &[u8], argv: Argv, env: Argv) -> Errno {
    let mut remembered = Errno::ENOENT;
    let found = find_place(command.name(), directories, &mut Text::new(), &mut |path| match run(
        path, command, argv, env,
    ) {
        Errno::ENOENT | Errno::ENOTDIR if remembered == Errno::EACCES => false,
        errno => {
            remembered = errno;
            !matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES)
        }
    });
    let _ = found; // The command does not return from where it was found.
    remembered
}

/// Shows `is_it` the paths at which a command may be, in `path`, until it says that this is the one: the command's own word, if
/// there is a slash in it; else one in each of the directories, which have colons between them. A directory without a name is
/// the working directory.
fn find_place(
    name: &CStr,
    directories: &[u8],
    path: &mut Text,
    is_it: &mut dyn FnMut(&CStr) -> bool,
) -> bool {
    let name = name.to_bytes();
    let directories = if has(name, b'/') { b"" } else { directories };
    split(directories, b':').any(|directory| {
        let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
        !name.is_empty() && is_it(path.join(&[directory, slash, name]))
    })
}

/// execve, and once more through the shell if the kernel does not know the format: a script may lack its `#!` line.
fn run(path: &CStr, command: Command, argv: Argv, env: Argv) -> Errno {
    match sys::execve(path, argv, env) {
        Errno::ENOEXEC => run_in_shell(path, command, env),
        errno => errno,
    }
}

/// `/bin/sh PATH ARG...`
#[inline(never)] // Its 64 KiB are on the stack only while it runs: in the stack of who calls it, each page would be touched for nothing.
fn run_in_shell(path: &CStr, command: Command, env: Argv) -> Errno {
    const MOST: usize = 8192;
    let mut words = [None; MOST];
    let [zeroth, first, rest @ ..] = &mut words;
    (*zeroth, *first) = (Some(CStrPtr::from(SHELL)), Some(path.into()));
    let arguments = command.arguments();
    let Some(places) = rest.get_mut(..arguments.len()) else { return Errno::E2BIG };
    places.copy_from_slice(arguments);
    match Argv::new(&words).map(|argv| sys::execve(SHELL, argv, env)) {
        Some(Errno::ENOENT) | None => Errno::ENOEXEC, // There is no shell: what was wrong first still is.
        Some(errno) => errno,
    }
}

/// Says why the command did not run, with the status that says whether it was found.
#[inline(never)] // As run_in_shell.
fn explain(command: Command, directories: &[u8], errno: Errno) -> Reported {
    const NOT_EXECUTABLE: &[u8] = b"it, or what runs it, is a directory or not executable: see chmod +x";
    const NO_FORMAT: &[u8] =
        b"it is for another kind of machine; or it is a script without #!, and the image has no /bin/sh that runs";
    let name = visible(command.name());
    let hint: &[&[u8]] = match errno {
        Errno::ENOENT | Errno::ENOTDIR => return explain_not_found(name, directories, errno),
        Errno::EACCES => &[NOT_EXECUTABLE],
        Errno::ENOEXEC => &[NO_FORMAT],
        _ => &[],
    };
    step::failed_with(name, errno, hint).with_status(CANNOT_RUN)
}

/// Either it is not there; or the file is, and what is not there is what runs it, or what runs that in its turn.
fn explain_not_found(name: &CStr, directories: &[u8], errno: Errno) -> Reported {
    let (path, interpreter) = (&mut Text::new(), &mut Text::new());
    if !find_place(name, directories, path, &mut |path| sys::stat(path).is_ok()) {
        let hint: &[&[u8]] =
            if name.to_bytes().starts_with(b"-") { &[b"options stand before ID"] } else { &[] };
        return step::failed_with(name, errno, hint).with_status(NOT_FOUND);
    }
    let hint: &[&[u8]] = if find_missing(path.as_cstr(), interpreter) {
        let missing = interpreter.as_cstr().to_bytes();
        &[b"the file is there, but its interpreter or loader ", missing, b" is not in the image"]
    } else {
        &[b"the file is there, but something that it needs to run is not in the image"]
    };
    step::failed_with(path.as_cstr(), errno, hint).with_status(CANNOT_RUN)
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
