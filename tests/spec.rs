//! A container without a command line: a program fills in a [`Spec`] and runs it.
//!
//! There is no test harness here. A run calls set_tid_address(2), and the kernel then no longer tells the C library when
//! this thread ends. That is harmless for the main thread, whose end nothing waits for.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::{Path, PathBuf};

use container::run;
use container::spec::{
    Account, Command, Limit, Mount, Name, Options, RESOURCES, Spec, Terminal, Tmpfs, User, Variable, Volume,
};
use container::sys::{Arena, CStrPtr, Process};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The places of one test.
struct Places {
    /// The directory that holds all others, to be removed at the end.
    dir: PathBuf,
    images: CString,
    state: CString,
    volume: CString,
}

impl Places {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("container-spec-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("volume")).unwrap();
        let images = std::env::var_os("CONTAINER_IMAGES").filter(|images| !images.is_empty());
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join(images.unwrap_or_else(|| "images".into()));
        Self {
            images: c_path(&images),
            state: c_path(&dir.join("state")),
            volume: c_path(&dir.join("volume")),
            dir,
        }
    }

    /// A spec with these places. The name is that of the container.
    fn spec<'a>(&'a self, name: &'a CStr, command: Command<'a>) -> Spec<'a> {
        Spec {
            images: &self.images,
            state: Some(&self.state),
            options: Options { terminal: Terminal::Never, ..Options::DEFAULT },
            ..Spec::new(Name::new(name).unwrap(), Name::new(c"busybox").unwrap(), command)
        }
    }

    fn volume(&self) -> Mount<'_> {
        Mount::Volume(Volume { host: &self.volume, dir: c"/out", read_only: false })
    }

    fn written(&self, file: &str) -> String {
        fs::read_to_string(self.dir.join("volume").join(file))
            .unwrap_or_else(|error| format!("{file}: {error}"))
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir)); // What stays is in the temporary directory.
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

/// The array that execve(2) takes.
fn words<const N: usize>(words: [&CStr; N]) -> Vec<Option<CStrPtr<'_>>> {
    words.into_iter().map(|word| Some(CStrPtr::from(word))).chain([None]).collect()
}

/// Runs a container to its end. Returns its exit status, or that of the failure.
fn status(spec: &Spec) -> u8 {
    let arena = Arena::new();
    let caller = Process { args: &[], env: &[], euid: 0 };
    match run::start(spec, &arena, &caller).and_then(run::Running::wait) {
        Ok(status) => status,
        Err(reported) => reported.status(),
    }
}

/// The same with some options changed.
fn with<'a>(mut spec: Spec<'a>, change: impl FnOnce(&mut Options<'a>)) -> Spec<'a> {
    change(&mut spec.options);
    spec
}

/// What is wrong, in words.
type Outcome = Result<(), String>;

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?} and not {expected:?}")) }
}

fn the_least_spec_runs_and_has_the_commands_status() -> Outcome {
    let places = Places::new("least");
    let argv = words([c"sh", c"-c", c"exit 7"]);
    let spec = places.spec(c"least", Command::new(&argv).unwrap());
    expect("the exit status", status(&spec), 7)?;
    expect("the exit status with bare", status(&with(spec, |options| options.bare = true)), 7)?;
    expect("the exit status with init", status(&with(spec, |options| options.init = true)), 7)
}

fn each_field_of_a_spec_reaches_the_command() -> Outcome {
    const SCRIPT: &CStr = c"{ hostname; pwd; id -u; id -g; ulimit -n; ulimit -Hn; echo \"$A $HOME $HOSTNAME\"
        grep -o '^tmpfs /memory [^ ]*' /proc/mounts; (: > /root-is) 2> /dev/null || echo read-only; echo $$; } > /out/told";
    let places = Places::new("fields");
    let argv = words([c"sh", c"-c", SCRIPT]);
    let mounts = [places.volume(), Mount::Tmpfs(Tmpfs { dir: c"/memory", flags: 0, data: c"mode=755" })];
    let limits = [Limit {
        resource: RESOURCES.iter().find(|resource| resource.name == c"nofile").unwrap(),
        soft: 64,
        hard: 128,
    }];
    let variables = [c"A=1", c"A=2"].map(|entry| Variable::new(entry).unwrap());
    let options = Options {
        terminal: Terminal::Never,
        hostname: Name::new(c"a-host"),
        workdir: Some(c"/made/for/it"),
        user: Some(User { user: Account::Id(0), group: Some(Account::Id(7)), text: c"0:7" }),
        mounts: &mounts,
        limits: &limits,
        variables: &variables,
        read_only: true,
        ..Options::DEFAULT
    };
    let spec = Spec { options, ..places.spec(c"fields", Command::new(&argv).unwrap()) };
    expect("the exit status", status(&spec), 0)?;
    expect(
        "what the container wrote",
        &*places.written("told"),
        "a-host\n/made/for/it\n0\n7\n64\n128\n2 /root a-host\ntmpfs /memory tmpfs\nread-only\n1\n",
    )
}

fn files_are_there_again_and_a_temporary_container_leaves_none() -> Outcome {
    let places = Places::new("files");
    let mounts = [places.volume()];
    let argv = words([c"sh", c"-c", c"cat /kept >> /out/told 2> /dev/null; echo kept >> /kept"]);
    let spec = with(places.spec(c"files", Command::new(&argv).unwrap()), |options| options.mounts = &mounts);
    for _ in 0..2 {
        expect("the exit status", status(&spec), 0)?;
    }
    expect("what the second run found", &*places.written("told"), "kept\n")?;
    let spec = Spec { id: Name::new(c"temporary").unwrap(), ..spec };
    let temporary = with(spec, |options| options.is_temporary = true);
    for _ in 0..2 {
        expect("the exit status", status(&temporary), 0)?;
    }
    expect("what temporary containers found", &*places.written("told"), "kept\n")?;
    expect("whether one left files", places.dir.join("state/temporary").exists(), false)
}

fn one_process_runs_one_container_after_another() -> Outcome {
    let places = Places::new("again");
    let mounts = [places.volume()];
    let argv = words([c"sh", c"-c", c"echo $HOSTNAME >> /out/told"]);
    for name in [c"first", c"second", c"third"] {
        let spec = with(places.spec(name, Command::new(&argv).unwrap()), |options| options.mounts = &mounts);
        expect("the exit status", status(&spec), 0)?;
    }
    expect("what the containers wrote", &*places.written("told"), "first\nsecond\nthird\n")
}

fn a_failure_is_a_value_with_the_status_and_leaves_nothing() -> Outcome {
    let places = Places::new("failure");
    let argv = words([c"no-such-command"]);
    let spec = places.spec(c"failure", Command::new(&argv).unwrap());
    expect("the status of a missing command", status(&spec), 127)?;
    let no_image = Spec { image: Name::new(c"no-such-image").unwrap(), ..spec };
    expect("the status of a missing image", status(&no_image), 125)?;
    expect("whether there is a state directory", places.dir.join("state").exists(), false)
}

/// A test and its name.
type Test = (&'static str, fn() -> Outcome);

const TESTS: [Test; 5] = [
    ("the_least_spec_runs_and_has_the_commands_status", the_least_spec_runs_and_has_the_commands_status),
    ("each_field_of_a_spec_reaches_the_command", each_field_of_a_spec_reaches_the_command),
    (
        "files_are_there_again_and_a_temporary_container_leaves_none",
        files_are_there_again_and_a_temporary_container_leaves_none,
    ),
    ("one_process_runs_one_container_after_another", one_process_runs_one_container_after_another),
    (
        "a_failure_is_a_value_with_the_status_and_leaves_nothing",
        a_failure_is_a_value_with_the_status_and_leaves_nothing,
    ),
];

/// A mount namespace for this process, in which no mount comes from outside or goes there.
fn enter_mount_namespace() {
    #[allow(unsafe_code)]
    // SAFETY: the flags do not contain CLONE_FILES, so all threads still have the same descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.expect("the tests need root");
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
}

/// Runs the tests whose names contain one of the words of the command line, as the test harness of Rust does.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    enter_mount_namespace();
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(&**filter)) {
            continue;
        }
        match test() {
            Ok(()) => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Err(why) => {
                failed += 1;
                println!("test {name} ... FAILED: {why}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
