//! Every step is made to fail, and nothing may be left behind: no mount, no process, no directory.

mod common;

use common::{Host, Outcome, images, list, outcome};
use std::process::Command;

/// Runs the program under strace, which makes system calls fail as `inject` says: `mount:error=EPERM:when=2` is the second
/// mount of a process.
fn run_with(host: &Host, inject: &str, image: &str, command: &[&str]) -> Outcome {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", &format!("inject={inject}")]);
    strace.arg(common::PROGRAM).args([&host.id, image]).args(command);
    strace.current_dir(common::ROOT).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut strace)
}

/// Which system call of which step fails, and what is said of it.
const FAILURES: [(&str, &str, &str); 45] = [
    ("image", "statx:error=EACCES:when=1", "images/busybox: EACCES (Permission denied)"),
    ("state", "statx:error=EIO:when=2", "STATE: EIO (Input/output error)"),
    ("state", "mkdirat:error=ENOSPC:when=1", "STATE: ENOSPC (No space left on device)"),
    ("state", "statx:error=EIO:when=3", "STATE/ID: EIO (Input/output error)"),
    ("state", "mkdirat:error=ENOSPC:when=2", "STATE/ID: ENOSPC (No space left on device)"),
    ("state", "openat:error=EMFILE:when=1", "STATE/ID/lock: EMFILE (Too many open files)"),
    ("state", "fcntl:error=ENOLCK:when=1", "STATE/ID/lock: ENOLCK (No locks available)"),
    ("state", "statx:error=EIO:when=4", "STATE/ID/lock: EIO (Input/output error)"),
    ("state", "mkdirat:error=ENOSPC:when=3", "STATE/ID/upper: ENOSPC (No space left on device)"),
    ("state", "fchmodat:error=EPERM:when=1", "STATE/ID/upper: EPERM (Operation not permitted)"),
    ("state", "mkdirat:error=EDQUOT:when=4", "STATE/ID/work: EDQUOT (Disk quota exceeded)"),
    ("state", "mkdirat:error=EROFS:when=5", "STATE/ID/merged: EROFS (Read-only file system)"),
    ("state", "write:error=ENOSPC:when=1", "STATE/ID/lock: ENOSPC (No space left on device)"),
    ("stack", "mmap:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
    ("stack", "mprotect:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
    ("clone", "rt_sigaction:error=EINVAL:when=1", "SIGCHLD: EINVAL (Invalid argument)"),
    ("clone", "clone:error=EPERM", "EPERM (Operation not permitted)"),
    ("clone", "clone:error=EAGAIN", "EAGAIN (Resource temporarily unavailable)"),
    ("clone", "clone:error=ENOSPC", "ENOSPC (No space left on device)"),
    ("clone", "prctl:error=EINVAL", "PR_SET_PDEATHSIG: EINVAL (Invalid argument)"),
    ("private", "mount:error=EINVAL:when=1", "/: EINVAL (Invalid argument)"),
    ("overlay", "mount:error=ENODEV:when=2", "STATE/ID/merged: ENODEV (No such device)"),
    ("overlay", "mount:error=EINVAL:when=2", "STATE/ID/merged: EINVAL (Invalid argument)"),
    ("overlay", "mount:error=EPERM:when=2", "STATE/ID/merged: EPERM (Operation not permitted)"),
    ("dev", "open_tree:error=ENOENT:when=1", "/dev/null: ENOENT (No such file or directory)"),
    ("dev", "open_tree:error=ENOSYS:when=6", "/dev/tty: ENOSYS (Function not implemented)"),
    ("pivot", "chdir:error=EACCES:when=1", "STATE/ID/merged: EACCES (Permission denied)"),
    ("pivot", "pivot_root:error=EINVAL", "STATE/ID/merged: EINVAL (Invalid argument)"),
    ("pivot", "pivot_root:error=EBUSY", "STATE/ID/merged: EBUSY (Device or resource busy)"),
    ("detach", "umount2:error=EINVAL", ".: EINVAL (Invalid argument)"),
    ("proc", "mount:error=EPERM:when=3", "/proc: EPERM (Operation not permitted)"),
    ("proc", "mount:error=ENOENT:when=3+", "/proc: EEXIST (File exists)"),
    ("dev", "mount:error=ENOMEM:when=4", "/dev: ENOMEM (Cannot allocate memory)"),
    ("dev", "mknodat:error=ENOSPC:when=1", "/dev/null: ENOSPC (No space left on device)"),
    ("dev", "mknodat:error=ENOSPC:when=6", "/dev/tty: ENOSPC (No space left on device)"),
    ("dev", "move_mount:error=EINVAL:when=1", "/dev/null: EINVAL (Invalid argument)"),
    ("dev", "mount_setattr:error=EPERM:when=1", "/dev: EPERM (Operation not permitted)"),
    ("dev", "mount_setattr:error=EINVAL:when=2", "/dev: EINVAL (Invalid argument)"),
    ("dev", "symlinkat:error=ENOSPC:when=1", "/dev/fd: ENOSPC (No space left on device)"),
    ("dev", "symlinkat:error=ENOSPC:when=4", "/dev/stderr: ENOSPC (No space left on device)"),
    ("exec", "close_range:error=ENOSYS", "true: ENOSYS (Function not implemented)"),
    ("exec", "execve:error=ENOMEM:when=1", "true: ENOMEM (Cannot allocate memory)"),
    ("wait", "rt_sigaction:error=EINVAL:when=2", "EINVAL (Invalid argument)"),
    ("wait", "rt_sigaction:error=EINVAL:when=3", "EINVAL (Invalid argument)"),
    ("wait", "wait4:error=ECHILD:when=1", "ECHILD (No child processes)"),
];

#[test]
fn each_failure_names_its_step_path_and_errno_and_leaves_nothing_behind() {
    for (step, inject, expected) in FAILURES {
        let host = Host::new("inject");
        let failed = run_with(&host, inject, "busybox", &["true"]);
        let expected = expected.replace("STATE", &host.state.display().to_string()).replace("ID", &host.id);
        let line = failed.stderr.lines().next().unwrap_or_default();
        let separator = if expected.contains(": ") { " " } else { ": " };
        let said = line.strip_prefix(&format!("container: {step}{separator}")).unwrap_or(line);
        assert!(said.ends_with(&expected), "{step}, {inject}: {failed:?}");
        let status = if inject.starts_with("execve") { 126 } else { 125 };
        assert_eq!((failed.status, &*failed.stdout), (status, ""), "{step}, {inject}: {failed:?}");
        let rest: Vec<&str> = failed.stderr.lines().skip(1).collect();
        assert!(rest.is_empty() || rest.len() == 1 && rest[0].starts_with("hint: "), "{failed:?}");
        common::wait_until("no process is left", || host.processes().is_empty());
        assert!(!host.state.exists(), "{step}, {inject} left {}", list(&host.state));
        host.assert_nothing_left();
    }
}

#[test]
fn no_failure_touches_what_a_container_wrote() {
    let host = Host::new("keep");
    host.sh("echo precious > /file; mkdir /dir; ln -s /nowhere /link").assert_stdout("");
    let upper = host.state.join(&host.id).join("upper");
    let before = list(&upper);
    for (step, inject, _) in FAILURES.iter().filter(|row| {
        !row.1.starts_with("mkdirat") && !row.1.starts_with("write") && !row.1.starts_with("fchmodat")
    }) {
        let failed = run_with(&host, inject, "busybox", &["true"]);
        assert_ne!(failed.status, 0, "{step}, {inject}: {failed:?}");
        common::wait_until("no process is left", || host.processes().is_empty());
        assert_eq!(list(&upper), before, "{step}, {inject}");
    }
    host.run(&[], "busybox", &["cat", "/file"]).assert_stdout("precious\n");
}

#[test]
fn a_failure_on_a_new_id_takes_back_only_what_it_made() {
    let host = Host::new("back");
    let other = format!("{}-other", host.id);
    host.run_as(&other, &[], "busybox", &["true"]).assert_stdout("");
    host.run(&[], "busybox", &["nope"]).assert(
        127,
        "",
        "container: exec nope: ENOENT (No such file or directory)\n",
    );
    assert!(!host.state.join(&host.id).exists());
    assert!(host.state.join(&other).join("upper").exists());
}

#[test]
fn interrupted_calls_are_made_again() {
    let host = Host::new("eintr");
    let waited = run_with(&host, "wait4:error=EINTR:when=1..3", "busybox", &["sh", "-c", "exit 5"]);
    assert_eq!((waited.status, &*waited.stderr), (5, ""));
}

#[test]
fn inside_a_chroot_the_root_is_no_mount_point_and_the_hint_says_so() {
    let host = Host::new("inchroot");
    let image = host.own_image("img");
    std::fs::copy(common::PROGRAM, image.join("bin/container")).unwrap();
    std::fs::create_dir_all(image.join("images/inner")).unwrap();
    let mut chroot = Command::new("chroot");
    chroot
        .arg(&image)
        .args(["/bin/container", "c1", "inner", "true"])
        .env_remove("CONTAINER_STATE")
        .env_remove("CONTAINER_IMAGES");
    outcome(&mut chroot).assert(
        125,
        "",
        "container: private /: EINVAL (Invalid argument)\nhint: / is not a mount point: is this inside a chroot?\n",
    );
    assert!(!image.join("tmp/container").exists());
}

#[test]
fn an_image_that_is_missing_or_no_directory_is_said_before_anything_is_made() {
    let host = Host::new("image");
    std::fs::create_dir(host.dir.join("images")).unwrap();
    std::fs::write(host.dir.join("images/file"), "").unwrap();
    let dir = host.dir.display();
    host.run_own(&[], "nope", &["true"]).assert(
        125,
        "",
        &format!(
            "container: image {dir}/images/nope: ENOENT (No such file or directory)\n\
             hint: make image IMAGE=nope, or set CONTAINER_IMAGES to where it is\n"
        ),
    );
    host.run_own(&[], "file", &["true"]).assert(
        125,
        "",
        &format!("container: image {dir}/images/file: ENOTDIR (Not a directory)\n"),
    );
    host.assert_nothing_left();
}

#[test]
fn a_limit_on_memory_is_a_clear_failure() {
    let host = Host::new("limit");
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--as=262144", common::PROGRAM, &host.id, "busybox", "true"]).current_dir(common::ROOT);
    prlimit.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut prlimit).assert(125, "", "container: stack: ENOMEM (Cannot allocate memory)\n");
    host.assert_nothing_left();
}
