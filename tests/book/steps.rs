//! The steps and the system calls of the program, and the chapters that tell of them.

use crate::chapters::chapters;
use crate::common::{Host, PROGRAM, TmpContainer, outcome};
use crate::page::Page;
use crate::trace::{Call, Trace, trace, traces};
use crate::{assert_none, book};
use std::collections::BTreeSet;

/// The line near the top of a chapter that declares its calls: `**System calls:** `mount`, `umount2``.
const CALLS: &str = "**System calls:**";

/// A row of `container --steps`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    step: String,
    chapter: String,
}

/// The rows of `container --steps`.
fn steps() -> Vec<Row> {
    let host = Host::new("steps");
    let listed = outcome(&mut host.command(&["--steps"]));
    assert_eq!((listed.status, &*listed.stderr), (0, ""));
    rows(&listed.stdout)
}

/// A row is a line that begins with a step and its chapter; its system calls follow. The line below it is the reason.
fn rows(listed: &str) -> Vec<Row> {
    let row = |line: &str| {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let (step, chapter) = (words.next()?, words.next()?);
        let is_row = !line.starts_with(' ') && chapter.ends_with(".md");
        is_row.then(|| Row { step: step.to_owned(), chapter: chapter.to_owned() })
    };
    listed.lines().filter_map(row).collect()
}

/// The names of the child's steps, as --help lists them.
fn names_in_the_help() -> Vec<String> {
    let host = Host::new("names");
    let help = outcome(&mut host.command(&["--help"])).stdout;
    let (_, steps) = help.split_once("\nSteps: ").unwrap();
    steps.split("\n\n").next().unwrap().split_whitespace().map(str::to_owned).collect()
}

/// What the steps say that the book does not hold: a chapter that is not there, a step without a chapter.
fn strays(rows: &[Row], names: &[String], pages: &[String]) -> Vec<String> {
    let is_there = |row: &&Row| pages.contains(&row.chapter);
    let lost = rows.iter().filter(|row| !is_there(row));
    let lost = lost.map(|row| format!("step {}: there is no {}", row.step, row.chapter));
    let unnamed = names.iter().filter(|name| !rows.iter().any(|row| row.step == **name));
    lost.chain(unnamed.map(|name| format!("step {name}: --steps gives it no chapter"))).collect()
}

#[test]
fn every_step_has_a_chapter() {
    let rows = steps();
    assert!(rows.len() >= 13, "{rows:?}");
    let pages: Vec<String> = book().into_iter().map(|(_, page)| page.name).collect();
    assert_none(&strays(&rows, &names_in_the_help(), &pages));
}

#[test]
fn every_chapter_is_of_a_step_or_of_a_call() {
    let rows = steps();
    let is_idle = |page: &Page| {
        !rows.iter().any(|row| row.chapter == page.name) && declared(page).unwrap_or_default().is_empty()
    };
    let idle: Vec<Page> = chapters().into_iter().filter(is_idle).collect();
    let problem = |page: &Page| format!("{}: of no step, and no line `{CALLS} …`", page.name);
    assert_none(&idle.iter().map(problem).collect::<Vec<_>>());
}

#[test]
fn steps_are_read_from_columns() {
    let listed = "PARENT    CHAPTER             SYSTEM CALLS, AND WHY\n\
        parse     02-system-call.md   -\n                              See 01-container.md too.\n\n\
        CHILD     CHAPTER             SYSTEM CALLS, AND WHY\n\
        pivot     07-pivot-root.md    chdir pivot_root\n                              It becomes the root.\n";
    let row = |step: &str, chapter: &str| Row { step: step.to_owned(), chapter: chapter.to_owned() };
    assert_eq!(rows(listed), [row("parse", "02-system-call.md"), row("pivot", "07-pivot-root.md")]);
}

#[test]
fn a_step_without_a_chapter_that_is_there_is_a_stray() {
    let listed = rows("pivot 07-pivot-root.md\nexec 10-exec.md\n");
    let names = ["pivot".to_owned(), "exec".to_owned(), "dev".to_owned()];
    let pages = ["07-pivot-root.md".to_owned()];
    let expected = ["step exec: there is no 10-exec.md", "step dev: --steps gives it no chapter"];
    assert_eq!(strays(&listed, &names, &pages), expected);
}

/// The calls that a chapter declares, or None if it has no such line above its first section.
fn declared(page: &Page) -> Option<Vec<String>> {
    let mut top = page.lines.iter().take_while(|line| !line.starts_with("## "));
    let line = top.find_map(|line| line.strip_prefix(CALLS))?;
    Some(line.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Calls that are made and in no chapter, and calls that a chapter declares and nobody makes.
fn mistold(traces: &[Trace], chapters: &[Page]) -> Vec<String> {
    let calls = traces.iter().flat_map(|trace| trace.before.iter().chain(&trace.after));
    let made: BTreeSet<String> = calls.map(|(_, name)| name.clone()).collect();
    let rows: Vec<(&str, String)> = chapters
        .iter()
        .flat_map(|page| declared(page).unwrap_or_default().into_iter().map(|call| (&*page.name, call)))
        .collect();
    let untold = made.iter().filter(|call| !rows.iter().any(|(_, other)| other == *call));
    let unmade = rows.iter().filter(|(_, call)| !made.contains(call));
    untold
        .map(|call| format!("{call}: no chapter has it in its line `{CALLS} …`"))
        .chain(unmade.map(|(page, call)| format!("{page}: no run makes the call {call}")))
        .collect()
}

#[test]
fn every_system_call_of_the_program_belongs_to_a_chapter_and_every_chapter_tells_of_real_ones() {
    let traces = traces();
    for trace in &traces {
        assert!(trace.after.last().is_none_or(|(_, name)| name == "exit_group"), "{} was cut", trace.what);
        assert!(trace.before.len() > 1, "{} was not seen", trace.what);
    }
    assert_none(&mistold(&traces, &chapters()));
}

#[test]
fn a_call_without_a_chapter_and_a_declared_call_that_nobody_makes_are_told() {
    let call = |name: &str| ("child".to_owned(), name.to_owned());
    let trace =
        Trace { what: String::new(), before: vec![call("mount")], after: vec![call("wait4")], status: 0 };
    let page = |line: &str| Page::new("05-a.md", &format!("# A\n\n{line}\n\n## B\n"));
    let told = |line: &str| mistold(std::slice::from_ref(&trace), &[page(line)]);
    assert_eq!(told("**System calls:** `mount`, `wait4`"), <Vec<String>>::new());
    assert_eq!(told("**System calls:** `mount`").len(), 1);
    assert_eq!(
        told("**System calls:** `mount`, `wait4`, `chroot`"),
        ["05-a.md: no run makes the call chroot"]
    );
    assert_eq!(told("System calls: `mount`, `wait4`").len(), 2);
    assert_eq!(declared(&Page::new("a.md", "# A\n\n## B\n\n**System calls:** `mount`\n")), None);
}

/// The calls in the tables of run.md: for each table, `(who, call)` of each row.
fn tables() -> Vec<Vec<Call>> {
    let (_, page) = book().into_iter().find(|(_, page)| page.name == "run.md").unwrap();
    let mut tables = Vec::new();
    for line in page.lines {
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

/// The calls of a second run up to the command.
fn second_run(options: &[&str]) -> Vec<Call> {
    let host = Host::new("trace");
    let _directory = TmpContainer::new();
    // With CONTAINER_STATE there are more calls, which look at the directories above.
    let first = format!(
        "mount -t tmpfs -o mode=700 none /tmp/container; unset CONTAINER_STATE; '{PROGRAM}' c1 alpine true; exec \"$@\""
    );
    let prefix = ["unshare", "-m", "sh", "-euc", &first, "sh"];
    let trace = trace(&host, &prefix, &[options, &["c1", "alpine", "true"]].concat());
    assert_eq!(trace.status, 0);
    // What the caller ignores is reset in the child, one call for each such signal, and cargo may ignore some.
    let is_reset = |(who, call): &Call| who == "child" && call == "rt_sigaction";
    trace.before.into_iter().filter(|call| !is_reset(call)).collect()
}

#[test]
fn the_page_about_a_run_lists_the_calls_that_strace_sees_and_no_others() {
    let [bare, stdio, names, dev, signals, terminal] = &tables()[..] else {
        panic!("run.md has six tables of calls")
    };
    assert_eq!(*bare, second_run(&["--bare"]));
    // The default sequence is the bare one, with the rest of inherit after umask, `signals` after stack, hostname and etc before
    // overlay, the first part of dev before pivot, and the rest, with the terminals, the session and root, after proc.
    let at = |call: &str| bare.iter().position(|row| row.1 == call).unwrap();
    let inherit = at("umask") + 1;
    let (clone, overlay, exec) = (at("set_tid_address"), at("chdir") - 2, at("execve"));
    let opened = dev.iter().take_while(|row| row.1 == "open_tree").count();
    let expected = [
        &bare[..inherit],
        stdio,
        &bare[inherit..clone],
        signals,
        &bare[clone..overlay],
        names,
        &bare[overlay..overlay + 2],
        &dev[..opened],
        &bare[overlay + 2..exec],
        &dev[opened..],
        terminal,
        &bare[exec..],
    ]
    .concat();
    assert_eq!(second_run(&[]), expected);
}
