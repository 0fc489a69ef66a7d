//! The binary itself: what kind of file it is, which system calls it makes, how much memory it keeps.

mod common;

use common::{Host, images, outcome, shell};
use std::path::Path;
use std::process::Command;

#[test]
fn it_is_a_static_executable_that_needs_nothing() {
    let header = shell(&format!("readelf -hW '{}'", common::PROGRAM));
    assert!(header.contains("EXEC (Executable file)"), "{header}");
    let parts = shell(&format!("readelf -lW '{}'", common::PROGRAM));
    for absent in ["INTERP", "DYNAMIC", "TLS", ".init", ".fini", ".rela", ".tdata", ".ctors"] {
        assert!(!parts.contains(absent), "{absent} in {parts}");
    }
    // Of glibc's archive, nothing was linked in: it would have brought its own strings.
    let traces = shell(&format!(
        "strings '{}' | grep -ci -E 'glibc|gnu_get|libc_start|std::rt|rust_panic' || true",
        common::PROGRAM
    ));
    assert_eq!(traces, "0\n");
}

#[test]
fn it_is_at_most_96_kib() {
    let size = std::fs::metadata(common::PROGRAM).unwrap().len();
    // A debug build has debug information; `make test` tests the release build.
    assert!(cfg!(debug_assertions) || size <= 96 * 1024, "{size} bytes");
}

#[test]
fn the_debug_build_runs_too() {
    let host = Host::new("debug");
    let debug = Path::new(common::PROGRAM).parent().unwrap().parent().unwrap().join("debug/container");
    // `make test` builds it first. One that is older than the source would say nothing of the source.
    let source = shell("find src -name '*.rs' -printf '%T@\\n' | sort -n | tail -n 1");
    let source = std::time::UNIX_EPOCH + std::time::Duration::from_secs_f64(source.trim().parse().unwrap());
    let built =
        std::fs::metadata(&debug).unwrap_or_else(|_| panic!("{} is missing: cargo build", debug.display()));
    assert!(built.modified().unwrap() >= source, "{} is older than the source: cargo build", debug.display());
    for options in ["--", "--bare"] {
        let mut command = Command::new(&debug);
        command.args([options, &host.id, "busybox", "echo", "hello"]).current_dir(common::ROOT);
        outcome(command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()))
            .assert_stdout("hello\n");
    }
    let mut command = Command::new(&debug);
    command.args([&host.id, "busybox", "no-such-command"]).current_dir(common::ROOT);
    let failed = outcome(command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()));
    failed.assert(127, "", "container: exec no-such-command: ENOENT (No such file or directory)\n");
}

/// The names of the system calls that the runtime itself makes, parent and child, from its start to the execve that
/// succeeds. The caller's execve that starts it is not its own.
fn system_calls(host: &Host, options: &[&str], image: &str, command: &[&str]) -> Vec<String> {
    let log = host.dir.join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&log).arg(common::PROGRAM);
    strace.args(options).args([&host.id, image]).args(command).current_dir(common::ROOT);
    strace.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut strace).assert_stdout("");
    let log = std::fs::read_to_string(&log).unwrap();
    let mut lines = log.lines().map(|line| line.split_once(' ').unwrap());
    let parent = lines.next().unwrap().0; // its execve
    let mut calls = Vec::new();
    let mut has_become_the_command = false;
    for (pid, line) in lines {
        let line = line.trim_start();
        // "<... clone resumed>" is the end of a call that was counted when it began.
        let Some((name, _)) = line.split_once('(').filter(|_| !line.starts_with("<...")) else { continue };
        // What the parent does after the child's execve is not part of the start.
        if !has_become_the_command {
            calls.push(name.to_owned());
        }
        has_become_the_command |= pid != parent && name == "execve" && !line.contains("= -1 E");
    }
    assert!(has_become_the_command, "{log}");
    calls
}

#[test]
fn a_second_bare_run_makes_at_most_26_system_calls_failed_searches_included() {
    let host = Host::new("calls");
    host.run(&["--bare"], "alpine", &["true"]).assert_stdout("");
    let calls = system_calls(&host, &["--bare"], "alpine", &["true"]);
    assert!(calls.len() <= 26, "{} calls: {calls:?}", calls.len());
    assert!(calls.len() >= 20, "the trace is incomplete: {calls:?}");
}

#[test]
fn every_system_call_is_made_by_a_function_of_the_core() {
    let host = Host::new("core");
    let core = shell("cat src/sys/*.rs src/sys/arch/*.rs | tr -d ' \\n'");
    let first = system_calls(&host, &[], "busybox", &["true"]);
    let second = system_calls(&host, &["--bare"], "busybox", &["true"]);
    for call in first.iter().chain(&second) {
        let made = [format!("call!({call}("), format!("libc::SYS_{call},"), format!("describe!({call}(")];
        assert!(made.iter().any(|made| core.contains(made)), "{call} is made nowhere in src/sys");
    }
}

#[test]
fn the_waiting_supervisor_is_at_most_64_kib_resident() {
    let host = Host::new("memory");
    let supervisor = host.start_sleeping();
    let limit = if cfg!(debug_assertions) { 1000 } else { 64 };
    // The command may sleep before the supervisor does, which gives its code back first.
    common::wait_until("it is small", || {
        let resident = shell(&format!("awk '/VmRSS/ {{ print $2 }}' /proc/{}/status", supervisor.pid()));
        (1..=limit).contains(&resident.trim().parse().unwrap())
    });
}

#[test]
fn a_start_touches_few_pages() {
    // The kernel makes each page when it is touched first. A large array in a function that is inlined where it is seldom needed
    // has every page of it touched at every start.
    let host = Host::new("touched");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    let touched_by = |words: &str| {
        let counted = shell(&format!(
            "CONTAINER_STATE='{}' CONTAINER_IMAGES='{}' {words}; set -- $(cat /proc/$$/stat); echo ${{11}}",
            host.state.display(),
            images().display()
        ));
        counted.trim().parse::<u32>().unwrap()
    };
    let command = touched_by(&format!("'{}/busybox/bin/busybox' true", images().display()));
    let all = touched_by(&format!("'{}' {} busybox true", common::PROGRAM, host.id));
    assert!(command > 5 && all > command + 5, "counted: {command} and {all}");
    assert!(cfg!(debug_assertions) || all - command <= 22, "{all}, of which {command} are the command's own");
}

#[test]
fn unsafe_code_is_in_the_core_alone_and_the_program_depends_on_two_crates() {
    let lines = shell("grep -rnwE 'unsafe|unsafe_code' src Cargo.toml | grep -v '^src/sys/' || true");
    let allowed = "src/lib.rs:"; // where the layers are described
    let elsewhere: Vec<&str> =
        lines.lines().filter(|line| !line.starts_with(allowed) || !line.contains("//!")).collect();
    assert_eq!(elsewhere.len(), 1, "only the lint that denies it: {elsewhere:?}");
    assert!(elsewhere[0].contains("unsafe_code = \"deny\""), "{elsewhere:?}");
    let tree =
        shell("cargo tree --locked --offline --edges normal --prefix none | awk '{ print $1 }' | sort -u");
    assert_eq!(tree, "container\nlibc\nsyscalls\n");
}
