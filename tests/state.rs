//! The container's directory: made, checked, locked, kept.

mod common;

use common::{Host, Outcome, TmpContainer, images, list, outcome, shell, write_program};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

const PLANTED: &str = ": another user may have put it there; remove it, or set CONTAINER_STATE\n";
const SHARED: &str =
    ": take the permission away, or set CONTAINER_STATE to a directory that only you can write to\n";

#[test]
fn the_directories_are_made_for_the_owner_alone() {
    let host = Host::new("made");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    let dir = host.state.join(&host.id);
    let found = list(&dir).replace(&format!("{}", dir.display()), "");
    assert_eq!(
        found,
        "\n/merged\n/names\n/names/etc\n/names/etc/hostname\n/names/etc/hosts\n/names/etc/resolv.conf\n/upper\n/work\n/work/work\n"
    );
    assert_eq!(fs::metadata(&host.state).unwrap().mode() & 0o7777, 0o700);
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn without_a_variable_it_is_in_tmp_container() {
    // In a mount namespace with a /tmp of its own, so that no other containers are touched.
    let _host = Host::new("default");
    let script = format!(
        "exec 3< '{}'; mount --bind '{}' /mnt; mount -t tmpfs none /tmp; CONTAINER_IMAGES=/mnt /proc/self/fd/3 c1 busybox true
         cd /tmp; find . -maxdepth 2 -printf '%p %U %m\n' | sort",
        common::PROGRAM,
        images().display(),
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "bash", "-euc", &script]).env_remove("CONTAINER_STATE");
    outcome(&mut unshare).assert_stdout(". 0 1777\n./container 0 700\n./container/c1 0 700\n");
}

#[test]
fn an_ordinary_user_is_told_to_become_root_and_nothing_is_left() {
    let host = Host::new("user");
    let program = host.dir.join("container");
    write_program(&program, &fs::read(common::PROGRAM).unwrap(), 0o755);
    fs::create_dir_all(host.dir.join("images/empty")).unwrap();
    let own = host.dir.join("own");
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(65534), Some(65534)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args([&host.id, "empty", "true"]);
    command
        .current_dir(&host.dir)
        .env("CONTAINER_IMAGES", "images")
        .env("CONTAINER_STATE", own.join("state"));
    let refused =
        "container: clone: EPERM (Operation not permitted)\nhint: new namespaces need root: try sudo\n";
    outcome(&mut command).assert(125, "", refused);
    assert_eq!(fs::read_dir(&own).unwrap().count(), 0);
    // And without a variable, in /tmp/container-UID: it is made only if that user has run a container before.
    let place = std::path::Path::new("/tmp/container-65534");
    let existed = place.exists();
    outcome(command.env_remove("CONTAINER_STATE")).assert(125, "", refused);
    assert!(existed || !place.exists());
}

#[test]
fn a_place_that_another_user_could_have_prepared_is_refused() {
    let host = Host::new("refuse");
    let elsewhere = host.dir.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let base = host.state.clone();
    let dir = base.join(&host.id);
    let refuse = |path: &std::path::Path, errno: &str, cause: &str| {
        let rest = if cause.contains("other users") { SHARED } else { PLANTED };
        let stderr = format!("container: state {}: {errno}\nhint: {cause}{rest}", path.display());
        host.run(&[], "busybox", &["true"]).assert(125, "", &stderr);
    };
    let symbolic = ("ELOOP (Too many levels of symbolic links)", "this is a symbolic link");
    let no_directory = ("ENOTDIR (Not a directory)", "this is not a directory");
    let other = ("EPERM (Operation not permitted)", "this belongs to another user");
    let writable = ("EPERM (Operation not permitted)", "other users can write to this directory");
    for path in [&base, &dir] {
        symlink(&elsewhere, path).unwrap();
        refuse(path, symbolic.0, symbolic.1);
        fs::remove_file(path).unwrap();
        symlink("/nowhere/at/all", path).unwrap();
        refuse(path, symbolic.0, symbolic.1);
        fs::remove_file(path).unwrap();
        fs::write(path, "").unwrap();
        refuse(path, no_directory.0, no_directory.1);
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        std::os::unix::fs::chown(path, Some(65534), None).unwrap();
        refuse(path, other.0, other.1);
        std::os::unix::fs::chown(path, Some(0), None).unwrap();
        for mode in [0o777, 0o1777, 0o720, 0o702] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            refuse(path, writable.0, writable.1);
        }
        assert_eq!(fs::read_dir(path).unwrap().count(), 0, "nothing was put into it");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    host.run(&[], "busybox", &["true"]).assert_stdout("");
}

#[test]
fn a_slash_at_the_end_does_not_make_a_symlink_good() {
    let host = Host::new("slash");
    fs::create_dir(host.dir.join("elsewhere")).unwrap();
    symlink("elsewhere", &host.state).unwrap();
    for slashes in ["", "/", "///"] {
        let state = format!("{}{slashes}", host.state.display());
        let refused = outcome(host.command(&[&host.id, "busybox", "true"]).env("CONTAINER_STATE", state));
        assert_eq!(refused.status, 125);
        assert!(refused.stderr.contains("/state: ELOOP (Too many levels"), "{refused:?}");
    }
    let state = format!("{}/", host.dir.join("elsewhere/own").display());
    let mut command = host.command(&[&*host.id, "busybox", "echo", "fine"]);
    fs::set_permissions(host.dir.join("elsewhere"), fs::Permissions::from_mode(0o755)).unwrap();
    outcome(command.env("CONTAINER_STATE", state)).assert_stdout("fine\n");
}

#[test]
fn a_second_run_of_the_same_id_is_refused_and_names_the_first() {
    let host = Host::new("second");
    let mut first = host.start_sleeping();
    let stderr = format!(
        "container: state {}/{}: EBUSY (Device or resource busy)\n\
         hint: {} is already running (pid {}): end it, or choose another ID\n",
        host.state.display(),
        host.id,
        host.id,
        first.pid()
    );
    host.run(&[], "busybox", &["true"]).assert(125, "", &stderr);
    host.run(&["--bare"], "busybox", &["true"]).assert(125, "", &stderr);
    assert_eq!(host.processes().len(), 1, "the first is not disturbed");
    let other = format!("{}-other", host.id);
    host.run_as(&other, &[], "busybox", &["true"]).assert_stdout("");
    first.kill();
    common::wait_until("the container is dead", || host.processes().is_empty());
    host.run(&[], "busybox", &["true"]).assert_stdout("");
}

#[test]
fn of_twenty_that_start_the_same_id_at_once_one_runs_and_the_others_are_refused() {
    let host = Host::new("crowd");
    let children: Vec<_> = (0..20)
        .map(|_| {
            let mut command = host.command(&[&host.id, "busybox", "sh", "-c", "echo ran; sleep 0.5"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let ran = outputs.iter().filter(|output| output.status.success() && output.stdout == b"ran\n").count();
    let refused = outputs.iter().filter(|output| {
        output.status.code() == Some(125)
            && String::from_utf8_lossy(&output.stderr).contains("is already running (pid ")
    });
    assert_eq!((ran, refused.count()), (1, 19), "{outputs:?}");
}

#[test]
fn many_that_fail_and_many_that_run_on_one_new_id_do_not_spoil_it_for_each_other() {
    // A run that fails takes a new directory away again, while others are waiting to use it.
    let host = Host::new("churn");
    for _ in 0..15 {
        let start = |command: &'static str| {
            let mut program = host.command(&[&host.id, "busybox", command]);
            program.stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> =
            (0..12).map(|n| start(if n % 2 == 0 { "true" } else { "no-such-command" })).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let fine = match output.status.code() {
                Some(0) => stderr.is_empty(),
                Some(127) => stderr.contains("exec no-such-command: ENOENT"),
                Some(125) => stderr.contains("is already running"),
                _ => false,
            };
            assert!(fine, "{output:?}");
        }
        shell(&format!("rm -rf '{}'", host.state.display()));
    }
}

#[test]
fn a_directory_that_was_left_half_made_is_completed() {
    let host = Host::new("half");
    shell(&format!(
        "mkdir -p -m 700 '{0}'; mkdir -p -m 700 '{0}/{1}'; mkdir '{0}/{1}/upper'; echo old > '{0}/{1}/upper/kept'",
        host.state.display(),
        host.id
    ));
    host.run(&[], "busybox", &["cat", "/kept"]).assert_stdout("old\n");
}

#[test]
fn the_root_of_the_container_is_open_to_its_users_whatever_the_umask() {
    let host = Host::new("umask");
    let script = format!("umask 077; exec '{}' {} busybox stat -c %a /", common::PROGRAM, host.id);
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut bash).assert_stdout("755\n");
}

#[test]
fn what_overlayfs_misses_of_the_directory_is_named() {
    let host = Host::new("missing");
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    for part in ["upper", "work"] {
        let path = host.state.join(&host.id).join(part);
        shell(&format!("rm -r '{}'", path.display()));
        let stderr = format!(
            "container: overlay {}: ENOENT (No such file or directory)\nhint: it was removed: make it again, or \
             remove all of the container's directory to start from the image\n",
            path.display()
        );
        host.run(&[], "busybox", &["true"]).assert(125, "", &stderr);
        fs::create_dir(&path).unwrap();
    }
    host.run(&[], "busybox", &["true"]).assert_stdout("");
    // A run that was killed early leaves a directory without `merged`, which is the last to be made.
    shell(&format!("cd '{}'; rm -r upper merged", host.state.join(&host.id).display()));
    host.run(&[], "busybox", &["true"]).assert_stdout("");
}

#[test]
fn where_the_state_directory_is_on_overlayfs_the_message_names_it_and_a_place_that_works() {
    // As it is inside Docker.
    let host = Host::new("onoverlay");
    shell(&format!("cd '{}'; mkdir l u w m", host.dir.display()));
    let script = format!(
        "cd '{0}'; mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m
         CONTAINER_IMAGES='{1}' CONTAINER_STATE='{0}/m/state' '{2}' {3} busybox true; echo $?; ls m",
        host.dir.display(),
        images().display(),
        common::PROGRAM,
        host.id
    );
    let refused = outcome(Command::new("unshare").args(["-m", "bash", "-c", &script]));
    assert_eq!(refused.stdout, "125\n", "and nothing is left");
    let expected = format!(
        "container: overlay {}/m/state/{}/merged: EINVAL (Invalid argument)\nhint: the state directory is on overlayfs and the image on ",
        host.dir.display(),
        host.id
    );
    assert!(refused.stderr.starts_with(&expected), "{refused:?}");
    let (_, suggestion) = refused.stderr.trim_end().rsplit_once("try CONTAINER_STATE=").unwrap();
    let suggested = std::path::Path::new(suggestion);
    let existed = suggested.exists();
    let mut command = host.command(&[&host.id, "busybox", "echo", "works"]);
    outcome(command.env("CONTAINER_STATE", suggested)).assert_stdout("works\n");
    shell(&format!("rm -r '{}'", suggested.join(&host.id).display()));
    if !existed {
        fs::remove_dir(suggested).unwrap();
    }
}

#[test]
fn a_file_system_that_cannot_hold_an_upper_layer_is_named() {
    let host = Host::new("fuse");
    let script = format!(
        "cd '{0}'; mkdir source m; bindfs source m
         CONTAINER_IMAGES='{1}' CONTAINER_STATE='{0}/m/state' '{2}' {3} busybox true; echo $?; umount -l m",
        host.dir.display(),
        images().display(),
        common::PROGRAM,
        host.id
    );
    let refused =
        outcome(Command::new("unshare").args(["-m", "bash", "-euc", &script.replace("; echo", " || echo")]));
    assert_eq!(refused.stdout, "125\n");
    assert!(
        refused
            .stderr
            .contains("/merged: EINVAL (Invalid argument)\nhint: the state directory is on fuse and "),
        "{refused:?}"
    );
    assert!(!host.dir.join("source/state").exists(), "something is left");
}

#[test]
fn a_state_directory_whose_parent_is_missing_is_named() {
    let host = Host::new("parent");
    let mut command = host.command(&[&host.id, "busybox", "true"]);
    outcome(command.env("CONTAINER_STATE", "/no/such")).assert(
        125,
        "",
        "container: state /no/such: ENOENT (No such file or directory)\n",
    );
    let long = format!("/tmp/{}", "a/".repeat(2100));
    let refused = outcome(command.env("CONTAINER_STATE", &long));
    assert_eq!(refused.status, 125);
    assert!(refused.stderr.ends_with(": ENAMETOOLONG (File name too long)\n"), "{refused:?}");
}

#[test]
fn a_state_directory_that_takes_no_directories_is_an_error_and_not_an_endless_try() {
    let host = Host::new("procstate");
    let refused = outcome(host.command(&[&host.id, "busybox", "true"]).env("CONTAINER_STATE", "/proc"));
    refused.assert(
        125,
        "",
        &format!("container: state /proc/{}: ENOENT (No such file or directory)\n", host.id),
    );
}

#[test]
fn paths_that_do_not_fit_into_one_page_of_mount_options_are_refused() {
    let host = Host::new("page");
    // Each of them is a good path; the overlay has three of them: names, upper and work.
    let deep = host.dir.join(vec!["d".repeat(200); 5].join("/"));
    fs::create_dir_all(&deep).unwrap();
    let mut command = host.command(&[&host.id, "busybox", "true"]);
    let refused = outcome(command.env("CONTAINER_STATE", deep.join("state")));
    let running =
        outcome(command.env("CONTAINER_STATE", deep.parent().unwrap().parent().unwrap().join("state")));
    assert_eq!(running.status, 0, "{running:?}");
    assert_eq!(refused.status, 0, "three paths of 1100 bytes fit: {refused:?}");
    let deeper = deep.join(vec!["d".repeat(200); 4].join("/"));
    fs::create_dir_all(&deeper).unwrap();
    let refused = outcome(command.env("CONTAINER_STATE", deeper.join("state")));
    assert_eq!(refused.status, 125);
    assert!(refused.stderr.ends_with(
        "/merged: ENAMETOOLONG (File name too long)\nhint: CONTAINER_IMAGES and CONTAINER_STATE do not fit into one page: choose shorter paths\n"
    ));
    assert_eq!(fs::read_dir(&deeper).unwrap().count(), 0);
}

/// A run under /tmp, which no crash of the machine has to be survived by: in a mount namespace where /tmp/container is new.
fn under_tmp(host: &Host, script: &str) -> Outcome {
    let _directory = TmpContainer::new();
    let script = format!(
        "c() {{ '{}' \"$@\"; }}; mount -t tmpfs -o mode=700 none /tmp/container && {script}",
        common::PROGRAM
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).current_dir(&host.dir);
    outcome(command.env_remove("CONTAINER_STATE").env("CONTAINER_IMAGES", common::images()))
}

const OPTIONS: &str = "grep -o 'volatile' /proc/self/mountinfo";

#[test]
fn an_overlay_is_volatile_under_tmp_and_durable_where_the_user_chose_the_place() {
    let host = Host::new("sync");
    under_tmp(&host, &format!("c c1 busybox {OPTIONS}")).assert(0, "volatile\n", "");
    host.sh(OPTIONS).assert(1, "", "");
}

#[test]
fn the_mark_of_a_volatile_overlay_is_gone_while_the_command_runs_and_one_that_is_left_does_not_matter() {
    let host = Host::new("mark");
    let (work, file) = ("/tmp/container/c1/work/work", "/tmp/container/c1/upper/file");
    // A shell that waits for a line is still running when the directory is looked at.
    under_tmp(&host, &format!("sleep 0.5 | c c1 busybox cat & sleep 0.3; find {work}")).assert(
        0,
        &format!("{work}\n"),
        "",
    );
    let mark = format!("mkdir -p {work}/incompat/volatile; : > {work}/incompat/volatile/dirty");
    let before = "c c1 busybox sh -c 'echo kept > /file'";
    for again in ["c", "export CONTAINER_STATE=/tmp/container; c"] {
        let script = format!("{before}; {mark}; {again} c1 busybox cat /file; find {work}; cat {file}");
        under_tmp(&host, &script).assert(0, &format!("kept\n{work}\nkept\n"), "");
    }
    // Of half a mark, the directory is enough for overlayfs to refuse.
    let half = format!("mkdir -p {work}/incompat/volatile");
    under_tmp(&host, &format!("{before}; {half}; c c1 busybox cat /file")).assert(0, "kept\n", "");
}

#[test]
fn a_volatile_container_that_does_not_come_to_be_leaves_nothing() {
    let host = Host::new("novolatile");
    let script = "c c1 busybox no-such-command; ls -A /tmp/container; c c1 busybox echo works";
    let said = "container: exec no-such-command: ENOENT (No such file or directory)\n";
    under_tmp(&host, script).assert(0, "works\n", said);
}
