//! `--env-file` with everything that can be read, whether it says how long it is or not.

mod common;

use common::pty::Pty;
use common::{Host, Outcome, PROGRAM, images, outcome, wait_until};
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs a script of bash(1) in which `c FILE` prints the variables A and B that a container gets from FILE.
fn bash(host: &Host, script: &str) -> Outcome {
    let script = format!(
        "c() {{ '{PROGRAM}' --env-file \"$1\" {} busybox sh -c 'echo $A $B $Linux'; }}; {script}",
        host.id
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(&host.dir).stdin(Stdio::null()).env("Linux", "as in /proc");
    outcome(bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()))
}

#[test]
fn what_has_no_size_is_read_to_its_end() {
    let host = Host::new("ends");
    for script in [
        "printf 'A=1\\nB=2\\n' | c /dev/stdin",
        "(echo A=1; sleep 0.2; printf B=; sleep 0.2; echo 2) | c /dev/stdin",
        "c <(echo A=1; echo B=2)",
        "c /dev/stdin <<< $'A=1\\nB=2'",
        "mkfifo fifo; (sleep 0.2; printf 'A=1\\nB=2\\n' > fifo) & c fifo",
        "(echo A=1; head -c 3M /dev/zero | tr '\\0' '#'; echo; echo B=2) | c /proc/self/fd/0",
        "(echo A=1; head -c 3M /dev/zero | tr '\\0' '#'; echo; echo B=2) > large; c large",
    ] {
        bash(&host, script).assert_stdout("1 2\n");
    }
    bash(&host, "c /proc/sys/kernel/ostype").assert_stdout("as in /proc\n");
    bash(&host, "c /dev/null").assert_stdout("\n");
}

#[test]
fn several_that_have_no_size_are_read_one_after_the_other() {
    let host = Host::new("several");
    let script = format!(
        "'{PROGRAM}' --env-file <(echo A=1; sleep 0.1; echo B=1) --env-file <(echo B=2) -e C=3 {} busybox sh -c 'echo $A $B $C'",
        host.id
    );
    bash(&host, &script).assert_stdout("1 2 3\n");
}

#[test]
fn one_without_an_end_is_reported_and_nothing_is_made() {
    let host = Host::new("endless");
    for (script, path) in [("yes A=1 | c /dev/stdin", "/dev/stdin"), ("c /dev/zero", "/dev/zero")] {
        let said = format!(
            "container: envfile {path}: ENOMEM (Cannot allocate memory)\n\
             hint: all lists together have 16 MiB of memory, and the file does not fit into it\n"
        );
        bash(&host, script).assert(125, "", &said);
    }
    bash(&host, "c /").assert(125, "", "container: envfile /: EISDIR (Is a directory)\n");
    host.assert_nothing_left();
}

#[test]
fn a_fifo_is_waited_for_as_cat_does_until_ctrl_c() {
    let host = Host::new("fifo");
    let fifo = host.dir.join("fifo").display().to_string();
    common::shell(&format!("mkfifo '{fifo}'"));
    let args = ["--env-file", &fifo, &host.id, "busybox", "sh", "-c", "echo $A"];
    let mut child = host.command(&args).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(child.try_wait().unwrap(), None, "it waits for a writer");
    common::shell(&format!("kill -INT {}", child.id()));
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    host.assert_nothing_left();
    let child = host.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"A=1\n").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(0), &b"1\n"[..]));
}

#[test]
fn a_terminal_is_read_until_ctrl_d() {
    let (host, mut pty) = (Host::new("terminal"), Pty::new());
    let options = ["--env-file", "/dev/stdin"];
    let mut container = pty.start(&host, &options, "busybox", &["sh", "-c", "echo got $A"]);
    pty.type_in("A=1\r\x04");
    pty.expect("got 1\r\n");
    assert_eq!(pty.end(&mut container), Some(0));
    wait_until("nothing runs", || host.processes().is_empty());
}
