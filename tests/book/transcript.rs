//! Transcripts: the examples in a document's `console` blocks, run on this machine and compared with what is shown.

use crate::common::{Host, ROOT, mountinfo, shell};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
/// where /tmp/container is new; returns what each printed. The machine must be as it was afterwards.
pub fn run(document: &str, examples: &[Example]) -> Vec<String> {
    run_within(Duration::from_secs(10), document, examples)
        .unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// As [`run`]; what else is going on on this machine has so long to let it become what it was.
fn run_within(patience: Duration, document: &str, examples: &[Example]) -> Result<Vec<String>, String> {
    let _directory = Directory::new();
    let (before, processes) = (Machine::look(), processes());
    let host = Host::new("transcript");
    let output = output(&host, &script(examples));
    let mut printed: Vec<String> = output.split(&format!("{MARK}\n")).map(ended).collect();
    if printed.pop().as_deref() != Some("") || printed.len() != examples.len() + 1 {
        return Err(format!("the shell of {document} ended early:\n{output}"));
    }
    let shell = Shell::new(&printed.remove(0), examples, processes);
    let moment = patience.min(Duration::from_secs(1)); // For those that have just been told to end.
    eventually(moment, || shell.look_for_processes()).inspect_err(|_| shell.kill())?;
    eventually(patience, || before.compare(&Machine::look()))?;
    Ok(printed)
}

/// That /tmp/container exists, for a tmpfs to be mounted there. Whoever removes a directory takes away what is mounted
/// on it in every mount namespace, so it stays until the last of the documents that run at the same time is done with it.
struct Directory;

/// How many there are, and whether the first of them made the directory.
static DIRECTORIES: Mutex<(usize, bool)> = Mutex::new((0, false));

impl Directory {
    const PATH: &str = "/tmp/container";

    fn new() -> Self {
        let mut directories = DIRECTORIES.lock().unwrap();
        if directories.0 == 0 {
            directories.1 = fs::DirBuilder::new().mode(0o700).create(Self::PATH).is_ok();
        }
        directories.0 += 1;
        Self
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let mut directories = DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner);
        directories.0 -= 1;
        if *directories == (0, true) {
            drop(fs::remove_dir(Self::PATH)); // It is not empty if something has been left there.
        }
    }
}

/// Tries until it is so, or until the time is up.
fn eventually(patience: Duration, check: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        match check() {
            Err(_) if begin.elapsed() < patience => std::thread::sleep(Duration::from_millis(20)),
            outcome => return outcome,
        }
    }
}

/// The first thing that it prints is what [`Shell::new`] reads.
fn script(examples: &[Example]) -> String {
    let mut script = format!(
        "exec 2>&1\nmount -t tmpfs -o mode=700 none /tmp/container || exit\n\
         mark() {{ set -- $?; echo '{MARK}'; return $1; }}\n\
         readlink /proc/self/ns/mnt; ps -o sid= $$; mark\n"
    );
    for example in examples {
        script += &format!("{}\nmark\n", example.command);
    }
    script
}

/// Runs a script, and returns what it printed up to its end. A process that it leaves behind may print more, to nobody.
fn output(host: &Host, script: &str) -> String {
    let file = host.dir.join("output");
    let mut command = Command::new("setsid");
    command.args(["--wait", "timeout", "-k", "5", LONGEST, "unshare", "-m", "bash", "-c", script]);
    command.env_remove("CONTAINER_STATE").env_remove("CONTAINER_IMAGES").env("PATH", path_with_sudo(host));
    command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").current_dir(ROOT);
    command.stdin(Stdio::null()).stdout(fs::File::create(&file).unwrap()).stderr(Stdio::null());
    let status = command.status().unwrap(); // It is that of the last example.
    let printed = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
    if status.code() == Some(124) { format!("{printed}\nafter {LONGEST} seconds") } else { printed }
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
    fs::write(&file, SCRIPT).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{path}:{}", host.dir.display())
}

/// What an example could leave behind on the machine, apart from processes.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    mounts: String,
    containers: String,
    cgroups: String,
}

impl Machine {
    fn look() -> Self {
        Self {
            mounts: mountinfo(),
            containers: shell("ls -A /tmp/container 2>&- || true"),
            cgroups: shell("find /sys/fs/cgroup -type d 2>&- | sort || true"),
        }
    }

    fn compare(&self, after: &Self) -> Result<(), String> {
        let rows = [
            ("mounts", &self.mounts, &after.mounts),
            ("/tmp/container", &self.containers, &after.containers),
            ("cgroups", &self.cgroups, &after.cgroups),
        ];
        let changed = rows.iter().find(|(_, before, after)| before != after);
        changed.map_or(Ok(()), |(what, before, after)| {
            Err(format!("{what} of the machine are not what they were:\n{before}\nand now:\n{after}"))
        })
    }
}

/// The PIDs of all processes.
fn processes() -> BTreeSet<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// By what the processes are known that the examples of a document have started.
struct Shell {
    /// The mount namespace, as /proc names it: the shell's and that of each `container` that supervises.
    namespace: String,
    session: String,
    /// HOSTNAME=… of the containers that may have been made: each word of the examples could be an ID.
    hostnames: Vec<String>,
    /// What was there before, and is not the shell's.
    before: BTreeSet<u32>,
}

impl Shell {
    fn new(printed: &str, examples: &[Example], before: BTreeSet<u32>) -> Self {
        let mut words = printed.split_whitespace().map(str::to_owned);
        let (namespace, session) = (words.next().unwrap(), words.next().unwrap());
        assert!(namespace.starts_with("mnt:[") && session.parse::<u32>().is_ok(), "{printed}");
        let words = examples.iter().flat_map(|example| example.command.split_whitespace());
        let hostnames = words.map(|word| format!("HOSTNAME={word}")).collect();
        Self { namespace, session, hostnames, before }
    }

    fn look_for_processes(&self) -> Result<(), String> {
        let left = self.left();
        if left.is_empty() { Ok(()) } else { Err(format!("processes are left: {left:?}")) }
    }

    fn left(&self) -> Vec<u32> {
        processes().into_iter().filter(|pid| !self.before.contains(pid) && self.has(*pid)).collect()
    }

    fn has(&self, pid: u32) -> bool {
        let namespace = fs::read_link(format!("/proc/{pid}/ns/mnt")).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = status.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        // A zombie has ended: whether and when the machine's own init reaps it is not the page's doing.
        if fields.first() == Some(&"Z") {
            return false;
        }
        let session = fields.get(3).copied();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut entries = environment.split(|byte| *byte == 0);
        namespace == Path::new(&self.namespace)
            || session == Some(&self.session)
            || entries.any(|entry| self.hostnames.iter().any(|name| name.as_bytes() == entry))
    }

    /// Ends what is left: the test fails, and the next one should not fail because of it.
    fn kill(&self) {
        let pids: Vec<String> = self.left().iter().map(u32::to_string).collect();
        shell(&format!("kill -KILL {} 2>&- || true", pids.join(" ")));
    }
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
        // The number of a mount namespace that ends is given to the next one, which could be a document's.
        let _pages = crate::PAGES.lock().unwrap_or_else(PoisonError::into_inner);
        let examples =
            examples("```console\n$ x=1; printf 'a\\nb'\n$ false\n$ echo $? $x >&2; pwd\n```\n").run;
        assert_eq!(run("made up", &examples), ["a\nb\n", "", &format!("1 1\n{ROOT}\n")]);
    }

    /// Runs an example that leaves something behind, and returns what was said about it.
    fn complaint(script: &str) -> String {
        run_within(Duration::from_millis(50), "made up", &[example(script, "", 0..0)]).unwrap_err()
    }

    #[test]
    fn what_an_example_leaves_on_the_machine_is_noticed() {
        // The documents' examples must not see it.
        let _pages = crate::PAGES.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(complaint("setsid sleep 1000 & sleep 0.1").starts_with("processes are left: "));
        assert!(complaint("exit 0").starts_with("the shell of made up ended early"));
        let (pid, name) = (std::process::id(), format!("/tmp/container/left-{}", std::process::id()));
        let said = complaint(&format!("nsenter -t {pid} -m mkdir -p {name}"));
        shell(&format!("rmdir {name}"));
        assert!(said.starts_with("/tmp/container of the machine are not"), "{said}");
    }

    #[test]
    fn mounts_and_cgroups_that_are_left_are_noticed() {
        let machine = |mounts: &str, cgroups: &str| Machine {
            mounts: mounts.to_owned(),
            containers: String::new(),
            cgroups: cgroups.to_owned(),
        };
        assert_eq!(machine("a", "b").compare(&machine("a", "b")), Ok(()));
        assert!(machine("a", "b").compare(&machine("a c", "b")).unwrap_err().starts_with("mounts"));
        assert!(machine("a", "b").compare(&machine("a", "b c")).unwrap_err().starts_with("cgroups"));
        assert!(Machine::look().cgroups.lines().count() > 1, "the cgroups are seen at all");
    }
}
