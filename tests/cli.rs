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
fn what_the_least_container_does_without_is_not_asked_of_it() {
    let host = Host::new("least");
    for (option, rest) in
        [("--hostname", &["--hostname", "a"][..]), ("--init", &["--init"]), ("--tty", &["-t"])]
    {
        host.run(&[rest, &["--bare"]].concat(), "busybox", &["true"]).assert(
            125,
            "",
            &format!(
                "container: parse {option}: EINVAL (Invalid argument)\n\
                 hint: --bare goes without it: leave out one of the two options\n"
            ),
        );
    }
    host.run(&["--bare", "-T"], "busybox", &["true"]).assert_stdout("");
}

#[test]
fn an_option_that_comes_too_late_is_taken_for_the_command_and_the_hint_says_so() {
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
        (&[b"--nonsense", b"c1", b"busybox", b"true"], "--nonsense", NO_OPTION),
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

/// The steps that the help lists, with a space between them.
fn steps(host: &Host) -> String {
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let (_, steps) = help.split_once("\nSteps: ").unwrap();
    let steps = steps.split("\n\n").next().unwrap();
    steps.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What follows `container: parse WORD: EINVAL (Invalid argument)` when options are wrong.
const WRONG_OPTIONS: [(&[&str], &str, &str); 55] = [
    // Near ones: begun, misspelt, a dash too few.
    (&["--bear"], "--bear", "there is no such option; did you mean --bare?"),
    (&["--readonly"], "--readonly", "there is no such option; did you mean --read-only?"),
    (&["--read"], "--read", "there is no such option; did you mean --read-only?"),
    (&["--work=/tmp"], "--work=/tmp", "there is no such option; did you mean --workdir?"),
    (&["--envfile", "f"], "--envfile", "there is no such option; did you mean --env-file?"),
    (&["--hlep"], "--hlep", "there is no such option; did you mean --help?"),
    (&["--volumes", "/:/x"], "--volumes", "there is no such option; did you mean --volume?"),
    (&["--no-ty"], "--no-ty", "there is no such option; did you mean --no-tty?"),
    (&["--HELP"], "--HELP", "there is no such option; container --help lists them"),
    (&["-rm"], "-rm", "there is no such option; did you mean --rm?"),
    (&["-init"], "-init", "there is no such option; did you mean --init?"),
    (&["-tty"], "-tty", "there is no such option; did you mean --tty?"),
    (&["-pid", "host"], "-pid", "there is no such option; did you mean --pid?"),
    // Far ones.
    (&["---bare"], "---bare", "there is no such option; did you mean --bare?"),
    (&["--x"], "--x", "there is no such option; container --help lists them"),
    (&["--=x"], "--=x", "there is no such option; container --help lists them"),
    (&["-"], "-", "there is no such option; container --help lists them"),
    (&["-Z"], "-Z", "there is no such option; container --help lists them"),
    (&["-tZ"], "-tZ", "there is no such option; container --help lists them"),
    (&["-t=x"], "-t=x", "there is no such option; container --help lists them"),
    (&["-t-q"], "-t-q", "there is no such option; container --help lists them"),
    // Those of other programs.
    (&["-i"], "-i", STDIN),
    (&["-it"], "-it", STDIN),
    (&["-ti"], "-ti", STDIN),
    (&["--interactive"], "--interactive", STDIN),
    (&["-d"], "-d", BACKGROUND),
    (&["--detach"], "--detach", BACKGROUND),
    (&["--name", "c1"], "--name", "there is no such option; the ID is the name"),
    (&["--name=c1"], "--name=c1", "there is no such option; the ID is the name"),
    (&["--net=host"], "--net=host", NETWORK),
    (&["--network", "none"], "--network", NETWORK),
    (&["-p", "80:80"], "-p", NETWORK),
    (&["--publish=80"], "--publish=80", NETWORK),
    // No value, or one too many.
    (&["--env"], "--env", "it needs a value: --env NAME[=VALUE]"),
    (&["-e"], "-e", "it needs a value: --env NAME[=VALUE]"),
    (&["-te"], "-te", "it needs a value: --env NAME[=VALUE]"),
    (&["--env-file"], "--env-file", "it needs a value: --env-file FILE"),
    (&["--user"], "--user", "it needs a value: --user USER[:GROUP]"),
    (&["--workdir"], "--workdir", "it needs a value: --workdir DIR"),
    (&["--ulimit"], "--ulimit", "it needs a value: --ulimit NAME=SOFT[:HARD]"),
    (&["-v"], "-v", "it needs a value: --volume HOST:DIR[:ro]"),
    (&["--tmpfs"], "--tmpfs", "it needs a value: --tmpfs DIR[:size=N]"),
    (&["--hostname"], "--hostname", "it needs a value: --hostname NAME"),
    (&["--pid"], "--pid", "it needs a value: --pid host"),
    (&["--bare=yes"], "--bare=yes", "--bare takes no value"),
    (&["--rm="], "--rm=", "--rm takes no value"),
    (&["--help=me"], "--help=me", "--help takes no value"),
    // Values.
    (&["--pid", "c2"], "c2", "it must be host"),
    (&["--pid="], "''", "it must be host"),
    (&["-wtmp"], "tmp", "it must be a path that begins with /"),
    (&["-w", "--", "c1"], "--", "it must be a path that begins with /"),
    (&["--workdir="], "''", "it must be a path that begins with /"),
    (&["--explain=full"], "full", "there is --explain, --explain=plain"),
    (&["--skip", "--bare"], "--bare", STEPS),
    (&["--skip"], "--skip", STEPS),
];
const STDIN: &str = "there is no such option; stdin is connected always, and -t is the default in a terminal";
const BACKGROUND: &str =
    "there is no such option; & runs it in the background: container ID IMAGE CMD < /dev/null &";
const NETWORK: &str = "there is no such option; the network, with its ports, is the host's always";
const STEPS: &str = "the steps that can be left out are: ";

#[test]
fn a_wrong_option_is_refused_with_the_right_one() {
    let host = Host::new("wrong");
    for (words, word, hint) in WRONG_OPTIONS {
        let hint = if hint == STEPS { format!("{STEPS}{}", steps(&host)) } else { hint.to_owned() };
        let error = format!("container: parse {word}: EINVAL (Invalid argument)\n");
        outcome(&mut host.command(words)).assert(125, "", &format!("{error}hint: {hint}\n"));
        outcome(&mut host.command(&[&["--quiet"], words].concat())).assert(125, "", &error);
    }
    // However long it is.
    let long = format!("--{}", "bare".repeat(10_000));
    let error = format!("container: parse {long}: EINVAL (Invalid argument)\n{NO_OPTION}");
    outcome(&mut host.command(&[&long])).assert(125, "", &error);
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
fn quiet_is_neither_hints_nor_notes() {
    let host = Host::new("quiet");
    let run = |options: &[&str]| host.run(options, "busybox", &["true"]);
    let note = "container: left out: proc\n";
    run(&["--skip", "proc"]).assert(0, "", note);
    run(&["--skip", "proc", "-q"]).assert(0, "", "");
    let loud = run(&["--skip", "private"]);
    let quiet = run(&["-q", "--skip", "private"]);
    assert!(loud.stderr.contains("hint: "), "{loud:?}");
    let errors: Vec<&str> = loud
        .stderr
        .lines()
        .filter(|line| !line.contains("left out") && !line.starts_with("hint: "))
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
    assert!(help.stdout.contains("\nSteps: private volume memory names overlay pivot detach proc dev "));
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
    assert_eq!(lines.len(), 21);
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
    let refused = format!("container: parse ID: EINVAL (Invalid argument)\n{USAGE}");
    outcome(python.args(["-c", script, common::PROGRAM])).assert(125, "", &refused);
    host.assert_nothing_left();
}
