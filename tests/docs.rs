//! The documents are true: transcripts are run, tables are compared with traces, links lead somewhere.

mod common;

use common::{Host, ROOT, images, outcome, shell};
use snapbox::assert_data_eq;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The documents that people read, relative to the top of the repository.
fn documents() -> Vec<String> {
    let listed = shell("git ls-files --cached --others --exclude-standard '*.md'");
    listed.lines().map(str::to_owned).collect()
}

/// A command of a console block, with what the block shows after it.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    command: String,
    shown: String,
}

/// The examples in a document's `console` blocks: `$ ` begins a command, `> ` goes on with it.
fn examples(markdown: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_inside = false;
    for line in markdown.lines() {
        match (is_inside, line) {
            (false, "```console") => is_inside = true,
            (true, "```") => is_inside = false,
            (false, _) => {}
            (true, line) if line.starts_with("$ ") => {
                examples.push(Example { command: line[2..].to_owned(), shown: String::new() });
            }
            (true, line) => {
                let example = examples.last_mut().expect("a console block begins with a command");
                match line.strip_prefix("> ").filter(|_| example.shown.is_empty()) {
                    Some(more) => example.command += &format!("\n{more}"),
                    None => example.shown += &format!("{line}\n"),
                }
            }
        }
    }
    examples
}

/// Runs the examples of one document one after the other in one shell, at the top of the repository, in a mount namespace
/// where /tmp/container is new; returns what each printed.
fn transcript(examples: &[Example]) -> Vec<String> {
    const MARK: &str = "-- end of example --";
    let mut script = "mkdir -p /tmp/container && mount -t tmpfs -o mode=700 none /tmp/container\n".to_owned();
    script += "command -v sudo >/dev/null || sudo() { \"$@\"; }\n";
    for example in examples {
        script += &format!("{}\necho '{MARK}'\n", example.command);
    }
    let existed = Path::new("/tmp/container").exists();
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "bash", "-c", &format!("exec 2>&1\n{script}")]).current_dir(ROOT);
    unshare.env_remove("CONTAINER_STATE").env_remove("CONTAINER_IMAGES").stdin(std::process::Stdio::null());
    let output = outcome(&mut unshare);
    if !existed {
        drop(fs::remove_dir("/tmp/container")); // Another test may be using it by now.
    }
    let mut printed: Vec<String> = output.stdout.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    assert_eq!(printed.pop().as_deref(), Some(""), "the shell ended early: {output:?}");
    printed
}

#[test]
fn every_transcript_in_the_documents_is_what_the_machine_shows() {
    let _host = Host::new("transcripts");
    assert!(images().join("alpine").exists() && images().join("node").exists(), "make test makes the images");
    let mut count = 0;
    for document in documents() {
        let examples = examples(&fs::read_to_string(Path::new(ROOT).join(&document)).unwrap());
        if examples.is_empty() {
            continue;
        }
        for (example, printed) in examples.iter().zip(transcript(&examples)) {
            println!("{document}: {}", example.command); // shown if the comparison fails
            assert_data_eq!(printed, snapbox::Data::text(example.shown.clone()));
            count += 1;
        }
    }
    assert!(count >= 15, "only {count} examples were found");
}

#[test]
fn examples_are_found_in_console_blocks_alone() {
    let found = examples("a\n```sh\n$ no\n```\n```console\n$ one\n> more\n> \nout\n> kept\n$ two\n```\n");
    let example =
        |command: &str, shown: &str| Example { command: command.to_owned(), shown: shown.to_owned() };
    assert_eq!(found, [example("one\nmore\n", "out\n> kept\n"), example("two", "")]);
}

/// The calls in the tables of docs/run.md: for each table, `(who, call)` of each row.
fn tables() -> Vec<Vec<(String, String)>> {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/run.md")).unwrap();
    let mut tables = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        match cells[..] {
            ["", "#", "who", "call", "step", "why", ""] => tables.push(Vec::new()),
            ["", number, who, call, _, _, ""] if number.parse::<usize>().is_ok() => {
                let table: &mut Vec<_> = tables.last_mut().unwrap();
                table.push((who.to_owned(), call.trim_matches('`').to_owned()));
                assert_eq!(number, table.len().to_string(), "the rows are numbered");
            }
            _ => {}
        }
    }
    tables
}

/// What strace sees of a second run up to the command: `(who, call)` of each call.
fn trace(options: &[&str]) -> Vec<(String, String)> {
    let host = Host::new("trace");
    host.run(&[], "alpine", &["true"]).assert_stdout("");
    let log = host.dir.join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&log).arg(common::PROGRAM);
    strace.args(options).args([&host.id, "alpine", "true"]).current_dir(ROOT);
    outcome(strace.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images())).assert_stdout("");
    let log = fs::read_to_string(&log).unwrap();
    let mut lines =
        log.lines().map(|line| line.split_once(' ').unwrap()).map(|(pid, call)| (pid, call.trim_start()));
    let parent = lines.next().unwrap().0;
    let mut calls = Vec::new();
    for (pid, line) in lines.filter(|(_, line)| !line.starts_with("<...")) {
        let Some((name, _)) = line.split_once('(') else { continue };
        calls.push((if pid == parent { "parent" } else { "child" }.to_owned(), name.to_owned()));
        if pid != parent && name == "execve" && !line.contains("= -1 E") {
            break;
        }
    }
    calls
}

#[test]
fn the_page_about_a_run_lists_the_calls_that_strace_sees_and_no_others() {
    let [bare, dev] = &tables()[..] else { panic!("docs/run.md has two tables of calls") };
    assert_eq!(*bare, trace(&["--bare"]));
    // The default sequence is the bare one, with the first part of dev before pivot and the rest after proc.
    let position = |call: &str| bare.iter().rposition(|row| row.1 == call).unwrap();
    let pivot = bare.iter().position(|row| row.1 == "chdir").unwrap();
    let exec = position("close_range");
    let opened = dev.iter().take_while(|row| row.1 == "open_tree").count();
    let expected =
        [&bare[..pivot], &dev[..opened], &bare[pivot..exec], &dev[opened..], &bare[exec..]].concat();
    assert_eq!(trace(&[]), expected);
}

#[test]
fn every_option_and_variable_of_the_help_is_in_the_man_page_and_the_other_way_round() {
    let host = Host::new("man");
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let page = shell("mandoc -T ascii container.1 | col -b");
    let words = |text: &str, begins: fn(&str) -> bool| {
        let split = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let mut words: Vec<String> =
            text.split(split).filter(|word| begins(word)).map(str::to_owned).collect();
        words.sort();
        words.dedup();
        words
    };
    let is_option =
        |word: &str| word.len() > 1 && word.starts_with('-') && word != "--" && !word.starts_with("---");
    assert_eq!(words(&help, is_option), words(&page, is_option));
    let is_variable = |word: &str| word.starts_with("CONTAINER_") && word.len() > "CONTAINER_".len();
    assert_eq!(words(&help, is_variable), words(&page, is_variable));
}

#[test]
fn the_steps_in_the_help_are_those_in_the_readme_and_in_the_map_of_the_code() {
    let host = Host::new("steps");
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let steps = help.lines().find_map(|line| line.strip_prefix("Steps: ")).unwrap().replace(' ', "\n");
    for file in ["README.md", "src/run.rs"] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        let mut lines =
            text.lines().skip_while(|line| !(line.contains("parent  ") && line.ends_with("  child")));
        let right = lines.next().unwrap().find("child").unwrap();
        let child = lines.take(7).map(|line| {
            let right: String = line.chars().skip(right).collect();
            right.split_whitespace().next().unwrap().to_owned()
        });
        assert_eq!(child.collect::<Vec<_>>().join("\n"), steps, "{file}");
    }
}

#[test]
fn relative_links_lead_to_files_that_exist() {
    let mut count = 0;
    for document in documents() {
        let path = Path::new(ROOT).join(&document);
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if !link.contains("://") {
                let target = path.parent().unwrap().join(link.split('#').next().unwrap());
                assert!(target.exists(), "{document} links to {link}");
                count += 1;
            }
        }
    }
    assert!(count > 5, "only {count} links were found");
}
