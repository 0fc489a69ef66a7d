//! The terminal of the container, and the terminal of the user.

mod common;

use common::pty::Pty;
use common::{Host, Supervisor, wait_until};

#[test]
fn the_command_has_a_terminal_of_its_own() {
    let (host, mut pty) = (Host::new("own"), Pty::new());
    let script = "tty; stat -c %a,%g,%t:%T /dev/pts/0; stat -c %t:%T /dev/console; readlink /dev/ptmx; stat -c %a /dev/pts/ptmx;
                  ls -1 /dev/pts; grep -c ' /dev/pts devpts ' /proc/mounts; ps -o tty | sort -u; stty size; echo now >/dev/tty; echo then >/dev/console";
    let mut container = pty.start(&host, &[], "busybox", &["sh", "-c", script]);
    assert_eq!(pty.end(&mut container), Some(0));
    let expected = "/dev/pts/0\n620,5,88:0\n88:0\npts/ptmx\n666\n0\nptmx\n1\n136,0\nTT\n24 80\nnow\nthen\n";
    assert_eq!(pty.text().replace("\r\n", "\n"), expected);
}

#[test]
fn with_a_terminal_that_is_asked_for_a_closed_stdin_is_an_empty_one() {
    for options in [&["-t"][..], &["-t", "--init"]] {
        for closed in ["<&-", "<&- 2>&-"] {
            let host = Host::new("closed");
            let run = format!("exec \"$@\" {closed}");
            let mut command = std::process::Command::new("sh");
            command.args(["-c", &run, "sh", common::PROGRAM]).args(options).args([&*host.id, "busybox"]);
            command.args(["sh", "-c", "read line; echo end; exit 3"]).current_dir(common::ROOT);
            command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
            common::outcome(&mut command).assert(3, "end\r\n", "");
        }
    }
}

#[test]
fn ctrl_z_stops_all_of_the_job_that_the_container_is_in() {
    let (host, mut pty) = (Host::new("job"), Pty::new());
    let mut shell = pty.start_shell(&host);
    // The program between does not look for children that stop.
    pty.type_in("sh -c '\"$CONTAINER\" \"$ID\" busybox sleep 1000; echo after'\r");
    wait_until("it sleeps", || host.runs("sleep"));
    pty.type_in("\x1a");
    pty.expect("Stopped");
    pty.expect("outside> ");
    pty.type_in("fg\r");
    wait_until("it goes on", || states(&host) == "S" && pty.is_raw());
    pty.type_in("\x03");
    pty.expect("after\r\n");
    pty.expect("outside> ");
    pty.type_in("exit\r");
    pty.end(&mut shell);
}

#[test]
fn the_terminal_belongs_to_the_user_who_can_open_it_again_by_its_name() {
    for options in [&["-u", "1234:56"][..], &["--init", "-u", "1234:56"]] {
        let (host, mut pty) = (Host::new("owner"), Pty::new());
        let script =
            "stat -c %u,%g,%a /dev/pts/0 /dev/console; echo one >/dev/pts/0; echo two >/dev/console; tty";
        let mut container = pty.start(&host, options, "busybox", &["sh", "-c", script]);
        assert_eq!(pty.end(&mut container), Some(0), "{options:?}");
        let expected = "1234,5,620\n1234,5,620\none\ntwo\n/dev/pts/0\n";
        assert_eq!(pty.text().replace("\r\n", "\n"), expected, "{options:?}");
    }
}

/// The states of the container's processes, as ps(1) shows them.
fn states(host: &Host) -> String {
    let state = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().unwrap_or_default().chars().next()
    };
    host.processes().iter().filter_map(state).collect()
}

#[test]
fn a_shell_inside_has_job_control() {
    let (host, mut pty) = (Host::new("jobs"), Pty::new());
    let before = pty.modes();
    let mut container = pty.start(&host, &[], "alpine", &["sh"]);
    assert!(!pty.expect("/ # ").contains("can't access tty"));
    assert!(pty.is_raw());
    pty.type_in("sleep 1000\r");
    wait_until("it sleeps", || host.runs("sleep"));
    pty.type_in("\x1a");
    pty.expect("[1]+  Stopped");
    pty.expect("/ # ");
    pty.type_in("fg\r");
    wait_until("it sleeps again", || host.runs("sleep"));
    pty.type_in("\x03");
    pty.expect("/ # ");
    pty.type_in("echo $?.\r");
    pty.expect("130.");
    pty.expect("/ # ");
    pty.type_in("sleep 1000\r");
    wait_until("it sleeps", || host.runs("sleep"));
    pty.type_in("\x1c");
    pty.expect("Quit");
    pty.type_in("exit 7\r");
    assert_eq!(pty.end(&mut container), Some(7));
    assert_eq!(pty.modes(), before);
}

#[test]
fn the_modes_outside_are_put_back_however_the_command_ends() {
    let (host, mut pty) = (Host::new("modes"), Pty::new());
    let before = pty.modes();
    for (script, status) in [
        ("exit 3", 3),
        ("stty raw -echo; exit 4", 4),
        ("sh -c 'kill -9 $$'; exit 5", 5),
        ("exec 0<&- 1>&- 2>&-; exit 6", 6),
    ] {
        let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", script]);
        assert_eq!(pty.end(&mut container), Some(status), "{script}");
        assert_eq!(pty.modes(), before, "{script}");
    }
    // A failure, too.
    let mut container = pty.start(&host, &[], "alpine", &["/no-such"]);
    assert_eq!(pty.end(&mut container), Some(127));
    assert_eq!(pty.modes(), before);
}

#[test]
fn the_modes_outside_are_put_back_whatever_signal_ends_it() {
    let (host, mut pty) = (Host::new("fatal"), Pty::new());
    let before = pty.modes();
    // All that end a process by default, but for SIGKILL.
    let fatal =
        (1..32).filter(|signal| ![9, 17, 18, 19, 20, 21, 22, 23, 28].contains(signal)).chain([34, 64]);
    for signal in fatal {
        let mut container = pty.start(&host, &[], "alpine", &["sleep", "1000"]);
        wait_until("it sleeps", || pty.is_raw());
        common::shell(&format!("kill -{signal} {}", container.pid()));
        assert_eq!((signal, pty.end(&mut container)), (signal, Some(128 + signal)));
        assert_eq!(pty.modes(), before, "{signal}");
        assert_eq!(pty.text(), "");
        wait_until("all is dead", || host.processes().is_empty());
    }
}

#[test]
fn a_command_that_is_killed_from_outside_leaves_the_modes_as_they_were() {
    let (host, mut pty) = (Host::new("killed"), Pty::new());
    let before = pty.modes();
    let mut container = pty.start(&host, &[], "alpine", &["sleep", "1000"]);
    wait_until("it sleeps", || host.runs("sleep") && pty.is_raw());
    common::shell(&format!("kill -9 {}", host.processes()[0]));
    assert_eq!(pty.end(&mut container), Some(137));
    assert_eq!(pty.modes(), before);
}

#[test]
fn the_size_follows() {
    let (host, mut pty) = (Host::new("size"), Pty::new());
    pty.resize(33, 111);
    let script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.1; done";
    let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", script]);
    pty.expect("33 111\r\n");
    wait_until("it is raw", || pty.is_raw());
    pty.resize(44, 99);
    pty.expect("44 99\r\n");
    // Many at once: the last one counts.
    (1..100).for_each(|n| pty.resize(n, n));
    pty.resize(50, 132);
    pty.expect("50 132\r\n");
    container.kill();
}

#[test]
fn keys_are_the_programs_own() {
    let (host, mut pty) = (Host::new("keys"), Pty::new());
    // Every byte, among them the escape keys of other programs, comes through to a program that wants it so.
    let all: Vec<u8> = (0..=255).collect();
    let script = "stty raw -echo; echo ready; head -c 256 | od -An -v -tx1";
    let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", script]);
    pty.expect("ready");
    pty.type_in(&all);
    assert_eq!(pty.end(&mut container), Some(0));
    let expected: Vec<String> = all.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(pty.text().split_whitespace().collect::<Vec<_>>(), expected);
}

#[test]
fn a_key_that_is_quoted_is_no_signal() {
    let (host, mut pty) = (Host::new("quoted"), Pty::new());
    let mut container = pty.start(&host, &[], "alpine", &["cat"]);
    wait_until("it is raw", || pty.is_raw());
    pty.type_in("\x16");
    pty.expect("^\x08");
    pty.type_in("\x03");
    pty.type_in("\r");
    pty.expect("\x03");
    pty.type_in("\x16\x1a\r");
    pty.expect("\x1a");
    pty.type_in("\x04");
    assert_eq!(pty.end(&mut container), Some(0));
}

#[test]
fn ctrl_c_and_ctrl_backslash_end_a_command_that_has_no_handler() {
    let (host, mut pty) = (Host::new("ctrl"), Pty::new());
    for (key, status) in [("\x03", 130), ("\x1c", 131)] {
        let mut container = pty.start(&host, &[], "alpine", &["sleep", "1000"]);
        wait_until("it is raw", || pty.is_raw());
        pty.type_in(key);
        assert_eq!(pty.end(&mut container), Some(status));
    }
}

#[test]
fn ctrl_c_reaches_a_handler_once() {
    let (host, mut pty) = (Host::new("once"), Pty::new());
    for options in [&[][..], &["--init"]] {
        let script = "trap 'echo caught' INT; echo ready; while :; do read x && exit 9; done";
        let mut container = pty.start(&host, options, "alpine", &["sh", "-c", script]);
        pty.expect("ready");
        wait_until("it is raw", || pty.is_raw());
        pty.type_in("\x03");
        pty.expect("caught\r\n");
        pty.type_in("end\r");
        assert_eq!(pty.end(&mut container), Some(9));
        assert!(!pty.text().contains("caught"), "{options:?} {}", pty.text());
        pty.shown.clear();
    }
}

#[test]
fn ctrl_z_stops_the_container_and_fg_brings_it_back() {
    let (host, mut pty) = (Host::new("stop"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    pty.type_in("$CONTAINER $ID alpine cat\n");
    wait_until("it is raw", || pty.is_raw());
    pty.type_in("one\r");
    pty.expect("one\r\none\r\n");
    for _ in 0..3 {
        pty.type_in("\x1a");
        pty.expect("Stopped");
        pty.expect("outside> ");
        assert_eq!(states(&host), "T");
        assert_eq!(pty.modes(), before);
        pty.type_in("echo $((20 + 3))\n");
        pty.expect("23\r\n");
        pty.type_in("fg\n");
        wait_until("it is raw", || pty.is_raw());
        pty.type_in("two\r");
        pty.expect("two\r\ntwo\r\n");
    }
    pty.type_in("\x04");
    pty.expect("outside> ");
    assert_eq!(pty.modes(), before);
    pty.type_in("exit\n");
    assert_eq!(pty.end(&mut shell), Some(0));
}

#[test]
fn ctrl_z_does_nothing_where_no_shell_could_continue_it() {
    // As after `ssh -t`, `xterm -e` and `script -c`, and below a shell that is not interactive.
    for script in ["exec \"$CONTAINER\" \"$ID\" alpine cat", "\"$CONTAINER\" \"$ID\" alpine cat; true"] {
        let (host, mut pty) = (Host::new("orphaned"), Pty::new());
        let mut shell = pty.start_with(&host, &["bash", "-c", script], |command| command);
        wait_until("it is raw", || pty.is_raw());
        for _ in 0..3 {
            pty.type_in("\x1a");
            pty.expect("^Z");
            pty.type_in("one\r");
            pty.expect("one\r\n");
            pty.expect("one\r\n");
            pty.wait("it is raw", Pty::is_raw);
        }
        // Nor is anything left when the window is closed then.
        pty.type_in("\x1a");
        pty.expect("^Z");
        drop(pty);
        shell.status();
        wait_until("all is dead", || host.processes().is_empty());
    }
}

#[test]
fn a_stopped_container_ends_when_its_terminal_and_its_shell_have_gone() {
    for how in ["HUP", "KILL"] {
        let (host, mut pty) = (Host::new("gone"), Pty::new());
        let mut shell = pty.start_shell(&host);
        pty.type_in("$CONTAINER $ID alpine cat\n");
        wait_until("it is raw", || pty.is_raw());
        pty.type_in("\x1a");
        pty.expect("Stopped");
        pty.expect("outside> ");
        common::shell(&format!("kill -{how} {}", shell.pid()));
        shell.status();
        drop(pty);
        wait_until("all is dead", || host.processes().is_empty());
    }
}

#[test]
fn ctrl_z_stops_the_container_of_a_command_that_another_process_has_stopped() {
    let (host, mut pty) = (Host::new("both"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    pty.type_in("$CONTAINER $ID alpine cat\n");
    wait_until("it is raw", || pty.is_raw());
    common::shell(&format!("kill -STOP {}", host.processes()[0]));
    wait_until("it is stopped", || states(&host) == "T");
    pty.type_in("\x1a");
    pty.expect("Stopped");
    pty.expect("outside> ");
    pty.type_in("fg\n");
    wait_until("it is raw", || pty.is_raw());
    cat_gets_the_keys(&mut pty);
    leave(&mut pty, &mut shell, &before);
}

/// A line reaches cat in the container and comes back, and the end of the file ends it.
fn cat_gets_the_keys(pty: &mut Pty) {
    pty.type_in("two\r");
    pty.expect("two\r\ntwo\r\n");
    pty.type_in("\x04");
    pty.expect("outside> ");
}

/// The shell outside finds its terminal as it was, and ends.
fn leave(pty: &mut Pty, shell: &mut Supervisor, before: &str) {
    assert_eq!(pty.modes(), before);
    pty.type_in("exit\n");
    pty.end(shell);
}

#[test]
fn in_the_background_it_leaves_the_terminal_to_the_shell() {
    let (host, mut pty) = (Host::new("background"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    pty.type_in("$CONTAINER $ID alpine sh -c 'trap \"echo got it; exit 3\" USR1; echo up; while :; do sleep 0.1; done' &\n");
    pty.expect("up\r");
    assert_eq!(pty.modes(), before);
    pty.type_in("echo $((20 + 3))\n");
    pty.expect("23\r\n");
    pty.type_in("kill -USR1 $!; wait $!; echo $?.\n");
    pty.expect("got it\r");
    pty.expect("3.\r\n");
    leave(&mut pty, &mut shell, &before);
}

#[test]
fn started_in_the_background_it_gets_the_keys_once_it_was_stopped_and_taken_to_the_foreground() {
    let (host, mut pty) = (Host::new("fg"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    pty.type_in("$CONTAINER $ID alpine cat &\n");
    wait_until("it runs", || host.processes().len() == 1);
    pty.type_in("kill -TSTP $!; wait $!; echo $?.\n"); // The shell knows of the stop when it can be taken back.
    pty.expect("148.\r\n");
    assert_eq!(states(&host), "T");
    pty.type_in("fg\n");
    wait_until("it is raw", || pty.is_raw());
    cat_gets_the_keys(&mut pty);
    leave(&mut pty, &mut shell, &before);
}

#[test]
fn started_in_the_background_it_gets_the_keys_in_the_foreground_once_anything_happens() {
    let (host, mut pty) = (Host::new("noticed"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    let script = "(while :; do echo up; sleep 0.1; done) & read line; echo got $line; exit 3";
    pty.type_in(format!("$CONTAINER $ID alpine sh -c '{script}' &\n"));
    pty.expect("up\r");
    pty.type_in("fg; echo $?.\n");
    pty.wait("it is raw", Pty::is_raw);
    pty.type_in("this\r");
    pty.expect("got this\r");
    pty.expect("3.\r\n");
    leave(&mut pty, &mut shell, &before);
}

/// The ways in which a command can be started below the terminal outside, but for `--bare`.
const SHARING: [&str; 3] = ["", "--init", "--pid host"];

#[test]
fn with_the_terminal_outside_a_command_in_the_background_leaves_the_keys_to_the_shell() {
    for options in SHARING {
        for script in ["cat", "sh -c 'cat; true'"] {
            let (host, mut pty) = (Host::new("keys"), Pty::new());
            let file = host.dir.join("file");
            let mut shell = pty.start_shell(&host);
            let before = pty.modes();
            pty.type_in(format!(
                "$CONTAINER {options} $ID alpine {script} > {} & wait $!; echo $?.\n",
                file.display()
            ));
            pty.expect("149.\r\n"); // It is stopped by SIGTTIN, as any program.
            pty.expect("outside> ");
            pty.type_in("echo $((20 + 3))\n");
            pty.expect("23\r\n");
            pty.type_in("fg\n");
            pty.expect("file\r\n");
            wait_until("it goes on", || host.runs("cat"));
            pty.type_in("one\n");
            wait_until("it gets the line", || {
                std::fs::read_to_string(&file).is_ok_and(|text| text == "one\n")
            });
            pty.type_in("\x04");
            pty.expect("outside> ");
            leave(&mut pty, &mut shell, &before);
        }
    }
}

#[test]
fn with_the_terminal_outside_ctrl_z_stops_all_of_the_container() {
    for options in SHARING {
        let (host, mut pty) = (Host::new("stop"), Pty::new());
        let file = host.dir.join("file");
        let mut shell = pty.start_shell(&host);
        let before = pty.modes();
        pty.type_in(format!("$CONTAINER {options} $ID alpine sh -c 'cat; true' > {}\n", file.display()));
        wait_until("it reads", || host.runs("cat"));
        for line in ["one\n", "one\ntwo\n"] {
            pty.type_in("\x1a");
            pty.expect("Stopped");
            pty.expect("outside> ");
            wait_until("all is stopped", || states(&host) == "TT");
            pty.type_in("echo $((20 + 3))\n");
            pty.expect("23\r\n");
            pty.type_in("fg\n");
            pty.expect("file\r\n");
            wait_until("it goes on", || states(&host) == "SS");
            pty.type_in(&line[line.len() - 4..]);
            wait_until("it gets the line", || std::fs::read_to_string(&file).is_ok_and(|text| text == line));
        }
        pty.type_in("\x04");
        pty.expect("outside> ");
        leave(&mut pty, &mut shell, &before);
    }
}

#[test]
fn with_the_terminal_outside_ctrl_c_reaches_each_process_once() {
    let inner = "trap 'echo inner >&2' INT; echo ready >&2; i=0; while [ $i -lt 50 ]; do sleep 0.02; i=$((i+1)); done";
    let outer = "trap 'echo outer >&2' INT; sh -c \"$INNER\"; echo end >&2; exit 3";
    for options in SHARING {
        let (host, mut pty) = (Host::new("interrupt"), Pty::new());
        let script =
            format!("$CONTAINER {options} -e INNER $ID alpine sh -c \"$OUTER\" > /dev/null; echo $?.");
        let mut bash = pty.start_with(&host, &["bash", "-c", &format!("trap : INT; {script}")], |command| {
            command.env("INNER", inner).env("OUTER", outer)
        });
        pty.expect("ready\r\n");
        pty.type_in("\x03");
        let shown = pty.expect("3.\r\n");
        for word in ["inner", "outer", "end"] {
            assert_eq!(shown.matches(word).count(), 1, "{options}: {word} in {shown}");
        }
        pty.end(&mut bash);
        // Without a handler it ends all.
        let script = format!(
            "trap : INT; $CONTAINER {options} $ID alpine sh -c 'sleep 1000; true' > /dev/null; echo $?."
        );
        let mut bash = pty.start_with(&host, &["bash", "-c", &script], |command| command);
        wait_until("it sleeps", || host.runs("sleep"));
        pty.type_in("\x03");
        pty.expect("130.\r\n");
        pty.end(&mut bash);
    }
}

#[test]
fn a_terminal_that_is_asked_for_in_the_background_waits_for_the_foreground() {
    let (host, mut pty) = (Host::new("turn"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    pty.type_in("$CONTAINER -t $ID alpine cat & wait\n");
    pty.expect("Stopped");
    assert_eq!(pty.modes(), before);
    pty.type_in("fg\n");
    pty.wait("it is raw", Pty::is_raw);
    cat_gets_the_keys(&mut pty);
    leave(&mut pty, &mut shell, &before);
}

#[test]
fn stopped_from_outside_and_continued_in_the_background_it_leaves_the_terminal_alone() {
    let (host, mut pty) = (Host::new("bg"), Pty::new());
    let mut shell = pty.start_shell(&host);
    let before = pty.modes();
    let script = "trap 'echo got it; exit 3' USR1; echo up; while :; do sleep 0.1; done";
    pty.type_in(format!("$CONTAINER $ID alpine sh -c \"{script}\"\n"));
    pty.expect("up\r");
    wait_until("it is raw", || pty.is_raw());
    let supervisor = common::shell(&format!("pgrep -P {}", shell.pid()));
    common::shell(&format!("kill -STOP {supervisor}"));
    pty.expect("Stopped");
    pty.expect("outside> ");
    assert_eq!(pty.modes(), before, "the shell puts them back");
    pty.type_in("bg\n");
    pty.expect("outside> ");
    pty.type_in("echo $((20 + 3))\n");
    pty.expect("23\r\n");
    pty.type_in("kill -USR1 %1; wait %1; echo $?.\n");
    pty.expect("got it\r");
    pty.expect("3.\r\n");
    leave(&mut pty, &mut shell, &before);
}

#[test]
fn a_lot_is_pasted_and_nothing_is_lost() {
    let (host, mut pty) = (Host::new("paste"), Pty::new());
    // In raw mode byte for byte, and to a program that takes its time.
    let script = "stty raw -echo; echo ready; sleep 0.3; head -c 100000 | md5sum";
    let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", script]);
    pty.expect("ready");
    let bytes: Vec<u8> = (0..100_000u32).map(|n| (n * 7 + n / 251) as u8).collect();
    std::fs::write(host.dir.join("bytes"), &bytes).unwrap();
    let sum = common::shell(&format!("md5sum < '{}/bytes'", host.dir.display()));
    pty.type_in(&bytes);
    assert_eq!(pty.end(&mut container), Some(0));
    assert_eq!(pty.text().trim(), sum.trim());
    pty.shown.clear();
    // In lines, as a shell or cat reads.
    let lines: String = (0..2000).map(|n| format!("{n:048}\r")).collect();
    let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", "stty -echo; echo ready; cat"]);
    pty.expect("ready\r\n");
    pty.type_in(&lines);
    pty.expect(&format!("{:048}\r\n", 1999));
    pty.type_in("\x04");
    assert_eq!(pty.end(&mut container), Some(0));
}

#[test]
fn a_lot_is_shown_and_nothing_is_lost() {
    let (host, mut pty) = (Host::new("flood"), Pty::new());
    let mut container = pty.start(&host, &[], "alpine", &["seq", "200000"]);
    assert_eq!(pty.end(&mut container), Some(0));
    let expected: String = (1..=200_000).map(|n| format!("{n}\r\n")).collect();
    assert!(pty.text() == expected, "{} bytes of {}", pty.shown.len(), expected.len());
}

#[test]
fn a_command_that_closes_its_terminal_goes_on_and_costs_nothing() {
    let (host, mut pty) = (Host::new("closed"), Pty::new());
    let script = "echo ready; exec 0<&- 1>&- 2>&-; sleep 0.6; echo again >/dev/tty; exit 4";
    let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", script]);
    pty.expect("ready");
    assert_eq!(pty.end(&mut container), Some(4));
    assert_eq!(pty.text(), "\r\nagain\r\n");
}

/// How often a process has waited so far.
fn waits(pid: u32) -> String {
    common::shell(&format!("grep ctxt_switches /proc/{pid}/status; cut -d ' ' -f 14,15 /proc/{pid}/stat"))
}

/// Hangs up its own terminal, and sleeps.
const HANGUP: &str = r#"
#include <signal.h>
#include <unistd.h>
int main(void) {
    signal(SIGHUP, SIG_IGN);
    write(1, "ready\n", 6);
    usleep(100000);
    vhangup();
    signal(SIGHUP, SIG_DFL);
    pause();
}
"#;

/// Makes a static program of C.
fn compile(source: &str, program: &std::path::Path) {
    let path = program.with_extension("c");
    std::fs::write(&path, source).unwrap();
    common::shell(&format!("gcc -static -w -o '{}' '{}'", program.display(), path.display()));
}

#[test]
fn the_supervisor_sleeps_while_nothing_happens() {
    let (host, mut pty) = (Host::new("idle"), Pty::new());
    let image = host.own_image("hangup");
    compile(HANGUP, &image.join("bin/hangup"));
    for script in ["echo ready; exec sleep 1000", "echo ready; exec sleep 1000 0<&- 1>&- 2>&-", "exec hangup"]
    {
        let args = [common::PROGRAM, &host.id, "hangup", "sh", "-c", script];
        let images = host.dir.join("images");
        let mut container = pty.start_with(&host, &args, |command| command.env("CONTAINER_IMAGES", images));
        pty.expect("ready\r\n");
        wait_until("it sleeps", || host.processes().len() == 1 && pty.is_raw());
        std::thread::sleep(std::time::Duration::from_millis(200));
        let before = waits(container.pid());
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(waits(container.pid()), before, "{script}");
        common::shell(&format!("kill {}", container.pid()));
        assert_eq!(pty.end(&mut container), Some(143));
    }
}

#[test]
fn with_a_terminal_at_the_end_of_a_pipe_the_command_sees_the_end() {
    let host = Host::new("eof");
    let run = |feeder: &str, command: &str| {
        let script = format!(
            "{feeder} | timeout 10 '{}' -t {} alpine {command} | tr -d '\\r'; echo ${{PIPESTATUS[1]}}",
            common::PROGRAM,
            host.id
        );
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script]).env("CONTAINER_STATE", &host.state);
        let outcome = common::outcome(bash.env("CONTAINER_IMAGES", common::images()));
        outcome.stdout.split_once("=\n").unwrap_or_else(|| panic!("{outcome:?}")).1.to_string()
    };
    // What is typed is shown at once, so what was read is told later.
    let read = "sh -c 'cat >/read; echo =; cat /read'";
    assert_eq!(run("printf 'one\\ntwo\\n'", read), "one\ntwo\n0\n");
    assert_eq!(run("printf 'one\\ntwo'", read), "one\ntwo0\n");
    assert_eq!(run("true", read), "0\n");
    assert_eq!(run("seq 20000", read), common::shell("seq 20000") + "0\n");
    // All three are a terminal.
    assert_eq!(
        run("true", "sh -c 'echo =; tty; tty <&1; tty <&2'"),
        "/dev/pts/0\n/dev/pts/0\n/dev/pts/0\n0\n"
    );
}

/// Reads its terminal in a mode that it has changed meanwhile, and says what it has read.
const CHANGES: &str = r#"
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
int main(int count, char **words) {
    struct termios lines, keys;
    char byte = 'x';
    tcgetattr(0, &lines);
    keys = lines;
    cfmakeraw(&keys);
    usleep(100000); /* The end is there before the mode changes. */
    if (!strcmp(words[1], "raw")) {
        tcsetattr(0, TCSANOW, &keys);
        while (read(0, &byte, 1) == 1 && byte != 4);
    } else if (!strcmp(words[1], "flush")) {
        tcsetattr(0, TCSAFLUSH, &keys);
        while (read(0, &byte, 1) == 1 && byte != 4);
        tcsetattr(0, TCSAFLUSH, &lines);
        while (read(0, &byte, 1) == 1);
    } else { /* The end is there in the mode of keys, and then lines are read, twice. */
        tcsetattr(0, TCSANOW, &keys);
        read(0, &byte, 1);
        usleep(100000);
        tcsetattr(0, TCSANOW, &lines);
        while (read(0, &byte, 1) == 1);
        while (read(0, &byte, 1) == 1);
    }
    tcsetattr(0, TCSANOW, &lines);
    puts("end");
    return 5;
}
"#;

/// `INPUT; container -t ID IMAGE COMMAND`: its output, and its status in a line.
fn run_with_input(host: &Host, images: &std::path::Path, input: &str, command: &str) -> String {
    let script = format!("timeout -s KILL 10 '{}' -t {} {command}; echo $?", common::PROGRAM, host.id);
    let script = if input.starts_with('<') || input.starts_with("0>") {
        format!("{{ {script}; }} {input}")
    } else {
        format!("{input} | {{ {script}; }}")
    };
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &script]).current_dir(common::ROOT).env("CONTAINER_STATE", &host.state);
    common::outcome(bash.env("CONTAINER_IMAGES", images)).stdout.replace('\r', "")
}

#[test]
fn the_end_of_a_piped_stdin_reaches_a_command_in_whatever_mode_it_reads_its_terminal() {
    let host = Host::new("modes");
    let image = host.own_image("own");
    compile(CHANGES, &image.join("bin/changes"));
    let images = host.dir.join("images");
    for input in ["true", "printf 'one\\n'", "printf one", "< /dev/null"] {
        for mode in ["raw", "flush", "lines"] {
            let shown = run_with_input(&host, &images, input, &format!("own changes {mode}"));
            assert!(shown.ends_with("end\n5\n"), "{input} {mode}: {shown:?}");
        }
    }
    // A shell with a line editor changes the mode for each line.
    for input in ["echo 'echo $((20 + 3))'", "printf 'echo $((20 + 3))'"] {
        for _ in 0..10 {
            let shown = run_with_input(&host, &common::images(), input, "alpine sh");
            assert!(shown.contains("\n23\n") && shown.ends_with("0\n"), "{input}: {shown:?}");
        }
    }
    // There is an end for each reader, and a command that reads nothing gets no more than one.
    let twice = "alpine sh -c 'cat; cat; cat; echo end'";
    assert!(run_with_input(&host, &common::images(), "printf 'one\\n'", twice).ends_with("end\n0\n"));
}

#[test]
fn after_the_end_of_stdin_the_supervisor_sleeps_while_the_command_reads_nothing() {
    let host = Host::new("idle");
    let mut command =
        host.command(&["-t", &host.id, "alpine", "sh", "-c", "cat; echo ready; exec sleep 1000"]);
    let mut container = Supervisor(command.stdout(std::process::Stdio::piped()).spawn().unwrap());
    let mut line = [0; 7];
    std::io::Read::read_exact(container.0.stdout.as_mut().unwrap(), &mut line).unwrap();
    assert_eq!(&line, b"ready\r\n");
    wait_until("it sleeps", || host.runs("sleep"));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let before = waits(container.pid());
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(waits(container.pid()), before);
    container.kill();
}

#[test]
fn a_stdin_that_cannot_be_read_is_an_empty_one() {
    let host = Host::new("unreadable");
    let file = host.dir.join("file");
    for input in [
        "< /".to_string(),
        format!("0> '{}'", file.display()),
        format!("0> >(cat > '{}' 2>&1)", file.display()),
    ] {
        let shown = run_with_input(&host, &common::images(), &input, "alpine sh -c 'cat; echo end'");
        assert_eq!(shown, "end\n0\n", "{input}");
    }
}

#[test]
fn with_a_terminal_whose_reader_goes_away_the_command_gets_sigpipe() {
    let host = Host::new("sigpipe");
    let script = format!(
        "'{}' -t {} alpine yes </dev/null | head -n 1; echo ${{PIPESTATUS[0]}}",
        common::PROGRAM,
        host.id
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &script]).env("CONTAINER_STATE", &host.state);
    common::outcome(bash.env("CONTAINER_IMAGES", common::images())).assert(0, "y\r\n141\n", "");
}

/// Types a line into the terminal that is stdin, in two ways, takes it from its session, and tells what came of it. `syscall` 54 is ioctl's number in
/// 32-bit code.
const TYPE_IN: &str = r##"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
static int old_ioctl(int fd, unsigned long request, void *argument) {
#ifdef __x86_64__
    int result; /* int 0x80 takes addresses of 32 bits: those of a static program that is not moved about */
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(54), "b"(fd), "c"(request), "d"(argument) : "memory", "r8", "r9", "r10", "r11");
    if (result < 0) { errno = -result; return -1; }
    return result;
#else
    return ioctl(fd, request, argument);
#endif
}
static char key = 'x', subcode = 3;
int main(void) {
    int fd = isatty(0) ? 0 : 2;
    int one = ioctl(fd, TIOCSTI, &key) ? errno : 0;
    int two = old_ioctl(fd, TIOCSTI, &key) ? errno : 0;
    int high = ioctl(fd, 0xffffffff00000000ul | TIOCSTI, &key) ? errno : 0;
    int linux_ = ioctl(fd, 0x541c, &subcode) ? errno : 0;
    int steal = ioctl(fd, TIOCSCTTY, 1) ? errno : 0;
    int high_steal = ioctl(fd, TIOCSCTTY, 0xffffffff00000001ul) ? errno : 0;
    int take = ioctl(fd, TIOCSCTTY, 0) ? errno : 0;
    int pair = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlocked = 0; /* a new one belongs to no session */
    ioctl(pair, TIOCSPTLCK, &unlocked);
    setsid(); /* Only the leader of a session can take one. It may be one already. */
    int own = ioctl(ioctl(pair, TIOCGPTPEER, O_RDWR | O_NOCTTY), TIOCSCTTY, 0) ? errno : 0;
    printf("%d %d %d %d %d %d %d %d.\n", one, two, high, linux_, steal, high_steal, take, own);
    return 0;
}
"##;

#[test]
fn nothing_inside_can_type_into_the_terminal_outside_or_take_it() {
    let (host, mut pty) = (Host::new("sti"), Pty::new());
    let image = host.own_image("own");
    std::fs::write(host.dir.join("sti.c"), TYPE_IN).unwrap();
    let (source, program) = (host.dir.join("sti.c"), image.join("bin/sti"));
    common::shell(&format!("gcc -static -no-pie -w -o '{}' '{}'", program.display(), source.display()));
    let images = || host.dir.join("images");
    // -T, a pipe at stdout, a pipe at stdin, and a stderr that is still the terminal outside.
    for (options, redirection) in
        [("-T", ""), ("", "| cat"), ("", "</dev/null"), ("--init -T", ""), ("", "</dev/null | cat")]
    {
        let script = format!("$CONTAINER {options} $ID own sti {redirection}");
        let mut bash = pty
            .start_with(&host, &["bash", "-c", &script], |command| command.env("CONTAINER_IMAGES", images()));
        pty.expect("1 1 1 1 1 1 1 0.\r\n");
        assert_eq!(pty.end(&mut bash), Some(0));
        assert_eq!(pty.text(), "");
    }
    // In a terminal of its own it can type to itself; nothing comes out.
    let script = "$CONTAINER $ID own sti; read -t 0.2 line; echo \"<$line>\"";
    let mut bash =
        pty.start_with(&host, &["bash", "-c", script], |command| command.env("CONTAINER_IMAGES", images()));
    pty.expect("<>\r\n");
    pty.end(&mut bash);
}

#[test]
fn a_pipe_or_a_file_stays_what_it_is() {
    let (host, mut pty) = (Host::new("mixed"), Pty::new());
    let mut run = |script: &str| {
        let mut bash = pty.start_with(&host, &["bash", "-c", script], |command| command);
        assert_eq!(pty.end(&mut bash), Some(0), "{}", pty.text());
        String::from_utf8(std::mem::take(&mut pty.shown)).unwrap().replace("\r\n", "\n")
    };
    assert_eq!(run("$CONTAINER $ID alpine sh -c 'test -t 0; echo $?; test -t 1; echo $?' | cat"), "0\n1\n");
    assert_eq!(run("echo hi | $CONTAINER $ID alpine cat"), "hi\n");
    assert_eq!(
        run("$CONTAINER -T $ID alpine sh -c 'tty; echo /dev/pts/*; test -e /dev/console; echo $?'"),
        "not a tty\n/dev/pts/ptmx\n1\n"
    );
    // stderr leads to a file, though stdin and stdout are terminals.
    let file = host.dir.join("stderr");
    let script = format!(
        "$CONTAINER $ID alpine sh -c 'tty; test -t 2; echo $?; echo oops >&2' 2>'{}'",
        file.display()
    );
    assert_eq!(run(&script), "/dev/pts/0\n1\n");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "oops\n");
}

#[test]
fn a_window_that_is_closed_ends_a_command_that_leaves_it_at_that() {
    let (host, mut pty) = (Host::new("window"), Pty::new());
    let mut container = pty.start(&host, &[], "alpine", &["sleep", "1000"]);
    wait_until("it is raw", || pty.is_raw());
    pty.shown.clear();
    drop(pty);
    assert_eq!(container.status(), Some(129));
    wait_until("all is dead", || host.processes().is_empty());
}

#[test]
fn all_terminals_of_the_instance_can_be_opened_and_the_hosts_stay() {
    let (host, mut pty) = (Host::new("ptys"), Pty::new());
    let script = "i=3; while [ $i -lt 150 ]; do eval \"exec $i<>/dev/ptmx\" || break; i=$((i+1)); done; set /dev/pts/*; echo $#, done; read line";
    let outside = || common::shell("ls /dev/pts | wc -l").trim().parse::<usize>().unwrap();
    let before = outside();
    let mut container = pty.start(&host, &[], "alpine", &["sh", "-c", script]);
    pty.expect("149, done");
    // Other programs may open a few outside meanwhile.
    let after = outside();
    assert!(after < before + 100, "{before} {after}");
    pty.type_in("\r");
    assert_eq!(pty.end(&mut container), Some(0));
}

/// A server of tmux of its own, with one window that runs a script.
struct Tmux(String);

impl Tmux {
    fn start(host: &Host, script: &str) -> Self {
        let tmux = Self(host.id.clone());
        let mut command = std::process::Command::new("tmux");
        command.args(["-L", &tmux.0, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", script]);
        command
            .env_remove("TMUX")
            .env("CONTAINER_STATE", &host.state)
            .env("CONTAINER_IMAGES", common::images());
        let outcome = common::outcome(command.env("CONTAINER", common::PROGRAM).env("ID", &host.id));
        outcome.assert_stdout("");
        tmux
    }

    fn say(&self, command: &str) -> String {
        common::shell(&format!("tmux -L {} {command}", self.0))
    }

    fn expect(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let begin = std::time::Instant::now();
        loop {
            let screen = self.say("capture-pane -p");
            if is_so(&screen) {
                return;
            }
            assert!(begin.elapsed().as_secs() < 10, "not within ten seconds: {what}: {}", screen.trim_end());
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = std::process::Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

#[test]
fn in_tmux_vi_follows_the_window_and_top_has_all_keys() {
    let host = Host::new("tmux");
    // tmux may keep a row for itself.
    let is_last = |screen: &str, rows: std::ops::RangeInclusive<usize>| {
        screen
            .lines()
            .position(|line| line.contains("/etc/passwd") && line.contains('%'))
            .is_some_and(|row| rows.contains(&row))
    };
    let tmux = Tmux::start(&host, "$CONTAINER $ID alpine sh; echo over:$?; exec cat");
    tmux.expect("a prompt", |screen| screen.contains("/ #"));
    // This shell drops what is typed while it asks the terminal where the cursor is.
    std::thread::sleep(std::time::Duration::from_millis(300));
    tmux.say("send-keys 'vi /etc/passwd' Enter");
    tmux.expect("vi in all rows", |screen| is_last(screen, 22..=23));
    tmux.say("resize-window -x 100 -y 30");
    tmux.expect("vi in 30 rows", |screen| is_last(screen, 29..=29));
    tmux.say("send-keys ':q!' Enter");
    tmux.say("send-keys 'clear; stty size' Enter");
    tmux.expect("the new size", |screen| screen.contains("30 100"));
    tmux.say("send-keys top Enter");
    tmux.expect("top", |screen| screen.contains("Mem:"));
    tmux.say("send-keys C-z"); // This top takes it for a key like others, and so it is no signal.
    tmux.say("send-keys q");
    tmux.expect("a prompt", |screen| screen.trim_end().ends_with("/ #"));
    std::thread::sleep(std::time::Duration::from_millis(300));
    tmux.say("send-keys 'sleep 1000' Enter");
    wait_until("it sleeps", || host.runs("sleep"));
    tmux.say("send-keys C-z");
    tmux.expect("sleep is stopped", |screen| {
        screen.contains("Stopped") && screen.trim_end().ends_with("/ #")
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    tmux.say("send-keys 'fg' Enter");
    wait_until("it goes on", || host.runs("sleep"));
    tmux.say("send-keys C-c");
    tmux.expect("a prompt", |screen| screen.trim_end().ends_with("/ #"));
    std::thread::sleep(std::time::Duration::from_millis(300));
    tmux.say("send-keys 'exit 5' Enter");
    tmux.expect("the end", |screen| screen.contains("over:5"));
    // What is typed next is shown as always: the modes are back.
    tmux.say("send-keys 'as always'");
    tmux.expect("an echo", |screen| screen.contains("as always"));
}

#[test]
fn in_tmux_a_window_that_is_closed_ends_the_container() {
    let host = Host::new("closed");
    let tmux = Tmux::start(&host, "$CONTAINER $ID alpine sh");
    tmux.expect("a prompt", |screen| screen.contains("/ #"));
    tmux.say("kill-window");
    wait_until("all is dead", || host.processes().is_empty());
}
