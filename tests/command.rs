//! The command's environment, its limits, its directory, and who it is.

mod common;

use common::{Host, Outcome, outcome, shell, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const ENV_FORM: &str = "NAME or NAME=VALUE";
const USER_FORM: &str = "USER[:GROUP], each a name or a number from 0 to 4294967294";
const LIMIT_FORM: &str = "NAME=SOFT[:HARD], numbers or unlimited, SOFT at most HARD; NAME is one of: core cpu data fsize \
    locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack";

/// Runs on busybox, with an environment of the host in which there is PATH alone, and these.
fn run_in(host: &Host, env: &[(&str, &str)], options: &[&str], command: &[&str]) -> Outcome {
    let mut program = host.command(&[options, &[&host.id, "busybox"], command].concat());
    let state = host.state.clone();
    program.env_clear().env("CONTAINER_STATE", state).env("CONTAINER_IMAGES", common::images());
    outcome(program.envs(env.iter().copied()))
}

/// The environment of a command, sorted.
fn environment(host: &Host, env: &[(&str, &str)], options: &[&str]) -> Vec<String> {
    let ran = run_in(host, env, options, &["env"]);
    assert_eq!((ran.status, &*ran.stderr), (0, ""), "{options:?}");
    let mut variables: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
    variables.sort();
    variables
}

/// The same, without what every container has.
fn added(host: &Host, env: &[(&str, &str)], options: &[&str]) -> Vec<String> {
    let mut variables = environment(host, env, options);
    let usual = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"];
    variables.retain(|variable| !usual.contains(&&**variable) && !variable.starts_with("HOSTNAME="));
    variables
}

#[test]
fn wrong_values_are_refused_by_name_before_anything_is_made() {
    let host = Host::new("values");
    let table: &[(&str, &[&str], &str)] = &[
        ("--env", &["", "=", "=x"], ENV_FORM),
        ("--env-file", &[""], "a path"),
        (
            "--user",
            &[
                "",
                ":",
                "a:",
                ":a",
                "a:b:c",
                "-1",
                "-a",
                "1:-1",
                "4294967295",
                "4294967296",
                "0:4294967295",
                "99999999999999999999999",
                "1::2",
            ],
            USER_FORM,
        ),
        ("--workdir", &["", "a", "./a", "../a"], "a path that begins with /"),
        (
            "--ulimit",
            &[
                "",
                "nofile",
                "=1",
                "nofile=",
                "nofile=1:",
                "nofile=:1",
                "nofile=2:1",
                "nofile=-1:1",
                "nofile=-2",
                "nofile=x",
                "nofile=1:2:3",
                "files=1",
                "as=1",
                "nofile=18446744073709551616",
                "NOFILE=1",
            ],
            LIMIT_FORM,
        ),
    ];
    for (option, values, form) in table {
        for value in *values {
            let stderr = format!("container: invalid {option} '{value}': must be {form}\n");
            outcome(&mut host.command(&[option, value, "c1", "busybox", "true"])).assert(125, "", &stderr);
        }
    }
    host.assert_nothing_left();
}

#[test]
fn variables_are_given_taken_from_the_host_or_not_there() {
    let host = Host::new("env");
    let env = [("TAKEN", "of the host"), ("OTHER", "not asked for"), ("EMPTY", ""), ("TERM", "dumb")];
    assert_eq!(added(&host, &env, &[]), ["TERM=dumb"]);
    let options = ["-e", "A=1", "-e", "TAKEN", "--env=EMPTY", "-e", "UNSET", "--env", "B==a=b c", "-e", "C="];
    assert_eq!(
        added(&host, &env, &options),
        ["A=1", "B==a=b c", "C=", "EMPTY=", "TAKEN=of the host", "TERM=dumb"]
    );
    assert_eq!(
        added(&host, &env, &["-e", "A=1", "-e", "AB=2", "-e", "A=3", "-e", "TERM="]),
        ["A=3", "AB=2", "TERM="]
    );
    assert_eq!(added(&host, &env, &["-e", "TAKEN=mine", "-e", "TAKEN"]), ["TAKEN=of the host", "TERM=dumb"]);
}

#[test]
fn the_variables_that_every_container_has_can_be_replaced() {
    let host = Host::new("replace");
    let replaced = ["-e", "HOME=/h", "-e", "HOSTNAME=n", "-e", "PATH=/bin"];
    assert_eq!(environment(&host, &[], &replaced), ["HOME=/h", "HOSTNAME=n", "PATH=/bin"]);
}

#[test]
fn a_path_of_ones_own_is_searched() {
    let host = Host::new("path");
    let bin = "mkdir -p /own /usr/local/bin; for dir in /own /usr/local/bin; do \
        printf '#!/bin/sh\necho $0\n' > $dir/tool; chmod +x $dir/tool; done";
    host.sh(bin).assert_stdout("");
    let run = |path: &str, options: &[&str]| {
        host.run(&[options, &["-e", &format!("PATH={path}")]].concat(), "busybox", &["tool"])
    };
    host.run(&[], "busybox", &["tool"]).assert_stdout("/usr/local/bin/tool\n");
    run("/own:/usr/local/bin", &[]).assert_stdout("/own/tool\n");
    run("/none:/own/", &[]).assert_stdout("/own//tool\n");
    run("", &["-w", "/own"]).assert_stdout("tool\n");
    run("/none::/usr/local/bin", &["-w", "/own"]).assert_stdout("tool\n");
    run("own", &[]).assert_stdout("own/tool\n");
    let nowhere = "container: exec tool: ENOENT (No such file or directory)\n";
    run("/none", &[]).assert(127, "", nowhere);
    run("", &[]).assert(127, "", nowhere);
    run("/bin", &[]).assert(127, "", nowhere);
}

/// A file beside the state directory, for `--env-file`.
fn env_file(host: &Host, content: &[u8]) -> String {
    let path = host.dir.join("file");
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

#[test]
fn a_file_of_variables_is_read_as_docker_reads_it() {
    let host = Host::new("envfile");
    let env = [("TAKEN", "of the host")];
    let read = |content: &[u8], expected: &[&str]| {
        let file = env_file(&host, content);
        assert_eq!(
            added(&host, &env, &["--env-file", &file]),
            expected,
            "{:?}",
            String::from_utf8_lossy(content)
        );
    };
    read(b"", &[]);
    read(b"\n\n", &[]);
    read(b"A=1\nB=2\n", &["A=1", "B=2"]);
    read(b"A=1\nB=2", &["A=1", "B=2"]);
    read(b"# A=1\n\n   \n \t# B=2\nC=3\n", &["C=3"]);
    read(
        b"A=\"quoted\"\nB='x' # no comment\nC= blanks \n",
        &["A=\"quoted\"", "B='x' # no comment", "C= blanks "],
    );
    read(b"  A=1\n\tB=2\n", &["A=1", "B=2"]);
    read(b"A=1\r\nB=2\r\n\r\nC=3\r", &["A=1", "B=2", "C=3"]);
    read(b"\xef\xbb\xbfA=1\n", &["A=1"]);
    read(b"TAKEN\nUNSET\nA==\n", &["A==", "TAKEN=of the host"]);
    read(b"A=1\nA=2\nPATH=/bin\n", &["A=2", "PATH=/bin"]);
    read("A=é\n".as_bytes(), &["A=é"]);
    // Files whose last line ends with a page.
    for len in [4095, 4096, 4097, 8192] {
        let value = "x".repeat(len - 2);
        read(format!("A={value}").as_bytes(), &[&format!("A={value}")]);
    }
}

#[test]
fn files_come_before_the_options_beside_them_in_their_order() {
    let host = Host::new("order");
    let (first, second) = (host.dir.join("first"), host.dir.join("second"));
    fs::write(&first, "A=1\nB=1\nC=1\n").unwrap();
    fs::write(&second, "A=2\nB=2\n").unwrap();
    let (first, second) = (first.display().to_string(), second.display().to_string());
    let options = ["-e", "A=3", "--env-file", &first, "--env-file", &second];
    assert_eq!(added(&host, &[], &options), ["A=3", "B=2", "C=1"]);
}

#[test]
fn a_file_that_is_not_a_list_of_variables_is_refused_before_anything_is_made() {
    let host = Host::new("badfile");
    let path = |name: &str| -> PathBuf { host.dir.join(name) };
    fs::write(path("noname"), "A=1\n# c\n=x\n").unwrap();
    fs::write(path("carriages"), "A=1\r\n# c\r\n\r\n=x\r\n").unwrap();
    fs::write(path("blank"), "A B=1\n").unwrap();
    fs::write(path("nul"), "A=1\0\n").unwrap();
    fs::create_dir(path("dir")).unwrap();
    shell(&format!("cd '{}' && ln -s loop loop", host.dir.display()));
    let line = |number: u32| format!("line {number} is neither NAME=VALUE nor NAME, without blanks in NAME");
    let rows = [
        ("noname", "EINVAL (Invalid argument)", &*line(3)),
        ("carriages", "EINVAL (Invalid argument)", &*line(4)),
        ("blank", "EINVAL (Invalid argument)", &*line(1)),
        ("nul", "EINVAL (Invalid argument)", "there is a NUL in the file, so it is not text"),
        ("dir", "EISDIR (Is a directory)", ""),
        ("missing", "ENOENT (No such file or directory)", ""),
        ("loop", "ELOOP (Too many levels of symbolic links)", ""),
        ("blank/x", "ENOTDIR (Not a directory)", ""),
    ];
    for (name, errno, hint) in rows {
        let file = path(name).display().to_string();
        let hint = if hint.is_empty() { String::new() } else { format!("hint: {hint}\n") };
        let said = format!("container: envfile {file}: {errno}\n{hint}");
        host.run(&["--env-file", &file], "busybox", &["true"]).assert(125, "", &said);
    }
    host.assert_nothing_left();
}

#[test]
fn twenty_files_of_variables_are_read() {
    let host = Host::new("files");
    let options: Vec<String> = (0..20)
        .map(|index| {
            let path = host.dir.join(format!("file{index}"));
            fs::write(&path, format!("A{index:02}={index}\nLAST={index}\n")).unwrap();
            format!("--env-file={}", path.display())
        })
        .collect();
    let options: Vec<&str> = options.iter().map(|option| &**option).collect();
    let mut expected: Vec<String> = (0..20).map(|index| format!("A{index:02}={index}")).collect();
    expected.push("LAST=19".to_owned());
    assert_eq!(added(&host, &[], &options), expected);
}

#[test]
fn files_of_variables_that_do_not_fit_into_memory_are_reported_and_nothing_is_left() {
    let host = Host::new("arena");
    let file = env_file(&host, format!("A={}\n", "x".repeat(1_000_000)).as_bytes());
    let option = format!("--env-file={file}");
    let full = format!(
        "container: envfile {file}: ENOMEM (Cannot allocate memory)\n\
         hint: all lists together have 16 MiB of memory, and the file does not fit into it\n"
    );
    for count in [10, 20, 1000] {
        let files: Vec<&str> = std::iter::repeat_n(&*option, count).collect();
        host.run(&files, "busybox", &["true"]).assert(125, "", &full);
        host.assert_nothing_left();
        assert!(!fs::exists(host.state.join(&host.id)).unwrap());
    }
    // Each variable is in the memory twice: as the file has it, and as the command gets it.
    let comment = env_file(&host, format!("A=1\n# {}\n", "x".repeat(1_000_000)).as_bytes());
    let option = format!("--env-file={comment}");
    let files: Vec<&str> = std::iter::repeat_n(&*option, 15).collect();
    host.run(&files, "busybox", &["sh", "-c", "echo $A"]).assert_stdout("1\n");
}

#[test]
fn wherever_the_memory_ends_it_is_reported_and_nothing_is_left() {
    const MEMORY: usize = 16 * 1024 * 1024;
    let host = Host::new("sweep");
    let (large, last) = (host.dir.join("large"), host.dir.join("last"));
    fs::write(&large, "#".repeat(1_000_000)).unwrap();
    let large = format!("--env-file={}", large.display());
    let mut options: Vec<&str> = std::iter::repeat_n(&*large, 16).collect();
    let last_option = format!("--env-file={}", last.display());
    options.push(&last_option);
    let mut endings = std::collections::BTreeSet::new();
    for rest in (0..9000).step_by(150) {
        fs::write(&last, "#".repeat(MEMORY - 16 * 1_000_000 - rest)).unwrap();
        let ran = run_in(&host, &[], &options, &["cat", "/etc/resolv.conf"]);
        if ran.status == 0 {
            assert_eq!((&*ran.stdout, &*ran.stderr), (&*shell("cat /etc/resolv.conf"), ""), "{rest}");
            fs::remove_dir_all(&host.state).unwrap();
        } else {
            let is_reported = ran.status == 125 && ran.stderr.contains(": ENOMEM (Cannot allocate memory)\n");
            assert!(is_reported, "{rest}: {ran:?}");
            assert!(!host.state.exists(), "{rest}: {ran:?} left {}", common::list(&host.state));
        }
        endings.insert(ran.stderr.split_whitespace().nth(1).unwrap_or_default().to_owned());
    }
    assert!(endings.len() > 3, "the memory ends in several steps: {endings:?}");
}

#[test]
fn what_does_not_fit_into_memory_later_is_reported_by_the_step_that_needs_it() {
    let host = Host::new("later");
    // Almost all of the memory is taken by files; the lists of users do not fit any more.
    let comment = env_file(&host, format!("A=1\n# {}\n", "x".repeat(1_040_000)).as_bytes());
    let option = format!("--env-file={comment}");
    let mut options: Vec<&str> = std::iter::repeat_n(&*option, 16).collect();
    options.extend(["-u", "app"]);
    image_with(&host, &[PASSWD, b"\n", &vec![b'#'; 1_000_000][..]].concat(), GROUPS);
    host.run_own(&options, "own", &["true"]).assert(
        125,
        "",
        "container: user /etc/passwd: ENOMEM (Cannot allocate memory)\n\
         hint: all lists together have 16 MiB of memory, and the file does not fit into it\n",
    );
    host.assert_nothing_left();
}

#[test]
fn variables_are_never_dropped_because_they_are_many() {
    let host = Host::new("many");
    let lines = |count: usize| (0..count).map(|index| format!("V{index}={index}\n")).collect::<String>();
    let file = env_file(&host, lines(2000).as_bytes());
    // With PATH, HOME and HOSTNAME.
    assert_eq!(environment(&host, &[], &["--env-file", &file]).len(), 2003);
    assert_eq!(environment(&host, &[], &["--env-file", &file, "-e", "V7=x"]).len(), 2003);
    assert_eq!(environment(&host, &[], &["--env-file", &file, "-e", "more=x"]).len(), 2004);
    let words: Vec<String> = (0..2000).map(|index| format!("-eV{index}={index}")).collect();
    let words: Vec<&str> = words.iter().map(|word| &**word).collect();
    assert_eq!(environment(&host, &[], &words).len(), 2003);
    // A string of more than 128 KiB is the kernel's to refuse.
    let file = env_file(&host, format!("A={}\n", "x".repeat(200_000)).as_bytes());
    let refused = run_in(&host, &[], &["--env-file", &file], &["true"]);
    refused.assert(126, "", "container: exec true: E2BIG (Argument list too long)\n");
}

#[test]
fn the_supervisor_does_not_keep_the_files() {
    let host = Host::new("small");
    let file = env_file(&host, format!("A={}\n# {}\n", "x".repeat(100_000), "y".repeat(900_000)).as_bytes());
    let mut command =
        host.command(&["--env-file", &file, &host.id, "busybox", "sh", "-c", "echo; sleep 1000"]);
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut supervisor = common::Supervisor(child);
    std::io::Read::read_exact(supervisor.0.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let most = if cfg!(debug_assertions) { 500 } else { 96 };
    // The supervisor gives the memory back when the command runs already.
    wait_until("the files are gone", || {
        let status = fs::read_to_string(format!("/proc/{}/status", supervisor.pid())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<u32>().unwrap() < most
    });
    supervisor.kill();
}

#[test]
fn the_command_begins_in_its_directory_which_is_made() {
    let host = Host::new("workdir");
    let pwd = |options: &[&str]| host.run(options, "busybox", &["sh", "-c", "pwd; stat -c '%a %u' ."]);
    pwd(&[]).assert_stdout("/\n755 0\n");
    pwd(&["-w", "/etc"]).assert_stdout("/etc\n755 0\n");
    pwd(&["-w", "/a//b/c/"]).assert_stdout("/a/b/c\n755 0\n");
    pwd(&["--workdir=/a/b/../d"]).assert_stdout("/a/d\n755 0\n");
    pwd(&["-w", "/etc", "-w", "/a"]).assert_stdout("/a\n755 0\n");
    let umask = format!("umask 077; '{}' -w /u/v {} busybox stat -c %a /u /u/v", common::PROGRAM, host.id);
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &umask]).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", common::images());
    outcome(&mut bash).assert_stdout("755\n755\n");
    host.sh("touch /file; ln -s /nowhere /dangling; ln -s /etc /link").assert_stdout("");
    pwd(&["-w", "/link"]).assert_stdout("/etc\n755 0\n");
    let failed = |dir: &str, errno: &str| {
        pwd(&["-w", dir]).assert(125, "", &format!("container: workdir {dir}: {errno}\n"));
    };
    failed("/file", "ENOTDIR (Not a directory)");
    failed("/file/x", "ENOTDIR (Not a directory)");
    let dangling = "ENOENT (No such file or directory)\nhint: a symbolic link on the path leads to nothing in the container, or \
     the path is in a file system as /proc, where nothing can be made";
    failed("/dangling", dangling);
    failed(&format!("/{}", "a".repeat(300)), "ENAMETOOLONG (File name too long)");
    // Of a path that is longer than the kernel takes, the message has as much as that.
    let refused = pwd(&["-w", &"/a".repeat(3000)]);
    let (begins, ends) = ("container: workdir /a/a/a/a/", "/a: ENAMETOOLONG (File name too long)\n");
    assert!(refused.status == 125 && refused.stderr.starts_with(begins) && refused.stderr.ends_with(ends));
}

#[test]
fn a_directory_that_only_root_may_enter_is_where_a_user_can_begin() {
    let host = Host::new("rootsdir");
    host.sh("mkdir -m 700 /secret").assert_stdout("");
    let begun = host.run(&["-w", "/secret", "-u", "12345"], "busybox", &["sh", "-c", "pwd; ls 2>&1"]);
    assert!(begun.stdout.starts_with("/secret\n") && begun.stdout.contains("Permission denied"), "{begun:?}");
}

#[test]
fn limits_are_those_of_the_command() {
    let host = Host::new("limits");
    let limits = |options: &[&str]| host.run(options, "busybox", &["cat", "/proc/self/limits"]).stdout;
    let row = |limits: &str, name: &str| -> (String, String) {
        let rest = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let mut words = rest.split_whitespace();
        (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
    };
    let names = [
        ("core", "Max core file size"),
        ("cpu", "Max cpu time"),
        ("data", "Max data size"),
        ("fsize", "Max file size"),
        ("locks", "Max file locks"),
        ("memlock", "Max locked memory"),
        ("msgqueue", "Max msgqueue size"),
        ("nice", "Max nice priority"),
        ("nofile", "Max open files"),
        ("nproc", "Max processes"),
        ("rss", "Max resident set"),
        ("rtprio", "Max realtime priority"),
        ("rttime", "Max realtime timeout"),
        ("sigpending", "Max pending signals"),
        ("stack", "Max stack size"),
    ];
    let usual = limits(&[]);
    let pair = |soft: &str, hard: &str| (soft.to_owned(), hard.to_owned());
    for (name, title) in names {
        // Not above what root without CAP_SYS_RESOURCE may have, and enough to run at all.
        let (soft, hard) = match name {
            "data" | "stack" => ("1000000", "2000000"),
            "nice" | "rtprio" => ("0", "0"),
            _ => ("10", "20"),
        };
        let set = limits(&["--ulimit", &format!("{name}={soft}:{hard}")]);
        let expected = pair(soft, hard);
        assert_eq!(row(&set, title), expected, "{name}");
        for (_, other) in names.iter().filter(|other| other.0 != name) {
            assert_eq!(row(&set, other), row(&usual, other), "{name} leaves {other} alone");
        }
    }
    let set = limits(&["--ulimit", "core=unlimited", "--ulimit=nofile=64", "--ulimit", "stack=1000000:-1"]);
    assert_eq!(row(&set, "Max core file size"), pair("unlimited", "unlimited"));
    assert_eq!(row(&set, "Max open files"), pair("64", "64"));
    assert_eq!(row(&set, "Max stack size"), pair("1000000", "unlimited"));
    let set = limits(&["--ulimit", "nofile=8:8", "--ulimit", "nofile=32:64"]);
    assert_eq!(row(&set, "Max open files"), pair("32", "64"), "the last one counts");
    let refused = host.run(&["--ulimit", "nofile=4000000000"], "busybox", &["true"]);
    let hint = "this is above the hard limit (ulimit -H), which only CAP_SYS_RESOURCE may raise; \
        or above /proc/sys/fs/nr_open";
    refused.assert(
        125,
        "",
        &format!("container: limits nofile: EPERM (Operation not permitted)\nhint: {hint}\n"),
    );
}

#[test]
fn limits_limit_the_command_and_no_step() {
    let host = Host::new("nofiles");
    for nofile in ["nofile=0", "nofile=3", "nofile=8"] {
        let options = ["--ulimit", nofile, "-u", "daemon", "--ulimit", "fsize=0", "--ulimit", "memlock=0"];
        host.run(&options, "alpine", &["true"]).assert_stdout("");
    }
}

/// What `-u` makes of a user: the IDs, the groups, the capabilities and the home.
fn who(host: &Host, options: &[&str], image: &str) -> Outcome {
    let script = "grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|CapAmb):' /proc/self/status; echo $HOME";
    host.run_own(options, image, &["sh", "-c", script])
}

/// An image of ours with these lists of users and groups.
fn image_with(host: &Host, passwd: &[u8], group: &[u8]) {
    let image = host.own_image("own");
    let etc = image.join("etc");
    fs::create_dir_all(&etc).unwrap();
    fs::write(etc.join("passwd"), passwd).unwrap();
    fs::write(etc.join("group"), group).unwrap();
}

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\
    app:x:1000:1001:The App,,,:/home/app:/bin/sh\n\
    5:x:6:6::/five:\n\
    app:x:0:0:a second one::\n\
    homeless:x:1002:1002:::\n\
    short:x:1003:1003\n\
    bad:x:minus:0::/:\n\
    large:x:4294967295:0::/:\n\
    zero:x::0::/:\n\
    last:x:1009:1009::/last:/bin/sh";

const GROUPS: &[u8] = b"root:x:0:root\n\
    bin:x:1:root,bin,daemon\n\
    app:x:1001:\n\
    video:x:27:x,app\n\
    audio:x:18:app\n\
    apple:x:19:apple,appl,pp\n\
    bad:x:oops:app\n\
    last:x:99:last";

/// Options; and what they make of the command: UID, GID, supplementary groups, capabilities, home.
type Row<'a> = (&'a [&'a str], u32, u32, &'a str, &'a str, &'a str);

#[test]
fn names_and_numbers_become_users_and_groups() {
    let host = Host::new("users");
    image_with(&host, PASSWD, GROUPS);
    let full = shell("grep CapPrm /proc/self/status | cut -f 2");
    let full = full.trim();
    let none = "0000000000000000";
    let rows: [Row; 14] = [
        (&["-u", "root"], 0, 0, "0 1", full, "/root"),
        (&["-u", "0"], 0, 0, "0 1", full, "/root"),
        (&["-u", "app"], 1000, 1001, "18 27 1001", none, "/home/app"),
        (&["-u", "1000"], 1000, 1001, "18 27 1001", none, "/home/app"),
        (&["-u", "01000"], 1000, 1001, "18 27 1001", none, "/home/app"),
        (&["-u", "app:video"], 1000, 27, "27", none, "/home/app"),
        (&["-u", "app:55"], 1000, 55, "55", none, "/home/app"),
        (&["-u", "5"], 5, 0, "0", none, "/"),
        (&["-u", "4294967294:4294967294"], u32::MAX - 1, u32::MAX - 1, "4294967294", none, "/"),
        (&["-u", "77:last"], 77, 99, "99", none, "/"),
        (&["-u", "homeless"], 1002, 1002, "1002", none, "/"),
        (&["-u", "short"], 1003, 1003, "1003", none, "/"),
        (&["-u", "last"], 1009, 1009, "99 1009", none, "/last"),
        (&["-u", "root", "-u", "app", "-e", "HOME=/mine"], 1000, 1001, "18 27 1001", none, "/mine"),
    ];
    for (options, uid, gid, groups, caps, home) in rows {
        let ids = |id: u32| format!("{id}\t{id}\t{id}\t{id}");
        let expected = format!(
            "Uid:\t{}\nGid:\t{}\nGroups:\t{groups} \nCapPrm:\t{caps}\nCapEff:\t{caps}\nCapAmb:\t{none}\n{home}\n",
            ids(uid),
            ids(gid)
        );
        let seen = who(&host, options, "own");
        assert_eq!((seen.status, &*seen.stdout, &*seen.stderr), (0, &*expected, ""), "{options:?}");
    }
}

#[test]
fn names_that_the_container_does_not_have_are_reported() {
    let host = Host::new("nouser");
    image_with(&host, PASSWD, GROUPS);
    let unknown = |word: &str, list: &str| {
        let said = format!(
            "container: user {word}: ENOENT (No such file or directory)\nhint: the container's /etc/{list} has no such name\n"
        );
        host.run_own(&["-u", word], "own", &["true"]).assert(125, "", &said);
    };
    // Names of which the line is broken are no names.
    for word in ["nobody", "bad", "large", "zero", "ap", "appl", "+5", "1000x", "0x0", "root "] {
        unknown(word, "passwd");
    }
    unknown("app:nogroup", "group");
    unknown("0:bad", "group");
    host.assert_nothing_left();
}

#[test]
fn without_lists_there_are_numbers_alone() {
    let host = Host::new("nolists");
    let image = host.own_image("own");
    shell(&format!("rm -rf '{}/etc'", image.display()));
    assert!(
        who(&host, &["-u", "7:8"], "own")
            .stdout
            .starts_with("Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nGroups:\t8 \n")
    );
    assert!(who(&host, &["-u", "7"], "own").stdout.contains("Gid:\t0\t0\t0\t0\n"));
    let said = "container: user app: ENOENT (No such file or directory)\nhint: the container's /etc/passwd has no such name\n";
    host.run_own(&["-u", "app"], "own", &["true"]).assert(125, "", said);
}

#[test]
fn hostile_lists_are_refused_without_waiting_for_them() {
    let host = Host::new("hostile");
    let image = host.own_image("own");
    let etc = image.join("etc");
    let passwd = |make: &str, options: &[&str], errno: &str, hint: &str| {
        shell(&format!("rm -rf '{0}'; mkdir -p '{0}'; cd '{0}'; {make}", etc.display()));
        let said = format!("container: user /etc/passwd: {errno}\nhint: {hint}\n");
        host.run_own(options, "own", &["true"]).assert(125, "", &said);
    };
    let (invalid, regular) = ("EINVAL (Invalid argument)", "this is not a regular file");
    let large = "ENOMEM (Cannot allocate memory)";
    for user in ["app", "1000", "app:1000"] {
        passwd("mkfifo passwd", &["-u", user], invalid, regular);
        passwd("mknod passwd c 1 5", &["-u", user], invalid, regular);
        passwd("mkdir passwd", &["-u", user], "EISDIR (Is a directory)", regular);
        passwd("ln -s /dev/zero passwd", &["-u", user], invalid, regular);
        passwd("ln -s /proc/self/fd/0 passwd", &["-u", user], invalid, regular);
        passwd(
            "truncate -s 1T passwd",
            &["-u", user],
            large,
            "all lists together have 16 MiB of memory, and the file does not fit into it",
        );
    }
    shell(&format!("cd '{}' && ln -sf loop loop && rm passwd && ln -s loop passwd", etc.display()));
    host.run_own(&["-u", "app"], "own", &["true"]).assert(
        125,
        "",
        "container: user /etc/passwd: ELOOP (Too many levels of symbolic links)\n",
    );
    host.assert_nothing_left();
}

#[test]
fn a_line_with_a_nul_is_not_a_user() {
    let host = Host::new("nuls");
    image_with(
        &host,
        b"app\0:x:0:0::/:\napp:x:0:0\0::/:\napp:x:1000:1000::/a\0b:\napp:x:1004:1004::/home:\n",
        b"\0\n",
    );
    let seen = who(&host, &["-u", "app"], "own");
    assert!(seen.stdout.starts_with("Uid:\t1004\t") && seen.stdout.ends_with("/home\n"), "{seen:?}");
}

#[test]
fn long_lists_are_read_to_their_end_wherever_the_lines_fall() {
    let host = Host::new("longlists");
    let mut passwd = String::new();
    let mut group = String::new();
    for index in 0..9000 {
        let pad = "x".repeat(index % 61);
        passwd += &format!("user{index}:{pad}:{}:{}::/home/{index}:\n", 10_000 + index, 20_000 + index);
        group += &format!(
            "group{index}:{pad}:{}:{}\n",
            30_000 + index,
            if index % 50 == 7 { "a,user8999" } else { "" }
        );
    }
    image_with(&host, passwd.as_bytes(), group.as_bytes());
    let seen = who(&host, &["-u", "user8999"], "own").stdout;
    let groups: Vec<String> =
        (0..9000).filter(|index| index % 50 == 7).map(|index| (30_000 + index).to_string()).collect();
    assert!(seen.starts_with("Uid:\t18999\t18999\t18999\t18999\nGid:\t28999\t"), "{seen}");
    assert!(seen.contains(&format!("Groups:\t28999 {} \n", groups.join(" "))), "{seen}");
    let named = who(&host, &["-u", "user4321:group8765"], "own").stdout;
    assert!(named.starts_with("Uid:\t14321\t14321\t14321\t14321\nGid:\t38765\t"), "{named}");
}

#[test]
fn a_line_of_a_list_may_be_long() {
    let host = Host::new("longline");
    let long = "x".repeat(100_000);
    let members: String = (0..5000).map(|index| format!("user{index},")).collect();
    image_with(
        &host,
        // No line of its own: `app` in the middle of a line is not a user.
        format!("{long}app:x:0:0::/:\napp:{long}:1000:1001:{long}:/home/app:/bin/sh\n").as_bytes(),
        format!("app:x:1001:\nlarge:{long}:42:{members}app\n").as_bytes(),
    );
    let seen = who(&host, &["-u", "app"], "own").stdout;
    assert!(seen.starts_with("Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t"), "{seen}");
    assert!(seen.contains("Groups:\t42 1001 \n") && seen.ends_with("/home/app\n"), "{seen}");
}

#[test]
fn a_user_may_be_in_four_hundred_groups() {
    let host = Host::new("groups");
    let group = |count: u32| (1..=count).map(|gid| format!("g{gid}:x:{gid}:app\n")).collect::<String>();
    image_with(&host, PASSWD, group(400).as_bytes());
    let seen = who(&host, &["-u", "app"], "own").stdout;
    let groups = seen.lines().find_map(|line| line.strip_prefix("Groups:\t")).unwrap();
    let expected: Vec<String> = (1..=400).chain([1001]).map(|gid| gid.to_string()).collect();
    assert_eq!(groups.trim_end(), expected.join(" "));
}

#[test]
fn a_user_dies_with_the_supervisor_too() {
    let host = Host::new("pdeath");
    let options = ["-u", "12345", &host.id, "busybox", "sh", "-c", "echo; exec sleep 1000"];
    let child = host.command(&options).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut supervisor = common::Supervisor(child);
    std::io::Read::read_exact(supervisor.0.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    assert_eq!(host.processes().len(), 1);
    supervisor.kill();
    wait_until("the command has ended", || host.processes().is_empty());
}

#[test]
fn a_user_can_neither_read_what_is_roots_nor_run_what_is_not_executable_for_it() {
    let host = Host::new("mere");
    host.sh("echo s > /secret; chmod 600 /secret; cp /bin/busybox /mine; chmod 700 /mine").assert_stdout("");
    let read = host.run(&["-u", "12345"], "busybox", &["cat", "/secret"]);
    assert_eq!((read.status, &*read.stderr), (1, "cat: can't open '/secret': Permission denied\n"));
    let hint = "hint: the file, or its interpreter, is a directory or is not executable: see chmod +x\n";
    host.run(&["-u", "12345"], "busybox", &["/mine"]).assert(
        126,
        "",
        &format!("container: exec /mine: EACCES (Permission denied)\n{hint}"),
    );
    assert_eq!(fs::metadata(host.state.join(&host.id)).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn without_these_options_no_call_is_made_for_them() {
    let host = Host::new("nocalls");
    let told = host.run(&["--explain=plain"], "busybox", &["true"]).stderr;
    for call in ["fchown", "prlimit64"] {
        assert!(!told.contains(call), "{call}: {told}");
    }
    for step in ["envfile", "workdir", "limits"] {
        assert!(!told.contains(&format!("\n{step}: ")), "{step}: {told}");
    }
    assert!(!told.contains("/etc/passwd"), "{told}");
    // And again when the user is set, which clears it if the caller was in another group.
    assert_eq!(told.matches("PR_SET_PDEATHSIG").count(), 2, "{told}");
    let told = host.run(&["--explain=plain", "--bare"], "busybox", &["true"]).stderr;
    for call in ["setgroups", "setgid", "setuid", "/etc/group", "statx(0", "statx(1", "statx(2"] {
        assert!(!told.contains(call), "{call}: {told}");
    }
    assert_eq!(told.matches("PR_SET_PDEATHSIG").count(), 1, "{told}");
}

#[test]
fn skipped_steps_leave_the_command_as_it_would_be_without_them() {
    let host = Host::new("skips");
    let uid = |skip: &str| {
        host.run(&["--skip", skip, "-u", "7", "-w", "/etc"], "busybox", &["sh", "-c", "id -u; pwd"])
    };
    assert_eq!(uid("user").stdout, "0\n/etc\n");
    assert_eq!(uid("setuid").stdout, "0\n/etc\n");
    assert_eq!(uid("workdir").stdout, "7\n/\n");
}
