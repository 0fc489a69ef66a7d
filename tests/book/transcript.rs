//! Transcripts: the examples in a document's `console` blocks, run on this machine and compared with what is shown.

use crate::common::{Host, ROOT, TmpContainer, outcome, shell, write_program};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::process::{Command, Stdio};

/// How long the examples of one document may take, in seconds.
const LONGEST: &str = "120";

/// What stands between the output of one example and that of the next.
const MARK: &str = "-- end of example --";

/// A command of a console block, with what the block shows after it. Lines are counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    pub command: String,
    pub shown: String,
    /// Where in the document `shown` is.
    pub lines: Range<usize>,
}

/// What the console blocks of a document hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Examples {
    pub run: Vec<Example>,
    /// Why each of the blocks that are not run is not.
    pub not_run: Vec<String>,
}

/// The examples of a document: `$ ` begins a command, `> ` goes on with it. A block directly after the line
/// `<!-- not run: reason -->` is not run.
pub fn examples(markdown: &str) -> Examples {
    let (mut examples, mut open, mut above) = (Examples::default(), None, "");
    for (index, line) in markdown.lines().enumerate() {
        match open {
            None if line == "```console" => {
                let reason = reason(above);
                open = Some(reason.is_none());
                examples.not_run.extend(reason);
            }
            None => {
                assert!(!line.contains("```console"), "line {}: a console block is not indented", index + 1)
            }
            Some(_) if line == "```" => open = None,
            Some(true) => add_line(&mut examples.run, index, line),
            Some(false) => {}
        }
        above = line;
    }
    assert!(open.is_none(), "the last console block does not end");
    examples
}

fn add_line(examples: &mut Vec<Example>, index: usize, line: &str) {
    if let Some(command) = line.strip_prefix("$ ") {
        let lines = index + 1..index + 1;
        examples.push(Example { command: command.to_owned(), shown: String::new(), lines });
        return;
    }
    let example = examples.last_mut().expect("a console block begins with a command");
    match line.strip_prefix("> ").filter(|_| example.shown.is_empty()) {
        Some(more) => {
            example.command += &format!("\n{more}");
            example.lines = index + 1..index + 1;
        }
        None => {
            example.shown += &format!("{line}\n");
            example.lines.end = index + 1;
        }
    }
}

fn reason(line: &str) -> Option<String> {
    let reason = line.strip_prefix("<!-- not run:")?.strip_suffix("-->").map(str::trim);
    let reason = reason.filter(|reason| !reason.is_empty());
    Some(reason.unwrap_or_else(|| panic!("not run, but for no reason: {line}")).to_owned())
}

/// Whether the output is what is shown, where `[..]` stands for any text in a line, and a line `...` for any lines.
pub fn matches(printed: &str, shown: &str) -> Result<(), String> {
    let assert = snapbox::Assert::new().normalize_paths(false);
    let shown = snapbox::Data::text(shown.to_owned());
    assert.try_eq(None, printed.to_owned().into(), shown).map_err(|error| error.to_string())
}

/// The document with what the commands printed, where that does not match what is shown.
pub fn synced(markdown: &str, examples: &[Example], printed: &[String]) -> String {
    let mut lines: Vec<&str> = markdown.lines().collect();
    for (example, printed) in examples.iter().zip(printed).rev() {
        if matches(printed, &example.shown).is_err() {
            let is_ambiguous = |line: &str| line.starts_with("```") || line.starts_with("$ ");
            let begins_like_a_command = printed.starts_with("> ") || printed.lines().any(is_ambiguous);
            assert!(
                !begins_like_a_command,
                "a block cannot show the output of {}:\n{printed}",
                example.command
            );
            drop(lines.splice(example.lines.clone(), printed.lines()));
        }
    }
    lines.join("\n") + "\n"
}

/// Runs the examples of one document one after the other in one shell, at the top of the repository, in a mount namespace
/// where /tmp/container is new, and in a PID namespace, so that it is known which processes the examples have started;
/// returns what each printed. The machine must be as it was afterwards.
pub fn run(document: &str, examples: &[Example]) -> Vec<String> {
    try_to_run(document, examples).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn try_to_run(document: &str, examples: &[Example]) -> Result<Vec<String>, String> {
    let host = Host::new("transcript"); // It checks the mounts.
    let _directory = TmpContainer::new();
    let before = cgroups();
    let (output, left) = output(&host, &script(examples));
    let mut printed: Vec<String> = output.split(&format!("{MARK}\n")).map(ended).collect();
    if printed.pop().as_deref() != Some("") || printed.len() != examples.len() {
        return Err(format!("the shell of {document} ended early:\n{output}"));
    }
    if !left.is_empty() {
        return Err(format!("processes are left:\n{left}"));
    }
    match left_cgroup(&before, &cgroups(), examples) {
        Some(cgroup) => Err(format!("a cgroup is left: {cgroup}")),
        None => Ok(printed),
    }
}

fn script(examples: &[Example]) -> String {
    let mut script = format!("mark() {{ set -- $?; echo '{MARK}'; return $1; }}\n");
    for example in examples {
        script += &format!("{}\nmark\n", example.command);
    }
    script
}

/// PID 1 of the namespaces: it runs the script `$2` in a session, with its output in the file `$1`. Then it waits for the
/// last processes to end, and prints those that do not. The kernel kills them when it ends.
const INIT: &str = "mount -t tmpfs -o mode=700 none /tmp/container || exit
setsid bash -c \"$2\" >\"$1\" 2>&1
cd /proc
for _ in {1..40}; do
    processes=([0-9]*)
    [ ${#processes[@]} != 1 ] || exit 0
    sleep 0.05
done
ps -o pid=,args= \"${processes[@]:1}\"
exit 0";

/// Runs a script; returns what it printed up to its end, and the processes that it left behind.
fn output(host: &Host, script: &str) -> (String, String) {
    let file = host.dir.join("output");
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", LONGEST, "unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child"]);
    command.args(["bash", "-c", INIT, "init"]).arg(&file).arg(script);
    command.env_remove("CONTAINER_STATE").env_remove("CONTAINER_IMAGES").env("PATH", path_with_sudo(host));
    command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").current_dir(ROOT);
    let init = outcome(command.stdin(Stdio::null()));
    let printed = String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
    if init.status == 0 {
        (printed, init.stdout)
    } else {
        (format!("{printed}\nkilled after {LONGEST} seconds, or failed: {init:?}"), String::new())
    }
}

/// A last line without its newline is shown like any other.
fn ended(printed: &str) -> String {
    if printed.is_empty() || printed.ends_with('\n') { printed.to_owned() } else { format!("{printed}\n") }
}

/// The examples say `sudo`, as a person would. Root on a machine without it gets one that does as much.
fn path_with_sudo(host: &Host) -> String {
    const SCRIPT: &str = "#!/bin/sh\nexec env -i PATH=\"$PATH\" TERM=\"$TERM\" HOME=/root \"$@\"\n";
    let path = std::env::var("PATH").unwrap();
    if !shell("command -v sudo || true").is_empty() {
        return path;
    }
    let file = host.dir.join("sudo");
    write_program(&file, SCRIPT.as_bytes(), 0o755);
    format!("{path}:{}", host.dir.display())
}

fn cgroups() -> BTreeSet<String> {
    shell("find /sys/fs/cgroup -type d 2>/dev/null || true").lines().map(str::to_owned).collect()
}

/// A cgroup that an example has made: it names the cgroup and where cgroups are. Other programs may make others.
fn left_cgroup<'a>(
    before: &'a BTreeSet<String>,
    after: &'a BTreeSet<String>,
    examples: &[Example],
) -> Option<&'a String> {
    let is_named = |cgroup: &&String| {
        let name = cgroup.rsplit('/').next().unwrap();
        examples
            .iter()
            .any(|example| example.command.contains("/sys/fs/cgroup") && example.command.contains(name))
    };
    after.difference(before).find(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "a\n```sh\n$ no\n```\n```console\n$ one\n> more\n> \nout\n> kept\n$ two\n```\n";

    fn example(command: &str, shown: &str, lines: Range<usize>) -> Example {
        Example { command: command.to_owned(), shown: shown.to_owned(), lines }
    }

    #[test]
    fn examples_are_found_in_console_blocks_alone() {
        let expected = [example("one\nmore\n", "out\n> kept\n", 8..10), example("two", "", 11..11)];
        assert_eq!(examples(DOCUMENT).run, expected);
    }

    #[test]
    fn a_block_is_not_run_only_for_a_reason() {
        let found =
            examples("<!-- not run: it never ends -->\n```console\n$ one\n```\n```console\n$ two\n```\n");
        assert_eq!(found.not_run, ["it never ends"]);
        assert_eq!(found.run, [example("two", "", 6..6)]);
        assert!(std::panic::catch_unwind(|| examples("<!-- not run: -->\n```console\n```\n")).is_err());
    }

    #[test]
    fn an_indented_block_or_one_without_end_is_an_error() {
        assert!(std::panic::catch_unwind(|| examples("1. a\n   ```console\n   $ x\n   ```\n")).is_err());
        assert!(std::panic::catch_unwind(|| examples("```console\n$ x\n")).is_err());
    }

    #[test]
    fn wildcards_match_and_anything_else_must_be_the_same() {
        assert_eq!(matches("a 12 b\nx\ny\n", "a [..] b\n...\ny\n"), Ok(()));
        assert_eq!(matches("a\\b\n", "a\\b\n"), Ok(()));
        for (printed, shown) in
            [("a\n", "b\n"), ("a\n", ""), ("", "a\n"), ("a/b\n", "a\\b\n"), ("a\n\n", "a\n")]
        {
            assert!(matches(printed, shown).is_err(), "{printed:?} {shown:?}");
        }
    }

    #[test]
    fn what_does_not_match_is_replaced_and_what_matches_is_left_as_it_is() {
        let document = "```console\n$ a\nx [..]\n$ b\nold\nold\n$ c\n```\n";
        let printed = ["x 1\n".to_owned(), "new\n".to_owned(), "more\n".to_owned()];
        let expected = "```console\n$ a\nx [..]\n$ b\nnew\n$ c\nmore\n```\n";
        assert_eq!(synced(document, &examples(document).run, &printed), expected);
    }

    #[test]
    fn examples_share_a_shell_and_the_status_of_the_last() {
        let examples =
            examples("```console\n$ x=1; printf 'a\\nb'\n$ false\n$ echo $? $x >&2; pwd\n```\n").run;
        assert_eq!(run("made up", &examples), ["a\nb\n", "", &format!("1 1\n{ROOT}\n")]);
    }

    /// Runs an example that leaves something behind, and returns what was said about it.
    fn complaint(script: &str) -> String {
        try_to_run("made up", &[example(script, "", 0..0)]).unwrap_err()
    }

    #[test]
    fn a_process_that_an_example_leaves_is_noticed() {
        let said = complaint("setsid sleep 1234 & sleep 0.1");
        assert!(said.starts_with("processes are left:\n") && said.ends_with(" sleep 1234\n"), "{said}");
        assert!(complaint("exit 0").starts_with("the shell of made up ended early"));
    }

    #[test]
    fn a_process_that_ends_a_moment_later_is_not_left() {
        assert_eq!(run("made up", &[example("sleep 0.3 & echo $!", "", 0..0)]).len(), 1);
    }

    #[test]
    fn a_cgroup_that_an_example_leaves_is_noticed_and_those_of_other_programs_are_not() {
        let cgroups = |names: &[&str]| names.iter().map(|name| format!("/sys/fs/cgroup/{name}")).collect();
        let examples = [example("mkdir /sys/fs/cgroup/made", "", 0..0)];
        let (before, after) = (cgroups(&["old"]), cgroups(&["old", "other", "other/made"]));
        let expected = "/sys/fs/cgroup/other/made".to_owned();
        assert_eq!(left_cgroup(&before, &after, &examples), Some(&expected));
        assert_eq!(left_cgroup(&before, &cgroups(&["other"]), &examples), None);
        assert_eq!(left_cgroup(&before, &after, &[example("echo made", "", 0..0)]), None);
        assert_eq!(left_cgroup(&after, &after, &examples), None);
    }
}
