//! `--explain`, `--steps` and `--skip`: the program tells the truth about itself.

mod common;

use common::{Host, Outcome, ROOT, TmpContainer, images, list, outcome};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The numbered lines of a narration, each with what was broken off to fit into the width, and without the number, who and step.
fn narrated(stderr: &str) -> Vec<String> {
    let mut calls: Vec<String> = Vec::new();
    let mut may_go_on = false;
    for line in stderr.lines() {
        let mut words = line.split_whitespace();
        let is_numbered = words.next().is_some_and(|word| word.parse::<u32>().is_ok())
            && matches!(words.next(), Some("parent" | "child"));
        match line.strip_prefix("    ") {
            Some(rest) if may_go_on => {
                let call = calls.last_mut().unwrap();
                *call = format!("{} {rest}", call.trim_end());
            }
            _ if is_numbered => {
                let columns: Vec<&str> = line.splitn(2, '(').collect();
                let name = columns[0].split_whitespace().last().unwrap();
                calls.push(format!("{name}({}", columns[1]));
            }
            // The result of a call that was told when it began.
            Some(rest) if calls.iter().any(|call| rest.starts_with(call.split('(').next().unwrap())) => {}
            _ => {}
        }
        may_go_on = line.ends_with(',');
    }
    calls
}

/// What strace sees of the runtime's own calls, in the parent and, up to its execve, in the child.
fn traced(log: &str) -> Vec<String> {
    let mut lines = log.lines().map(|line| line.split_once(' ').unwrap());
    let parent = lines.next().unwrap().0;
    let mut has_become_the_command = false;
    let mut calls = Vec::new();
    for (pid, line) in lines {
        let line = line.trim_start();
        let is_the_commands = pid != parent && has_become_the_command;
        if line.starts_with("<...") || !line.contains('(') || is_the_commands {
            continue;
        }
        calls.push(line.to_owned());
        has_become_the_command |= pid != parent && line.starts_with("execve(") && !line.contains("= -1 E");
    }
    calls
}

/// Writing to stderr is how the narration itself is done.
fn is_about_others(call: &&String) -> bool {
    !call.starts_with("write(2")
}

fn explained_and_traced(host: &Host, options: &[&str], command: &[&str]) -> (Vec<String>, Vec<String>) {
    let log = host.dir.join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-s", "1000", "-e", "signal=none", "-o"]).arg(&log).arg(common::PROGRAM);
    strace.arg("--explain=plain").args(options).args([&host.id, "alpine"]).args(command).current_dir(ROOT);
    let explained = outcome(strace.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()));
    let told = narrated(&explained.stderr);
    let seen = traced(&fs::read_to_string(&log).unwrap());
    (
        told.iter().filter(is_about_others).cloned().collect(),
        seen.iter().filter(is_about_others).cloned().collect(),
    )
}

fn name(call: &str) -> &str {
    call.split('(').next().unwrap()
}

#[test]
fn the_lines_of_a_narration_are_the_calls_that_strace_shows_in_the_same_order_one_for_one() {
    let host = Host::new("onetoone");
    let runs: [(&[&str], &[&str]); 10] = [
        (&["-w", "/new", "-u", "daemon", "--ulimit=core=0", "--ulimit=nofile=64"], &["true"]),
        (&[], &["true"]), // a first run, which makes the directories
        (&[], &["true"]),
        (&["--bare"], &["true"]),
        (&[], &["no-such-command"]),
        (&["--skip", "private"], &["true"]),
        (&["--skip", "detach"], &["true"]),
        (&["--skip=dev", "--skip=proc"], &["true"]),
        (&["-v", "/tmp:/a/b:ro", "--tmpfs", "/m", "--read-only"], &["true"]),
        (&["--rm", "-v", "/etc/passwd:/m/passwd"], &["true"]),
    ];
    for (options, command) in runs {
        let (told, seen) = explained_and_traced(&host, options, command);
        let names = |calls: &[String]| calls.iter().map(|call| name(call).to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&told), names(&seen), "{options:?}");
        assert!(told.len() > 15, "{told:?}");
    }
}

#[test]
fn the_arguments_and_results_read_as_strace_writes_them() {
    let host = Host::new("decoded");
    let same = [
        "mount",
        "pivot_root",
        "umount2",
        "chdir",
        "mkdirat",
        "fchmodat",
        "mknodat",
        "symlinkat",
        "open_tree",
        "move_mount",
        "openat",
        "openat2",
        "sethostname",
        "mmap",
        "mprotect",
        "munmap",
        "prctl",
        "close_range",
        "unshare",
        "rt_sigaction",
    ];
    let mut compared = std::collections::BTreeSet::new();
    let volumes = ["-v", "/tmp:/a/b:ro", "--tmpfs", "/m:size=1m,ro", "--read-only"];
    for options in [&[][..], &["--skip", "private"], &volumes] {
        let (told, seen) = explained_and_traced(&host, options, &["true"]);
        let is_comparable =
            |told: &str, seen: &str| same.contains(&name(told)) && !seen.ends_with("<unfinished ...>");
        for (told, seen) in told.iter().zip(&seen).filter(|(told, seen)| is_comparable(told, seen)) {
            // Without the words of an errno, and wherever lines are broken.
            // The first of the signals that have a number in place of a name is one that a caller may have left ignored.
            let short = |call: &str| {
                let call = call.split(" (").next().unwrap().replace("SIGRTMIN,", "32,");
                call.split_whitespace().collect::<String>()
            };
            assert_eq!(short(told), short(seen));
            compared.insert(name(told).to_owned());
        }
    }
    // What the parent does while the command runs may be broken into two lines by strace.
    assert!(compared.len() + 2 >= same.len(), "{compared:?}");
}

#[test]
fn a_narration_fits_into_100_columns_and_says_each_steps_why() {
    let host = Host::new("columns");
    let mut command = host.command(&["--explain=plain", "c1", "alpine", "true"]);
    std::fs::write(host.dir.join("env"), "A=1\n").unwrap();
    // Every option that asks for a step.
    let options =
        format!("-w /etc -u daemon --ulimit core=0 --env-file '{}'", host.dir.join("env").display());
    // With the usual short places, as in the book.
    let _directory = TmpContainer::new();
    let script = format!(
        "mount -t tmpfs -o mode=700 none /tmp/container && exec '{}' --explain=plain {options} c1 alpine true",
        common::PROGRAM
    );
    let mut unshare = Command::new("unshare");
    unshare
        .args(["-m", "bash", "-c", &script])
        .current_dir(ROOT)
        .env_remove("CONTAINER_STATE")
        .env_remove("CONTAINER_IMAGES");
    let told = outcome(&mut unshare).stderr;
    for line in told.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let steps = outcome(&mut host.command(&["--steps"])).stdout;
    let whys: Vec<&str> = steps.lines().filter(|line| line.ends_with('.')).map(str::trim_start).collect();
    assert_eq!(whys.len(), steps.lines().filter(|line| line.contains(".md ")).count(), "{steps}");
    // Five steps belong to other options, and without a terminal there is no channel.
    let untold: Vec<&&str> = whys.iter().filter(|why| !told.contains(**why)).collect();
    assert_eq!(untold.len(), 6, "{untold:#?}\n{told}");
    // No times, no colour: two runs differ in PIDs and addresses alone.
    assert!(!told.contains(" us\n") && !told.contains('\x1b'));
    drop(outcome(&mut command));
}

#[test]
fn the_full_narration_has_times_and_colour_on_a_terminal_alone() {
    let host = Host::new("times");
    let piped = host.run(&["--explain"], "busybox", &["true"]);
    assert!(piped.stderr.contains(" us\n") && !piped.stderr.contains('\x1b'), "{piped:?}");
    // script(1) gives it a terminal.
    let coloured = |no_color: Option<&str>| {
        let command = format!("'{}' --explain {} busybox true", common::PROGRAM, host.id);
        let mut script = Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).current_dir(ROOT).stdin(std::process::Stdio::null());
        script.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
        match no_color {
            Some(value) => script.env("NO_COLOR", value),
            None => script.env_remove("NO_COLOR"),
        };
        outcome(&mut script).stdout.contains('\x1b')
    };
    assert!(coloured(None));
    assert!(!coloured(Some("1")));
    assert!(coloured(Some("")), "an empty variable counts as unset");
}

#[test]
fn without_explain_nothing_is_told_and_no_call_is_made_for_it() {
    let host = Host::new("off");
    host.run(&[], "busybox", &["true"]).assert(0, "", "");
    let log = host.dir.join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log).arg(common::PROGRAM).args([&host.id, "busybox", "true"]);
    strace.current_dir(ROOT).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut strace).assert(0, "", "");
    let calls = traced(&fs::read_to_string(&log).unwrap());
    assert!(!calls.iter().any(|call| ["write", "clock_gettime"].contains(&name(call))), "{calls:?}");
}

#[test]
fn the_steps_name_their_calls_and_those_are_the_calls_of_a_run() {
    let host = Host::new("stepcalls");
    let steps = outcome(&mut host.command(&["--steps"]));
    assert_eq!((steps.status, &*steps.stderr), (0, ""));
    // Two tables: name, chapter and calls, and below the calls the reason.
    let tables: Vec<&str> = steps.stdout.split("\n\n").collect();
    let rows: Vec<usize> = tables.iter().map(|table| (table.lines().count() - 1) / 2).collect();
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let listed = help.split_once("\nSteps: ").unwrap().1.split("\n\n").next().unwrap().split_whitespace();
    assert!(rows[0] > 8 && rows[1..] == [listed.count()], "{}", steps.stdout);
    for (table, heading) in tables.iter().zip(["PARENT ", "CHILD "]) {
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with(heading), "{table}");
        let (chapter, calls) = (lines[0].find("CHAPTER").unwrap(), lines[0].find("SYSTEM CALLS").unwrap());
        for row in lines[1..].chunks(2) {
            assert!(!row[0].starts_with(' ') && row[0].find(".md").unwrap() < calls, "{row:?}");
            for (line, column) in [(row[0], chapter), (row[0], calls), (row[1], calls)] {
                let (before, after) = line.split_at(column);
                assert!(before.ends_with(' ') && !after.starts_with(' '), "{row:?}");
            }
            assert!(row[1].ends_with('.') && row[1].len() <= 140, "{row:?}");
        }
    }
    let calls_of = |step: &str| -> Vec<&str> {
        let row = steps.stdout.lines().find(|line| line.split_whitespace().next() == Some(step));
        row.unwrap_or_else(|| panic!("no step {step}")).split_whitespace().skip(2).collect()
    };
    let file = host.dir.join("env").display().to_string();
    fs::write(&file, "A=1\n").unwrap();
    let asked = ["--explain=plain", "-w", "/new", "-u", "daemon", "--ulimit=core=0", "--env-file", &file];
    let volumes = [
        "--explain=plain",
        "-v",
        "/tmp:/a/b:ro",
        "-v",
        "/etc/passwd:/a/c",
        "--tmpfs",
        "/m",
        "--read-only",
        "--rm",
    ];
    let with_terminal = ["--explain=plain", "-t"];
    for run in [&["--explain=plain"][..], &["--explain=plain", "--bare"], &asked, &volumes, &with_terminal] {
        let told = host.run(run, "alpine", &["true"]).stderr;
        for line in told.lines() {
            let words: Vec<&str> = line.split(['(', ' ']).filter(|word| !word.is_empty()).collect();
            let &[number, "parent" | "child", step, call, ..] = &words[..] else { continue };
            if number.parse::<u32>().is_err() {
                continue;
            }
            assert!(calls_of(step).contains(&call), "{call} is not in the row of {step}: {line}");
        }
    }
}

#[test]
fn a_step_that_is_skipped_is_announced_and_missed() {
    let host = Host::new("skip");
    let merged = host.state.join(&host.id).join("merged").display().to_string();
    let run = |step: &str, command: &[&str]| host.run(&["--skip", step], "alpine", command);
    let skipped = |step: &str, rest: &str| format!("container: skipped: {step}\n{rest}");
    let pivot = |errno: &str, hint: &str| format!("container: pivot {merged}: {errno}\nhint: {hint}\n");
    let shared =
        pivot("EINVAL (Invalid argument)", "a mount involved is shared: the step private prevents this");
    run("private", &["true"]).assert(125, "", &skipped("private", &shared));
    host.assert_nothing_left();
    let no_mount =
        pivot("EBUSY (Device or resource busy)", "this is not a mount point: the step overlay makes it one");
    run("overlay", &["true"]).assert(125, "", &skipped("overlay", &no_mount));
    host.assert_nothing_left();
    let no_old_root = "there is no old root here: the step pivot puts it here";
    // The working directory must not be a mount point, which could be unmounted. The program's own directory may be one.
    let mut without_pivot = host.command(&["--skip", "pivot", &host.id, "alpine", "true"]);
    outcome(without_pivot.current_dir(&host.dir)).assert(
        125,
        "",
        &skipped("pivot", &format!("container: detach .: EINVAL (Invalid argument)\nhint: {no_old_root}\n")),
    );
    host.assert_nothing_left();
    run("exec", &["true"]).assert(0, "", &skipped("exec", ""));
    run("proc", &["ps"]).assert(0, "PID   USER     TIME  COMMAND\n", &skipped("proc", ""));
    run("dev", &["ls", "/dev"]).assert(0, &ls_dev_of_the_image_and_tty(), &skipped("dev", ""));
}

/// What the image has in /dev; the step `tty` adds to it.
fn ls_dev_of_the_image_and_tty() -> String {
    let mut names: Vec<String> = fs::read_dir(images().join("alpine/dev"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .chain(["ptmx".to_owned()])
        .collect();
    names.sort();
    names.iter().map(|name| format!("{name}\n")).collect()
}

#[test]
fn without_detach_the_hosts_tree_can_be_seen_and_not_touched() {
    let host = Host::new("undetached");
    let victim = host.dir.join("victim");
    fs::write(&victim, "untouched").unwrap();
    let seen =
        |command: &str| -> Outcome { host.run(&["--skip", "detach"], "busybox", &["sh", "-c", command]) };
    let path = victim.display();
    assert_eq!(seen(&format!("cat /..{path}")).stdout, "untouched");
    let attempts = format!("echo x > /..{path}; rm /..{path}; echo $?");
    let tried = seen(&attempts);
    assert_eq!(tried.stdout, "1\n", "{tried:?}");
    assert!(tried.stderr.contains("Read-only file system"), "{tried:?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    // And with the step, there is nothing to see.
    host.sh(&format!("test -e /..{path}; echo $?")).assert_stdout("1\n");
}

#[test]
fn without_pivot_and_detach_the_command_runs_on_the_hosts_tree_which_is_read_only() {
    let host = Host::new("unpivoted");
    let victim = host.dir.join("victim");
    fs::write(&victim, "untouched").unwrap();
    let script = format!("cat {0}; echo x > {0}", victim.display());
    let tried = host.run(&["--skip", "pivot", "--skip", "detach"], "busybox", &["sh", "-c", &script]);
    assert_eq!(tried.stdout, "untouched");
    assert!(tried.stderr.contains("Read-only file system"), "{tried:?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
}

#[test]
fn a_name_that_is_not_a_step_of_the_child_cannot_be_skipped() {
    let host = Host::new("nostep");
    for (words, value) in [
        (&["--skip", "nope"][..], "nope"),
        (&["--skip=nope"], "nope"),
        (&["--skip="], ""),
        (&["--skip", "\x1b"], "\\x1b"),
        (&["--skip", "stack"], "stack"),
        (&["--skip", "sandbox"], "sandbox"),
        (&["--skip", "names"], "names"),
    ] {
        let words = [words, &["c1", "busybox", "true"]].concat();
        let said = "must be one of the child's steps, which container --steps lists";
        outcome(&mut host.command(&words)).assert(
            125,
            "",
            &format!("container: invalid --skip '{value}': {said}\n"),
        );
    }
    host.assert_nothing_left();
}

#[test]
fn every_chapter_that_a_step_names_is_there() {
    let host = Host::new("chapters");
    let steps = outcome(&mut host.command(&["--steps"])).stdout;
    let chapters: Vec<&str> = steps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|word| word.ends_with(".md"))
        .collect();
    assert!(chapters.len() > 25, "{steps}");
    for chapter in chapters {
        assert!(
            Path::new(ROOT).join("docs").join(chapter).exists(),
            "{chapter}\n{}",
            list(&Path::new(ROOT).join("docs"))
        );
    }
}
