//! The command line: what is refused, in which words, and with which status.

mod common;

use common::{Host, outcome};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

const USAGE: &str = "hint: it is missing; usage: container [OPTIONS] ID IMAGE CMD [ARG]...\n";
const ID_RULE: &str =
    "hint: an ID is 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or a digit\n";
const IMAGE_RULE: &str =
    "hint: an IMAGE is 1 to 64 letters, digits, '_', '.' or '-', and begins with a letter or a digit\n";
const NO_OPTION: &str = "hint: there is no such option; container --help lists them\n";

#[test]
fn a_bad_command_line_is_refused_by_name_and_nothing_is_made() {
    let host = Host::new("bad");
    let after = |rule: &str| format!("{}; options stand before ID\n", rule.trim_end());
    let a64 = "a".repeat(64);
    let a65 = "a".repeat(65);
    let table: &[(&[&[u8]], &str, &str)] = &[
        (&[], "ID", USAGE),
        (&[b"c1"], "IMAGE", USAGE),
        (&[b"c1", b"busybox"], "CMD", USAGE),
        (&[b"--"], "ID", USAGE),
        (&[b"--bare", b"--", b"c1"], "IMAGE", USAGE),
        (&[b"../x", b"busybox", b"true"], "../x", ID_RULE),
        (&[b"a/b", b"busybox", b"true"], "a/b", ID_RULE),
        (&[b".", b"busybox", b"true"], ".", ID_RULE),
        (&[b"..", b"busybox", b"true"], "..", ID_RULE),
        (&[b"_a", b"busybox", b"true"], "_a", ID_RULE),
        (&[b"a b", b"busybox", b"true"], "a b", ID_RULE),
        (&[b"", b"busybox", b"true"], "''", ID_RULE),
        (&[a65.as_bytes(), b"busybox", b"true"], &a65, ID_RULE),
        (&[b"a\n", b"busybox", b"true"], "a\\x0a", ID_RULE),
        (&[b"\x1b[2J", b"busybox", b"true"], "\\x1b[2J", ID_RULE),
        (&["\u{9b}2J".as_bytes(), b"busybox", b"true"], "\\xc2\\x9b2J", ID_RULE),
        (&[b"a\xff", b"busybox", b"true"], "a\\xff", ID_RULE),
        (&["é".as_bytes(), b"busybox", b"true"], "é", ID_RULE),
        (&[b"c1", b"../busybox", b"true"], "../busybox", IMAGE_RULE),
        (&[b"c1", b"/", b"true"], "/", IMAGE_RULE),
        (&[b"c1", b"", b"true"], "''", IMAGE_RULE),
        (&[b"c1", a65.as_bytes(), b"true"], &a65, IMAGE_RULE),
        (&[b"c1", b"\xff", b"true"], "\\xff", IMAGE_RULE),
        (&[b"-"], "-", NO_OPTION),
        (&[b"--bear", b"c1", b"busybox", b"true"], "--bear", NO_OPTION),
        (&[b"--bare=yes", b"c1", b"busybox", b"true"], "--bare=yes", NO_OPTION),
        (&[b"-hV"], "-hV", NO_OPTION),
        (&[b"--\x07"], "--\\x07", NO_OPTION),
        (&[b"--", b"--bare", b"busybox", b"true"], "--bare", &after(ID_RULE)),
        (&[b"c1", b"--bare", b"busybox", b"true"], "--bare", &after(IMAGE_RULE)),
    ];
    for (words, word, hint) in table {
        let words: Vec<&OsStr> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
        let stderr = format!("container: parse {word}: EINVAL (Invalid argument)\n{hint}");
        outcome(&mut host.command(&words)).assert(125, "", &stderr);
    }
    host.assert_nothing_left();
    // The longest name is good: what is missing is the image.
    let longest = outcome(&mut host.command(&[&a64, &a64, "true"]));
    assert!(longest.stderr.contains(&format!(
        "images/{a64}: ENOENT (No such file or directory)\nhint: make image IMAGE={a64}"
    )));
    assert_eq!(longest.status, 125);
    host.assert_nothing_left();
}

#[test]
fn options_end_at_the_first_operand_or_at_two_dashes() {
    let host = Host::new("options");
    host.run(&[], "busybox", &["echo", "--bare", "--help", "-V", "--"])
        .assert_stdout("--bare --help -V --\n");
    host.run(&["--"], "busybox", &["echo", "a"]).assert_stdout("a\n");
    host.run(&["--bare", "--bare", "--"], "busybox", &["echo", "a"]).assert_stdout("a\n");
}

#[test]
fn help_and_version_are_printed_on_stdout_whatever_follows() {
    let host = Host::new("help");
    let help = outcome(&mut host.command(&["--help"]));
    assert!(help.stdout.starts_with("usage: container [OPTIONS] ID IMAGE CMD [ARG]...\n"));
    assert!(help.stdout.contains("Steps: private overlay pivot detach proc dev exec\n"));
    assert!(help.stdout.lines().all(|line| line.len() <= 100));
    help.assert(0, &help.stdout, "");
    for words in [&["-h"][..], &["--bare", "-h", "--nonsense"], &["--help", "c1"]] {
        outcome(&mut host.command(words)).assert(0, &help.stdout, "");
    }
    let version = format!("container {}\n", env!("CARGO_PKG_VERSION"));
    for words in [&["--version"][..], &["-V", "--help"]] {
        outcome(&mut host.command(words)).assert(0, &version, "");
    }
    host.assert_nothing_left();
}

#[test]
fn help_that_cannot_be_written_is_an_error() {
    let host = Host::new("full");
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let failed = outcome(host.command(&["--help"]).stdout(Stdio::from(full)));
    failed.assert(125, "", "container: write --help: ENOSPC (No space left on device)\n");
}

#[test]
fn an_empty_argv_is_refused() {
    let host = Host::new("argv");
    let script = "import ctypes, sys; ctypes.CDLL(None).execve(sys.argv[1].encode(), (ctypes.c_char_p * 1)(None), None)";
    let mut python = std::process::Command::new("python3");
    let refused = format!("container: parse ID: EINVAL (Invalid argument)\n{USAGE}");
    outcome(python.args(["-c", script, common::PROGRAM])).assert(125, "", &refused);
    host.assert_nothing_left();
}
