//! Every step is made to fail, and nothing may be left behind: no mount, no process, no directory.

mod common;

use common::{Host, Outcome, images, list, outcome, write_program};
use std::process::Command;

/// The options that make a run take every step.
const ALL: [&str; 7] =
    ["-v", "/etc/passwd:/a/b:ro", "-v", "/tmp:/a/c", "--tmpfs=/d/e", "--read-only", "--hostname=h"];

/// With the names that this test's places have.
fn placed(text: &str, host: &Host) -> String {
    let images = images().display().to_string();
    text.replace("STATE", &host.state.display().to_string())
        .replace("ID", &host.id)
        .replace("IMAGES", &images)
}

/// Runs the program under strace, which makes system calls fail as `inject` says: `mount:error=EPERM:when=2` is the second
/// mount of a process.
/// Or, after a path, of those that name the path.
fn run_with(host: &Host, inject: &str, image: &str, command: &[&str]) -> Outcome {
    run_all(host, &[], inject, image, command)
}

fn run_all(host: &Host, options: &[&str], inject: &str, image: &str, command: &[&str]) -> Outcome {
    let (path, inject) = inject.rsplit_once(' ').map_or((None, inject), |(path, rest)| (Some(path), rest));
    let path = path.map(|path| placed(path, host));
    let paths: Vec<&str> = path.iter().flat_map(|path| ["-P", path]).collect();
    run_with_options(host, inject, &paths, options, image, command)
}

fn run_with_options(
    host: &Host,
    inject: &str,
    paths: &[&str],
    options: &[&str],
    image: &str,
    command: &[&str],
) -> Outcome {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", &format!("inject={inject}")]);
    strace.args(paths);
    strace.arg(common::PROGRAM).args(options).args([&host.id, image]).args(command);
    strace.current_dir(common::ROOT).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    // With a TERM, the step envfile takes the first memory.
    outcome(strace.env_remove("TERM"))
}

/// Which system call of which step fails, and the message.
const FAILURES: [(&str, &str, &str); 64] = [
    ("image", "statx:error=EACCES:when=4", "images/busybox: EACCES (Permission denied)"),
    ("state", "statx:error=EIO:when=5", "STATE: EIO (Input/output error)"),
    ("state", "mkdirat:error=ENOSPC:when=1", "STATE: ENOSPC (No space left on device)"),
    ("state", "openat:error=EMFILE:when=1", "STATE: EMFILE (Too many open files)"),
    ("state", "chdir:error=EACCES:when=1", "STATE: EACCES (Permission denied)"),
    ("state", "getcwd:error=ENOENT", "STATE: ENOENT (No such file or directory)"),
    ("state", "statx:error=EIO:when=7", "/tmp: EIO (Input/output error)"),
    ("state", "mkdirat:error=ENOSPC:when=2", "STATE/ID: ENOSPC (No space left on device)"),
    ("state", "openat:error=EMFILE:when=2", "STATE/ID: EMFILE (Too many open files)"),
    ("state", "flock:error=ENOLCK:when=1", "STATE/ID: ENOLCK (No locks available)"),
    ("state", "statx:error=EIO:when=9", "STATE/ID: EIO (Input/output error)"),
    ("state", "mkdirat:error=ENOSPC:when=3", "STATE/ID/upper: ENOSPC (No space left on device)"),
    ("state", "mkdirat:error=EDQUOT:when=4", "STATE/ID/work: EDQUOT (Disk quota exceeded)"),
    ("state", "mkdirat:error=EROFS:when=5", "STATE/ID/merged: EROFS (Read-only file system)"),
    ("image", "mmap:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
    ("stack", "mmap:error=ENOMEM:when=2", "ENOMEM (Cannot allocate memory)"),
    ("stack", "mprotect:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
    ("signals", "rt_sigprocmask:error=EINVAL:when=1", "EINVAL (Invalid argument)"),
    ("signals", "signalfd4:error=EMFILE", "EMFILE (Too many open files)"),
    ("clone", "rt_sigaction:error=EINVAL:when=1", "SIGCHLD: EINVAL (Invalid argument)"),
    ("clone", "clone:error=EPERM", "EPERM (Operation not permitted)"),
    ("clone", "clone:error=EAGAIN", "EAGAIN (Resource temporarily unavailable)"),
    ("clone", "clone:error=ENOSPC", "ENOSPC (No space left on device)"),
    ("clone", "prctl:error=EINVAL", "PR_SET_PDEATHSIG: EINVAL (Invalid argument)"),
    ("private", "mount:error=EINVAL:when=1", "/: EINVAL (Invalid argument)"),
    ("hostname", "sethostname:error=EPERM", "ID: EPERM (Operation not permitted)"),
    ("etc", "IMAGES/busybox/etc statx:error=EIO", "images/busybox/etc: EIO (Input/output error)"),
    (
        "etc",
        "STATE/ID/names/etc/hosts openat:error=EIO:when=2",
        "STATE/ID/names/etc/hosts: EIO (Input/output error)",
    ),
    ("etc", "STATE/ID/names mkdirat:error=ENOSPC", "STATE/ID/names/etc: ENOSPC (No space left on device)"),
    (
        "etc",
        "STATE/ID/names/etc mkdirat:error=ENOSPC",
        "STATE/ID/names/etc: ENOSPC (No space left on device)",
    ),
    ("etc", "STATE/ID/names/etc statx:error=EIO", "STATE/ID/names/etc: EIO (Input/output error)"),
    ("etc", "write:error=ENOSPC:when=1", "STATE/ID/names/etc/hosts: ENOSPC (No space left on device)"),
    ("etc", "write:error=ENOSPC:when=3", "STATE/ID/names/etc/resolv.conf: ENOSPC (No space left on device)"),
    ("overlay", "mount:error=ENODEV:when=2", "STATE/ID/merged: ENODEV (No such device)"),
    ("overlay", "mount:error=EINVAL:when=2", "STATE/ID/merged: EINVAL (Invalid argument)"),
    ("overlay", "mount:error=EPERM:when=2", "STATE/ID/merged: EPERM (Operation not permitted)"),
    ("dev", "open_tree:error=ENOENT:when=1", "/dev/null: ENOENT (No such file or directory)"),
    ("dev", "open_tree:error=ENOSYS:when=6", "/dev/tty: ENOSYS (Function not implemented)"),
    ("pivot", "STATE/ID/merged chdir:error=EACCES", "STATE/ID/merged: EACCES (Permission denied)"),
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
    ("dev", "mount:error=ENOMEM:when=5", "/dev/shm: ENOMEM (Cannot allocate memory)"),
    ("dev", "/dev/shm mkdirat:error=ENOSPC", "/dev/shm: ENOSPC (No space left on device)"),
    ("setuid", "setuid:error=EAGAIN", "setuid: EAGAIN (Resource temporarily unavailable)"),
    ("inherit", "statx:error=EIO:when=1", "stdin: EIO (Input/output error)"),
    ("inherit", "statx:error=EIO:when=3", "stderr: EIO (Input/output error)"),
    ("tty", "mount:error=ENODEV:when=6", "/dev/pts: ENODEV (No such device)"),
    ("tty", "symlinkat:error=ENOSPC:when=5", "/dev/ptmx: ENOSPC (No space left on device)"),
    ("session", "setsid:error=EPERM", "EPERM (Operation not permitted)"),
    ("inherit", "close_range:error=ENOSYS", "ENOSYS (Function not implemented)"),
    ("exec", "execve:error=ENOMEM:when=1", "true: ENOMEM (Cannot allocate memory)"),
    ("wait", "ppoll:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
    ("wait", "wait4:error=ECHILD:when=1", "ECHILD (No child processes)"),
];

/// The same of a run that asks for more.
const MORE_FAILURES: [(&str, &str, &str); 12] = [
    ("volume", "open_tree:error=EPERM:when=1", "/etc/passwd: EPERM (Operation not permitted)"),
    ("volume", "open_tree:error=ENOSPC:when=2", "/tmp: ENOSPC (No space left on device)"),
    ("attach", "openat2:error=ENOSYS:when=1", "/a/b: ENOSYS (Function not implemented)"),
    ("attach", "/d/e openat2:error=ENOSYS", "/d/e: ENOSYS (Function not implemented)"),
    ("attach", "/a mkdirat:error=ENOSPC", "/a/c: ENOSPC (No space left on device)"),
    ("attach", "/d/e fchdir:error=EACCES", "/d/e: EACCES (Permission denied)"),
    ("attach", "mknodat:error=EROFS:when=7", "/a/b: EROFS (Read-only file system)"),
    ("attach", "move_mount:error=EPERM:when=7", "/a/b: EPERM (Operation not permitted)"),
    ("attach", "mount_setattr:error=EPERM:when=3", "/a/b: EPERM (Operation not permitted)"),
    ("attach", "/d mkdirat:error=ENOSPC", "/d/e: ENOSPC (No space left on device)"),
    ("attach", "mount:error=ENOMEM:when=7", "/d/e: ENOMEM (Cannot allocate memory)"),
    ("readonly", "mount_setattr:error=EPERM:when=4", "/: EPERM (Operation not permitted)"),
];

/// And with --rm.
const FAILURES_IN_MEMORY: [(&str, &str, &str); 6] = [
    ("tmpstate", "open_tree:error=EPERM:when=1", "IMAGES/busybox: EPERM (Operation not permitted)"),
    ("tmpstate", "mount:error=ENOMEM:when=2", "IMAGES/busybox: ENOMEM (Cannot allocate memory)"),
    ("tmpstate", "mkdirat:error=ENOSPC:when=1", "upper: ENOSPC (No space left on device)"),
    ("tmpstate", "move_mount:error=EPERM:when=1", "merged: EPERM (Operation not permitted)"),
    ("overlay", "mount:error=EPERM:when=3", "merged: EPERM (Operation not permitted)"),
    ("exec", "execve:error=ENOMEM:when=1", "true: ENOMEM (Cannot allocate memory)"),
];

/// And with a terminal, which here is none for the command to be seen in.
const FAILURES_WITH_A_TERMINAL: [(&str, &str, &str); 12] = [
    ("channel", "socketpair:error=EMFILE", "EMFILE (Too many open files)"),
    ("tty", "/dev/pts/ptmx openat:error=ENFILE", "/dev/pts/ptmx: ENFILE (Too many open files in system)"),
    ("tty", "ioctl:error=EIO:when=1", "/dev/pts/ptmx: EIO (Input/output error)"),
    ("tty", "ioctl:error=EMFILE:when=2", "/dev/pts/ptmx: EMFILE (Too many open files)"),
    ("tty", "/dev/console mknodat:error=ENOSPC", "/dev/console: ENOSPC (No space left on device)"),
    ("tty", "/dev/console mount:error=ENOMEM", "/dev/console: ENOMEM (Cannot allocate memory)"),
    ("tty", "sendmsg:error=ENOMEM", "/dev/pts/ptmx: ENOMEM (Cannot allocate memory)"),
    ("session", "setsid:error=EPERM", "EPERM (Operation not permitted)"),
    ("session", "dup3:error=EBUSY:when=1", "EBUSY (Device or resource busy)"),
    ("session", "dup3:error=EBUSY:when=3", "EBUSY (Device or resource busy)"),
    ("wait", "recvmsg:error=ENOMEM", "ENOMEM (Cannot allocate memory)"),
    ("wait", "ppoll:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
];

#[test]
fn each_failure_of_a_run_with_volumes_a_terminal_or_in_memory_leaves_nothing_either() {
    let more = MORE_FAILURES.map(|row| (&ALL[..], row));
    let memory = FAILURES_IN_MEMORY.map(|row| (&["--rm"][..], row));
    let terminal = FAILURES_WITH_A_TERMINAL.map(|row| (&["-t"][..], row));
    for (options, (step, inject, expected)) in more.into_iter().chain(memory).chain(terminal) {
        let host = Host::new("more");
        let failed = run_all(&host, options, inject, "busybox", &["true"]);
        let separator = if expected.contains(": ") { " " } else { ": " };
        let expected = format!("container: {step}{separator}{}", placed(expected, &host));
        assert_eq!(failed.stderr.lines().next(), Some(&*expected), "{inject}");
        assert_eq!(failed.status, if step == "exec" { 126 } else { 125 }, "{inject}");
        common::wait_until("no process is left", || host.processes().is_empty());
        assert_left_by(step, &host);
    }
}

/// A failure leaves nothing behind. If the command has already begun, it may have written something: then its files stay.
fn assert_left_by(step: &str, host: &Host) {
    if step == "wait" && host.state.join(&host.id).exists() {
        host.assert_same_mounts();
        host.run(&[], "busybox", &["true"]).assert_stdout("");
    } else {
        host.assert_nothing_left();
    }
}

#[test]
fn each_failure_names_its_step_path_and_errno_and_leaves_nothing_behind() {
    for (step, inject, expected) in FAILURES {
        let host = Host::new("inject");
        let failed = run_with(&host, inject, "busybox", &["true"]);
        let expected = placed(expected, &host);
        let line = failed.stderr.lines().next().unwrap_or_default();
        let separator = if expected.contains(": ") { " " } else { ": " };
        let said = line.strip_prefix(&format!("container: {step}{separator}")).unwrap_or(line);
        assert!(said.ends_with(&expected), "{step}, {inject}: {failed:?}");
        let status = if inject.starts_with("execve") { 126 } else { 125 };
        assert_eq!((failed.status, &*failed.stdout), (status, ""), "{step}, {inject}: {failed:?}");
        let rest: Vec<&str> = failed.stderr.lines().skip(1).collect();
        assert!(rest.is_empty() || rest.len() == 1 && rest[0].starts_with("hint: "), "{failed:?}");
        common::wait_until("no process is left", || host.processes().is_empty());
        assert_left_by(step, &host);
    }
}

/// The same of the steps that options ask for.
const OPTIONAL: [(&str, &str, &str); 19] = [
    ("envfile", "openat:error=EACCES:when=1", "ENVFILE: EACCES (Permission denied)"),
    ("envfile", "openat:error=EMFILE:when=1", "ENVFILE: EMFILE (Too many open files)"),
    ("parse", "mmap:error=ENOMEM:when=1", "ENOMEM (Cannot allocate memory)"),
    ("envfile", "read:error=EIO:when=1", "ENVFILE: EIO (Input/output error)"),
    ("workdir", "fchdir:error=EACCES", "/new/dir: EACCES (Permission denied)"),
    ("workdir", "mkdirat:error=ENOSPC:when=1", "/new/dir: ENOSPC (No space left on device)"),
    ("workdir", "openat2:error=ENOSYS", "/new/dir: ENOSYS (Function not implemented)"),
    ("user", "statx:error=EIO", "/etc/passwd: EIO (Input/output error)"),
    ("user", "openat:error=ENFILE", "/etc/passwd: ENFILE (Too many open files in system)"),
    ("user", "pread64:error=EIO", "/etc/passwd: EIO (Input/output error)"),
    ("user", "statx:error=EACCES", "/etc/group: EACCES (Permission denied)"),
    ("user", "openat:error=ENXIO", "/etc/group: ENXIO (No such device or address)"),
    ("user", "pread64:error=EISDIR", "/etc/group: EISDIR (Is a directory)"),
    ("limits", "prlimit64:error=EPERM:when=1", "nofile: EPERM (Operation not permitted)"),
    ("limits", "prlimit64:error=EINVAL:when=2", "core: EINVAL (Invalid argument)"),
    ("setuid", "setgroups:error=EPERM", "setgroups: EPERM (Operation not permitted)"),
    ("setuid", "setgid:error=EINVAL", "setgid: EINVAL (Invalid argument)"),
    ("setuid", "setuid:error=EAGAIN", "setuid: EAGAIN (Resource temporarily unavailable)"),
    ("setuid", "prctl:error=EINVAL:when=2", "PR_SET_PDEATHSIG: EINVAL (Invalid argument)"),
];

#[test]
fn each_failure_of_a_step_that_was_asked_for_is_reported_and_leaves_nothing_either() {
    for (step, inject, expected) in OPTIONAL {
        let host = Host::new("asked");
        let file = host.dir.join("file").display().to_string();
        std::fs::write(&file, "A=1\n").unwrap();
        let (is_parents, env_file) = (matches!(step, "parse" | "envfile"), format!("--env-file={file}"));
        let all = [&*env_file, "-w", "/new/dir", "-u", "daemon", "--ulimit=nofile=64", "--ulimit=core=0"];
        let options = if is_parents { &all[..] } else { &all[1..] };
        if !is_parents {
            // The parent makes these calls too, if the directories are not there.
            host.run(&[], "alpine", &["true"]).assert_stdout("");
        }
        // The parent makes these calls too, of other files; strace counts for each process.
        let path = expected.split(':').next().unwrap();
        let paths: &[&str] = match step {
            "workdir" => &["-P", "/new", "-P", path],
            "user" => &["-P", path],
            _ => &[],
        };
        let failed = run_with_options(&host, inject, paths, options, "alpine", &["true"]);
        let separator = if expected.contains(": ") { " " } else { ": " };
        let said = format!("container: {step}{separator}{}", expected.replace("ENVFILE", &file));
        assert_eq!(failed.stderr.lines().next(), Some(&*said), "{step}, {inject}: {failed:?}");
        assert_eq!((failed.status, &*failed.stdout), (125, ""), "{step}, {inject}: {failed:?}");
        common::wait_until("no process is left", || host.processes().is_empty());
        if is_parents {
            host.assert_nothing_left();
        }
    }
}

#[test]
fn a_state_directory_inside_the_image_is_reported() {
    let host = Host::new("inside");
    let image = host.own_image("img");
    let mut command = host.command(&[&*host.id, "img", "true"]);
    command.env("CONTAINER_IMAGES", host.dir.join("images")).env("CONTAINER_STATE", image.join("state"));
    let refused = outcome(&mut command);
    assert_eq!((refused.status, refused.stdout.as_str()), (125, ""));
    assert!(refused.stderr.contains("ELOOP"), "{refused:?}");
    assert!(
        refused
            .stderr
            .ends_with("hint: the image and the state directory overlap: choose another CONTAINER_STATE\n"),
        "{refused:?}"
    );
    assert!(!image.join("state").exists());
}

#[test]
fn a_terminal_that_cannot_be_given_to_the_user_is_used_all_the_same() {
    let host = Host::new("roots");
    let options = ["-t", "-u", "daemon"];
    let run = run_with_options(
        &host,
        "fchown:error=EPERM",
        &[],
        &options,
        "alpine",
        &["stat", "-c", "%u", "/dev/pts/0"],
    );
    assert_eq!((run.status, &*run.stdout), (0, "0\r\n"), "{run:?}");
}

#[test]
fn no_failure_touches_what_a_container_wrote() {
    let host = Host::new("keep");
    host.sh("echo precious > /file; mkdir /dir; ln -s /nowhere /link").assert_stdout("");
    let upper = host.state.join(&host.id).join("upper");
    let before = list(&upper);
    // A second run makes none of these calls.
    let is_of_a_first_run = |row: &&(&str, &str, &str)| {
        let call = row.1.rsplit(' ').next().unwrap();
        ["mkdirat", "write", "fchmodat"].iter().any(|name| call.starts_with(name))
            || row.1.contains("names/etc/hosts ")
    };
    for (step, inject, _) in FAILURES.iter().filter(|row| !is_of_a_first_run(row)) {
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
    let waited = run_with(&host, "ppoll:error=EINTR:when=1..3", "busybox", &["sh", "-c", "exit 5"]);
    assert_eq!((waited.status, &*waited.stderr), (5, ""));
}

#[test]
fn inside_a_chroot_the_root_is_no_mount_point_and_the_hint_says_so() {
    let host = Host::new("inchroot");
    let image = host.own_image("img");
    write_program(&image.join("bin/container"), &std::fs::read(common::PROGRAM).unwrap(), 0o755);
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
fn an_image_that_is_missing_or_not_a_directory_is_reported_before_anything_is_made() {
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
    // docker's word order, from habit.
    for word in ["run", "exec"] {
        let mut command = host.command(&[word, "c1", "nope", "true"]);
        outcome(command.env("CONTAINER_IMAGES", host.dir.join("images"))).assert(
            125,
            "",
            &format!(
                "container: image {dir}/images/c1: ENOENT (No such file or directory)\n\
                 hint: there is no command '{word}': container ID IMAGE CMD\n"
            ),
        );
    }
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
    prlimit.env_remove("TERM");
    outcome(&mut prlimit).assert(125, "", "container: image: ENOMEM (Cannot allocate memory)\n");
    host.assert_nothing_left();
}
