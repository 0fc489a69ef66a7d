//! The same runs in the surroundings in which people and programs start a container: from cron, under nohup, in a session
//! without a terminal, with a terminal that another program made, into a pipe that nothing reads, with a strict umask, with
//! low limits, with a full disk. Each option is tried in each.

mod common;

use common::{Host, images, outcome, shell};
use std::process::Command;

/// The options, with what they need.
const OPTIONS: [&[&str]; 14] = [
    &[],
    &["--bare"],
    &["--init"],
    &["-t"],
    &["-T"],
    &["--rm"],
    &["--read-only"],
    &["--pid", "host"],
    &["-u", "65534:65534"],
    &["-w", "/w/x"],
    &["-e", "A=b", "--hostname", "h"],
    &["--ulimit", "core=0"],
    &["-v", "/etc/passwd:/p/q:ro"],
    &["--tmpfs", "/m"],
];

/// Runs a script for bash in which "$@" is the program with its options and a command that prints `out` and has status 3.
fn run(host: &Host, options: &[&str], script: &str) -> common::Outcome {
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", common::PROGRAM]).args(options);
    bash.args([&host.id, "busybox", "sh", "-c", "echo out; exit 3"]).current_dir(&host.dir);
    bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(bash.stdin(std::process::Stdio::null()))
}

/// Tries all options; `check` looks at what came out.
fn try_all(name: &str, script: &str, check: impl Fn(&[&str], &common::Outcome)) {
    for options in OPTIONS {
        let host = Host::new(name);
        check(options, &run(&host, options, &script.replace("DIR", &host.dir.display().to_string())));
    }
}

#[test]
fn cron_without_a_terminal_and_with_closed_stdio() {
    try_all("cron", "setsid --wait \"$@\" <&- >&- 2>&-; echo $?", |options, seen| {
        assert_eq!((&*seen.stdout, &*seen.stderr), ("3\n", ""), "{options:?}");
    });
}

#[test]
fn nohup_with_a_file_for_the_output() {
    try_all("nohup", "nohup \"$@\" > file 2>&1; echo $?; cat file", |options, seen| {
        let is_right = seen.stdout.starts_with("3\n") && seen.stdout.contains("out");
        assert!(is_right && seen.stderr.is_empty(), "{options:?}: {seen:?}");
    });
}

#[test]
fn setsid_without_a_terminal() {
    try_all("setsid", "setsid --wait \"$@\"", |options, seen| {
        assert_eq!(
            (seen.status, &*seen.stdout.replace('\r', ""), &*seen.stderr),
            (3, "out\n", ""),
            "{options:?}"
        );
    });
}

#[test]
fn sudo_and_script_with_a_pty_of_their_own() {
    let script = "printf '%q ' \"$@\" > command; script -qec \"$(cat command)\" /dev/null < /dev/null";
    try_all("pty", script, |options, seen| {
        // script(1) adds an echo of the end of its input.
        assert!(seen.status == 3 && seen.stdout.contains("out\r\n"), "{options:?}: {seen:?}");
    });
}

#[test]
fn a_pipe_whose_reader_has_ended() {
    // The command gets SIGPIPE or an error, as it would outside; nothing hangs.
    try_all("pipe", "{ \"$@\"; echo $? > status; } | true; cat status", |options, seen| {
        let statuses = ["1\n", "3\n", "141\n"];
        assert!(statuses.contains(&&*seen.stdout), "{options:?}: {seen:?}");
    });
}

#[test]
fn umask_077() {
    try_all("umask", "umask 077; \"$@\"", |options, seen| {
        assert_eq!(
            (seen.status, &*seen.stdout.replace('\r', ""), &*seen.stderr),
            (3, "out\n", ""),
            "{options:?}"
        );
    });
}

#[test]
fn low_limits_are_enough_or_are_reported() {
    for limits in ["-n 24", "-n 8", "-n 4", "-s 128", "-v 65536", "-f 0"] {
        let script = format!("ulimit {limits}; \"$@\"");
        try_all("limits", &script, |options, seen| {
            let is_run = seen.status == 3;
            let is_reported = (125..=126).contains(&seen.status) && seen.stderr.starts_with("container: ");
            assert!(is_run || is_reported, "ulimit {limits}, {options:?}: {seen:?}");
        });
    }
}

#[test]
fn a_full_disk_is_reported_and_leaves_nothing() {
    for options in OPTIONS {
        let host = Host::new("full");
        let disk = host.dir.join("disk");
        shell(&format!("mkdir '{0}'; mount -t tmpfs -o size=16k,mode=755 none '{0}'", disk.display()));
        drop(std::fs::write(disk.join("fill"), vec![0; 1 << 16])); // As much as there is room for.
        let script = format!("CONTAINER_STATE='{}/state' \"$@\"", disk.display());
        let seen = run(&host, options, &script);
        let left = shell(&format!("ls -A '{}'", disk.display()));
        shell(&format!("umount '{}'", disk.display()));
        let is_reported = seen.status == 125 && seen.stderr.contains("ENOSPC (No space left on device)");
        assert!(
            seen.status == 3 || is_reported && left == "fill\n",
            "{options:?}: {seen:?}, and left {left}"
        );
    }
}
