//! Volumes, file systems in memory, --read-only, --rm, --pid host, and the files that tell names.

mod common;

use common::{Host, Outcome, images, list, outcome, shell, wait_until};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A directory of the host to lend, with a file in it.
fn lent(host: &Host) -> PathBuf {
    let dir = host.dir.join("lent");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("file"), "of the host\n").unwrap();
    dir
}

fn volume(path: &std::path::Path, rest: &str) -> String {
    format!("{}:{rest}", path.display())
}

fn upper(host: &Host) -> String {
    let dir = host.state.join(&host.id).join("upper");
    list(&dir).replace(&dir.display().to_string(), "")
}

// The host name, and the files that tell names.

#[test]
fn the_host_name_is_the_id_or_what_the_option_says_and_the_hosts_own_stays() {
    let host = Host::new("hostname");
    let before = shell("hostname");
    let id = &host.id;
    host.run(&[], "busybox", &["sh", "-c", "hostname; echo $HOSTNAME; cat /etc/hostname"])
        .assert_stdout(&format!("{id}\n{id}\n{id}\n"));
    let ask = "hostname; echo $HOSTNAME; cat /etc/hostname; grep -c other.box-1 /etc/hosts; hostname changed; hostname";
    host.run(&["--hostname", "other.box-1"], "busybox", &["sh", "-c", ask])
        .assert_stdout("other.box-1\nother.box-1\nother.box-1\n1\nchanged\n");
    assert_eq!(shell("hostname"), before);
    host.run(&["--bare"], "busybox", &["hostname"]).assert_stdout(&before);
    let skipped = host.run(&["--skip", "hostname"], "busybox", &["hostname"]);
    assert_eq!(skipped.stdout, before);
    let skipped = host.run(
        &["--skip", "etc"],
        "busybox",
        &["sh", "-c", "hostname; test -e /etc/hostname || echo none"],
    );
    skipped.assert(0, &format!("{id}\nnone\n"), "container: skipped: etc\n");
}

#[test]
fn the_three_files_are_there_whatever_the_image_has() {
    let host = Host::new("three");
    let hosts =
        format!("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{}\n", host.id);
    let expected = format!("{hosts}{}\n{}644 644 644 \n", host.id, shell("cat /etc/resolv.conf"));
    let ask = "cd /etc; cat hosts hostname resolv.conf; for f in hosts hostname resolv.conf; do stat -c %a $f; done | tr '\\n' ' '; echo";
    let image = host.own_image("img");
    let prepare = [
        "true",
        "rm -r etc",
        "rm -f etc/hosts; ln -s ../../../../../../../etc/passwd etc/hosts; ln -s /nowhere etc/hostname",
        "rm -f etc/hosts; mkfifo etc/resolv.conf; mkdir etc/hosts",
    ];
    for change in prepare {
        shell(&format!("cd '{}'; {change}", image.display()));
        host.run_own(&[], "img", &["sh", "-c", ask]).assert_stdout(&expected);
        assert_eq!(upper(&host), "\n", "{change}");
        shell(&format!(
            "rm -rf '{0}'; cp -a '{1}' '{0}'",
            image.display(),
            images().join("busybox").display()
        ));
    }
    // Whatever the umask of the caller is.
    fs::remove_dir_all(host.state.join(&host.id)).unwrap();
    let script =
        format!("umask 077; '{}' {} busybox sh -c 'stat -c %a /etc /etc/hosts'", common::PROGRAM, host.id);
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut bash).assert_stdout("755\n644\n");
}

#[test]
fn the_files_are_files_like_any_other_and_what_the_container_makes_of_them_stays() {
    let host = Host::new("edit");
    host.sh("sed -i s/localhost/here/ /etc/hosts && rm /etc/hostname && mv /etc/resolv.conf /etc/moved")
        .assert_stdout("");
    host.run(&["--hostname", "new"], "busybox", &["sh", "-c", "grep -c here /etc/hosts; ls /etc"])
        .assert_stdout("2\ngroup\nhosts\nmoved\npasswd\n");
}

#[test]
fn an_etc_that_is_not_a_directory_is_left_as_it_is_and_nothing_of_the_host_is_touched() {
    let host = Host::new("etc");
    let image = host.own_image("img");
    let victim = host.dir.join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("hosts"), "untouched").unwrap();
    for target in [victim.display().to_string(), format!("../../../../../../../{}", victim.display())] {
        shell(&format!("cd '{}'; rm -rf etc; ln -s '{target}' etc", image.display()));
        host.run_own(&[], "img", &["sh", "-c", "cat /etc/hosts 2> /dev/null; hostname"])
            .assert_stdout(&format!("{}\n", host.id));
        host.run_own(&["--tmpfs", "/etc/x"], "img", &["true"]).assert(
            125,
            "",
            "container: attach /etc/x: ENOENT (No such file or directory)\n\
             hint: a symbolic link on the path leads to nothing in the container, or \
              the path is in a file system as /proc, where nothing can be made\n",
        );
    }
    fs::remove_file(image.join("etc")).unwrap();
    fs::write(image.join("etc"), "").unwrap();
    host.run_own(&[], "img", &["hostname"]).assert_stdout(&format!("{}\n", host.id));
    assert_eq!(list(&victim), format!("{0}\n{0}/hosts\n", victim.display()));
    assert_eq!(fs::read_to_string(victim.join("hosts")).unwrap(), "untouched");
}

#[test]
fn the_hosts_resolver_is_followed_from_run_to_run_and_a_host_without_one_gives_none() {
    let host = Host::new("resolv");
    let run = |prepare: &str| {
        let script = format!(
            "mount --make-rprivate /; {prepare}; exec '{}' {} busybox cat /etc/resolv.conf",
            common::PROGRAM,
            host.id
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "bash", "-ec", &script]).current_dir(&host.dir);
        outcome(unshare.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()))
    };
    let with = |file: &str| {
        format!("mkdir -p e w; mount -t overlay -o lowerdir=/etc,upperdir=e,workdir=w o /etc; {file}")
    };
    let made = |file: &str| run(&with(&format!("rm -f /etc/resolv.conf; {file}")));
    made("echo nameserver 192.0.2.1 > /etc/resolv.conf").assert_stdout("nameserver 192.0.2.1\n");
    made("echo nameserver 192.0.2.22 > /srv-resolv; ln -s /srv-resolv /etc/resolv.conf; trap 'rm /srv-resolv' EXIT")
        .assert_stdout("nameserver 192.0.2.22\n");
    fs::remove_file("/srv-resolv").unwrap();
    let long = made("for i in $(seq 999); do echo \"# a comment\"; done > /etc/resolv.conf");
    assert!(long.stdout.len() > 4000 && long.stdout.lines().all(|line| line == "# a comment"));
    for nothing in
        ["true", "ln -s /nowhere /etc/resolv.conf", "mkfifo /etc/resolv.conf", "mkdir /etc/resolv.conf"]
    {
        let missing = made(nothing);
        assert_eq!(
            missing.stderr, "cat: can't open '/etc/resolv.conf': No such file or directory\n",
            "{nothing}"
        );
        shell(&format!("rm -rf '{}/e'", host.dir.display()));
    }
}

// Volumes.

#[test]
fn a_volume_shows_a_directory_or_a_file_of_the_host_and_is_written_through() {
    let host = Host::new("volume");
    let lent = lent(&host);
    let (dir, file) = (volume(&lent, "/data/in"), volume(&lent.join("file"), "/etc/passwd"));
    host.run(
        &["-v", &dir, "--volume", &file],
        "busybox",
        &["sh", "-c", "cat /data/in/file /etc/passwd; echo new > /data/in/new; stat -c %a /data"],
    )
    .assert_stdout("of the host\nof the host\n755\n");
    assert_eq!(fs::read_to_string(lent.join("new")).unwrap(), "new\n");
    assert_eq!(upper(&host), "\n/data\n/data/in\n", "the place stays, with nothing in it");
    // And the next run has it no more, unless it asks.
    host.sh("ls /data/in; head -c 4 /etc/passwd; echo").assert_stdout("root\n");
}

#[test]
fn a_relative_path_is_the_callers() {
    let host = Host::new("relvolume");
    lent(&host);
    let mut command = host.command(&[
        "-v",
        "lent:/data",
        "-v",
        ".:/here:ro",
        &host.id,
        "busybox",
        "cat",
        "/data/file",
        "/here/lent/file",
    ]);
    outcome(command.current_dir(&host.dir)).assert_stdout("of the host\nof the host\n");
}

#[test]
fn a_read_only_volume_cannot_be_written_to_nor_can_what_is_mounted_in_it() {
    let host = Host::new("rovolume");
    let lent = lent(&host);
    fs::create_dir(lent.join("sub")).unwrap();
    let tried = |mode: &str| {
        let script = format!(
            "mount --make-rprivate /; mount -t tmpfs none '{0}/sub'; exec '{1}' -v '{0}:/data{mode}' {2} busybox \
             sh -c 'for f in /data/x /data/sub/x; do (echo > $f) 2> /dev/null && echo written; done; true'",
            lent.display(),
            common::PROGRAM,
            host.id
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["-m", "bash", "-ec", &script]).current_dir(&host.dir);
        outcome(unshare.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()))
    };
    tried(":ro").assert_stdout("");
    tried(":rw").assert_stdout("written\nwritten\n");
    tried("").assert_stdout("written\nwritten\n");
}

#[test]
fn what_is_mounted_in_a_volume_inside_does_not_show_on_the_host() {
    let host = Host::new("private");
    let lent = lent(&host);
    fs::create_dir(lent.join("sub")).unwrap();
    // All mounts of the test are shared, as systemd has them.
    let script = "mount -t tmpfs none /data/sub; grep -c shared: /proc/self/mountinfo";
    let inside = host.run(&["-v", &volume(&lent, "/data")], "busybox", &["sh", "-c", script]);
    inside.assert(1, "0\n", "");
    host.assert_same_mounts();
}

#[test]
fn volumes_and_memory_are_put_there_in_the_order_of_the_command_line() {
    let host = Host::new("order");
    let lent = lent(&host);
    let inner = volume(&lent, "/a/b/c");
    let outer = volume(&lent, "/a/b");
    host.run(
        &["--tmpfs", "/a", "-v", &outer, "--tmpfs=/a/b/t"],
        "busybox",
        &["sh", "-c", "cat /a/b/file; ls /a/b"],
    )
    .assert_stdout("of the host\nfile\nt\n");
    host.run(&["--tmpfs", "/a", "-v", &inner], "busybox", &["cat", "/a/b/c/file"])
        .assert_stdout("of the host\n");
    host.run(&["-v", &inner, "--tmpfs", "/a"], "busybox", &["ls", "/a"]).assert_stdout("");
}

#[test]
fn a_link_of_the_image_leads_a_volume_nowhere_but_into_the_container() {
    let host = Host::new("links");
    let lent = lent(&host);
    let image = host.own_image("img");
    let victim = host.dir.join("victim");
    fs::create_dir(&victim).unwrap();
    symlink("/real", image.join("absolute")).unwrap();
    symlink("../../../../../../../real", image.join("relative")).unwrap();
    symlink(&victim, image.join("out")).unwrap();
    fs::create_dir(image.join("real")).unwrap();
    for dir in ["/absolute", "/relative", "/absolute/../real", "/../../real"] {
        let way = volume(&lent, dir);
        host.run_own(&["-v", &way], "img", &["cat", "/real/file"]).assert_stdout("of the host\n");
    }
    for dir in ["/out", "/out/x", "/out/x/y"] {
        for option in [["-v", &volume(&lent, dir)], ["--tmpfs", dir]] {
            let refused = host.run_own(&option, "img", &["true"]);
            assert_eq!(refused.status, 125, "{refused:?}");
            assert!(
                refused.stderr.ends_with(
                    "hint: a symbolic link on the path leads to nothing in the container, or \
                     the path is in a file system as /proc, where nothing can be made\n"
                ),
                "{refused:?}"
            );
        }
    }
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    // With the host's processes in sight there are links in /proc that lead out.
    for link in ["/proc/self/root", &format!("/proc/{}/root", std::process::id())] {
        let _ = fs::remove_file(image.join("magic"));
        symlink(format!("{link}{}/new", victim.display()), image.join("magic")).unwrap();
        for option in [["-v", &volume(&lent, "/magic/x")], ["--tmpfs", "/magic/x"]] {
            let refused = host.run_own(&["--pid", "host", option[0], option[1]], "img", &["true"]);
            refused.assert(
                125,
                "",
                "container: attach /magic/x: ELOOP (Too many levels of symbolic links)\n\
                 hint: a symbolic link on the path leads in circles, or through /proc and out of the container\n",
            );
        }
        // Where the command begins is no way out either, be it there already or be it made.
        for dir in ["/magic", "/magic/x", "/magic/../.."] {
            let refused = host.run_own(&["--pid", "host", "-w", dir], "img", &["pwd"]);
            let said = format!("container: workdir {dir}: ELOOP (Too many levels of symbolic links)\n");
            assert!(refused.status == 125 && refused.stderr.starts_with(&said), "{refused:?}");
        }
    }
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
}

#[test]
fn a_wrong_volume_is_reported_and_nothing_is_left() {
    let host = Host::new("wrong");
    let lent = lent(&host);
    let at = |rest: &str| volume(&lent, rest);
    let file = lent.join("file");
    let missing = host.dir.join("missing");
    let rows = [
        (
            volume(&missing, "/x"),
            format!(
                "volume {}: ENOENT (No such file or directory)\n\
                 hint: the host has no such file or directory: make it first, or check the spelling\n",
                missing.display()
            ),
        ),
        (
            at("/etc/passwd"),
            "attach /etc/passwd: ENOTDIR (Not a directory)\n\
             hint: a directory can be mounted only on a directory, and the container has a file there\n"
                .to_owned(),
        ),
        (
            volume(&file, "/etc"),
            "attach /etc: ENOTDIR (Not a directory)\n\
             hint: a file can be mounted only on a file, and the container has a directory there\n"
                .to_owned(),
        ),
        (at("/etc/passwd/x"), "attach /etc/passwd/x: ENOTDIR (Not a directory)\n".to_owned()),
    ];
    for (value, said) in rows {
        host.run(&["-v", &value], "busybox", &["true"]).assert(125, "", &format!("container: {said}"));
        host.assert_nothing_left();
    }
    assert!(!missing.exists());
    // Places that were made are taken back if the container does not come to be.
    host.run(&["-v", &at("/a/b"), "-v", &volume(&file, "/c/d"), "--tmpfs", "/etc/e/f"], "busybox", &["nope"])
        .assert(127, "", "container: exec nope: ENOENT (No such file or directory)\n");
    host.assert_nothing_left();
}

/// A wrong command line is reported before anything is done.
#[test]
fn a_wrong_value_is_refused() {
    const VOLUME: &str =
        "HOST:DIR or HOST:DIR:ro, where DIR begins with /, does not end in .. and is not the root";
    const TMPFS: &str = "DIR or DIR:OPTION,OPTION, where DIR begins with /, does not end in .. and is not the root; the \
        options are size=N, mode=N, uid=N, gid=N, nr_inodes=N, ro, rw, exec, noexec, suid, nosuid, dev, nodev";
    const NAME: &str = "1 to 64 letters, digits, '_', '.' or '-', and begin with a letter or a digit";
    let host = Host::new("values");
    let long = "a".repeat(65);
    let rows: [(&str, &str, &str); 16] = [
        ("--volume", "/a", VOLUME),
        ("--volume", "/a:b", VOLUME),
        ("--volume", "/a:/", VOLUME),
        ("--volume", "/a:/mnt/..", VOLUME),
        ("--volume", "/a:/b:z", VOLUME),
        ("--volume", "", VOLUME),
        ("--tmpfs", "/usr/..", TMPFS),
        ("--tmpfs", "a", TMPFS),
        ("--tmpfs", "/a:huge=always", TMPFS),
        ("--tmpfs", "/a:size=many", TMPFS),
        ("--tmpfs", "/", TMPFS),
        ("--hostname", "", NAME),
        ("--hostname", "a b", NAME),
        ("--hostname", &long, NAME),
        ("--pid", "container:x", "host"),
        ("--pid", "", "host"),
    ];
    for (option, value, must_be) in rows {
        let message = format!("container: invalid {option} '{value}': must be {must_be}\n");
        host.run(&[option, value], "busybox", &["true"]).assert(125, "", &message);
    }
    host.run(&["-v/a"], "busybox", &["true"]).assert(
        125,
        "",
        &format!("container: invalid --volume '/a': must be {VOLUME}\n"),
    );
    host.assert_nothing_left();
}

#[test]
fn a_hundred_volumes_and_tmpfs_mounts_are_mounted() {
    let host = Host::new("hundred");
    let lent = lent(&host);
    let volumes: Vec<String> = (0..100).map(|index| volume(&lent, &format!("/d/{index}"))).collect();
    let options: Vec<&str> =
        volumes.iter().flat_map(|volume| ["-v", volume]).chain(["--tmpfs", "/t"]).collect();
    host.run(
        &options,
        "busybox",
        &["sh", "-c", "cat /d/*/file | sort | uniq -c; ls /d | wc -l; test -d /t && echo tmpfs"],
    )
    .assert_stdout("    100 of the host\n100\ntmpfs\n");
    // One on the other.
    let same = ["-v", &*volume(&lent, "/d")].map(str::to_owned);
    let same: Vec<&str> = same.iter().map(|word| &**word).cycle().take(200).collect();
    host.run(&same, "busybox", &["cat", "/d/file"]).assert_stdout("of the host\n");
}

// Memory, read-only, and files that go away.

#[test]
fn a_file_system_in_memory_has_the_options_that_were_asked_for() {
    let host = Host::new("tmpfs");
    let line = |value: &str| {
        let seen = host.run(
            &["--tmpfs", value],
            "busybox",
            &["sh", "-c", "grep ' /m/n ' /proc/mounts; stat -c %a /m/n"],
        );
        assert_eq!(seen.status, 0, "{seen:?}");
        seen.stdout.replace(",inode64", "")
    };
    assert_eq!(line("/m/n"), "tmpfs /m/n tmpfs rw,nosuid,nodev,noexec,relatime 0 0\n1777\n");
    assert_eq!(
        line("/m/n:size=64k,mode=700,exec"),
        "tmpfs /m/n tmpfs rw,nosuid,nodev,relatime,size=64k,mode=700 0 0\n700\n"
    );
    assert!(line("/m/n:ro").starts_with("tmpfs /m/n tmpfs ro,nosuid,nodev,noexec,relatime 0 0\n"));
    let full = "head -c 99999 /dev/zero > /m/big 2> /dev/null || stat -c %s /m/big";
    host.run(&["--tmpfs", "/m:size=64k"], "busybox", &["sh", "-c", full]).assert_stdout("65536\n");
    assert_eq!(upper(&host), "\n/m\n/m/n\n");
}

#[test]
fn a_read_only_root_can_be_written_to_nowhere_but_where_it_was_asked_for() {
    let host = Host::new("readonly");
    let lent = lent(&host);
    let script = "for f in /x /etc/hosts /data/x /m/x /dev/x; do (echo x >> $f) 2>&1; done; test -d /proc/1 && echo up";
    host.run(&["--read-only", "-v", &volume(&lent, "/data"), "--tmpfs", "/m"], "busybox", &["sh", "-c", script])
        .assert_stdout(
            "sh: can't create /x: Read-only file system\nsh: can't create /etc/hosts: Read-only file system\nup\n",
        );
    host.sh("echo x > /x && echo again").assert_stdout("again\n");
}

#[test]
fn with_rm_nothing_is_left_and_a_container_of_the_same_id_is_not_touched() {
    let host = Host::new("rm");
    host.sh("echo kept > /kept").assert_stdout("");
    let before = list(&host.state);
    let rm = |command: &[&str]| host.run(&["--rm"], "busybox", command);
    rm(&["sh", "-c", "cat /kept 2> /dev/null; echo x > /x; cat /x; stat -c '%a %U' /; hostname"])
        .assert_stdout(&format!("x\n755 root\n{}\n", host.id));
    rm(&["cat", "/x"]).assert(1, "", "cat: can't open '/x': No such file or directory\n");
    rm(&["nope"]).assert(127, "", "container: exec nope: ENOENT (No such file or directory)\n");
    assert_eq!(list(&host.state), before);
    // Not even the lock is shared: both run at once, and so do two of the kind.
    let mut sleeper = host.start_sleeping();
    rm(&["true"]).assert_stdout("");
    sleeper.kill();
    wait_until("it is dead", || host.processes().is_empty());
    host.sh("cat /kept").assert_stdout("kept\n");
}

#[test]
fn with_rm_a_kill_leaves_nothing_either() {
    let host = Host::new("rmkill");
    let mut command = host.command(&[
        "--rm",
        &host.id,
        "busybox",
        "sh",
        "-c",
        "echo x > /x; echo started; exec sleep 1000",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 8];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
    common::Supervisor(child).kill();
    wait_until("it is dead", || host.processes().is_empty());
    assert!(!host.state.exists(), "{}", list(&host.state));
}

#[test]
fn a_failed_first_run_with_rm_takes_the_directory_of_all_containers_back() {
    for options in [&["--rm"][..], &["--rm", "--skip", "private"]] {
        let host = Host::new("rmfail");
        let failed: Outcome = host.run(options, "busybox", &["nope"]);
        assert_ne!(failed.status, 0, "{failed:?}");
        host.assert_nothing_left();
    }
}

#[test]
fn with_the_hosts_pids_the_hosts_processes_are_seen_and_can_be_signalled() {
    let host = Host::new("hostpids");
    let mut victim = common::Supervisor(Command::new("sleep").arg("1000").spawn().unwrap());
    let script = format!(
        "readlink /proc/self > /dev/null && test $$ != 1 && kill -TERM {} && echo sent",
        victim.pid()
    );
    host.run(&["--pid", "host"], "busybox", &["sh", "-c", &script]).assert_stdout("sent\n");
    assert_eq!(victim.status(), None, "a signal ended it");
    // The mounts are the container's own all the same, and the command dies with its supervisor.
    let mut command =
        host.command(&["--pid=host", &host.id, "busybox", "sh", "-c", "echo started; exec sleep 1000"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 8];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
    common::Supervisor(child).kill();
    wait_until("it is dead", || host.processes().is_empty());
}

#[test]
fn options_that_are_not_given_cost_nothing() {
    let host = Host::new("cost");
    let log = host.dir.join("strace");
    host.sh("true").assert_stdout("");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log).args([common::PROGRAM, &host.id, "busybox", "true"]);
    strace.current_dir(common::ROOT).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut strace).assert_stdout("");
    let calls = fs::read_to_string(&log).unwrap();
    assert!(!calls.contains("openat2") && !calls.contains("AT_EMPTY_PATH|AT_RECURSIVE"), "{calls}");
    // A second run finds the files of names as they should be, and writes nothing.
    assert!(!calls.contains("O_EXCL") && !calls.contains("write("), "{calls}");
    let mode = fs::metadata(host.state.join(&host.id).join("names/etc/hosts")).unwrap();
    assert_eq!((mode.permissions().mode() & 0o7777, mode.uid()), (0o644, 0));
}
