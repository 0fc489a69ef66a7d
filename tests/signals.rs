//! Signals that are sent to the supervisor, and what becomes of the command.

mod common;

use common::{Host, Outcome, PROGRAM, Supervisor, outcome, shell, wait_until};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

/// Starts a container of which stdout is read here, and returns once it has written the line `ready`. It is in its own process
/// group, which is not orphaned: a stop signal stops it.
fn start(
    host: &Host,
    options: &[&str],
    image: &str,
    command: &[&str],
) -> (Supervisor, BufReader<ChildStdout>) {
    let mut program = host.command(&[options, &[&*host.id, image], command].concat());
    program.env("CONTAINER_IMAGES", if image == "own" { host.dir.join("images") } else { common::images() });
    let mut child = program.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "ready");
    (Supervisor(child), stdout)
}

fn line(stdout: &mut impl BufRead) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line.trim_end().to_string()
}

fn kill(signal: &str, pid: u32) {
    shell(&format!("kill -{signal} {pid}"));
}

/// The state of a process, as ps(1) shows it.
fn state(pid: u32) -> String {
    shell(&format!("sed 's/.*) //' /proc/{pid}/stat | cut -c 1")).trim().to_string()
}

#[test]
fn a_signal_reaches_a_command_that_has_a_handler() {
    let host = Host::new("handler");
    let signals = ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT", "WINCH", "ALRM", "URG", "RTMIN"];
    for options in [&[][..], &["--init"]] {
        let traps: String = signals
            .iter()
            .map(|name| {
                let number = if *name == "RTMIN" { "34".to_string() } else { (*name).to_string() };
                format!("trap 'echo {name}' {number}; ")
            })
            .collect();
        let script = format!("{traps} echo ready; while :; do sleep 0.02; done");
        let (mut container, mut stdout) = start(&host, options, "busybox", &["sh", "-c", &script]);
        for name in signals.iter().filter(|name| **name != "QUIT") {
            kill(if *name == "RTMIN" { "34" } else { name }, container.pid());
            assert_eq!(line(&mut stdout), *name, "{options:?}");
        }
        kill("KILL", container.pid());
        container.status();
        wait_until("it is dead", || host.processes().is_empty());
    }
}

#[test]
fn a_handler_that_exits_gives_the_status() {
    let host = Host::new("status");
    let script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done";
    for options in [&[][..], &["--init"]] {
        let (mut container, _) = start(&host, options, "busybox", &["sh", "-c", script]);
        kill("TERM", container.pid());
        assert_eq!(container.status(), Some(9));
    }
}

#[test]
fn a_signal_ends_a_command_that_leaves_it_at_the_default() {
    let host = Host::new("default");
    for options in [&[][..], &["--init"]] {
        for (name, number) in
            [("HUP", 1), ("INT", 2), ("QUIT", 3), ("USR1", 10), ("USR2", 12), ("ALRM", 14), ("TERM", 15)]
        {
            let (mut container, _) =
                start(&host, options, "busybox", &["sh", "-c", "echo ready; exec sleep 1000"]);
            wait_until("it sleeps", || {
                host.processes().iter().all(|pid| shell(&format!("cat /proc/{pid}/comm")) == "sleep\n")
            });
            kill(name, container.pid());
            assert_eq!(container.status(), Some(128 + number), "{name} {options:?}");
        }
    }
}

#[test]
fn a_signal_is_not_lost_where_proc_is_missing_or_another_pid_namespaces() {
    let host = Host::new("proc");
    let other = "unshare -p -f sh -c 'mount -t proc proc /proc'";
    for change in ["umount -l /proc", other] {
        for options in [&[][..], &["--init"]] {
            let traps = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done";
            for (script, status) in [("echo ready; exec sleep 1000", 143), (traps, 9)] {
                let mut unshare = std::process::Command::new("unshare");
                unshare
                    .args(["-m", "sh", "-c", &format!("{change}; exec \"$@\""), "sh", PROGRAM])
                    .args(options);
                unshare.args([&host.id, "busybox", "sh", "-c", script]).current_dir(common::ROOT);
                unshare.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
                unshare.stdin(Stdio::null()).stdout(Stdio::piped());
                let mut container = Supervisor(unshare.spawn().unwrap());
                assert_eq!(line(&mut BufReader::new(container.0.stdout.take().unwrap())), "ready");
                kill("TERM", container.pid());
                let what = format!("it ends: {change} {options:?} {script}");
                assert_eq!(status_in_time(container, &what), Some(status), "{what}");
            }
        }
    }
    // nohup(1) works there too.
    let script = "umount -l /proc; trap '' HUP; exec \"$@\"";
    let mut unshare = std::process::Command::new("unshare");
    unshare.args(["-m", "sh", "-c", script, "sh", PROGRAM, &host.id, "busybox", "sh", "-c"]);
    unshare.arg("echo ready; exec sleep 1000").current_dir(common::ROOT).stdin(Stdio::null());
    unshare.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
    let mut container = Supervisor(unshare.stdout(Stdio::piped()).spawn().unwrap());
    assert_eq!(line(&mut BufReader::new(container.0.stdout.take().unwrap())), "ready");
    kill("HUP", container.pid());
    kill("TERM", container.pid());
    assert_eq!(status_in_time(container, "it ends"), Some(143));
}

#[test]
fn a_signal_is_not_lost_by_a_command_or_a_caller_with_many_groups() {
    let host = Host::new("groups");
    let caller = "import os, signal, sys
os.setgroups(range(100000, 100000 + int(sys.argv[1])))
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.argv[2], sys.argv[2:])";
    for count in ["256", "5000"] {
        let mut python = std::process::Command::new("python3");
        python.args([
            "-c",
            caller,
            count,
            PROGRAM,
            &host.id,
            "busybox",
            "sh",
            "-c",
            "echo ready; exec sleep 1000",
        ]);
        python.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
        let mut container = Supervisor(python.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
        assert_eq!(line(&mut BufReader::new(container.0.stdout.take().unwrap())), "ready");
        kill("HUP", container.pid());
        kill("TERM", container.pid());
        assert_eq!(status_in_time(container, "it ends"), Some(143), "{count}");
    }
}

#[test]
fn timeout_ends_a_container() {
    let host = Host::new("timeout");
    let mut timeout = std::process::Command::new("timeout");
    timeout.args(["0.3", PROGRAM, &host.id, "busybox", "sleep", "1000"]);
    timeout.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
    outcome(&mut timeout).assert(124, "", "");
}

#[test]
fn a_command_that_ignores_a_signal_is_left_alone() {
    let host = Host::new("ignored");
    let script = "trap '' TERM; trap 'exit 4' USR1; echo ready; while :; do sleep 0.02; done";
    let (mut container, _) = start(&host, &[], "busybox", &["sh", "-c", script]);
    kill("TERM", container.pid());
    kill("USR1", container.pid());
    assert_eq!(container.status(), Some(4));
}

/// Blocks SIGTERM, and takes it with sigwait(3).
const SIGWAIT: &str = r#"
#include <signal.h>
#include <stdio.h>
int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, 0);
    puts("ready");
    fflush(stdout);
    int signal;
    sigwait(&set, &signal);
    printf("got %d\n", signal);
    return 9;
}
"#;

/// An image that has a C program as `program`.
fn image_with(host: &Host, source: &str) {
    let image = host.own_image("own");
    std::fs::write(host.dir.join("program.c"), source).unwrap();
    let (image, dir) = (image.display(), host.dir.display());
    shell(&format!("gcc -static -w -o '{image}/bin/program' '{dir}/program.c'"));
}

/// Blocks all signals for a moment, as fork(3) does. After that, each has its default action.
const MOMENT: &str = r#"
#include <signal.h>
#include <unistd.h>
int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    write(1, "ready\n", 6);
    usleep(20000);
    sigprocmask(SIG_UNBLOCK, &all, 0);
    for (;;) pause();
}
"#;

#[test]
fn a_signal_that_is_blocked_for_a_moment_is_not_lost() {
    let host = Host::new("moment");
    image_with(&host, MOMENT);
    let (mut container, _) = start(&host, &[], "own", &["program"]);
    kill("TERM", container.pid());
    assert_eq!(container.status(), Some(143));
    let (mut container, _) = start(&host, &[], "own", &["program"]);
    kill("TSTP", container.pid());
    wait_until("it is stopped", || state(container.pid()) == "T");
    kill("CONT", container.pid());
    kill("TERM", container.pid());
    assert_eq!(container.status(), Some(143));
}

#[test]
fn a_command_that_waits_for_a_signal_with_sigwait_gets_it() {
    let host = Host::new("sigwait");
    image_with(&host, SIGWAIT);
    for options in [&[][..], &["--init"]] {
        let (mut container, mut stdout) = start(&host, options, "own", &["program"]);
        wait_until("it waits", || {
            host.processes()
                .iter()
                .all(|pid| shell(&format!("cut -d ' ' -f 1 /proc/{pid}/syscall")) != "running\n")
        });
        kill("TERM", container.pid());
        assert_eq!(container.status(), Some(9), "{options:?}");
        assert_eq!(line(&mut stdout), "got 15");
    }
}

#[test]
fn a_stop_signal_stops_the_supervisor_and_the_command_and_sigcont_continues_both() {
    for options in [&[][..], &["--pid", "host"]] {
        let host = Host::new("stop");
        let sleeps = ["sh", "-c", "echo ready; exec sleep 1000"];
        let (mut container, _) = start(&host, options, "busybox", &sleeps);
        let command = host.processes()[0];
        let both = |letter| state(command) == letter && state(container.pid()) == letter;
        kill("TSTP", container.pid());
        wait_until("both are stopped", || both("T"));
        kill("CONT", container.pid());
        wait_until("both go on", || both("S"));
        // A command that another process has stopped needs no supervisor that stops: it continues both.
        kill("STOP", command);
        wait_until("the command is stopped", || state(command) == "T");
        kill("CONT", container.pid());
        wait_until("both go on", || both("S"));
        // Now they stop together again.
        kill("STOP", command);
        wait_until("the command is stopped", || state(command) == "T");
        kill("TSTP", container.pid());
        wait_until("both are stopped", || both("T"));
        // Stopped, it keeps a signal until it is continued, as any process does.
        kill("TERM", container.pid());
        assert!(container.0.try_wait().unwrap().is_none());
        kill("CONT", container.pid());
        assert_eq!(container.status(), Some(143));
    }
}

/// A container whose command ends with status 7 when its stdin is closed, and the PID of the command.
fn start_reading(host: &Host, options: &[&str]) -> (Supervisor, ChildStdin, u32) {
    let script = "echo ready; read line; exit 7";
    let mut program = host.command(&[options, &[&*host.id, "busybox", "sh", "-c", script]].concat());
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    assert_eq!(line(&mut BufReader::new(child.stdout.take().unwrap())), "ready");
    let stdin = child.stdin.take().unwrap();
    (Supervisor(child), stdin, host.processes()[0])
}

/// The status of a container that has to end now, and not only when this test continues it.
#[track_caller]
fn status_in_time(container: Supervisor, what: &str) -> Option<i32> {
    let container = std::cell::RefCell::new(container);
    wait_until(what, || container.borrow_mut().0.try_wait().unwrap().is_some());
    container.into_inner().status()
}

#[test]
fn it_ends_with_its_command_whoever_has_stopped_and_continued_either() {
    let host = Host::new("whoever");
    let (command, both) = ("STOP command CONT command", "STOP command STOP container");
    let sequences = [
        command.to_string(),
        format!("{both} CONT container CONT command"),
        format!("{both} CONT command CONT container"),
        "STOP container STOP command CONT container CONT command".to_string(),
        "STOP container STOP command CONT command CONT container".to_string(),
        "STOP command CONT container CONT command".to_string(),
        "TSTP container CONT container".to_string(),
    ];
    for options in [&[][..], &["--init"], &["--pid", "host"]] {
        for pause in ["", "sleep 0.05;"] {
            for sequence in &sequences {
                let (container, stdin, command) = start_reading(&host, options);
                let words: Vec<&str> = sequence.split(' ').collect();
                let kills = words.chunks(2).map(|pair| {
                    let pid = if pair[1] == "command" { command } else { container.pid() };
                    format!("kill -{} {pid}; {pause}", pair[0])
                });
                shell(&kills.collect::<String>());
                drop(stdin);
                let what = format!("it ends: {options:?} {sequence}; {pause}");
                assert_eq!(status_in_time(container, &what), Some(7), "{what}");
            }
        }
    }
}

#[test]
fn a_sigcont_just_after_a_stop_signal_is_never_lost() {
    let host = Host::new("race");
    let script = "trap 'echo up' USR1; echo ready; while :; do sleep 0.01; done";
    let (mut container, mut stdout) = start(&host, &[], "busybox", &["sh", "-c", script]);
    let pid = container.pid();
    // The command answers only if both have been continued. Each time the second signal comes a little later.
    let pair = "kill -TSTP $0; for ((i = 0; i < $1; i++)); do :; done; kill -CONT $0; kill -USR1 $0";
    for delay in 0..200 {
        let kills = std::process::Command::new("bash")
            .args(["-c", pair, &pid.to_string(), &(delay * 2).to_string()])
            .status();
        assert!(kills.unwrap().success());
        wait_until("it does not stay stopped", || state(pid) == "S" && pending(pid, 10) == "0");
        assert_eq!(line(&mut stdout), "up", "{delay}");
    }
    kill("KILL", pid);
    container.status();
}

#[test]
fn in_an_orphaned_process_group_a_stop_signal_stops_nothing() {
    let host = Host::new("orphaned");
    // setsid(1) makes a session in which no process could continue another one.
    let script = "echo ready; read line; exit 7";
    let mut setsid = std::process::Command::new("setsid");
    setsid.args([PROGRAM, &host.id, "busybox", "sh", "-c", script]);
    setsid.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
    let mut child = setsid.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    // The leader of a process group has to fork for a session: setsid(1) ends, and the container is an orphan.
    assert_eq!(line(&mut BufReader::new(child.stdout.take().unwrap())), "ready");
    let stdin = child.stdin.take();
    Supervisor(child).status();
    let command = host.processes()[0];
    let supervisor: u32 = shell(&format!("ps -o ppid= -p {command}")).trim().parse().unwrap();
    let _orphan = Orphan(supervisor);
    for _ in 0..3 {
        kill("TSTP", supervisor);
        wait_until("it has taken the signal", || pending(supervisor, 20) == "0");
    }
    wait_until("both go on", || state(command) == "S" && state(supervisor) == "S");
    drop(stdin);
    wait_until("it ends", || host.processes().is_empty());
    wait_until("nothing stays", || !std::path::Path::new(&format!("/proc/{supervisor}")).exists());
}

/// A process that is no child of this test, and does not outlive it.
struct Orphan(u32);

impl Drop for Orphan {
    fn drop(&mut self) {
        drop(std::process::Command::new("kill").args(["-9", &self.0.to_string()]).output()); // It may have ended.
    }
}

/// Whether a signal is pending for a process: 0 or 1.
fn pending(pid: u32, signal: u32) -> String {
    let line = format!("awk '/^ShdPnd/ {{ print $2 }}' /proc/{pid}/status");
    shell(&format!("echo $(( (0x$({line}) >> ({signal} - 1)) & 1 ))")).trim().to_string()
}

#[test]
fn a_stopped_supervisor_leaves_the_command_alone() {
    let host = Host::new("supervisor");
    let (mut container, mut stdout) =
        start(&host, &[], "busybox", &["sh", "-c", "echo ready; while :; do echo up; sleep 0.05; done"]);
    kill("STOP", container.pid());
    wait_until("it is stopped", || state(container.pid()) == "T");
    (0..5).for_each(|_| assert_eq!(line(&mut stdout), "up"));
    kill("CONT", container.pid());
    kill("KILL", container.pid());
    assert_eq!(container.status(), None);
}

#[test]
fn a_signal_at_any_moment_of_the_start_ends_it_and_leaves_nothing() {
    let host = Host::new("start");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    for round in 0..60 {
        let options: &[&str] = if round % 3 == 0 { &["--init"] } else { &[] };
        let mut command = host.command(&[options, &[&*host.id, "busybox", "sleep", "1000"]].concat());
        let mut container = Supervisor(command.spawn().unwrap());
        std::thread::sleep(Duration::from_micros(round * 60));
        kill("TERM", container.pid());
        // Before it takes signals it ends by this one itself, as any process does.
        let status = container.status();
        assert!([None, Some(143)].contains(&status), "{status:?}");
        wait_until("nothing is left", || host.processes().is_empty());
    }
}

#[test]
fn the_command_has_every_signal_at_its_default_whatever_the_caller_had() {
    let host = Host::new("dispositions");
    let caller = "import os, signal, sys
for s in (1, 2, 3, 13, 15, 20, 34): signal.signal(s, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
os.execv(sys.argv[1], sys.argv[1:])";
    for options in [&[][..], &["--init"], &["-t"]] {
        let mut python = std::process::Command::new("python3");
        python.args(["-c", caller, PROGRAM]).args(options).arg(&host.id).args([
            "busybox",
            "grep",
            "-E",
            "Sig(Blk|Ign|Cgt)",
            "/proc/self/status",
        ]);
        python
            .env("CONTAINER_STATE", &host.state)
            .env("CONTAINER_IMAGES", common::images())
            .stdin(Stdio::null());
        let Outcome { status, stdout, .. } = outcome(&mut python);
        let zero = "0000000000000000";
        let lines = format!("SigBlk:\t{zero}\nSigIgn:\t{zero}\nSigCgt:\t{zero}\n");
        assert_eq!((status, stdout.replace('\r', "").replace("^D\x08\x08", "")), (0, lines), "{options:?}");
    }
}

#[test]
fn nohup_keeps_sighup_from_the_command() {
    let host = Host::new("nohup");
    let mut nohup = std::process::Command::new("nohup");
    nohup.args([PROGRAM, &host.id, "busybox", "sh", "-c", "echo ready; exec sleep 1000"]);
    nohup.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images()).stdin(Stdio::null());
    let mut container = Supervisor(nohup.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    assert_eq!(line(&mut BufReader::new(container.0.stdout.take().unwrap())), "ready");
    kill("HUP", container.pid());
    kill("TERM", container.pid());
    assert_eq!(container.status(), Some(143));
}

#[test]
fn pipes_stay_pipes() {
    let host = Host::new("pipes");
    let bash = |script: String| {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script])
            .env("CONTAINER_STATE", &host.state)
            .env("CONTAINER_IMAGES", common::images());
        outcome(bash.env("C", PROGRAM).env("ID", &host.id))
    };
    bash("echo hi | $C $ID alpine cat | wc -c".into()).assert_stdout("3\n");
    let sum = shell("seq 300000 | tr '\\n' '\\r' | md5sum");
    bash("seq 300000 | tr '\\n' '\\r' | $C $ID alpine cat | md5sum".into()).assert_stdout(&sum);
    // A reader that goes away ends it.
    let ended = bash("timeout 10 $C $ID alpine sh -c 'while echo y; do :; done 2>/dev/null' | head -n 1; echo $((${PIPESTATUS[0]} != 124))".into());
    assert_eq!((ended.status, &*ended.stdout), (0, "y\n1\n"), "{ended:?}");
    assert!(!ended.stderr.contains("container:"), "{ended:?}");
}

#[test]
fn a_narration_that_is_not_read_does_not_keep_the_supervisor_busy() {
    let host = Host::new("unread");
    // Before it has begun to take signals, SIGPIPE ends it; 124 is timeout's.
    let script = "timeout 10 $C --explain $ID busybox true 2>&1 | head -n 1 > /dev/null; echo $((${PIPESTATUS[0]} == 124))";
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script]).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
    outcome(bash.env("C", PROGRAM).env("ID", &host.id)).assert_stdout("0\n");
}

#[test]
fn the_supervisor_without_a_terminal_sleeps_too_and_stays_small() {
    let host = Host::new("idle");
    let (mut container, mut stdout) = start(
        &host,
        &[],
        "busybox",
        &["sh", "-c", "trap 'echo caught' USR1; echo ready; while :; do read x; sleep 1000 & wait; done"],
    );
    for _ in 0..10 {
        kill("USR1", container.pid());
        assert_eq!(line(&mut stdout), "caught");
    }
    let count = || shell(&format!("grep ctxt_switches /proc/{}/status", container.pid()));
    std::thread::sleep(Duration::from_millis(100));
    let before = count();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(count(), before);
    // A debug build is a larger one.
    let memory = shell(&format!("grep VmRSS /proc/{}/status | tr -dc 0-9", container.pid()));
    assert!(cfg!(debug_assertions) || memory.parse::<u32>().unwrap() <= 64, "{memory} KiB");
    kill("KILL", container.pid());
    container.status();
    let _ = stdout.read_to_string(&mut String::new());
}
