//! The environment of the command: the container's own few variables, then those of `--env-file`, then those of `--env`.
//!
//! Nothing is copied. The strings stay where they are: in this program, in the memory in which the kernel has put the command
//! line and the caller's environment, and for a file in memory of its own, in which the end of each line becomes a NUL.

use core::ffi::CStr;

use crate::cli::{self, entry};
use crate::file::File;
use crate::spec::Spec;
use crate::step::{self, Reported};
use crate::sys::{Argv, CStrPtr, Errno, Memory, before_nul};
use crate::text::{cut, decimal, has, split, visible};

/// PATH inside, as docker sets it.
const PATH: &CStr = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How many variables a command can get.
const MOST: usize = 1024;

/// How many `--env-file`s there can be.
const MOST_FILES: usize = 8;

/// The files of `--env-file`, each with a NUL in place of what ended a line.
pub struct Files([Option<Memory>; MOST_FILES]);

impl Files {
    /// None yet.
    pub const fn new() -> Self {
        Self([const { None }; MOST_FILES])
    }

    /// envfile: reads and checks them, before anything is made.
    pub fn read(&mut self, spec: &Spec) -> Result<(), Reported> {
        const TOO_MANY: &[u8] = b"there can be 8 files at most";
        let mut free = self.0.iter_mut();
        for path in cli::values(spec.options, "--env-file") {
            let Some(file) = free.next() else {
                return Err(step::failed_with(visible(path), Errno::E2BIG, &[TOO_MANY]));
            };
            *file = Some(read(path)?);
        }
        Ok(())
    }

    /// Gives their memory back.
    pub fn forget(&mut self) {
        self.0.iter_mut().filter_map(Option::take).for_each(Memory::unmap);
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one file into memory that has room for a NUL after its last line.
fn read(path: &CStr) -> Result<Memory, Reported> {
    let digits = &mut [0; 10];
    let failed = |errno| step::failed(visible(path), errno);
    let file = File::open(path)?.ok_or_else(|| failed(Errno::ENOENT))?;
    let mut memory = Memory::map(file.size + 1).map_err(failed)?;
    let text = memory.bytes_mut().get_mut(..file.size).unwrap_or_default();
    let len = file.read(text, 0).map_err(failed)?;
    if has(text.get(..len).unwrap_or_default(), 0) {
        return Err(step::failed_with(path, Errno::EINVAL, &[b"there is a NUL in it, so it is no text"]));
    }
    end_lines(memory.bytes_mut());
    let (mut rest, mut number) = (memory.bytes(), 0);
    while let Some(line) = next_line(&mut rest) {
        number += 1;
        if variable_of(line).is_some_and(|variable| !has_name(variable)) {
            let number = decimal(number, digits);
            let hint = [b"line ", number, b" is neither NAME=VALUE nor NAME, without blanks in NAME"];
            return Err(step::failed_with(path, Errno::EINVAL, &hint));
        }
    }
    Ok(memory)
}

/// Puts a NUL where a line ends. Where a carriage return and a newline end it together, the newline becomes a blank, so that this is
/// one end and not two: blanks at the beginning of a line are no part of it. Nor is U+FEFF, a mark with which some editors begin a
/// file.
fn end_lines(text: &mut [u8]) {
    if let Some(mark) = text.get_mut(..3).filter(|mark| *mark == b"\xef\xbb\xbf") {
        mark.fill(b' ');
    }
    let mut before = &mut 0;
    for byte in text {
        match (*before, *byte) {
            (b'\r', b'\n') => (*before, *byte) = (0, b' '),
            (b'\r', 0) => *before = 0,
            (_, b'\n') => *byte = 0,
            _ => {}
        }
        before = byte;
    }
}

/// Takes the first of the strings that follow each other in a text.
fn next_line<'t>(text: &mut &'t [u8]) -> Option<&'t CStr> {
    let line = before_nul(text)?;
    *text = text.get(line.count_bytes() + 1..)?;
    Some(line)
}

/// What a line says, from its first letter on, if it is neither blank nor a comment.
fn variable_of(line: &CStr) -> Option<&CStr> {
    let line = line.to_bytes_with_nul().trim_ascii_start();
    let is_one = !matches!(line.first(), None | Some(0 | b'#'));
    before_nul(line).filter(|_| is_one)
}

/// What stands before the `=`, if there is one.
fn name_of(variable: &[u8]) -> &[u8] {
    split(variable, b'=').next().unwrap_or_default()
}

fn has_name(variable: &CStr) -> bool {
    let name = name_of(variable.to_bytes());
    !name.is_empty() && !name.iter().any(|byte| matches!(byte, b' ' | b'\t'))
}

/// The variables themselves, and NULL after the last.
pub struct Environment<'a> {
    words: [Option<CStrPtr<'a>>; MOST + 1],
}

impl<'a> Environment<'a> {
    /// None yet.
    pub const fn new() -> Self {
        Self { words: [None; MOST + 1] }
    }

    /// Adds what every container has, and what was asked for. E2BIG: they are too many.
    pub fn fill(
        &mut self,
        spec: &Spec<'a>,
        files: &'a Files,
        hostname: &'a CStr,
        home: &'a CStr,
    ) -> Result<(), Errno> {
        for &variable in &[PATH, home, hostname] {
            self.add(variable.into())?;
        }
        if let Some(term) = entry(spec.env, b"TERM") {
            self.add(term)?;
        }
        for file in files.0.iter().flatten() {
            let mut rest = file.bytes();
            while let Some(line) = next_line(&mut rest) {
                if let Some(variable) = variable_of(line) {
                    self.add_from(spec.env, variable)?;
                }
            }
        }
        for variable in cli::values(spec.options, "--env") {
            self.add_from(spec.env, variable)?;
        }
        Ok(())
    }

    /// Adds `NAME=VALUE`; or, for `NAME` alone, what the caller's environment has, if it has it.
    fn add_from(&mut self, env: &'a [Option<CStrPtr<'a>>], variable: &'a CStr) -> Result<(), Errno> {
        if has(variable.to_bytes(), b'=') {
            return self.add(variable.into());
        }
        entry(env, variable.to_bytes()).map_or(Ok(()), |word| self.add(word))
    }

    /// Adds a variable, in the place of the one of the same name.
    fn add(&mut self, word: CStrPtr<'a>) -> Result<(), Errno> {
        let name = name_of(word.to_bytes());
        let is_its =
            |place: &&mut Option<CStrPtr>| place.is_none_or(|known| name_of(known.to_bytes()) == name);
        let place = self.words.iter_mut().take(MOST).find(is_its).ok_or(Errno::E2BIG)?;
        *place = Some(word);
        Ok(())
    }

    /// As envp.
    pub fn vector(&self) -> Option<Argv<'_>> {
        Argv::new(&self.words)
    }

    /// The directories in which a command is looked for, with colons between them.
    pub fn path(&self) -> &[u8] {
        let known = entry(&self.words, b"PATH");
        known.and_then(|word| cut(word.to_bytes(), b'=').1).unwrap_or_default()
    }
}

impl Default for Environment<'_> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_takes_the_place_of_the_one_of_its_name_and_1024_fit() {
        let mut environment = Environment::new();
        let strings: Vec<_> =
            (0..=MOST).map(|index| std::ffi::CString::new(format!("V{index}=")).unwrap()).collect();
        for string in &strings[..MOST] {
            assert_eq!(environment.add(string.as_c_str().into()), Ok(()));
        }
        assert_eq!(environment.add(strings[MOST].as_c_str().into()), Err(Errno::E2BIG));
        assert_eq!(environment.add(c"V7=seven".into()), Ok(()));
        assert!(environment.vector().is_some());
        assert_eq!(entry(&environment.words, b"V7").map(CStrPtr::to_bytes), Some(&b"V7=seven"[..]));
        assert_eq!(environment.words.iter().flatten().count(), MOST);
    }
}
