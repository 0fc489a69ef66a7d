//! What strace(1) sees of a run.

use crate::common::{Host, PROGRAM, ROOT, images, outcome, write_program};
use std::fs;
use std::process::Command;

/// `(who, call)`: who is `parent` or `child`.
pub type Call = (String, String);

/// A run under strace: what the runtime itself called, in order.
pub struct Trace {
    /// What was run, for messages.
    pub what: String,
    /// Up to the command: what is before it is in order, since only one of the two runs at a time.
    pub before: Vec<Call>,
    /// The parent's, to its end.
    pub after: Vec<Call>,
    pub status: i32,
}

/// Runs `PREFIX strace … container WORDS`.
pub fn trace(host: &Host, prefix: &[&str], words: &[&str]) -> Trace {
    let log = host.dir.join("strace");
    // -I2: else strace would start the program with SIGTSTP ignored, because of -o.
    let strace = ["strace", "-I2", "-f", "-qq", "-e", "signal=none", "-o", log.to_str().unwrap(), PROGRAM];
    let all: Vec<&str> = prefix.iter().chain(&strace).chain(words).copied().collect();
    let mut command = Command::new(all[0]);
    command.args(&all[1..]).current_dir(ROOT);
    command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    let status = outcome(&mut command).status;
    let (before, after) = calls(&fs::read_to_string(&log).unwrap());
    fs::remove_file(&log).unwrap();
    Trace { what: words.join(" "), before, after, status }
}

/// Reads the log of strace: what was called up to the command, and what the parent called after that.
fn calls(log: &str) -> (Vec<Call>, Vec<Call>) {
    let mut lines = log.lines().map(|line| line.split_once(' ').unwrap());
    let parent = lines.next().unwrap().0; // It becomes `container`.
    let (mut before, mut after, mut is_running) = (Vec::new(), Vec::new(), false);
    for (pid, line) in lines.map(|(pid, line)| (pid, line.trim_start())) {
        let name = line.split_once('(').filter(|_| !line.starts_with("<...")).map(|(name, _)| name);
        let who = if pid == parent { "parent" } else { "child" };
        let call = name.map(|name| (who.to_owned(), name.to_owned()));
        match (is_running, who) {
            (false, _) => before.extend(call),
            (true, "parent") => after.extend(call),
            (true, _) => {}
        }
        is_running |= who == "child" && name == Some("execve") && !line.contains("= -1 E");
    }
    (before, after)
}

/// Runs what follows on a terminal of its own, where some keys are pressed after two seconds.
fn on_a_terminal(keys: &str) -> [&str; 4] {
    const PYTHON: &str = "import os, pty, sys, time\n\
        pid, master = pty.fork()\n\
        if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])\n\
        if sys.argv[1]:\n    time.sleep(2); os.write(master, sys.argv[1].encode())\n\
        try:\n    while os.read(master, 4096): pass\n\
        except OSError: pass\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    ["python3", "-c", PYTHON, keys]
}

/// Runs that go as they should and runs that fail, so that between them every call of the program is made.
pub fn traces() -> Vec<Trace> {
    let host = Host::new("traces");
    let image = host.own_image("broken");
    write_program(&image.join("bin/no-loader"), b"#!/no/such/interpreter\n", 0o755);
    // The layer with the files of /etc gets the mode of the image's /etc.
    crate::common::shell(&format!("cd '{}' && mkdir -p etc && chmod 700 etc", image.display()));
    let elsewhere = format!("CONTAINER_IMAGES={}", image.parent().unwrap().display());
    // On an overlay there can be no other overlay's upper layer.
    let refused = format!(
        "cd '{}' && mkdir o && mount -t tmpfs none o && mkdir o/l o/u o/w o/m && \
        mount -t overlay -o lowerdir=o/l,upperdir=o/u,workdir=o/w none o/m && \
        export CONTAINER_STATE=$PWD/o/m/state && cd \"$OLDPWD\" && exec \"$@\"",
        host.dir.display()
    );
    let run = |status: i32, prefix: &[&str], words: &[&str]| {
        let trace = trace(&host, prefix, words);
        assert_eq!(trace.status, status, "{words:?}");
        trace
    };
    let id = &*host.id;
    vec![
        run(0, &[], &[id, "alpine", "true"]),
        run(0, &[], &[id, "alpine", "true"]),
        run(0, &[], &["--bare", id, "alpine", "true"]),
        run(0, &[], &["-w", "/new", "-u", "daemon", "--ulimit=core=0", id, "alpine", "true"]),
        run(
            0,
            &[],
            &["--rm", "-v", "/etc/passwd:/a/b:ro", "--tmpfs", "/m", "--read-only", id, "alpine", "true"],
        ),
        run(0, &[], &["--skip", "detach", id, "alpine", "true"]),
        // cat waits for the end of its input; a command that does not could end before the supervisor has seen it.
        run(0, &[], &["-t", "-u", "daemon", id, "alpine", "cat"]),
        run(0, &[], &["--init", id, "alpine", "true"]),
        run(0, &on_a_terminal(""), &["-T", id, "alpine", "true"]),
        run(130, &on_a_terminal("\x03"), &[id, "alpine", "sleep", "20"]),
        run(125, &[], &[id, "no-such-image", "true"]),
        run(127, &[], &[id, "alpine", "no-such-command"]),
        run(126, &["env", &elsewhere], &[id, "broken", "no-loader"]),
        run(125, &["unshare", "-m", "sh", "-euc", &refused, "sh"], &[id, "alpine", "true"]),
    ]
}

#[test]
fn a_log_is_read_up_to_the_command_and_then_of_the_parent_alone() {
    let log = "1 execve(\"./container\") = 0\n1 mmap() = 0\n1 clone( <unfinished ...>\n2 mount() = 0\n\
        2 execve(\"/sbin/true\") = -1 ENOENT (No)\n2 execve(\"/bin/true\" <unfinished ...>\n1 <... clone resumed>) = 2\n\
        2 <... execve resumed>) = 0\n1 munmap(0) = 0\n2 brk(0) = 0\n1 wait4() = 2\n1 exit_group(0) = ?\n";
    let (before, after) = calls(log);
    let names = |calls: &[Call]| calls.iter().map(|(who, name)| format!("{who} {name}")).collect::<Vec<_>>();
    let expected = ["parent mmap", "parent clone", "child mount", "child execve", "child execve"];
    assert_eq!(names(&before), expected);
    assert_eq!(names(&after), ["parent munmap", "parent wait4", "parent exit_group"]);
}
