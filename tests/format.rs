//! What is handed to /bin/sh because the kernel does not know its format: text, and nothing else.

mod common;

use common::{Host, Outcome, write_program};
use std::fs;

/// A container with an executable file, /bin/prog.
fn run(host: &Host, content: &[u8], mode: u32, options: &[&str]) -> Outcome {
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    let bin = host.state.join(&host.id).join("upper/bin");
    write_program(&bin.join("prog"), content, mode);
    host.run(options, "busybox", &["prog", "a b"])
}

fn assert_refused(host: &Host, what: &str, content: &[u8], mode: u32, options: &[&str]) {
    let ran = run(host, content, mode, options);
    assert_eq!((ran.status, &*ran.stdout), (126, ""), "{what}: {ran:?}");
    let said = "container: exec prog: ENOEXEC (Exec format error)\nhint: ";
    assert!(ran.stderr.starts_with(said) && ran.stderr.lines().count() == 2, "{what}: {ran:?}");
}

#[test]
fn a_program_for_another_machine_or_a_truncated_one_is_not_run_by_the_shell() {
    let host = Host::new("foreign");
    let own = fs::read("/bin/true").unwrap();
    let mut foreign = own.clone();
    foreign[18] = 0xf3; // e_machine: RISC-V. No emulator is registered for it on a machine that tests this program.
    let mut text_in_it = b"\x7fELF\n\necho handed to the shell\n".to_vec();
    text_in_it.resize(200, b'\n');
    for (what, content) in [
        ("another machine", &foreign[..]),
        ("its first 64 bytes", &foreign[..64]),
        ("its own first 8 bytes", &own[..8]),
        ("its magic number", &own[..4]),
        ("less than that", &own[..3]),
        ("its first byte", &own[..1]),
        ("with text behind it", &text_in_it),
        ("Windows", b"MZ\x90\0\x03\0\0\0\necho no\n"),
        ("macOS", b"\xca\xfe\xba\xbe\0\0\0\x02\necho no\n"),
        ("zeros", &[0; 4096]),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\necho no\n"),
    ] {
        for options in [&[][..], &["--init"], &["--bare"], &["-u", "1000:1000"]] {
            assert_refused(&host, what, content, 0o755, options);
        }
    }
}

#[test]
fn a_script_whose_interpreter_is_for_another_machine_is_not_run_by_the_shell() {
    let host = Host::new("interpreter");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    let mut foreign = fs::read("/bin/true").unwrap();
    foreign[18] = 0xf3;
    let python = host.state.join(&host.id).join("upper/bin/python9");
    write_program(&python, &foreign, 0o755);
    assert_refused(&host, "python", b"#!/bin/python9\necho not for sh\n", 0o755, &[]);
}

#[test]
fn a_file_that_the_user_cannot_read_is_not_run_by_the_shell() {
    let host = Host::new("unreadable");
    assert_refused(&host, "mode 0711", b"echo no\n", 0o711, &["-u", "1000:1000"]);
}

#[test]
fn text_is_run_by_the_shell_with_its_arguments() {
    let host = Host::new("text");
    let long = format!("# {}\necho $# \"$1\"\n", "x".repeat(10_000));
    for (content, stdout) in [
        (&b"echo $# \"$1\"\n"[..], "1 a b\n"),
        (b"\necho $# \"$1\"", "1 a b\n"),
        (b"# \xc3\xa9\xff\necho $# \"$1\"\nexit\n\0\0\0\x7fELF", "1 a b\n"),
        (b"#!\necho $# \"$1\"\n", "1 a b\n"),
        (long.as_bytes(), "1 a b\n"),
        (b"", ""),
    ] {
        for options in [&[][..], &["--bare"], &["-u", "1000:1000"]] {
            let ran = run(&host, content, 0o755, options);
            assert_eq!((ran.status, &*ran.stdout), (0, stdout), "{content:?} {options:?} {ran:?}");
        }
    }
}
