//! The front end for people: a command line and the environment become a [`Spec`], or a message that says what is wrong.

pub mod draft;
pub mod envfile;
pub mod help;
pub mod options;
pub mod suggest;
pub mod usage;
pub mod values;

use core::ffi::CStr;

use crate::parent::{ENVFILE, PARSE};
use crate::spec::{Command, Name, Options, Spec, Terminal};
use crate::step::{self, Reported};
use crate::sys::{self, Arena, CStrPtr, Errno, List, Process};
use crate::text::{number, split_once, tail};
use draft::{Draft, Print};
use options::{NAME, OPTIONS, Opt, Value};

/// What a command line asks for.
#[expect(clippy::large_enum_variant, reason = "there is one value, and no allocator to box it")]
pub enum Request<'a> {
    /// A container.
    Run(Spec<'a>),
    /// A text.
    Print(Print),
}

/// Words of the command line or of the environment, with their NULL.
type Words<'a> = &'a [Option<CStrPtr<'a>>];

/// Reads the command line, the environment, and the files that they name.
///
/// An option such as `--help` ends the reading: what is wrong with the other words does not matter then.
pub fn parse<'a>(process: &Process, arena: &'a Arena) -> Result<Request<'a>, Reported> {
    step::begin(&PARSE);
    let mut draft = Draft::new(arena, process.env);
    let mut words = Reader::new(process.args.get(1..).unwrap_or_default());
    while let Some((option, value)) = words.next_option()? {
        set(&mut draft, option, value)?;
        if let Some(print) = draft.print {
            return Ok(Request::Print(print));
        }
    }
    finish(draft, words.rest, process.euid).map(Request::Run)
}

/// Prints what was asked for. Returns the exit status.
pub fn print(what: Print) -> Result<u8, Reported> {
    help::print(what)
}

fn set<'a>(draft: &mut Draft<'a>, option: &Opt, value: &'a CStr) -> Result<(), Reported> {
    (option.set)(draft, value).map_err(|errno| match errno {
        Errno::EINVAL => usage::invalid(option.long, value.to_bytes(), option.must_be),
        _ => step::failed(c"", errno),
    })
}

/// Makes the spec from what the options said and from the operands.
fn finish<'a>(mut draft: Draft<'a>, operands: Words<'a>, owner: u32) -> Result<Spec<'a>, Reported> {
    let images = draft.caller_value(b"CONTAINER_IMAGES").unwrap_or(c"images");
    let (id, image, command) = parse_operands(operands, images, draft.arena)?;
    refuse_conflicts(&draft)?;
    let mut variables = List::new();
    let failed = |errno| step::failed(c"", errno);
    if let Some(term) = draft.caller_variable(b"TERM") {
        variables.push(draft.arena, term).map_err(failed)?;
    }
    let env_files = core::mem::take(&mut draft.env_files).into_slice();
    if !env_files.is_empty() {
        step::begin(&ENVFILE);
    }
    envfile::read_all(&draft, env_files, &mut variables)?;
    for variable in draft.variables.as_mut_slice() {
        variables.push(draft.arena, *variable).map_err(failed)?;
    }
    let state = draft.caller_value(b"CONTAINER_STATE");
    let sudo_user = draft.caller_value(b"SUDO_UID").and_then(|uid| number::parse_id(uid.to_bytes()));
    let options = Options {
        variables: variables.into_slice(),
        mounts: draft.mounts.into_slice(),
        limits: draft.limits.into_slice(),
        skipped: draft.skipped.into_slice(),
        ..draft.options
    };
    Ok(Spec { id, image, command, images, state, owner, sudo_user, options })
}

/// `--bare` leaves out the steps that these options need.
fn refuse_conflicts(draft: &Draft) -> Result<(), Reported> {
    let asked = [
        (draft.options.hostname.is_some(), "--hostname"),
        (draft.options.init, "--init"),
        (draft.options.shm_size.is_some(), "--shm-size"),
        (draft.options.terminal == Terminal::Always, "--tty"),
    ];
    match asked.iter().find(|(is_asked, _)| *is_asked && draft.options.bare) {
        Some((_, option)) => Err(usage::conflict(option, "--bare")),
        None => Ok(()),
    }
}

fn parse_operands<'a>(
    operands: Words<'a>,
    images: &CStr,
    arena: &Arena,
) -> Result<(Name<'a>, Name<'a>, Command<'a>), Reported> {
    let missing = |operand| usage::missing(operand, &[usage::USAGE.as_bytes()]);
    let [id, image, command @ ..] = operands else { return Err(missing("ID")) };
    let id = name(id.ok_or_else(|| missing("ID"))?, "ID")?;
    let image = name(image.ok_or_else(|| missing("IMAGE"))?, "IMAGE")?;
    let command = Command::new(command).ok_or_else(|| missing_command(id, image, images, arena))?;
    Ok((id, image, command))
}

fn name<'a>(word: CStrPtr<'a>, operand: &str) -> Result<Name<'a>, Reported> {
    let word = word.to_cstr();
    Name::new(word).ok_or_else(|| match word.to_bytes() {
        [b'-', ..] => usage::misplaced(word.to_bytes(), operand),
        bytes => usage::invalid(operand, bytes, NAME),
    })
}

/// Two operands are there. Which of the three is missing? Only one that is an image can be the IMAGE.
fn missing_command(id: Name, image: Name, images: &CStr, arena: &Arena) -> Reported {
    let is_image = |name: Name| {
        let path = arena.string(&[images.to_bytes(), b"/", name.as_bytes()]);
        path.and_then(sys::stat).is_ok_and(|status| status.mode & libc::S_IFMT == libc::S_IFDIR)
    };
    let usage = usage::USAGE.as_bytes();
    let hint: &[&[u8]] = match (is_image(id), is_image(image)) {
        (_, true) => &[usage],
        (true, false) => &[b"'", id.as_bytes(), b"' is an image: is the ID missing? ", usage],
        (false, false) => &[b"'", image.as_bytes(), b"' is not an image: is the IMAGE missing? ", usage],
    };
    usage::missing("CMD", hint)
}

/// Reads the options of a command line one after the other, as getopt(3) does: `-qt` is `-q -t`, and `-wDIR` is `-w DIR`. The first
/// word that is not an option ends them, and so does `--`.
struct Reader<'a> {
    /// The word that is being read.
    word: &'a CStr,
    /// The index in that word of the next letter, or 0.
    letter: usize,
    /// The words after it.
    rest: Words<'a>,
}

impl<'a> Reader<'a> {
    const fn new(words: Words<'a>) -> Self {
        Self { word: c"", letter: 0, rest: words }
    }

    /// The next option and its value, or "".
    fn next_option(&mut self) -> Result<Option<(&'static Opt, &'a CStr)>, Reported> {
        if self.letter == 0 {
            let [Some(word), rest @ ..] = self.rest else { return Ok(None) };
            let word = word.to_cstr();
            let [b'-', after @ ..] = word.to_bytes() else { return Ok(None) };
            (self.word, self.rest) = (word, rest);
            match after {
                b"-" => return Ok(None),
                [b'-', ..] => return self.read_long().map(Some),
                _ => self.letter = 1,
            }
        }
        self.read_letter().map(Some)
    }

    /// `--name` or `--name=value`
    fn read_long(&mut self) -> Result<(&'static Opt, &'a CStr), Reported> {
        let (name, value) = split_once(self.word.to_bytes(), b'=');
        let option = self.find(|option| option.long.as_bytes() == name, name)?;
        let inline = value.map(|_| tail(self.word, name.len() + 1));
        self.take_value(option, inline).map(|value| (option, value))
    }

    /// `-a`, and in the same word perhaps its value or more letters.
    fn read_letter(&mut self) -> Result<(&'static Opt, &'a CStr), Reported> {
        let letter = self.word.to_bytes().get(self.letter).copied();
        let option = self.find(
            |option| option.short.is_some() && option.short == letter,
            &[b'-', letter.unwrap_or_default()],
        )?;
        self.letter += 1;
        let after = Some(tail(self.word, self.letter)).filter(|after| !after.is_empty());
        if after.is_some() && option.value == Value::No {
            return Ok((option, c"")); // More letters follow.
        }
        self.letter = 0;
        self.take_value(option, after).map(|value| (option, value))
    }

    fn find(&self, is_it: impl Fn(&&Opt) -> bool, name: &[u8]) -> Result<&'static Opt, Reported> {
        OPTIONS.iter().find(is_it).ok_or_else(|| suggest::unknown_option(self.word.to_bytes(), name))
    }

    /// The value in the same word; or in the next word, if the option needs one.
    fn take_value(&mut self, option: &Opt, inline: Option<&'a CStr>) -> Result<&'a CStr, Reported> {
        match (option.value, inline, self.rest) {
            (Value::Required(_), Some(value), _) => Ok(value),
            (Value::Required(_), None, [Some(next), rest @ ..]) => {
                self.rest = rest;
                Ok(next.to_cstr())
            }
            (Value::Required(form), None, _) => Err(usage::needs_value(option.long, " ", form)),
            (Value::Optional(_), Some(value), _) if !value.is_empty() => Ok(value),
            (Value::Optional(form), Some(_), _) => Err(usage::needs_value(option.long, "=", form)),
            (Value::No, Some(value), _) => Err(usage::takes_no_value(option.long, value.to_bytes())),
            (Value::No | Value::Optional(_), None, _) => Ok(c""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Account, Limit, Mount, RESOURCES, Tmpfs, User, Variable, Volume};

    /// The addresses of strings, and NULL.
    fn words(strings: &[&'static CStr]) -> &'static [Option<CStrPtr<'static>>] {
        Vec::leak(strings.iter().map(|string| Some(CStrPtr::from(*string))).chain([None]).collect())
    }

    fn process(args: &[&'static CStr], env: &[&'static CStr]) -> Process {
        Process { args: words(args), env: words(env), euid: 1000 }
    }

    /// A command line with every option that a spec has.
    fn full_command_line(env_file: &'static CStr) -> Process {
        let args = [
            c"container",
            c"-eA=1",
            c"--env",
            c"EDITOR",
            c"-e",
            c"ABSENT",
            env_file,
            c"-u",
            c"app:7",
            c"--workdir=/srv",
            c"--ulimit",
            c"nofile=1",
            c"--ulimit",
            c"nofile=64:128",
            c"--init",
            c"-tv",
            c"/etc:/m:ro",
            c"--tmpfs",
            c"/t:size=1m,exec",
            c"--shm-size=1m",
            c"--read-only",
            c"--rm",
            c"--hostname",
            c"h",
            c"--pid",
            c"host",
            c"--skip",
            c"private",
            c"--skip=proc",
            c"c1",
            c"alpine",
            c"sh",
            c"-c",
            c"--rm",
        ];
        process(
            &args,
            &[c"TERM=xterm", c"EDITOR=vi", c"CONTAINER_IMAGES=/i", c"CONTAINER_STATE=/s", c"SUDO_UID=7"],
        )
    }

    #[test]
    fn a_command_line_becomes_a_spec_field_by_field() {
        let file = std::env::temp_dir().join(format!("container-envfile-{}", std::process::id()));
        std::fs::write(&file, "\u{feff}# comment\r\n  FROM=file\r\nEDITOR\n").unwrap();
        let option = std::ffi::CString::new(format!("--env-file={}", file.display())).unwrap();
        let (process, arena) = (full_command_line(Box::leak(option.into_boxed_c_str())), Arena::new());
        let Ok(Request::Run(spec)) = parse(&process, &arena) else { panic!("refused") };
        std::fs::remove_file(&file).unwrap();
        let variables = [c"TERM=xterm", c"FROM=file", c"EDITOR=vi", c"A=1", c"EDITOR=vi"]
            .map(|entry| Variable::new(entry).unwrap());
        let nofile = RESOURCES.iter().find(|resource| resource.name == c"nofile").unwrap();
        let expected = Spec {
            id: Name::new(c"c1").unwrap(),
            image: Name::new(c"alpine").unwrap(),
            images: c"/i",
            state: Some(c"/s"),
            owner: 1000,
            sudo_user: Some(7),
            command: Command::new(words(&[c"sh", c"-c", c"--rm"])).unwrap(),
            options: Options {
                variables: &variables,
                workdir: Some(c"/srv"),
                user: Some(User { user: Account::Name(b"app"), group: Some(Account::Id(7)), text: c"app:7" }),
                hostname: Name::new(c"h"),
                mounts: &[
                    Mount::Volume(Volume { host: c"/etc", dir: c"/m", read_only: true }),
                    Mount::Tmpfs(Tmpfs {
                        dir: c"/t",
                        flags: libc::MS_NOSUID | libc::MS_NODEV,
                        data: c"mode=1777,size=1m",
                    }),
                ],
                shm_size: Some(1 << 20),
                limits: &[Limit { resource: nofile, soft: 64, hard: 128 }],
                read_only: true,
                is_temporary: true,
                host_pid: true,
                init: true,
                terminal: Terminal::Always,
                bare: false,
                skipped: &["private", "proc"],
            },
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn without_options_a_spec_has_the_defaults() {
        let (process, arena) = (process(&[c"container", c"c1", c"alpine", c"true"], &[]), Arena::new());
        let Ok(Request::Run(spec)) = parse(&process, &arena) else { panic!("refused") };
        let name = |name| Name::new(name).unwrap();
        let command = Command::new(words(&[c"true"])).unwrap();
        assert_eq!(spec, Spec { owner: 1000, ..Spec::new(name(c"c1"), name(c"alpine"), command) });
        let bare = self::process(&[c"container", c"--bare", c"-T", c"c1", c"alpine", c"true"], &[]);
        let Ok(Request::Run(spec)) = parse(&bare, &arena) else { panic!("refused") };
        assert!(spec.options.bare && spec.options.terminal == Terminal::Never);
    }
}
