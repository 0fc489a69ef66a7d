//! What a run could do to the host, and what the host could do to a run: directories that others can change, files that are
//! removed meanwhile, what the caller leaves open.

mod common;

use common::{Host, Supervisor, images, list, outcome, shell, wait_until};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A user without privileges.
const OTHER: u32 = 65534;

#[test]
fn a_failed_run_removes_nothing_outside_its_directory_even_if_a_volumes_path_leads_there() {
    let host = Host::new("dotdot");
    fs::create_dir_all(host.state.join("victim")).unwrap();
    fs::set_permissions(&host.state, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(host.state.join("file"), "").unwrap();
    for place in ["/etc:/a/../../../victim", "/etc/passwd:/a/../../../file"] {
        let failed = host.run(&["-v", place, "-u", "no-such-user"], "busybox", &["true"]);
        assert_eq!(failed.status, 125, "{failed:?}");
        assert!(failed.stderr.contains("container: user no-such-user: ENOENT"), "{failed:?}");
        assert!(host.state.join("victim").exists() && host.state.join("file").exists(), "{place}");
        assert!(!host.state.join(&host.id).exists(), "{}", list(&host.state));
    }
}

#[test]
fn a_failed_run_leaves_no_place_that_it_made() {
    let host = Host::new("places");
    let options = ["-v", "/etc:/m/n", "-v", "/etc/passwd:/m/file", "--tmpfs", "/t/u", "-w", "/w/x"];
    let failed = host.run(&[&options[..], &["-u", "no-such-user"]].concat(), "busybox", &["true"]);
    assert_eq!(failed.status, 125, "{failed:?}");
    host.assert_nothing_left();
}

#[test]
fn what_the_caller_has_open_is_closed_at_once() {
    let host = Host::new("inherited");
    let script = "exec 9< /; exec \"$@\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", common::PROGRAM, &host.id, "busybox"]);
    bash.args(["sh", "-c", "echo started; exec sleep 1000"]).stdin(Stdio::null()).stdout(Stdio::piped());
    bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    let mut supervisor = Supervisor(bash.spawn().unwrap());
    let mut line = [0; 8];
    supervisor.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    let open = shell(&format!("readlink /proc/{}/fd/*", supervisor.pid()));
    assert!(!open.lines().any(|file| file == "/"), "{open}");
}

#[test]
fn the_working_directory_is_the_one_that_was_looked_at_even_if_the_path_changes_meanwhile() {
    let host = Host::new("swapped");
    let volume = host.dir.join("volume");
    for name in ["good", "evil"] {
        fs::create_dir_all(volume.join(name)).unwrap();
    }
    // The link leads out of the container, by a directory that the caller has open. Both are at the same path in turn.
    symlink("/proc/self/fd/9", volume.join("link")).unwrap();
    let swap = format!(
        "cd '{}'; while :; do mv -T good place; sleep 0.003; mv -T place good; mv -T link place; sleep 0.003; mv -T place link; done",
        volume.display()
    );
    let mut swapper =
        Supervisor(Command::new("sh").args(["-c", &swap]).stderr(Stdio::null()).spawn().unwrap());
    // The call that enters the directory is held back, so that the path changes before it.
    let run = format!(
        "exec 9< /; exec strace -f -qq -o /dev/null -e inject=chdir,fchdir,mkdirat:delay_enter=20000 '{}' -v '{}:/v' -w /v/place {} busybox ls",
        common::PROGRAM,
        volume.display(),
        host.id
    );
    for _ in 0..12 {
        let mut bash = Command::new("bash");
        bash.args(["-c", &run]).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
        let seen = outcome(&mut bash);
        assert!(seen.stdout.is_empty(), "the host's root: {seen:?}");
    }
    swapper.kill();
}

#[test]
fn with_rm_nothing_is_written_to_the_disk_wherever_the_state_directory_is() {
    let host = Host::new("rmstate");
    let images_inside = host.dir.join("images");
    host.own_image("img");
    for (state, images) in
        [(".", None), ("./", None), ("./.", None), ("/", None), ("x", Some(&images_inside))]
    {
        let mut command = host.command(&["--rm", "never", "img", "sh", "-c", "echo kept > /f; cat /f"]);
        let state = if state == "x" { host.dir.clone() } else { PathBuf::from(state) };
        command.current_dir(&host.dir).env("CONTAINER_STATE", &state);
        command.env("CONTAINER_IMAGES", images.unwrap_or(&PathBuf::from("images")));
        outcome(&mut command).assert_stdout("kept\n");
        for place in [host.dir.join("never"), PathBuf::from("/never")] {
            assert!(!place.exists(), "{} is left, with CONTAINER_STATE={}", place.display(), state.display());
        }
    }
}

#[test]
fn with_rm_an_experiment_that_skips_tmpstate_writes_nothing_to_the_working_directory() {
    let host = Host::new("skipped");
    let here = host.dir.join("here");
    fs::create_dir_all(here.join("names/etc")).unwrap();
    fs::write(here.join("names/etc/hosts"), "mine").unwrap();
    for more in [
        &[][..],
        &["--bare"],
        &["--skip", "etc"],
        &["--skip", "overlay", "--skip", "pivot", "--skip", "detach"],
    ] {
        let mut command =
            host.command(&[&["--rm", "--skip", "tmpstate"], more, &[&host.id, "busybox", "true"]].concat());
        let ran = outcome(command.current_dir(&here));
        assert_eq!(ran.status, 0, "{ran:?}");
        assert_eq!(fs::read_to_string(here.join("names/etc/hosts")).unwrap(), "mine", "{more:?}");
        assert_eq!(
            shell(&format!("cd '{}' && find .", here.display())),
            ".\n./names\n./names/etc\n./names/etc/hosts\n",
            "{more:?}"
        );
    }
}

#[test]
fn the_umask_of_the_caller_does_not_reach_the_container() {
    let host = Host::new("umask");
    for umask in ["0077", "0000", "0777"] {
        let script = format!(
            "umask {umask}; exec '{}' -w /w/{umask} {} busybox sh -c 'umask; stat -c %a / /w/{umask} /etc/hosts'",
            common::PROGRAM,
            host.id
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
        outcome(&mut bash).assert_stdout("0022\n755\n755\n644\n");
    }
}

#[test]
fn etc_has_the_owner_and_the_mode_of_the_images_also_after_these_change() {
    let host = Host::new("etcowner");
    let image = host.own_image("img");
    for (mode, owner) in [(0o755, 0), (0o700, 7), (0o750, 0)] {
        fs::create_dir_all(image.join("etc")).unwrap();
        chown(image.join("etc"), Some(owner), Some(owner)).unwrap();
        fs::set_permissions(image.join("etc"), fs::Permissions::from_mode(mode)).unwrap();
        let seen = host.run_own(&[], "img", &["stat", "-c", "%a %u %g", "/etc"]);
        seen.assert_stdout(&format!("{mode:o} {owner} {owner}\n"));
    }
}

#[test]
fn an_image_that_another_user_owns_or_can_write_to_is_refused() {
    let host = Host::new("foreign");
    let image = host.own_image("img");
    let error = |hint: &str| {
        format!("container: image {}: EPERM (Operation not permitted)\nhint: {hint}\n", image.display())
    };
    chown(&image, Some(OTHER), None).unwrap();
    let foreign =
        error("the image belongs to another user, who decides what runs in it: copy it, or chown it");
    host.run_own(&[], "img", &["true"]).assert(125, "", &foreign);
    let sudo = |uid: u32| {
        let mut command = host.command(&[&host.id, "img", "true"]);
        outcome(command.env("CONTAINER_IMAGES", host.dir.join("images")).env("SUDO_UID", uid.to_string()))
    };
    sudo(OTHER).assert_stdout("");
    sudo(OTHER - 1).assert(125, "", &foreign);
    chown(&image, Some(0), None).unwrap();
    let shared = error("other users can write to the image, and decide what runs in it: chmod go-w");
    for mode in [0o775, 0o757, 0o1777] {
        fs::set_permissions(&image, fs::Permissions::from_mode(mode)).unwrap();
        host.run_own(&[], "img", &["true"]).assert(125, "", &shared);
    }
    fs::set_permissions(&image, fs::Permissions::from_mode(0o755)).unwrap();
    host.run_own(&[], "img", &["true"]).assert_stdout("");
}

#[test]
fn a_state_directory_that_another_user_can_replace_is_refused() {
    let host = Host::new("replaced");
    let above = host.dir.join("above");
    let run = |state: &Path| {
        let mut command = host.command(&[&host.id, "busybox", "true"]);
        outcome(command.env("CONTAINER_STATE", state))
    };
    let refused = |directory: &Path| {
        format!(
            "container: state {}: EPERM (Operation not permitted)\nhint: another user can replace this directory: set \
             CONTAINER_STATE to a place that only you and root can change\n",
            directory.display()
        )
    };
    fs::create_dir_all(above.join("below")).unwrap();
    for (mode, owner, is_refused) in
        [(0o755, OTHER, true), (0o777, 0, true), (0o775, 0, true), (0o1777, 0, false), (0o755, 0, false)]
    {
        chown(&above, Some(owner), None).unwrap();
        fs::set_permissions(&above, fs::Permissions::from_mode(mode)).unwrap();
        for state in
            [above.join("below/state"), above.join("below/../below/./state//"), host.dir.join("link/state")]
        {
            drop(fs::remove_file(host.dir.join("link")));
            symlink(above.join("below"), host.dir.join("link")).unwrap();
            let seen = run(&state);
            if is_refused {
                seen.assert(125, "", &refused(&above));
                assert_eq!(fs::read_dir(above.join("below")).unwrap().count(), 0, "{}", list(&above));
            } else {
                seen.assert_stdout("");
            }
        }
    }
}

#[test]
fn a_path_of_the_state_directory_that_is_too_long_is_reported() {
    let host = Host::new("slashes");
    for slashes in [4096, 15_004, 100_000] {
        let mut command = host.command(&[&host.id, "busybox", "true"]);
        let seen = outcome(command.env("CONTAINER_STATE", format!("{}x", "/".repeat(slashes))));
        assert!(
            seen.status == 125 && seen.stderr.contains(": ENAMETOOLONG (File name too long)\n"),
            "{seen:?}"
        );
    }
    let mut command = host.command(&[&host.id, "busybox", "true"]);
    let state = format!("{}{}", host.state.display(), "/".repeat(15_004));
    outcome(command.env("CONTAINER_STATE", state)).assert_stdout("");
}

#[test]
fn a_file_system_without_inodes_is_an_error_and_not_a_read_only_root() {
    let host = Host::new("inodes");
    let disk = host.dir.join("disk");
    fs::create_dir(&disk).unwrap();
    // Inodes for the state directory, upper, work, merged and the layer with its directory: none for work/work.
    for inodes in 5..30 {
        shell(&format!("mount -t tmpfs -o nr_inodes={inodes},mode=755 none '{0}'", disk.display()));
        let mut command = host.command(&[&host.id, "busybox", "touch", "/f"]);
        let seen = outcome(command.env("CONTAINER_STATE", disk.join("state")));
        shell(&format!("umount '{}'", disk.display()));
        let is_said =
            seen.status == 125 && seen.stderr.starts_with("container: ") && seen.stderr.contains("ENOSPC");
        // busybox itself says that there is no room for the file.
        let is_full = seen.status == 1 && seen.stderr.contains("No space left on device");
        assert!(is_said || is_full || seen.status == 0, "{inodes} inodes: {seen:?}");
    }
}

#[test]
fn a_running_container_is_seen_as_running_even_if_files_of_its_directory_are_removed() {
    let host = Host::new("deleted");
    let supervisor = host.start_sleeping();
    for entry in fs::read_dir(host.state.join(&host.id)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
    }
    let stderr = format!(
        "container: state {}: EBUSY (Device or resource busy)\nhint: {} is already running (pid {}): end it, or choose another ID\n",
        host.state.join(&host.id).display(),
        host.id,
        supervisor.pid()
    );
    host.sh("true").assert(125, "", &stderr);
}

#[test]
fn systemd_tmpfiles_leaves_a_running_container_alone() {
    let host = Host::new("tmpfiles");
    let config = host.dir.join("tmpfiles.conf");
    fs::write(&config, format!("e {} - - - 1s\n", host.dir.display())).unwrap();
    let clean = || shell(&format!("systemd-tmpfiles --clean '{}'", config.display()));
    let mut command = host.command(&[
        &host.id,
        "busybox",
        "sh",
        "-c",
        "mkdir /d; echo kept > /d/f; echo ready; exec sleep 1000",
    ]);
    let mut supervisor = Supervisor(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = [0; 6];
    supervisor.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    let upper = host.state.join(&host.id).join("upper");
    // The cleaner works at all: a file beside the container goes once it is old enough.
    let old = host.dir.join("old");
    fs::write(&old, "").unwrap();
    wait_until("an old file is removed", || {
        std::thread::sleep(Duration::from_millis(200));
        fs::write(&config, format!("e {} - - - 1s\n", host.dir.display())).unwrap();
        clean();
        !old.exists()
    });
    assert_eq!(fs::read_to_string(upper.join("d/f")).unwrap(), "kept\n");
    assert!(fs::metadata(host.state.join(&host.id)).unwrap().mode() & 0o777 == 0o700);
    supervisor.kill();
    wait_until("its files are old", || {
        std::thread::sleep(Duration::from_millis(200));
        clean();
        !upper.join("d/f").exists()
    });
}
