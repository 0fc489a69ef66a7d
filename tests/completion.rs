//! The shells complete the command line, and what they offer is what the program takes.

mod common;

use common::{Host, PROGRAM, ROOT, outcome, shell};
use std::path::Path;
use std::process::Command;

/// A shell that is asked what it offers after some lines.
type Ask = fn(&mut Command, &[&str]) -> Vec<Vec<String>>;

/// bash: what its completion would do, without the keyboard. It splits words as readline does.
const BASH: &str = r#"
source completions/container.bash
for line; do
    COMP_LINE=$line
    read -ra COMP_WORDS <<<"$(sed 's/[=:]/ & /g' <<<"$line")"
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _container container container ''
    echo "${COMPREPLY[*]-}"
done
"#;

fn ask_bash(command: &mut Command, lines: &[&str]) -> Vec<Vec<String>> {
    let asked = outcome(command.args(["bash", "-c", BASH, "bash"]).args(lines));
    assert_eq!((asked.status, &*asked.stderr), (0, ""), "{asked:?}");
    asked.stdout.lines().map(words).collect()
}

const FISH: &str = r#"
source completions/container.fish
for line in $argv
    printf '%s ' (complete -C $line | string replace -r '\t.*' '')
    printf '\n'
end
"#;

fn ask_fish(command: &mut Command, lines: &[&str]) -> Vec<Vec<String>> {
    let asked = outcome(command.args(["fish", "--no-config", "-c", FISH]).args(lines));
    assert_eq!((asked.status, &*asked.stderr), (0, ""), "{asked:?}");
    asked.stdout.lines().map(words).collect()
}

/// zsh has its completion at a terminal alone: Ctrl-D lists, Ctrl-U clears the line, and then the next.
const ZSH: &str = r#"
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", COLUMNS="200", LINES="200")
    os.execvp("zsh", ["zsh", "-f", "-i"])
unread = b""
def read_until(mark):
    global unread
    while mark not in unread:
        unread += os.read(fd, 65536)
    out, unread = unread.split(mark, 1)
    return (out + mark).decode().replace("\r", "")
def send(text):
    os.write(fd, text.encode())
send("fpath=($PWD/completions $fpath); autoload -Uz compinit; compinit -u -D; PS1='%%'\n")
send("LISTMAX=1000; stty columns 200 rows 200; echo REA''DY\n")
read_until(b"READY\r\n")
read_until(b"%\x1b[?2004h")
for line in sys.argv[1:]:
    send(line + "\x04\x15echo EN''D\n")
    offers = []
    for listed in read_until(b"\nEND\r\n").split("\n")[1:]:
        if listed.startswith("%") or listed == "END":
            break
        offers += listed.split()[:1] if " -- " in listed else listed.split()
    print(*offers)
    read_until(b"%\x1b[?2004h")
"#;

fn ask_zsh(command: &mut Command, lines: &[&str]) -> Vec<Vec<String>> {
    let asked = outcome(command.args(["timeout", "60", "python3", "-c", ZSH]).args(lines));
    assert_eq!((asked.status, &*asked.stderr), (0, ""), "{asked:?}");
    asked.stdout.lines().map(words).collect()
}

fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words
}

const SHELLS: [(&str, Ask); 3] = [("bash", ask_bash), ("fish", ask_fish), ("zsh", ask_zsh)];

/// A host with the containers c1, c2 and d1, and the images alpha and beta, of which beta has the commands echo and env.
fn host() -> Host {
    let host = Host::new("completion");
    shell(&format!(
        "cd '{}'; mkdir -p state/c1 state/c2 state/d1 images/alpha images/beta/bin images/beta/usr/bin bin
         touch images/beta/bin/echo images/beta/usr/bin/env file; ln -s '{PROGRAM}' bin/container",
        host.dir.display()
    ));
    host
}

/// What a shell offers after these lines.
fn ask(host: &Host, ask: Ask, lines: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("env"); // It takes the shell's words.
    let path = format!("{}:{}", host.dir.join("bin").display(), std::env::var("PATH").unwrap());
    command.current_dir(ROOT).stdin(std::process::Stdio::null()).env("PATH", path);
    command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", host.dir.join("images"));
    command.env("HOME", &host.dir).env("XYZZY", "1");
    let offers = ask(&mut command, lines);
    assert_eq!(offers.len(), lines.len(), "{offers:?}");
    offers
}

#[test]
fn the_options_offered_are_those_of_the_help() {
    let host = host();
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let option = |word: &&str| word.starts_with('-') && word.len() > 1;
    let help = help.lines().filter(|line| line.starts_with("  "));
    let forms =
        help.flat_map(|line| line.split([',', ' ', '[']).filter(option)).collect::<Vec<_>>().join(" ");
    let all = words(&forms);
    assert!(all.len() > 25, "{all:?}");
    let long: Vec<String> = all.iter().filter(|option| option.starts_with("--")).cloned().collect();
    for (shell, way) in SHELLS {
        let offers = ask(&host, way, &["container --", "container --rm -qT --env A=b -wx --", "container -"]);
        assert_eq!(offers[0], long, "{shell}");
        if shell == "zsh" {
            // It leaves out what has been given, and lists the forms of an option in one line.
            assert!(offers[1].contains(&"--env".to_owned()), "{:?}", offers[1]);
            continue;
        }
        assert_eq!(offers[1], long, "{shell}");
        assert_eq!(offers[2], all, "{shell}");
    }
}

#[test]
fn operands_and_values_are_offered_where_they_are_expected() {
    let host = host();
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let (_, steps) = help.split_once("\nSteps: ").unwrap();
    let steps = steps.split("\n\n").next().unwrap();
    let file = format!("container --env-file {}/fi", host.dir.display());
    let table = [
        ("container c", "c1 c2"),
        ("container ", "c1 c2 d1"),
        ("container -- ", "c1 c2 d1"),
        ("container c9 ", "alpha beta"),
        ("container -- c9 b", "beta"),
        ("container c9 beta ", "echo env"),
        ("container c9 beta ec", "echo"),
        ("container c9 alpha ", ""),
        ("container c9 beta echo ", ""),
        ("container c9 beta --", ""),
        // Whether a word is a value, the options before it tell.
        ("container --env A=b ", "c1 c2 d1"),
        ("container --env=A=b c9 al", "alpha"),
        ("container -e A=b -w / -uroot c9 al", "alpha"),
        ("container -qte A=b --rm ", "c1 c2 d1"),
        ("container -qw ", ""),
        ("container --hostname ", ""),
        ("container --bare ", "c1 c2 d1"),
        ("container --pid ", "host"),
        ("container --skip ", steps),
        ("container --skip private --skip pi", "pivot"),
        ("container -e XYZ", "XYZZY"),
        (&file, "file"),
    ];
    let lines: Vec<&str> = table.iter().map(|(line, _)| *line).collect();
    for (shell, way) in SHELLS {
        let all = ask(&host, way, &lines);
        for ((line, expected), offers) in table.iter().zip(all) {
            // fish gives whole words, and what a variable goes on with.
            let last = |word: &String| word.rsplit('/').next().unwrap().trim_end_matches('=').to_owned();
            let offers: Vec<String> = offers.iter().map(last).collect();
            assert_eq!(offers, words(expected), "{shell}: {line}");
        }
    }
}

#[test]
fn bash_offers_no_name_that_it_would_take_for_more_than_a_word() {
    let host = host();
    let bin = host.dir.join("images/beta/bin");
    shell(&format!(
        "cd '{}'; touch '$(touch broken)' '`touch broken`' 'a b' 'a;b' '*' -- '-a'",
        bin.display()
    ));
    let offers = ask(&host, ask_bash, &["container c9 beta ", "container c9 beta a", "container c9 beta '$"]);
    assert_eq!(offers, [vec!["-a", "echo", "env"], vec![], vec![]]);
    assert!(!bin.join("broken").exists() && !Path::new(ROOT).join("broken").exists());
}

#[test]
fn a_value_after_an_equals_sign_is_offered_as_each_shell_wants_it() {
    let host = host();
    let lines = ["container --explain=", "container --skip=priv", "container --bare="];
    let bare = [vec!["plain"], vec!["private"], vec![]];
    let whole = [vec!["--explain=plain"], vec!["--skip=private"], vec![]];
    assert_eq!(ask(&host, ask_bash, &lines), bare);
    assert_eq!(ask(&host, ask_zsh, &lines), bare);
    assert_eq!(ask(&host, ask_fish, &lines), whole);
}
