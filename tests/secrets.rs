//! What is left in memory of what the caller wrote: the words of the command line, the environment, the files of `--env-file`.

mod common;

use common::{Host, Supervisor, shell, wait_until};
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

/// Each is in one place of what the caller writes, and nowhere else.
const OF_THE_FILE: &str = "value-in-the-file-5107";
const OF_THE_OPTION: &str = "value-of-the-option-8123";
const OF_THE_CALLER: &str = "value-of-the-caller-9431";
const OF_A_PATH: &str = "directory-of-the-host-3371";

/// All memory of a process that it can read itself. None: the process has just unmapped a part of it.
fn memory(pid: u32) -> Option<Vec<u8>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mem = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| !line.contains("[v")) {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |digits| u64::from_str_radix(digits, 16).unwrap();
        let mut bytes = vec![0; (number(end) - number(start)) as usize];
        if rest.starts_with('r') {
            mem.read_exact_at(&mut bytes, number(start)).ok()?;
            all.extend(bytes);
        }
    }
    assert!(all.windows(4).any(|window| window == b"\x7fELF"), "the program's own file is in it");
    Some(all)
}

fn has(memory: &[u8], word: &str) -> bool {
    memory.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Starts a container that has each of the four, and sleeps.
fn start(host: &Host, options: &[&str]) -> Supervisor {
    let dir = host.dir.join(OF_A_PATH);
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join("env");
    fs::write(&file, format!("# {OF_THE_FILE}\nIN_FILE={OF_THE_FILE}\n").repeat(100)).unwrap();
    let (file, variable) = (file.display().to_string(), format!("IN_OPTION={OF_THE_OPTION}"));
    let volume = format!("{}:/mnt", dir.display());
    let script = "echo started $IN_FILE $IN_OPTION; exec sleep 1000";
    let own = ["--env-file", &file, "-e", &variable, "-v", &volume, &host.id, "busybox", "sh", "-c", script];
    let mut command = host.command(&[options, &own].concat());
    command.env("OF_CALLER", OF_THE_CALLER).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"started ");
    Supervisor(child)
}

#[test]
fn pid_1_has_nothing_of_the_caller_in_its_memory() {
    for options in [
        &["--init"][..],
        &["--init", "--explain"],
        &["--init", "--pid", "host"],
        &["--init", "-t"],
        &["--init", "-u", "5:5"],
    ] {
        let host = Host::new("pid1");
        let container = start(&host, options);
        let pid_1 = shell(&format!("pgrep -P {}", container.pid())).trim().parse().unwrap();
        let memory = memory(pid_1).unwrap();
        let found: Vec<&str> = [OF_THE_FILE, OF_THE_OPTION, OF_THE_CALLER, OF_A_PATH, "echo started"]
            .into_iter()
            .filter(|word| has(&memory, word))
            .collect();
        assert_eq!(found, Vec::<&str>::new(), "{options:?}");
    }
}

#[test]
fn the_command_sees_the_name_of_pid_1_and_no_word_of_its_command_line() {
    let host = Host::new("cmdline");
    let script = "echo $(tr '\\0' ' ' < /proc/1/cmdline); grep -c SECRET /proc/1/cmdline /proc/1/environ";
    let ran = host.run(&["--init", "-e", "SECRET=1", "-v", "/etc:/mnt"], "busybox", &["sh", "-c", script]);
    ran.assert(1, &format!("{}\n/proc/1/cmdline:0\n/proc/1/environ:0\n", common::PROGRAM), "");
}

#[test]
fn pid_1_has_nothing_of_the_caller_when_the_command_begins() {
    let host = Host::new("first");
    let large = format!("A={}", "x".repeat(100_000)); // It takes its time to erase so much.
    for _ in 0..5 {
        let options = ["--init", "-e", &large, "-e", &large, "-e", "SECRET=1"];
        let ran = host.run(&options, "busybox", &["sh", "-c", "grep -c -e SECRET -e xxx /proc/1/cmdline"]);
        ran.assert(1, "0\n", "");
    }
}

#[test]
fn the_supervisor_does_not_keep_the_text_of_a_file() {
    for options in [&[][..], &["--init"], &["--explain"], &["-t"], &["--bare"], &["--rm", "-u", "5:5"]] {
        let host = Host::new("supervisor");
        let container = start(&host, options);
        // The command may have begun before the supervisor has gone on.
        wait_until(&format!("{options:?}: the text is gone"), || {
            memory(container.pid()).is_some_and(|memory| !has(&memory, OF_THE_FILE))
        });
    }
}
