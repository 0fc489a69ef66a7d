//! The command line: what is refused, in which words, and with which status.

mod common;

use common::{Host, outcome};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

const USAGE: &str = "hint: usage: container [OPTIONS] ID IMAGE CMD [ARG]...\n";
const NAME_RULE: &str = "1 to 64 letters, digits, '_', '.' or '-', and begin with a letter or a digit";
const ALL_OPTIONS: &str = "hint: container --help lists the options\n";

#[test]
fn an_option_that_needs_a_skipped_part_does_not_work_with_bare() {
    let host = Host::new("least");
    for (option, rest) in
        [("--hostname", &["--hostname", "a"][..]), ("--init", &["--init"]), ("--tty", &["-t"])]
    {
        host.run(&[rest, &["--bare"]].concat(), "busybox", &["true"]).assert(
            125,
            "",
            &format!(
                "container: {option} does not work with --bare\nhint: leave out one of the two options\n"
            ),
        );
    }
    host.assert_nothing_left();
    host.run(&["--bare", "-T"], "busybox", &["true"]).assert_stdout("");
}

#[test]
fn an_option_after_the_image_is_the_command_and_the_hint_says_so() {
    let host = Host::new("late");
    host.run(&[], "busybox", &["-w", "/tmp", "true"]).assert(
        127,
        "",
        "container: exec -w: ENOENT (No such file or directory)\nhint: options stand before ID\n",
    );
}

#[test]
fn a_bad_command_line_is_refused_by_name_and_nothing_is_made() {
    let host = Host::new("bad");
    let a64 = "a".repeat(64);
    let a65 = "a".repeat(65);
    let missing = |operand: &str| format!("missing {operand}\n{USAGE}");
    let invalid = |operand: &str, word: &str| format!("invalid {operand} '{word}': must be {NAME_RULE}\n");
    let unknown = |word: &str| format!("unknown option '{word}'\n{ALL_OPTIONS}");
    let misplaced =
        |operand: &str, word: &str| format!("invalid {operand} '{word}'\nhint: options stand before ID\n");
    let table: &[(&[&[u8]], String)] = &[
        (&[], missing("ID")),
        (&[b"c1"], missing("IMAGE")),
        (&[b"c1", b"busybox"], missing("CMD")),
        (&[b"--"], missing("ID")),
        (&[b"--bare", b"--", b"c1"], missing("IMAGE")),
        (&[b"../x", b"busybox", b"true"], invalid("ID", "../x")),
        (&[b"../x", b"busybox"], invalid("ID", "../x")),
        (&[b"a/b", b"busybox", b"true"], invalid("ID", "a/b")),
        (&[b".", b"busybox", b"true"], invalid("ID", ".")),
        (&[b"..", b"busybox", b"true"], invalid("ID", "..")),
        (&[b"_a", b"busybox", b"true"], invalid("ID", "_a")),
        (&[b"a b", b"busybox", b"true"], invalid("ID", "a b")),
        (&[b"", b"busybox", b"true"], invalid("ID", "")),
        (&[a65.as_bytes(), b"busybox", b"true"], invalid("ID", &a65)),
        (&[b"a\n", b"busybox", b"true"], invalid("ID", "a\\x0a")),
        (&[b"\x1b[2J", b"busybox", b"true"], invalid("ID", "\\x1b[2J")),
        (&["\u{9b}2J".as_bytes(), b"busybox", b"true"], invalid("ID", "\\xc2\\x9b2J")),
        (&[b"a\xff", b"busybox", b"true"], invalid("ID", "a\\xff")),
        (&["é".as_bytes(), b"busybox", b"true"], invalid("ID", "é")),
        (&[b"c1", b"../busybox", b"true"], invalid("IMAGE", "../busybox")),
        (&[b"c1", b"/", b"true"], invalid("IMAGE", "/")),
        (&[b"c1", b"", b"true"], invalid("IMAGE", "")),
        (&[b"c1", a65.as_bytes(), b"true"], invalid("IMAGE", &a65)),
        (&[b"c1", b"\xff", b"true"], invalid("IMAGE", "\\xff")),
        (&[b"-"], unknown("-")),
        (&[b"--nonsense", b"c1", b"busybox", b"true"], unknown("--nonsense")),
        (&[b"--\x07"], unknown("--\\x07")),
        (&[b"--", b"--bare", b"busybox", b"true"], misplaced("ID", "--bare")),
        (&[b"c1", b"--bare", b"busybox", b"true"], misplaced("IMAGE", "--bare")),
        (&[b"c1", b"-T"], misplaced("IMAGE", "-T")),
    ];
    for (words, message) in table {
        let words: Vec<&OsStr> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
        outcome(&mut host.command(&words)).assert(125, "", &format!("container: {message}"));
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
fn a_forgotten_operand_is_named_in_the_hint_by_what_is_an_image() {
    const USAGE: &str = "usage: container [OPTIONS] ID IMAGE CMD [ARG]...";
    let host = Host::new("forgotten");
    host.own_image("first");
    host.own_image("second");
    std::fs::write(host.dir.join("images/file"), "").unwrap();
    let run = |words: &[&str]| outcome(host.command(words).env("CONTAINER_IMAGES", host.dir.join("images")));
    let no_id = format!("'first' is an image: is the ID missing? {USAGE}");
    let no_image = |word: &str| format!("'{word}' is not an image: is the IMAGE missing? {USAGE}");
    for (words, hint) in [
        (["first", "sh"], &no_id),
        (["c1", "sh"], &no_image("sh")),
        (["file", "sh"], &no_image("sh")),
        (["c1", "file"], &no_image("file")),
        (["sh", "no-such"], &no_image("no-such")),
        (["c1", "second"], &USAGE.to_owned()),
        (["first", "second"], &USAGE.to_owned()),
        (["first", "first"], &USAGE.to_owned()),
    ] {
        run(&words).assert(125, "", &format!("container: missing CMD\nhint: {hint}\n"));
        run(&[&["-q"], &words[..]].concat()).assert(125, "", "container: missing CMD\n");
    }
    // With three words, the second one is not an image.
    let path = host.dir.join("images").display().to_string();
    let missing =
        |word: &str| format!("container: image {path}/{word}: ENOENT (No such file or directory)\n");
    let no_id = "hint: 'first' is an image: is the ID missing? container ID IMAGE CMD\n";
    run(&["first", "sh", "-c", "echo"]).assert(125, "", &format!("{}{no_id}", missing("sh")));
    run(&["first", "ls", "/"]).assert(125, "", &format!("{}{no_id}", missing("ls")));
    run(&["first", "run", "true"]).assert(125, "", &format!("{}{no_id}", missing("run")));
    let make = "hint: make image IMAGE=sh, or set CONTAINER_IMAGES to where it is\n";
    run(&["c1", "sh", "-c", "echo"]).assert(125, "", &format!("{}{make}", missing("sh")));
    run(&["file", "sh", "-c", "echo"]).assert(125, "", &format!("{}{make}", missing("sh")));
    host.assert_nothing_left();
    // An ID may have the name of an image.
    run(&["first", "second", "echo", "a"]).assert_stdout("a\n");
    run(&["first", "first", "echo", "a"]).assert_stdout("a\n");
}

const STDIN: &str = "stdin is always connected, and -t is the default in a terminal";
const BACKGROUND: &str = "& runs it in the background: container ID IMAGE CMD < /dev/null &";
const NETWORK: &str = "the container always has the network of the host, with its ports";
const FAR: &str = "container --help lists the options";

/// Unknown options, and the hints.
const UNKNOWN_OPTIONS: [(&[&str], &str, &str); 33] = [
    // Near ones: begun, misspelt, a dash too few.
    (&["--bear"], "--bear", "did you mean --bare?"),
    (&["--readonly"], "--readonly", "did you mean --read-only?"),
    (&["--read"], "--read", "did you mean --read-only?"),
    (&["--work"], "--work", "did you mean --workdir?"),
    (&["--work=/tmp"], "--work=/tmp", "did you mean --workdir?"),
    (&["--envfile", "f"], "--envfile", "did you mean --env-file?"),
    (&["--hlep"], "--hlep", "did you mean --help?"),
    (&["--volumes", "/:/x"], "--volumes", "did you mean --volume?"),
    (&["--no-ty"], "--no-ty", "did you mean --no-tty?"),
    (&["-rm"], "-rm", "did you mean --rm?"),
    (&["-init"], "-init", "did you mean --init?"),
    (&["-tty"], "-tty", "did you mean --tty?"),
    (&["-pid", "host"], "-pid", "did you mean --pid?"),
    (&["---bare"], "---bare", "did you mean --bare?"),
    // Far ones.
    (&["--HELP"], "--HELP", FAR),
    (&["--x"], "--x", FAR),
    (&["--=x"], "--=x", FAR),
    (&["-"], "-", FAR),
    (&["-Z"], "-Z", FAR),
    (&["-tZ"], "-tZ", FAR),
    (&["-t=x"], "-t=x", FAR),
    (&["-t-q"], "-t-q", FAR),
    // Those of other programs.
    (&["-i"], "-i", STDIN),
    (&["-it"], "-it", STDIN),
    (&["-ti"], "-ti", STDIN),
    (&["--interactive"], "--interactive", STDIN),
    (&["-d"], "-d", BACKGROUND),
    (&["--detach"], "--detach", BACKGROUND),
    (&["--name", "c1"], "--name", "the ID is the name"),
    (&["--name=c1"], "--name=c1", "the ID is the name"),
    (&["--net=host"], "--net=host", NETWORK),
    (&["--network", "none"], "--network", NETWORK),
    (&["-p", "80:80"], "-p", NETWORK),
];

/// Wrong values of options, and the whole messages.
const WRONG_VALUES: [(&[&str], &str); 23] = [
    (&["--env"], "--env needs a value: --env NAME[=VALUE]"),
    (&["-e"], "--env needs a value: --env NAME[=VALUE]"),
    (&["-te"], "--env needs a value: --env NAME[=VALUE]"),
    (&["--env-file"], "--env-file needs a value: --env-file FILE"),
    (&["--user"], "--user needs a value: --user USER[:GROUP]"),
    (&["--workdir"], "--workdir needs a value: --workdir DIR"),
    (&["--ulimit"], "--ulimit needs a value: --ulimit NAME=SOFT[:HARD]"),
    (&["-v"], "--volume needs a value: --volume HOST:DIR[:ro]"),
    (&["--tmpfs"], "--tmpfs needs a value: --tmpfs DIR[:size=N]"),
    (&["--hostname"], "--hostname needs a value: --hostname NAME"),
    (&["--pid"], "--pid needs a value: --pid host"),
    (&["--skip"], "--skip needs a value: --skip STEP"),
    (&["--explain="], "--explain needs a value: --explain=plain"),
    (&["--bare=yes"], "invalid --bare 'yes': the option takes no value"),
    (&["--rm="], "invalid --rm '': the option takes no value"),
    (&["--help=me"], "invalid --help 'me': the option takes no value"),
    (&["--pid", "c2"], "invalid --pid 'c2': must be host"),
    (&["--pid="], "invalid --pid '': must be host"),
    (&["-wtmp"], "invalid --workdir 'tmp': must be a path that begins with /"),
    (&["-w", "--", "c1"], "invalid --workdir '--': must be a path that begins with /"),
    (&["--workdir="], "invalid --workdir '': must be a path that begins with /"),
    (&["--explain=full"], "invalid --explain 'full': must be plain"),
    (
        &["--skip", "--bare"],
        "invalid --skip '--bare': must be one of the child's steps, which container --steps lists",
    ),
];

#[test]
fn an_unknown_option_is_reported_with_a_suggestion() {
    let host = Host::new("unknown");
    for (words, word, hint) in UNKNOWN_OPTIONS {
        let error = format!("container: unknown option '{word}'\n");
        outcome(&mut host.command(words)).assert(125, "", &format!("{error}hint: {hint}\n"));
        outcome(&mut host.command(&[&["--quiet"], words].concat())).assert(125, "", &error);
    }
    // However long it is.
    let long = format!("--{}", "bare".repeat(10_000));
    let error = format!("container: unknown option '{long}'\n{ALL_OPTIONS}");
    outcome(&mut host.command(&[&long])).assert(125, "", &error);
    host.assert_nothing_left();
}

#[test]
fn a_wrong_value_is_reported_with_the_form_that_is_right() {
    let host = Host::new("wrong");
    for (words, message) in WRONG_VALUES {
        let error = format!("container: {message}\n");
        outcome(&mut host.command(words)).assert(125, "", &error);
        outcome(&mut host.command(&[&["--quiet"], words].concat())).assert(125, "", &error);
    }
    host.assert_nothing_left();
}

#[test]
fn options_have_a_long_and_a_short_form_and_letters_share_a_word() {
    let host = Host::new("forms");
    for options in [
        &["-q", "-T"][..],
        &["-qT"],
        &["-TqT", "--skip=private", "--skip", "detach"],
        &["--quiet", "--no-tty"],
        &["-tT", "-q", "-w/tmp"],
        &["-qTw/", "-w", "/tmp", "--workdir=/tmp"],
    ] {
        host.run(&[options, &["--skip", "private", "--skip=overlay", "--"]].concat(), "nope", &["-t"])
            .assert(
                125,
                "",
                &format!(
                    "container: image {}/nope: ENOENT (No such file or directory)\n",
                    common::images().display()
                ),
            );
    }
    host.assert_nothing_left();
}

#[test]
fn quiet_prints_errors_only() {
    let host = Host::new("quiet");
    let run = |options: &[&str]| host.run(options, "busybox", &["true"]);
    let note = "container: skipped: proc\n";
    run(&["--skip", "proc"]).assert(0, "", note);
    run(&["--skip", "proc", "-q"]).assert(0, "", "");
    let loud = run(&["--skip", "private"]);
    let quiet = run(&["-q", "--skip", "private"]);
    assert!(loud.stderr.contains("hint: "), "{loud:?}");
    let errors: Vec<&str> = loud
        .stderr
        .lines()
        .filter(|line| !line.contains("skipped: ") && !line.starts_with("hint: "))
        .collect();
    quiet.assert(125, "", &format!("{}\n", errors.join("\n")));
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
    assert!(help.stdout.contains("\nSteps: private volume tmpstate hostname etc overlay "));
    assert!(help.stdout.lines().all(|line| line.len() <= 80), "{}", help.stdout);
    assert!(help.stdout.lines().count() <= 40, "{}", help.stdout);
    help.assert(0, &help.stdout, "");
    for words in [&["-h"][..], &["--bare", "-h", "--nonsense"], &["--help", "c1"], &["-qhV"]] {
        outcome(&mut host.command(words)).assert(0, &help.stdout, "");
    }
    let version = format!("container {}\n", env!("CARGO_PKG_VERSION"));
    for words in [&["--version"][..], &["-V", "--help"]] {
        outcome(&mut host.command(words)).assert(0, &version, "");
    }
    host.assert_nothing_left();
}

#[test]
fn every_option_of_the_help_is_one_with_the_value_that_the_help_says() {
    let host = Host::new("table");
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let lines: Vec<&str> =
        help.lines().filter(|line| line.starts_with("  -") || line.starts_with("      --")).collect();
    assert!(lines.len() > 20, "{help}");
    for line in lines {
        let (form, what) = line.trim_start().split_once("  ").unwrap();
        assert!(what.len() > 5 && line.find(what.trim_start()) == Some(33), "{line}");
        let (short, form) = form.split_once(", ").map_or((None, form), |(short, long)| (Some(short), long));
        let (long, value) = form.split_once([' ', '[']).unwrap_or((form, ""));
        let value = match value {
            "" | "=plain]" => None,
            "NAME=SOFT[:HARD]" => Some("cpu=1:2"),
            "HOST:DIR[:ro]" => Some("/a:/b:ro"),
            "DIR[:size=N]" => Some("/a:size=1"),
            "DIR" => Some("/a"),
            "SIZE" => Some("1m"),
            "STEP" => Some("private"),
            literal => Some(literal.split(['[', ':']).next().unwrap()),
        };
        for name in [Some(long), short].into_iter().flatten() {
            let words: Vec<&str> = [name].into_iter().chain(value).chain(["-h"]).collect();
            let printed = outcome(&mut host.command(&words));
            let is_page = matches!(long, "--version" | "--steps");
            assert!(printed.status == 0 && (is_page || printed.stdout == help), "{words:?}: {printed:?}");
        }
    }
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
    let refused = format!("container: missing ID\n{USAGE}");
    outcome(python.args(["-c", script, common::PROGRAM])).assert(125, "", &refused);
    host.assert_nothing_left();
}
