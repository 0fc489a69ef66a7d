//! exec: the search for the command along PATH, as in execvp(3), and execve, by which this process becomes the command.

use core::ffi::CStr;

use super::interpreter;
use crate::context::Identity;
use crate::spec::{Command, Name, Variable};
use crate::step::{self, Reported, Step};
use crate::sys::{self, Arena, Argv, CStrPtr, Errno, List};
use crate::text::split;

/// The row of this step.
pub static STEP: Step = Step {
    name: "exec",
    why: "This process has done its work, and becomes the command.",
    calls: &["execve", "statx", "openat", "pread64", "close"],
    chapter: "10-exec.md",
    inside: Some(|context| {
        let (spec, arena) = (context.spec, context.arena);
        let variables =
            environment(arena, spec.options.variables, spec.hostname(), context.identity.as_ref())
                .map_err(|errno| step::failed(c"environment", errno))?;
        execute(arena, spec.command, variables)
    }),
    ..Step::NEW
};

/// The exit status when the command was found and could not be run.
const CANNOT_RUN: u8 = 126;

/// The exit status when the command was not found.
const NOT_FOUND: u8 = 127;

/// PATH inside, as docker sets it.
const PATH: &CStr = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The environment of the command: PATH, HOME and HOSTNAME, and then the variables of the spec. A variable replaces an earlier
/// one of the same name.
///
/// ENOMEM: the arena is full.
pub fn environment<'a>(
    arena: &'a Arena,
    variables: &[Variable<'a>],
    hostname: Name<'a>,
    identity: Option<&Identity<'a>>,
) -> Result<&'a [Variable<'a>], Errno> {
    let home = identity.map_or(c"/root", |identity| identity.home);
    let own = [
        PATH,
        arena.string(&[b"HOME=", home.to_bytes()])?,
        arena.string(&[b"HOSTNAME=", hostname.as_bytes()])?,
    ];
    let mut environment: List<Variable> = List::new();
    for variable in own.into_iter().filter_map(Variable::new).chain(variables.iter().copied()) {
        match environment.as_mut_slice().iter_mut().find(|known| known.name() == variable.name()) {
            Some(known) => *known = variable,
            None => environment.push(arena, variable)?,
        }
    }
    Ok(environment.into_slice())
}

/// Becomes the command. It returns only after a failure.
pub fn execute(arena: &Arena, command: Command, environment: &[Variable]) -> Result<(), Reported> {
    let failed = |errno| step::failed(visible(command.name()), errno);
    let path = environment.iter().rev().find(|variable| variable.name() == b"PATH");
    let candidates = Candidates { arena, name: command.name(), path: path.map_or(b"", |path| path.value()) };
    let envp = vector(arena, environment.iter().map(|variable| variable.entry())).map_err(failed)?;
    let errno = search(arena, &candidates, command, envp);
    Err(explain_failure(&candidates, errno))
}

/// The strings as execve(2) takes them: their addresses, and NULL after the last.
fn vector<'a>(arena: &'a Arena, strings: impl Iterator<Item = &'a CStr>) -> Result<Argv<'a>, Errno> {
    let mut pointers = List::new();
    for string in strings {
        pointers.push(arena, Some(CStrPtr::from(string)))?;
    }
    pointers.push(arena, None)?;
    Argv::new(pointers.into_slice()).ok_or(Errno::EINVAL)
}

/// The paths at which a command may be.
struct Candidates<'a> {
    arena: &'a Arena,
    /// The command as the user wrote it.
    name: &'a CStr,
    /// Directories with colons between them.
    path: &'a [u8],
}

impl<'a> Candidates<'a> {
    /// The name itself if there is a slash in it; else one path in each directory. A directory without a name is the working
    /// directory. ENOMEM: the arena is full.
    fn iter(&self) -> impl Iterator<Item = Result<&'a CStr, Errno>> {
        let (arena, name) = (self.arena, self.name.to_bytes());
        let path = if name.contains(&b'/') { b"" } else { self.path };
        let directories = split(path, b':').filter(|_| !name.is_empty());
        directories.map(move |directory| {
            let slash: &[u8] = if directory.is_empty() { b"" } else { b"/" };
            arena.string(&[directory, slash, name])
        })
    }
}

/// Tries the candidates until one of them runs. Returns why none did.
fn search(arena: &Arena, candidates: &Candidates, command: Command, envp: Argv) -> Errno {
    let mut remembered = Errno::ENOENT;
    for path in candidates.iter() {
        let errno = match path {
            Ok(path) => run(arena, path, command, envp),
            Err(errno) => errno,
        };
        match errno {
            Errno::ENOENT | Errno::ENOTDIR if remembered == Errno::EACCES => {}
            errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => remembered = errno,
            errno => return errno,
        }
    }
    remembered
}

/// execve. If the kernel does not know the format and the file is text, the shell runs it: a script may lack its `#!` line.
fn run(arena: &Arena, path: &CStr, command: Command, envp: Argv) -> Errno {
    match sys::execve(path, command.argv(), envp) {
        Errno::ENOEXEC if is_shell_script(arena, path) => run_in_shell(arena, path, command, envp),
        errno => errno,
    }
}

/// Whether a file that the kernel cannot run is for the shell. As in bash, it is not if it is an ELF file or if its first line has
/// a NUL: the shell would take the bytes of a program for another machine for commands. Nor is a script that names another
/// interpreter, or a file that cannot be read.
fn is_shell_script(arena: &Arena, path: &CStr) -> bool {
    let Some(head) = read_head(arena, path) else { return false };
    let first_line = split(head, b'\n').next().unwrap_or_default();
    // A truncated ELF file may have lost the rest of its magic number.
    !first_line.contains(&0) && head.first() != Some(&0x7f) && interpreter::named_in(head).is_none()
}

/// `/bin/sh PATH ARGUMENT…`
fn run_in_shell(arena: &Arena, path: &CStr, command: Command, envp: Argv) -> Errno {
    const SHELL: &CStr = c"/bin/sh";
    let words = [SHELL, path].into_iter().chain(command.argv().iter().skip(1));
    match vector(arena, words).map(|argv| sys::execve(SHELL, argv, envp)) {
        Ok(Errno::ENOENT) => Errno::ENOEXEC, // There is no shell: the first error holds.
        Ok(errno) | Err(errno) => errno,
    }
}

/// A word of the command line for a message, in which an empty one would not be seen.
fn visible(word: &CStr) -> &CStr {
    if word.is_empty() { c"''" } else { word }
}

/// Says why the command did not run, with the status that says whether it was found.
fn explain_failure(candidates: &Candidates, errno: Errno) -> Reported {
    const NOT_EXECUTABLE: &[u8] =
        b"the file, or its interpreter, is a directory or is not executable: see chmod +x";
    const NO_FORMAT: &[u8] =
        b"the file is for another kind of machine, or is truncated; or it is a script without #!, and \
        the image has no /bin/sh that runs";
    let hint: &[&[u8]] = match errno {
        Errno::ENOENT | Errno::ENOTDIR => return explain_not_found(candidates, errno),
        Errno::EACCES => &[NOT_EXECUTABLE],
        Errno::ENOEXEC => &[NO_FORMAT],
        _ => &[],
    };
    step::failed_with(visible(candidates.name), errno, hint).with_status(CANNOT_RUN)
}

/// Either no candidate is there. Or one is, and its interpreter is missing, or an interpreter's interpreter.
fn explain_not_found(candidates: &Candidates, errno: Errno) -> Reported {
    let name = candidates.name;
    let Some(path) = candidates.iter().flatten().find(|path| sys::stat(path).is_ok()) else {
        let is_option = name.to_bytes().starts_with(b"-");
        let hint: &[&[u8]] = if is_option { &[b"options stand before ID"] } else { &[] };
        return step::failed_with(visible(name), errno, hint).with_status(NOT_FOUND);
    };
    let hint: &[&[u8]] = match find_missing(candidates.arena, path) {
        Some(missing) => {
            &[b"the file is there, but its interpreter or loader ", missing, b" is not in the image"]
        }
        None => &[b"the file is there, but something that it needs to run is not in the image"],
    };
    step::failed_with(path, errno, hint).with_status(CANNOT_RUN)
}

/// Follows the programs that interpret one another, from `path` on. Returns the first one that is missing.
fn find_missing<'a>(arena: &'a Arena, mut path: &'a CStr) -> Option<&'a [u8]> {
    const DEEPEST: usize = 5; // The kernel's own limit.
    for _ in 0..DEEPEST {
        path = interpreter_of(arena, path)?;
        if sys::stat(path).is_err() {
            return Some(path.to_bytes());
        }
    }
    None
}

/// The path of a file's interpreter.
fn interpreter_of<'a>(arena: &'a Arena, path: &CStr) -> Option<&'a CStr> {
    arena.string(&[interpreter::named_in(read_head(arena, path)?)?]).ok()
}

/// The beginning of a file; None if it cannot be read.
fn read_head<'a>(arena: &'a Arena, path: &CStr) -> Option<&'a [u8]> {
    let file = sys::openat(path, libc::O_RDONLY | libc::O_NONBLOCK, 0).ok()?;
    let head = arena.bytes(4096).ok()?;
    let len = sys::pread(file.borrow(), head, 0).ok()?;
    head.get(..len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_replaces_the_one_of_its_name_and_there_is_no_limit_on_their_number() {
        let arena = Arena::new();
        let strings: Vec<_> =
            (0..5000).map(|index| std::ffi::CString::new(format!("V{index}=")).unwrap()).collect();
        let mut variables: Vec<_> = strings.iter().map(|string| Variable::new(string).unwrap()).collect();
        variables.extend([c"V7=seven", c"PATH=/x"].map(|entry| Variable::new(entry).unwrap()));
        let id = Name::new(c"c1").unwrap();
        let environment = environment(&arena, &variables, id, None).unwrap();
        assert_eq!(environment.len(), 5003);
        let entries: Vec<_> = environment.iter().map(|variable| variable.entry()).collect();
        assert_eq!(entries[..3], [c"PATH=/x", c"HOME=/root", c"HOSTNAME=c1"]);
        assert_eq!(entries[10], c"V7=seven");
    }
}
