//! stdin, stdout and stderr: what the command may reach through them.

mod common;

use common::{Host, outcome};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;

const O_PATH: i32 = 0o10_000_000;

/// A way to open a directory.
fn directory(flags: i32) -> File {
    OpenOptions::new().read(true).custom_flags(flags).open("/etc").unwrap()
}

#[test]
fn a_directory_as_stdin_stdout_or_stderr_is_refused_by_name_before_anything_is_made() {
    let host = Host::new("directory");
    let said = |name: &str| {
        format!(
            "container: inherit {name}: EISDIR (Is a directory)\n\
             hint: a directory of the host leads out of the container: use /dev/null, or -v to share the directory\n"
        )
    };
    for flags in [0, O_PATH] {
        for options in [&[][..], &["-u", "1000:1000"], &["--init"], &["-T"], &["--tty", "--skip", "session"]]
        {
            let run = |number: usize| {
                let script = format!("cat /proc/self/fd/{number}/hostname");
                let mut command =
                    host.command(&[options, &[&host.id, "busybox", "sh", "-c", &script]].concat());
                let stdio = Stdio::from(directory(flags));
                match number {
                    0 => outcome(command.stdin(stdio)),
                    1 => outcome(command.stdout(stdio)),
                    _ => outcome(command.stderr(stdio)),
                }
            };
            let announced = if options.contains(&"--skip") { "container: skipped: session\n" } else { "" };
            run(0).assert(125, "", &format!("{announced}{}", said("stdin")));
            run(1).assert(125, "", &format!("{announced}{}", said("stdout")));
            assert_eq!(run(2).status, 125, "there is no place for the message");
        }
    }
    host.assert_nothing_left();
}

#[test]
fn with_a_terminal_in_place_of_all_three_a_directory_does_no_harm() {
    let host = Host::new("replaced");
    let script = "cd /proc/self/fd; for n in 0 1 2; do readlink $n; done";
    let mut command = host.command(&["-t", &host.id, "busybox", "sh", "-c", script]);
    let ran = outcome(command.stdin(directory(0)));
    assert_eq!((ran.status, &*ran.stdout), (0, "/dev/pts/0\r\n/dev/pts/0\r\n/dev/pts/0\r\n"), "{ran:?}");
}

#[test]
fn a_closed_descriptor_does_not_become_one_that_leads_out() {
    let host = Host::new("closed");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        for options in ["", "--init", "-u 1000:1000", "-v /etc:/mnt", "-t"] {
            let script = format!(
                "exec '{}' {options} --tmpfs /out {} busybox sh -c 'ls /proc/$$/fd/*/ > /out/seen 2> /out/said; \
                 [ ! -s /out/seen ] && grep -q . /out/said && exit 42' {closed}",
                common::PROGRAM,
                host.id
            );
            let mut bash = std::process::Command::new("bash");
            bash.args(["-c", &script]).env("CONTAINER_STATE", &host.state);
            bash.env("CONTAINER_IMAGES", common::images()).stdin(Stdio::null());
            let ran = outcome(&mut bash);
            assert_eq!(ran.status, 42, "{options} {closed}: {ran:?}");
        }
    }
}

/// Runs a script of bash(1) in which `c ARGUMENT…` runs a command in a container.
fn bash(host: &Host, script: &str) -> common::Outcome {
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &format!("c() {{ \"$PROGRAM\" \"${{o[@]}}\" \"$ID\" busybox \"$@\"; }}; {script}")]);
    bash.env("PROGRAM", common::PROGRAM).env("ID", &host.id).current_dir(&host.dir).stdin(Stdio::null());
    outcome(bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images()))
}

#[test]
fn a_user_can_open_a_pipe_again_by_the_names_of_stdin_stdout_and_stderr() {
    let host = Host::new("pipes");
    for options in ["-u 1000:1000", "-u 1000:1000 --init", "--bare -u 1000:1000", "-u 0", ""] {
        // --bare has the /dev of the image.
        let dev = if options.starts_with("--bare") { "/proc/self/fd/" } else { "/dev/std" };
        let [stdin, stdout, stderr] = if dev == "/dev/std" { ["in", "out", "err"] } else { ["0", "1", "2"] };
        let script = format!(
            "o=({options}); (echo in | c sh -c 'cat {dev}{stdin} > {dev}{stdout}; echo out > {dev}{stdout}; echo err > {dev}{stderr}' | cat) \\
             2> >(sed 's/^/2: /' >&2) | cat; wait; sleep 0.1"
        );
        let ran = bash(&host, &script);
        ran.assert(0, "in\nout\n", "2: err\n");
    }
}

#[test]
fn two_containers_with_two_users_can_open_the_same_pipe_and_so_can_its_owner() {
    let host = Host::new("both");
    let script = "{ chown 65534 /dev/stdout
        o=(-u 1000:1000); c sh -c 'echo 1 > /dev/stdout'
        o=(-u 1001:1001); c sh -c 'echo 2 > /dev/stdout'
        o=(-u 1000:1000); c sh -c 'echo 3 > /dev/stdout'
        setpriv --reuid 65534 --clear-groups sh -c 'echo owner > /dev/stdout; stat -L -c %u /dev/stdout'; } | cat";
    bash(&host, script).assert_stdout("1\n2\n3\nowner\n65534\n");
}

#[test]
fn what_is_not_an_anonymous_pipe_keeps_its_owner_and_its_mode() {
    let host = Host::new("kept");
    let script = "touch file; mkfifo fifo; mknod null c 1 3; chmod 600 file fifo null; o=(-u 1000:1000)
        before=$(stat -c '%n %u:%g %a %z' file fifo null /dev/null)
        c true < file >> file 2>> file
        c true <> fifo > fifo 2>&1
        c true < null > null 2> null
        c true < /dev/null > /dev/null 2> /dev/null
        [ \"$before\" = \"$(stat -c '%n %u:%g %a %z' file fifo null /dev/null)\" ] && echo the same";
    bash(&host, script).assert_stdout("the same\n");
}

#[test]
fn the_terminal_of_the_caller_keeps_its_owner_and_its_mode() {
    let (host, mut pty) = (Host::new("terminal"), common::pty::Pty::new());
    let options = ["-T", "-u", "1000:1000"];
    let mut container =
        pty.start(&host, &options, "busybox", &["stat", "-L", "-c", "owner %u mode %a", "/proc/self/fd/0"]);
    pty.expect("owner 0 mode ");
    assert_eq!(pty.end(&mut container), Some(0));
}
