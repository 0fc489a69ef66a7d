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
            "container: inherited {name}: EISDIR (Is a directory)\n\
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
