//! The exit status, and what signals do.

mod common;

use common::{Host, Supervisor, outcome, shell, wait_until};
use std::process::{Command, Stdio};

#[test]
fn the_status_is_the_commands_own() {
    let host = Host::new("own");
    for status in [0, 1, 7, 125, 126, 127, 128, 255] {
        assert_eq!(host.sh(&format!("exit {status}")).status, status);
    }
    host.run(&[], "busybox", &["false"]).assert(1, "", "");
}

#[test]
fn a_command_that_runs_into_a_segmentation_fault_is_status_139() {
    let host = Host::new("segv");
    // A static program of a few instructions, without a handler, that writes to address 0.
    let image = host.own_image("segv");
    shell(&format!(
        "echo 'int _start(void) {{ *(volatile int *)0 = 1; return 0; }}' | gcc -x c -nostdlib -static -w -o '{}/bin/segv' -",
        image.display()
    ));
    host.run_own(&[], "segv", &["segv"]).assert(139, "", "");
    host.run_own(&["--bare"], "segv", &["segv"]).assert(139, "", "");
}

#[test]
fn a_command_that_is_killed_from_outside_is_status_137() {
    let host = Host::new("killed");
    let mut supervisor = host.start_sleeping();
    host.processes().iter().for_each(|pid| drop(shell(&format!("kill -9 {pid}"))));
    assert_eq!(supervisor.status(), Some(137));
}

#[test]
fn pid_1_is_not_killed_by_its_own() {
    let host = Host::new("pid1");
    host.sh("kill -9 $$; kill -15 $$; echo still here").assert_stdout("still here\n");
}

#[test]
fn a_child_of_the_command_that_dies_by_a_signal_is_for_the_command_to_see() {
    let host = Host::new("child");
    host.sh("sh -c 'kill -9 $$'; echo $?").assert(0, "137\n", "Killed\n");
}

/// The signals that a process ignores, as a mask.
fn ignored(pid: &str) -> u64 {
    let line = shell(&format!("grep SigIgn /proc/{pid}/status"));
    u64::from_str_radix(line.trim_start_matches("SigIgn:").trim(), 16).unwrap()
}

const SIGHUP: u64 = 1 << 0;
const SIGINT: u64 = 1 << 1;
const SIGQUIT: u64 = 1 << 2;
const SIGPIPE: u64 = 1 << 12;

#[test]
fn with_bare_the_supervisor_ignores_ctrl_c_and_ctrl_backslash_while_the_command_runs() {
    let host = Host::new("ctrlc");
    let mut supervisor =
        Supervisor(host.command(&["--bare", &host.id, "busybox", "sleep", "1000"]).spawn().unwrap());
    wait_until("it runs", || host.processes().len() == 1);
    let pid = supervisor.pid().to_string();
    wait_until("both are ignored", || ignored(&pid) == ignored("self") | SIGINT | SIGQUIT);
    shell(&format!("kill -INT {pid}; kill -QUIT {pid}"));
    assert!(supervisor.0.try_wait().unwrap().is_none());
    shell(&format!("kill -TERM {pid}"));
    assert_eq!(supervisor.status(), None, "ended by the signal");
    wait_until("the container is dead", || host.processes().is_empty());
}

#[test]
fn the_command_begins_with_default_signals_and_with_bare_as_they_were_given_to_the_runtime() {
    let host = Host::new("signals");
    let inside = "import os, signal, sys\nfor s in range(1, 32):\n if s not in (9, 19): signal.signal(s, signal.SIG_DFL)\n";
    let run = |option: &str, then: &str| {
        let mut python = Command::new("python3");
        python.args([
            "-c",
            &format!("{inside}{then}; os.execv(sys.argv[1], sys.argv[1:])"),
            common::PROGRAM,
            option,
            &host.id,
        ]);
        python.args(["busybox", "grep", "-E", "SigBlk|SigIgn|SigCgt", "/proc/self/status"]);
        outcome(python.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images()))
    };
    // Signals 32 and 33 are the C library's own, and nothing above it can set them.
    let masks = |option: &str, then: &str| -> Vec<u64> {
        let lines = run(option, then).stdout;
        let mask =
            |line: &str| u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap() & 0x7fff_ffff;
        lines.lines().map(mask).collect()
    };
    for option in ["--bare", "--no-tty"] {
        assert_eq!(masks(option, "pass"), [0, 0, 0], "blocked, ignored, caught");
    }
    let ignore = "signal.signal(1, signal.SIG_IGN); signal.signal(13, signal.SIG_IGN)";
    assert_eq!(masks("--bare", ignore), [0, SIGHUP | SIGPIPE, 0]);
    assert_eq!(masks("--no-tty", ignore), [0, 0, 0]);
}

#[test]
fn a_caller_that_ignores_sigchld_still_gets_the_status() {
    let host = Host::new("sigchld");
    let mut command = Command::new("python3");
    let script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    command.args(["-c", script, common::PROGRAM, &host.id, "busybox", "sh", "-c", "exit 7"]);
    command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
    outcome(&mut command).assert(7, "", "");
}

#[test]
fn with_bare_the_wait_goes_on_after_the_supervisor_was_stopped_or_interrupted() {
    let host = Host::new("stopped");
    let mut command = host.command(&["--bare", &host.id, "busybox", "sh", "-c", "sleep 0.5; exit 9"]);
    let mut supervisor = command.stdout(Stdio::null()).spawn().unwrap();
    wait_until("it runs", || !host.processes().is_empty());
    shell(&format!(
        "kill -STOP {0}; sleep 0.1; kill -CONT {0}; kill -WINCH {0}; kill -INT {0}",
        supervisor.id()
    ));
    assert_eq!(supervisor.wait().unwrap().code(), Some(9));
}

#[test]
fn the_container_dies_with_its_supervisor_even_if_that_dies_at_once_and_the_id_is_started_again() {
    // SIGKILL at many moments of the start, and at once another run, whose life must not be taken for the first one's.
    let host = Host::new("race");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    for round in 0..100 {
        let start =
            || host.command(&[&*host.id, "busybox", "sleep", "1000"]).stderr(Stdio::null()).spawn().unwrap();
        let end = |mut supervisor: std::process::Child| {
            supervisor.kill().unwrap();
            supervisor.wait().unwrap();
        };
        let first = start();
        std::thread::sleep(std::time::Duration::from_micros(round * 40));
        end(first);
        if round % 2 == 0 {
            let second = start();
            std::thread::sleep(std::time::Duration::from_micros(round * 7));
            end(second);
        }
        wait_until("both containers are dead", || host.processes().is_empty());
    }
}

#[test]
fn processes_that_the_command_leaves_behind_end_with_it() {
    let host = Host::new("orphans");
    host.sh("sleep 1000 & sleep 1000 & exit 3").assert(3, "", "");
    wait_until("no process is left", || host.processes().is_empty());
}

/// Runs a script of bash with `$CONTAINER` and `$ID`, of which no output goes to a file.
fn limited(host: &Host, script: &str) -> common::Outcome {
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script]).current_dir(common::ROOT).env("CONTAINER", common::PROGRAM).env("ID", &host.id);
    common::outcome(bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images()))
}

#[test]
fn a_limit_on_the_size_of_files_is_reported() {
    for options in ["", "--init"] {
        let host = Host::new("fsize");
        let outcome = limited(&host, &format!("ulimit -f 0; exec $CONTAINER {options} $ID busybox true"));
        assert!(outcome.stderr.starts_with("container: etc "), "{outcome:?}");
        assert!(outcome.stderr.contains("EFBIG"), "{outcome:?}");
        assert_eq!((outcome.status, &*outcome.stdout), (125, ""), "{options}");
        host.assert_nothing_left();
    }
    // Nothing is written.
    let host = Host::new("bare");
    limited(&host, "ulimit -f 0; exec $CONTAINER --bare $ID busybox true").assert(0, "", "");
    // The container exists, and /etc has to be written.
    let host = Host::new("etc");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    let outcome = limited(&host, "ulimit -f 0; exec $CONTAINER --hostname other $ID busybox true");
    assert!(outcome.status == 125 && outcome.stderr.contains("EFBIG"), "{outcome:?}");
    // The command has the default action, or what the caller has chosen.
    for (caller, ignored) in [("", "0"), ("trap '' XFSZ;", "1")] {
        let host = Host::new("default");
        let script = format!(
            "{caller} exec $CONTAINER --bare $ID busybox sh -c 'grep SigIgn /proc/self/status | cut -c 8-'"
        );
        let outcome = limited(&host, &script);
        let mask = u64::from_str_radix(outcome.stdout.trim().trim_start_matches('\t'), 16).unwrap();
        assert_eq!((mask >> 24 & 1).to_string(), ignored, "{outcome:?}"); // SIGXFSZ is 25.
    }
}

#[test]
fn a_message_that_cannot_be_written_leaves_the_status() {
    let host = Host::new("message");
    let script = format!("ulimit -f 0; exec $CONTAINER $ID no-such true 2> '{}/stderr'", host.dir.display());
    limited(&host, &script).assert(125, "", "");
}

// Of 16 KiB, the kernel takes up to 8 KiB at random, and the environment is in them too: that is enough only as a rule.
#[test]
fn a_small_stack_is_enough() {
    let host = Host::new("stack");
    for options in ["", "--init", "--bare", "--init -u 1:1 --tmpfs /x -e A=b"] {
        for limit in [32, 64] {
            let outcome =
                limited(&host, &format!("ulimit -s {limit}; exec $CONTAINER {options} $ID busybox true"));
            assert_eq!((outcome.status, &*outcome.stderr), (0, ""), "{options} {limit}");
        }
    }
}
