//! What the tests share: a host that is left as it was found, and ways to run the program on it.
//!
//! Each test has a [`Host`]: a mount namespace, a state directory and an ID that no other test has. When it is dropped it
//! checks that nothing of the test is still mounted or running, and removes its files. Other programs may mount and start
//! what they like meanwhile.

#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses a part of this.

pub mod pty;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The program under test, as cargo built it.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_container");

/// The top of the repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where the images are.
pub fn images() -> PathBuf {
    std::env::var_os("CONTAINER_IMAGES")
        .filter(|dir| !dir.is_empty())
        .map_or_else(|| Path::new(ROOT).join("images"), |dir| Path::new(ROOT).join(dir))
}

/// A place on the real machine for one test.
pub struct Host {
    /// The test's own ID of a container, the same in no other test.
    pub id: String,
    /// The test's own `$CONTAINER_STATE`. It does not exist until a container runs.
    pub state: PathBuf,
    /// A directory for whatever else the test needs; anybody can look into it.
    pub dir: PathBuf,
    /// Those at the beginning, if the test can mount anything.
    mounts: Option<String>,
}

impl Host {
    pub fn new(name: &str) -> Self {
        default_signals();
        let mounts = enter_mount_namespace().then(mountinfo);
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(format!("container-test-{unique}"));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        Self { id: unique, state: dir.join("state"), dir, mounts }
    }

    /// `container ARGS`, with this test's directories and an environment that is otherwise the test's own.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).current_dir(ROOT).stdin(Stdio::null());
        command.env("CONTAINER_STATE", &self.state).env("CONTAINER_IMAGES", images());
        command
    }

    /// Runs `container OPTIONS ID IMAGE CMD`.
    pub fn run(&self, options: &[&str], image: &str, command: &[&str]) -> Outcome {
        self.run_as(&self.id, options, image, command)
    }

    pub fn run_as(&self, id: &str, options: &[&str], image: &str, command: &[&str]) -> Outcome {
        outcome(&mut self.command(&[options, &[id, image], command].concat()))
    }

    /// Runs a script in the default sequence, on busybox.
    pub fn sh(&self, script: &str) -> Outcome {
        self.run(&[], "busybox", &["sh", "-c", script])
    }

    /// Starts a container that sleeps, and returns when it does.
    pub fn start_sleeping(&self) -> Supervisor {
        let mut command = self.command(&[&self.id, "busybox", "sh", "-c", "echo started; exec sleep 1000"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = [0; 8];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(&line, b"started\n");
        Supervisor(child)
    }

    /// The PIDs on this host of the processes in containers of this test; HOSTNAME in their environment gives them away.
    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("HOSTNAME={}", self.id);
        let is_ours = |pid: &u32| {
            environ(*pid).split(|byte| *byte == 0).any(|entry| entry.starts_with(mark.as_bytes()))
        };
        let pids =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter(is_ours).collect()
    }

    /// Whether a program of that name runs in a container of this test; its start is over, and it is not stopped.
    pub fn runs(&self, name: &str) -> bool {
        let is_it = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(&format!("({name}) S"))
        };
        self.processes().iter().any(is_it)
    }

    /// An image of this test's own: a copy of busybox, in a directory of images of its own.
    pub fn own_image(&self, name: &str) -> PathBuf {
        let image = self.dir.join("images").join(name);
        fs::create_dir_all(&image).unwrap();
        // What is in it, even if the image is a symbolic link to one.
        shell(&format!("cp -a '{}/.' '{}'", images().join("busybox").display(), image.display()));
        image
    }

    /// As [`Host::run`], on an image of [`Host::own_image`].
    pub fn run_own(&self, options: &[&str], image: &str, command: &[&str]) -> Outcome {
        let mut program = self.command(&[options, &[&self.id, image], command].concat());
        outcome(program.env("CONTAINER_IMAGES", self.dir.join("images")))
    }

    /// Whether nothing of a container is there: no process, and no state directory.
    pub fn assert_nothing_left(&self) {
        assert!(!self.state.exists(), "left behind: {}", list(&self.state));
        assert_eq!(self.processes(), Vec::<u32>::new());
        self.assert_same_mounts();
    }

    /// Whether the mounts are those from before the test.
    #[track_caller]
    pub fn assert_same_mounts(&self) {
        let Some(before) = &self.mounts else { return };
        let now = mountinfo();
        assert_eq!(lines_not_in(before, &now), Vec::<String>::new(), "these have been mounted");
        let gone = lines_not_in(&now, before);
        wait_at_most(2, &format!("the places of these are gone too: {gone:#?}"), || {
            !gone.iter().any(|mount| has_mount_point(mount))
        });
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            wait_until("no process is left", || self.processes().is_empty());
            self.assert_same_mounts();
        }
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// A caller may have left these ignored, as a shell does for what it starts in the background, and the programs that a test starts
/// would ignore them too.
#[allow(unsafe_code)]
fn default_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: the default action runs no code of this process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// The environment of a process. In the middle of an execve(2) it has none yet, which does not count.
fn environ(pid: u32) -> Vec<u8> {
    let is_settled = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let end_of_environ = stat.rsplit(") ").next().and_then(|fields| fields.split(' ').nth(48)); // proc(5): the 51st
        end_of_environ != Some("0") || fs::read_link(format!("/proc/{pid}/exe")).is_err() // A thread of the kernel has none.
    };
    loop {
        let was_settled = is_settled();
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if !environ.is_empty() || was_settled && is_settled() {
            return environ;
        }
    }
}

/// A running `container`, which does not outlive the test that started it.
pub struct Supervisor(pub std::process::Child);

impl Supervisor {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn status(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.0.kill(); // It may have ended long ago.
        let _ = self.0.wait();
    }
}

/// What a program did.
#[derive(Debug)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    pub status: i32,
}

impl Outcome {
    /// Checks all three at once, so that a failure shows all three.
    #[track_caller]
    pub fn assert(&self, status: i32, stdout: &str, stderr: &str) {
        assert_eq!((self.status, &*self.stdout, &*self.stderr), (status, stdout, stderr));
    }

    /// The container ran, and said this.
    #[track_caller]
    pub fn assert_stdout(&self, stdout: &str) {
        self.assert(0, stdout, "");
    }
}

pub fn outcome(command: &mut Command) -> Outcome {
    let Output { stdout, stderr, status } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let status = status.code().unwrap_or_else(|| -status.signal().unwrap());
    Outcome { stdout: text(stdout), stderr: text(stderr), status }
}

/// Runs a script on the host, which must succeed; returns what it printed.
#[track_caller]
pub fn shell(script: &str) -> String {
    let outcome = outcome(Command::new("bash").args(["-euc", script]).current_dir(ROOT).stdin(Stdio::null()));
    assert_eq!(outcome.status, 0, "{script}: {outcome:?}");
    outcome.stdout
}

/// Gives this thread a mount namespace of its own, unless it has one; what the thread starts is in it too. A mount of the
/// machine does not appear in it. All of its mounts are shared, as systemd has them: a mount that gets out of a container
/// appears here. Returns whether it has one: an ordinary user cannot have one, and cannot mount anything.
fn enter_mount_namespace() -> bool {
    thread_local!(static HAS_ONE: Cell<bool> = const { Cell::new(false) });
    if HAS_ONE.get() {
        return true;
    }
    #[allow(unsafe_code)]
    // SAFETY: the flags do not contain CLONE_FILES, so all threads still have the same descriptors.
    match unsafe { unshare_unsafe(UnshareFlags::NEWNS) } {
        Err(Errno::PERM) => return false,
        outcome => outcome.unwrap(),
    }
    for propagation in [MountPropagationFlags::PRIVATE, MountPropagationFlags::SHARED] {
        mount_change("/", propagation | MountPropagationFlags::REC).unwrap();
    }
    HAS_ONE.set(true);
    true
}

/// The mounts that this thread sees, a line each. A mount keeps its line.
pub fn mountinfo() -> String {
    fs::read_to_string("/proc/thread-self/mountinfo").unwrap()
}

/// The lines of a text that another one lacks.
fn lines_not_in(text: &str, lines: &str) -> Vec<String> {
    lines.lines().filter(|line| !text.lines().any(|other| other == *line)).map(str::to_owned).collect()
}

/// Whether the place of a mount is there. If another program removes a directory, the kernel unmounts what is mounted on it
/// in all mount namespaces, a moment before the directory is gone.
fn has_mount_point(mount: &str) -> bool {
    mount.split(' ').nth(4).is_some_and(|path| Path::new(path).exists())
}

/// /tmp/container, the state directory of a user who chose none, for a test to mount a tmpfs on. The kernel would unmount
/// that if any process removed the directory, so it exists until the last test of all test processes is done with it.
pub struct TmpContainer(fs::File);

impl TmpContainer {
    pub const PATH: &str = "/tmp/container";

    pub fn new() -> Self {
        loop {
            let made = fs::DirBuilder::new().mode(0o700).create(Self::PATH);
            assert!(made.is_ok() || Path::new(Self::PATH).is_dir(), "{}: {made:?}", Self::PATH);
            let Ok(directory) = fs::File::open(Self::PATH) else { continue };
            flock(&directory, FlockOperation::LockShared).unwrap();
            // Another test may have removed it before it was locked.
            if directory.metadata().unwrap().nlink() > 0 {
                return Self(directory);
            }
        }
    }
}

impl Drop for TmpContainer {
    fn drop(&mut self) {
        if flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok() {
            drop(fs::remove_dir(Self::PATH)); // It is not empty if it holds a user's containers.
        }
    }
}

/// Writes a program and makes the directories above it. Another process does it: a process that a thread of this one starts
/// meanwhile would hold the file open, and execve(2) would fail with ETXTBSY.
pub fn write_program(path: &Path, content: &[u8], mode: u32) {
    const SCRIPT: &str = "mkdir -p \"${1%/*}\" && cat > \"$1\" && chmod \"$2\" \"$1\"";
    let mut sh = Command::new("sh");
    sh.args(["-c", SCRIPT, "sh"]).arg(path).arg(format!("{mode:o}"));
    let mut writer = sh.stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(content).unwrap();
    assert!(writer.wait().unwrap().success(), "{} is written", path.display());
}

/// Every file of src/, by its path in there.
pub fn sources() -> BTreeMap<String, String> {
    let top = Path::new(ROOT).join("src");
    let (mut sources, mut directories) = (BTreeMap::new(), vec![top.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
                sources.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(sources.len() > 20, "the files are found");
    sources
}

pub fn list(dir: &Path) -> String {
    shell(&format!("find '{}' | sort", dir.display()))
}

#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    wait_at_most(10, what, is_so);
}

#[track_caller]
fn wait_at_most(seconds: u64, what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(seconds), "not within {seconds} seconds: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
