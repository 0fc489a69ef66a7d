//! The user and the groups of the command: root with root's groups, or the user of `--user` with its own. Nothing of the
//! caller's.

mod common;

use common::{Host, Outcome, images, outcome, shell};
use std::fs;
use std::process::Command;

/// Runs `container` below another program, such as setpriv(1).
fn below(host: &Host, program: &[&str], options: &[&str], command: &[&str]) -> Outcome {
    let mut outer = Command::new(program[0]);
    outer.args(&program[1..]).arg(common::PROGRAM).args(options).args([&host.id, "busybox"]).args(command);
    outer.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()).current_dir(common::ROOT);
    outcome(outer.stdin(std::process::Stdio::null()))
}

/// `Uid`, `Gid` and `Groups` of the command: real, effective, saved and file system IDs.
const IDS: [&str; 3] =
    ["sh", "-c", "grep -E '^(Uid|Gid|Groups):' /proc/self/status | tr -s '\\t ' ' ' | sed 's/ $//'"];

/// An /etc/group for a container.
fn with_group(name: &str, group: &str) -> Host {
    let host = Host::new(name);
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    let etc = host.state.join(&host.id).join("upper/etc");
    fs::create_dir_all(&etc).unwrap();
    fs::write(etc.join("group"), group).unwrap();
    host
}

#[test]
fn root_inside_is_root_alone_with_the_groups_of_the_containers_root() {
    let host = with_group(
        "root",
        "root:x:0:root\nbin:x:1:root,bin\nother:x:5:bin\nwheel:x:10:a,root\nbin2:x:1:rooted\n",
    );
    let ids = "Uid: 0 0 0 0\nGid: 0 0 0 0\nGroups: 0 1 10\n";
    let callers: [&[&str]; 6] = [
        &["env"],
        &["setpriv", "--groups", "4,24,1000"],
        &["setpriv", "--regid", "1000", "--groups", "1000"],
        &["setpriv", "--rgid", "1000", "--keep-groups"],
        &["setpriv", "--ruid", "1000", "--keep-groups"],
        &["setpriv", "--egid", "1000", "--clear-groups"],
    ];
    for caller in callers {
        for options in [&[][..], &["--init"], &["--rm"], &["-t"]] {
            // --rm begins with the list of the image, which has no groups of root beside its own.
            let ran = below(&host, caller, options, &IDS);
            let expected = if options == ["--rm"] { "Uid: 0 0 0 0\nGid: 0 0 0 0\nGroups: 0\n" } else { ids };
            assert_eq!(
                (ran.status, &*ran.stdout.replace('\r', "")),
                (0, expected),
                "{caller:?} {options:?} {ran:?}"
            );
        }
    }
}

#[test]
fn it_still_dies_with_its_supervisor_when_the_group_has_changed() {
    let host = Host::new("dies");
    let mut command = Command::new("setpriv");
    command.args([
        "--regid",
        "1000",
        "--clear-groups",
        common::PROGRAM,
        &host.id,
        "busybox",
        "sleep",
        "1000",
    ]);
    command.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()).current_dir(common::ROOT);
    let mut container = common::Supervisor(command.stdin(std::process::Stdio::null()).spawn().unwrap());
    common::wait_until("it sleeps", || host.runs("sleep"));
    container.kill();
    common::wait_until("it is dead", || host.processes().is_empty());
}

#[test]
fn without_a_list_of_groups_root_has_its_own_group_whatever_is_in_its_place() {
    let host = Host::new("hostile");
    let image = host.own_image("img");
    let prepare = [
        "rm etc/group",
        "rm etc/group; mkfifo etc/group",
        "rm etc/group; mkdir etc/group",
        "rm etc/group; ln -s group etc/group",
        "rm etc/group; ln -s /dev/zero etc/group",
        "rm etc/group; ln -s ../../../../proc/1/mem etc/group",
        "rm -r etc; touch etc",
        "truncate -s 1T etc/group",
        "head -c 30M /dev/zero > etc/group",
        "for i in $(seq 70000); do echo g$i:x:$((i + 10)):root; done > etc/group",
        "echo root:x:4294967295:root > etc/group",
        "head -c 100000 /dev/urandom > etc/group",
    ];
    for change in prepare {
        shell(&format!("cd '{}'; {change}", image.display()));
        let ran = host.run_own(&["--env", "A=1"], "img", &IDS);
        ran.assert_stdout("Uid: 0 0 0 0\nGid: 0 0 0 0\nGroups: 0\n");
        shell(&format!(
            "rm -rf '{0}'; cp -a '{1}' '{0}'",
            image.display(),
            images().join("busybox").display()
        ));
    }
}

#[test]
fn the_primary_group_is_the_first_of_the_groups_and_is_there_once() {
    let host = with_group("primary", "root:x:0:\ng:x:70:a,b\nh:x:71:a\nprimary:x:72:a\n");
    let passwd = "root:x:0:0::/:/bin/sh\na:x:1000:72::/:/bin/sh\nb:x:1001:73::/:/bin/sh\n";
    fs::write(host.state.join(&host.id).join("upper/etc/passwd"), passwd).unwrap();
    for (user, ids) in [
        ("a", "Uid: 1000 1000 1000 1000\nGid: 72 72 72 72\nGroups: 70 71 72\n"),
        ("b", "Uid: 1001 1001 1001 1001\nGid: 73 73 73 73\nGroups: 70 73\n"),
        ("a:g", "Uid: 1000 1000 1000 1000\nGid: 70 70 70 70\nGroups: 70\n"),
        ("5:6", "Uid: 5 5 5 5\nGid: 6 6 6 6\nGroups: 6\n"),
        ("5", "Uid: 5 5 5 5\nGid: 0 0 0 0\nGroups: 0\n"),
    ] {
        for options in [&["-u", user][..], &["--bare", "-u", user]] {
            let ran = host.run(options, "busybox", &IDS);
            assert_eq!((ran.status, &*ran.stdout), (0, ids), "{options:?} {ran:?}");
        }
    }
}

#[test]
fn bare_keeps_the_caller_as_it_is() {
    let host = Host::new("bare");
    let caller = ["setpriv", "--regid", "1000", "--groups", "4,1000"];
    below(&host, &caller, &["--bare"], &IDS)
        .assert_stdout("Uid: 0 0 0 0\nGid: 1000 1000 1000 1000\nGroups: 4 1000\n");
}

#[test]
fn a_number_with_a_group_needs_no_list_and_a_list_that_is_needed_is_refused_by_name() {
    let host = Host::new("numbers");
    let image = host.own_image("img");
    let prepare = [
        ("rm etc/passwd etc/group; mkfifo etc/passwd etc/group", "EINVAL"),
        ("rm etc/passwd etc/group; mkdir etc/passwd etc/group", "EISDIR"),
        ("rm etc/passwd etc/group; ln -s passwd etc/passwd; ln -s /proc/1/mem etc/group", "ELOOP"),
        ("truncate -s 100M etc/passwd etc/group", "ENOMEM"),
    ];
    for (change, errno) in prepare {
        shell(&format!("cd '{}'; {change}", image.display()));
        // Not with id(1), which would read the lists itself.
        let ask = ["sh", "-c", "echo $HOME; grep Groups: /proc/self/status | tr -s '\\t ' '..'"];
        host.run_own(&["-u", "1000:1001"], "img", &ask).assert_stdout("/\nGroups:.1001.\n");
        for user in ["1000", "root", "root:0"] {
            let refused = host.run_own(&["-u", user], "img", &ask);
            assert_eq!(refused.status, 125, "{change} {user} {refused:?}");
            let said = format!("container: user /etc/passwd: {errno} (");
            assert!(refused.stderr.starts_with(&said), "{change} {user} {refused:?}");
        }
        shell(&format!(
            "rm -rf '{0}'; cp -a '{1}' '{0}'",
            image.display(),
            images().join("busybox").display()
        ));
    }
}

#[test]
fn a_long_line_and_a_long_list_are_read() {
    let members = (0..20_000).map(|number| format!("member{number}")).collect::<Vec<_>>().join(",");
    let host = with_group("long", &format!("root:x:0:\nbig:x:77:{members},last\n"));
    let mut passwd = "u:x:5:5::/:/bin/sh\n".repeat(100_000);
    passwd.push_str("last:x:2000:2001::/home:/bin/sh\n");
    assert!(passwd.len() > 1 << 20);
    fs::write(host.state.join(&host.id).join("upper/etc/passwd"), passwd).unwrap();
    host.run(&["-u", "last"], "busybox", &["sh", "-c", "echo $(id -u) $(id -g) $(id -G) $HOME"])
        .assert_stdout("2000 2001 2001 77 /home\n");
}
