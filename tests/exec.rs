//! How the command is found and run, and the message when it is not.

mod common;

use common::{Host, shell, write_program};
use std::path::Path;

/// A container whose upper layer has been filled before, as an earlier run would have left it.
fn host_with(name: &str, fill: impl Fn(&Path)) -> Host {
    let host = Host::new(name);
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    fill(&host.state.join(&host.id).join("upper"));
    host
}

fn put(path: &Path, content: &[u8], mode: u32) {
    write_program(path, content, mode);
}

const SAYS_WHERE: &[u8] = b"#!/bin/sh\necho $0 \"$@\"\n";

#[test]
fn the_search_goes_along_path_in_its_order() {
    for (index, directory) in
        ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"].iter().enumerate()
    {
        let host = host_with("order", |upper| {
            for directory in
                ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"].iter().skip(index)
            {
                put(&upper.join(directory).join("where"), SAYS_WHERE, 0o755);
            }
        });
        host.run(&[], "busybox", &["where", "a", "b c"])
            .assert_stdout(&format!("/{directory}/where a b c\n"));
    }
}

#[test]
fn a_name_with_a_slash_is_used_as_it_is() {
    let host = host_with("slash", |upper| put(&upper.join("d/prog"), SAYS_WHERE, 0o755));
    for (name, zeroth) in [
        ("/d/prog", "/d/prog"),
        ("d/prog", "d/prog"),
        ("./d/prog", "./d/prog"),
        ("/d/../d/prog", "/d/../d/prog"),
    ] {
        host.run(&[], "busybox", &[name]).assert_stdout(&format!("{zeroth}\n"));
    }
    host.run(&[], "busybox", &["prog"]).assert(
        127,
        "",
        "container: exec prog: ENOENT (No such file or directory)\n",
    );
}

#[test]
fn a_directory_of_path_that_is_a_file_is_passed_over() {
    let host = host_with("enotdir", |upper| {
        shell(&format!(
            "rm -rf '{0}/usr/local'; mkdir -p '{0}/usr/local'; touch '{0}/usr/local/sbin'",
            upper.display()
        ));
        put(&upper.join("bin/prog"), SAYS_WHERE, 0o755);
    });
    host.run(&[], "busybox", &["prog"]).assert_stdout("/bin/prog\n");
}

#[test]
fn what_may_not_be_executed_is_remembered_while_the_search_goes_on() {
    let host = host_with("eacces", |upper| {
        put(&upper.join("usr/local/bin/prog"), SAYS_WHERE, 0o644);
        put(&upper.join("bin/prog"), SAYS_WHERE, 0o755);
        put(&upper.join("usr/bin/only"), SAYS_WHERE, 0o644);
    });
    host.run(&[], "busybox", &["prog"]).assert_stdout("/bin/prog\n");
    let hint = "hint: the file, or its interpreter, is a directory or is not executable: see chmod +x\n";
    host.run(&[], "busybox", &["only"]).assert(
        126,
        "",
        &format!("container: exec only: EACCES (Permission denied)\n{hint}"),
    );
    host.run(&[], "busybox", &["/etc"]).assert(
        126,
        "",
        &format!("container: exec /etc: EACCES (Permission denied)\n{hint}"),
    );
}

#[test]
fn a_command_that_is_nowhere_is_status_127() {
    let host = Host::new("nowhere");
    host.run(&[], "busybox", &["nope"]).assert(
        127,
        "",
        "container: exec nope: ENOENT (No such file or directory)\n",
    );
    host.run(&[], "busybox", &[""]).assert(
        127,
        "",
        "container: exec '': ENOENT (No such file or directory)\n",
    );
    host.run(&[], "busybox", &["/nope"]).assert(
        127,
        "",
        "container: exec /nope: ENOENT (No such file or directory)\n",
    );
    host.run(&[], "busybox", &["/bin/sh/x"]).assert(
        127,
        "",
        "container: exec /bin/sh/x: ENOTDIR (Not a directory)\n",
    );
    host.run(&[], "busybox", &["\x1b[31m"]).assert(
        127,
        "",
        "container: exec \\x1b[31m: ENOENT (No such file or directory)\n",
    );
    host.assert_nothing_left();
}

#[test]
fn a_name_that_is_too_long_is_found_to_be_so_by_the_kernel() {
    let host = Host::new("long");
    for name in ["a".repeat(256), "a".repeat(5000), "/".repeat(4096)] {
        let refused = host.run(&[], "busybox", &[&name]);
        assert_eq!(refused.status, 126);
        assert!(refused.stderr.ends_with(": ENAMETOOLONG (File name too long)\n"), "{refused:?}");
    }
    host.assert_nothing_left();
}

#[test]
fn a_file_without_a_format_is_run_by_the_shell_with_its_arguments() {
    let host = host_with("enoexec", |upper| put(&upper.join("bin/plain"), b"echo $0 $# \"$@\"\n", 0o755));
    host.run(&[], "busybox", &["plain"]).assert_stdout("/bin/plain 0\n");
    host.run(&[], "busybox", &["plain", "a b", "c"]).assert_stdout("/bin/plain 2 a b c\n");
    host.run(&[], "busybox", &["/bin/plain", "x"]).assert_stdout("/bin/plain 1 x\n");
    // However many there are.
    let command: Vec<&str> = ["plain"].into_iter().chain(std::iter::repeat_n("x", 10_000)).collect();
    let ran = host.run(&[], "busybox", &command);
    assert_eq!(ran.stdout, format!("/bin/plain 10000{}\n", " x".repeat(10_000)));
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
}

#[test]
fn a_file_without_a_format_in_an_image_without_a_shell_is_status_126() {
    let host = Host::new("noshell");
    let image = host.own_image("noshell");
    shell(&format!("cd '{}' && rm bin/sh && echo hi > bin/plain && chmod +x bin/plain", image.display()));
    host.run_own(&[], "noshell", &["plain"]).assert(
        126,
        "",
        "container: exec plain: ENOEXEC (Exec format error)\n\
         hint: the file is for another kind of machine, or is truncated; or it is a script without #!, and the image has no /bin/sh that runs\n",
    );
    host.assert_nothing_left();
}

#[test]
fn a_missing_interpreter_or_loader_is_named() {
    let host = host_with("loader", |upper| {
        put(&upper.join("bin/script"), b"#!/usr/bin/python3 -u\n", 0o755);
        put(&upper.join("bin/wrapped"), b"#! /bin/script\n", 0o755);
        shell(&format!("cp /bin/true '{}/bin/dynamic'", upper.display()));
        put(&upper.join("bin/overdynamic"), b"#!/bin/dynamic", 0o755);
    });
    let said = |path: &str, name: &str| {
        format!(
            "container: exec {path}: ENOENT (No such file or directory)\n\
             hint: the file is there, but its interpreter or loader {name} is not in the image\n"
        )
    };
    let loader = shell("readelf -p .interp /bin/true | grep -o '/lib.*'");
    for (command, path, name) in [
        ("script", "/bin/script", "/usr/bin/python3"),
        ("/bin/script", "/bin/script", "/usr/bin/python3"),
        ("wrapped", "/bin/wrapped", "/usr/bin/python3"),
        ("dynamic", "/bin/dynamic", loader.trim()),
        ("overdynamic", "/bin/overdynamic", loader.trim()),
    ] {
        host.run(&[], "busybox", &[command]).assert(126, "", &said(path, name));
    }
}

#[test]
fn a_broken_program_file_cannot_confuse_the_explanation() {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(4096, 0xff);
    let host = host_with("broken", |upper| {
        put(&upper.join("bin/elf"), &elf, 0o755);
        put(&upper.join("bin/escape"), b"#!/\x1b[2J\n", 0o755);
        put(&upper.join("bin/self"), b"#!/bin/self\n", 0o755);
        put(&upper.join("bin/empty"), b"", 0o755);
    });
    let elf = host.run(&[], "busybox", &["elf"]);
    assert!(elf.stderr.starts_with("container: exec elf: ENOEXEC ("), "{elf:?}");
    let escape = host.run(&[], "busybox", &["escape"]);
    assert_eq!(escape.status, 126);
    assert!(escape.stderr.contains("loader /\\x1b[2J is not in the image"), "{escape:?}");
    host.run(&[], "busybox", &["self"]).assert(
        126,
        "",
        "container: exec self: ELOOP (Too many levels of symbolic links)\n",
    );
    host.run(&[], "busybox", &["empty"]).assert_stdout("");
}
