//! What is inside a container, and what of the host is not.

mod common;

use common::{Host, images, list, mountinfo, outcome, shell, wait_until};
use std::fs;
use std::process::Stdio;

#[test]
fn the_mounts_inside_are_the_overlay_proc_and_dev_and_nothing_of_the_host() {
    let host = Host::new("mounts");
    let inside = host.run(&[], "busybox", &["cat", "/proc/self/mountinfo"]).stdout;
    let mut points: Vec<(&str, &str)> = inside
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let separator = fields.iter().position(|field| *field == "-").unwrap();
            (fields[4], fields[separator + 1])
        })
        .collect();
    points.sort();
    let devices = shell("findmnt -n -o FSTYPE -T /dev/null");
    let mut expected = vec![
        ("/", "overlay"),
        ("/proc", "proc"),
        ("/dev", "tmpfs"),
        ("/dev/pts", "devpts"),
        ("/dev/shm", "tmpfs"),
    ];
    let paths = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
    expected.extend(paths.map(|path| (path, devices.trim())));
    expected.sort();
    assert_eq!(points, expected);
    let bare = host.run(&["--bare"], "busybox", &["cat", "/proc/self/mountinfo"]).stdout;
    assert_eq!(bare.lines().count(), 2, "{bare}");
}

#[test]
fn no_mount_inside_is_shared_with_the_host_and_none_shows_there() {
    let host = Host::new("propagation");
    assert!(mountinfo().lines().all(|mount| mount.contains(" shared:")), "as systemd has them");
    let inside = host.sh("cat /proc/self/mountinfo; mkdir /m; mount -t tmpfs none /m; sleep 0.2").stdout;
    assert!(!inside.contains("shared:") && !inside.contains("master:"), "{inside}");
    host.assert_same_mounts();
}

#[test]
fn the_tree_ends_at_the_root_whatever_way_one_climbs() {
    let host = Host::new("climb");
    host.sh("cd ../../../../..; pwd; cd -P /proc/1/root; cd ..; pwd; cd /proc/1/cwd; ls -d ../../bin")
        .assert_stdout("/\n/\n../../bin\n");
    let outside = host.dir.display();
    host.sh(&format!("for way in '' /.. /proc/1/root /proc/1/root/.. /proc/self/cwd/../..; do test -e $way{outside} && echo $way; done; true"))
        .assert_stdout("");
}

/// The known way out of a chroot(2): one process that calls it and keeps a working directory outside climbs up from there.
/// It reads `file` of where it gets to.
const BREAKOUT: &str = r#"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
    mkdir("/jail", 0700);
    chroot("/jail");                            /* the root is below the working directory now */
    for (int i = 0; i < 100; i++) chdir("..");  /* so nothing stops this at a root */
    chroot(".");
    char buffer[100];
    ssize_t len = read(open(argv[1], O_RDONLY), buffer, sizeof buffer);
    if (len > 0) write(1, buffer, len);
    return len <= 0;
}
"#;

#[test]
fn the_known_way_out_of_a_chroot_does_not_lead_out_of_a_container() {
    let host = Host::new("breakout");
    let image = host.own_image("img");
    let secret = host.dir.join("secret");
    fs::write(&secret, "secret").unwrap();
    fs::write(host.dir.join("breakout.c"), BREAKOUT).unwrap();
    shell(&format!(
        "gcc -static -w -o '{}/bin/breakout' '{}/breakout.c'",
        image.display(),
        host.dir.display()
    ));
    // It works, where there is only a chroot:
    let chroot = shell(&format!("chroot '{}' /bin/breakout '{}'", image.display(), secret.display()));
    assert_eq!(chroot, "secret");
    shell(&format!("rmdir '{}/jail'", image.display()));
    host.run_own(&[], "img", &["breakout", &secret.display().to_string()]).assert(1, "", "");
    host.run_own(&["--bare"], "img", &["breakout", &secret.display().to_string()]).assert(1, "", "");
}

#[test]
fn what_is_done_to_a_device_node_inside_does_not_change_the_hosts() {
    let host = Host::new("chmod");
    let before = shell("stat -c '%a %U' /dev/full /dev/tty");
    let tried = host.sh(
        "for d in full tty; do chmod 600 /dev/$d; chown 1 /dev/$d; touch -d 2001-01-01 /dev/$d; done; true",
    );
    assert_eq!(tried.stderr.matches("Read-only file system").count(), 6, "{tried:?}");
    assert_eq!(shell("stat -c '%a %U' /dev/full /dev/tty"), before);
    // Who writes to /dev/tty sets its times, but not to this year.
    let times = shell("stat -c '%x %y' /dev/full /dev/tty");
    assert!(!times.contains("2001-01-01"), "{times}");
    // The directory itself is the container's own, and the devices can be written to.
    host.sh("mkdir /dev/own && echo x > /dev/own/x && echo y > /dev/null && cat /dev/own/x")
        .assert_stdout("x\n");
}

#[test]
fn only_the_containers_own_processes_are_seen() {
    let host = Host::new("pids");
    let mut sleeper = host.start_sleeping();
    let other = format!("{}-other", host.id);
    let seen = host.run_as(&other, &[], "busybox", &["sh", "-c", "echo /proc/[0-9]*; echo $$ $PPID"]);
    seen.assert_stdout("/proc/1\n1 0\n");
    host.processes().iter().for_each(|pid| drop(shell(&format!("kill -9 {pid}"))));
    assert_eq!(sleeper.status(), Some(137));
}

#[test]
fn proc_is_new_and_cannot_run_programs_or_open_devices() {
    let host = Host::new("proc");
    let line = host.sh("grep ' /proc ' /proc/mounts").stdout;
    assert_eq!(line, "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n");
    for options in [&[][..], &["--bare"]] {
        host.run(options, "busybox", &["readlink", "/proc/self"]).assert_stdout("1\n");
    }
}

#[test]
fn dev_holds_six_devices_the_terminals_and_five_links() {
    let host = Host::new("dev");
    let expected = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero\n";
    host.sh("echo $(ls /dev)").assert_stdout(expected);
    let numbers = "for d in null zero full random urandom tty; do stat -c '%n %F %t:%T' /dev/$d; done";
    host.sh(numbers).assert_stdout(
        "/dev/null character special file 1:3\n/dev/zero character special file 1:5\n\
         /dev/full character special file 1:7\n/dev/random character special file 1:8\n\
         /dev/urandom character special file 1:9\n/dev/tty character special file 5:0\n",
    );
    host.sh("for l in fd stdin stdout stderr; do readlink /dev/$l; done")
        .assert_stdout("/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n");
    let use_them = "echo lost > /dev/null; head -c 3 /dev/zero | wc -c; head -c 9 /dev/urandom | wc -c
                    echo x > /dev/full; echo out > /dev/stdout; echo err > /dev/stderr";
    let used = host.sh(use_them);
    used.assert(0, "3\n9\nout\n", "sh: write error: No space left on device\nerr\n");
    host.sh("stat -f -c %T /dev; stat -c %a /dev").assert_stdout("tmpfs\n755\n");
}

#[test]
fn the_devices_of_the_image_are_never_used() {
    let host = Host::new("imagedev");
    let image = host.own_image("evil");
    shell(&format!(
        "cd '{}' && rm -rf dev && mkdir dev && mknod dev/null c 1 1 && mknod dev/sda b 8 0 && touch dev/zero",
        image.display()
    ));
    host.run_own(&[], "evil", &["sh", "-c", "stat -c '%t:%T' /dev/null /dev/zero; ls /dev/sda 2>/dev/null"])
        .assert(1, "1:3\n1:5\n", "");
    assert_eq!(
        list(&host.state.join(&host.id).join("upper")).lines().count(),
        1,
        "the mount point is not the layer"
    );
}

#[test]
fn proc_and_dev_are_made_where_the_image_has_none() {
    let host = Host::new("nodirs");
    let image = host.own_image("small");
    shell(&format!("cd '{}' && rmdir proc dev", image.display()));
    host.run_own(&[], "small", &["sh", "-c", "stat -f -c %T /proc; ls /dev | wc -l"])
        .assert_stdout("proc\n13\n");
    assert!(!image.join("proc").exists() && !image.join("dev").exists());
}

#[test]
fn a_hostile_image_can_only_lead_into_itself() {
    let host = Host::new("hostile");
    let outside = host.dir.join("outside");
    fs::create_dir(&outside).unwrap();
    let image = host.own_image("hostile");
    // /proc and /dev lead out of the image, on the host; inside they lead to a directory of the image, or nowhere.
    shell(&format!(
        "cd '{0}' && rmdir proc dev && ln -s '{1}' proc && ln -s ../../../../../../..'{1}' dev && mkdir -p '{0}{1}'",
        image.display(),
        outside.display()
    ));
    let path = outside.display().to_string();
    host.run_own(&[], "hostile", &["sh", "-c", &format!("ls {path} | grep -c null; stat -f -c %T {path}")])
        .assert_stdout("1\ntmpfs\n");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "the host's directory is as it was");
    assert!(!mountinfo().contains(&path));
}

#[test]
fn a_hostile_image_without_a_place_for_proc_is_refused_and_nothing_is_left() {
    let host = Host::new("procfile");
    let image = host.own_image("file");
    shell(&format!("cd '{}' && rmdir proc && touch proc", image.display()));
    host.run_own(&[], "file", &["true"]).assert(
        125,
        "",
        "container: proc /proc: ENOTDIR (Not a directory)\nhint: the image has something else than a directory there\n",
    );
    host.assert_nothing_left();
    shell(&format!("cd '{}' && rm proc && ln -s proc proc", image.display()));
    host.run_own(&[], "file", &["true"]).assert(
        125,
        "",
        "container: proc /proc: ELOOP (Too many levels of symbolic links)\n\
         hint: the image has something else than a directory there\n",
    );
    host.assert_nothing_left();
}

#[test]
fn the_environment_is_path_home_hostname_and_term_and_nothing_else() {
    let host = Host::new("env");
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/root\n";
    let mut command = host.command(&[&host.id, "busybox", "env"]);
    command
        .env("TERM", "vt100")
        .env("SECRET", "s")
        .env("PATH", "/nowhere")
        .env("HOSTNAME", "host")
        .env("TERMINFO", "x");
    outcome(&mut command).assert_stdout(&format!("{path}HOSTNAME={}\nTERM=vt100\n", host.id));
    outcome(command.env_remove("TERM")).assert_stdout(&format!("{path}HOSTNAME={}\n", host.id));
    outcome(command.env_clear().env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()))
        .assert_stdout(&format!("{path}HOSTNAME={}\n", host.id));
}

#[test]
fn the_working_directory_is_the_root() {
    let host = Host::new("cwd");
    host.run(&[], "busybox", &["pwd"]).assert_stdout("/\n");
    host.run(&["--bare"], "busybox", &["pwd"]).assert_stdout("/\n");
}

#[test]
fn no_descriptor_but_the_first_three_reaches_the_command() {
    let host = Host::new("fds");
    let script = format!(
        "exec 3</etc/passwd 7<. 200>/dev/null; '{}' \"$@\" < /dev/null 2> /dev/null | cat",
        common::PROGRAM
    );
    for options in ["--bare", "--"] {
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script, "bash", options, &host.id, "busybox", "ls", "/proc/self/fd"]);
        bash.current_dir(common::ROOT).env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
        // 3 is ls's own, of the directory that it lists.
        outcome(&mut bash).assert_stdout("0\n1\n2\n3\n");
    }
}

#[test]
fn closed_standard_descriptors_do_not_let_the_runtimes_own_in() {
    let host = Host::new("closed");
    let run = |redirections: &str, command: &[&str]| {
        let script = format!("'{}' \"$@\" {redirections}", common::PROGRAM);
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script, "bash", &host.id, "busybox"]).args(command).current_dir(common::ROOT);
        outcome(bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images())).status
    };
    assert_eq!(run("<&- >&- 2>&-", &["sh", "-c", "ls -l /proc/1/fd > /seen"]), 0);
    let dir = host.state.join(&host.id);
    let seen = fs::read_to_string(dir.join("upper/seen")).unwrap();
    assert!(!seen.contains(&*host.id), "{seen}");
    // And a message that cannot be written does not end up in a file of the runtime.
    let before = list(&dir);
    assert_eq!(run("<&- >&- 2>&-", &["no-such-command"]), 127);
    assert_eq!(list(&dir), before);
}

#[test]
fn twenty_containers_run_on_one_image_at_once_and_the_image_is_never_changed() {
    let host = Host::new("twenty");
    let image = host.own_image("shared");
    let digest = || {
        shell(&format!(
            "cd '{}' && find . -printf '%p %m %U %s %T@\\n' | sort | sha256sum; tar -c . | sha256sum",
            image.display()
        ))
    };
    let before = digest();
    let children: Vec<_> = (0..20)
        .map(|number| {
            let id = format!("{}-{number}", host.id);
            let script =
                "echo $HOSTNAME > /etc/name; rm -r /home; sleep 0.3; cat /etc/name; echo > /bin/busybox";
            let mut command = host.command(&[&id, "shared", "sh", "-c", script]);
            command.env("CONTAINER_IMAGES", host.dir.join("images"));
            (id, command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        })
        .collect();
    for (id, child) in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{id}\n"), "{output:?}");
    }
    assert_eq!(digest(), before);
}

#[test]
fn paths_with_commas_colons_backslashes_and_spaces_work() {
    for name in
        ["a b", "a,b", "a:b", "a\\b", "a\\,b:c d", "a:\\:b", "a=b", "a\\\\", "tail\\", "lowerdir=x,y", "é"]
    {
        let host = Host::new("odd");
        let odd = host.dir.join(name);
        fs::create_dir(&odd).unwrap();
        shell(&format!("cp -a '{}' '{}'", images().join("busybox").display(), odd.join("img").display()));
        let mut command = host.command(&[&host.id, "img", "sh", "-c", "echo ok; echo kept > /kept"]);
        command.env("CONTAINER_IMAGES", &odd).env("CONTAINER_STATE", odd.join("state"));
        outcome(&mut command).assert(0, "ok\n", "");
        let kept = odd.join("state").join(&host.id).join("upper/kept");
        assert_eq!(fs::read_to_string(kept).unwrap(), "kept\n", "{name}");
    }
}

#[test]
fn relative_places_are_found_from_the_working_directory() {
    let host = Host::new("relative");
    host.own_image("img");
    let mut command = host.command(&[&host.id, "img", "echo", "ok"]);
    command.current_dir(&host.dir).env("CONTAINER_IMAGES", "images").env("CONTAINER_STATE", "own");
    outcome(&mut command).assert_stdout("ok\n");
    assert!(host.dir.join("own").join(&host.id).join("upper").is_dir());
    // And without a variable, images are in ./images.
    outcome(command.env_remove("CONTAINER_IMAGES")).assert_stdout("ok\n");
    outcome(command.env("CONTAINER_IMAGES", "")).assert_stdout("ok\n");
}

#[test]
fn pipes_stay_pipes_byte_for_byte() {
    let host = Host::new("pipe");
    let script = format!(
        "head -c 3000000 /dev/urandom > in; '{}' {} busybox cat < in | cmp - in && echo same; rm in",
        common::PROGRAM,
        host.id
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", &script]).current_dir(&host.dir);
    bash.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images());
    outcome(&mut bash).assert_stdout("same\n");
}

#[test]
fn a_killed_supervisor_leaves_no_process_and_no_mount_and_the_id_is_free_again() {
    let host = Host::new("kill9");
    let mut supervisor = host.start_sleeping();
    assert_eq!(host.processes().len(), 1);
    supervisor.kill(); // SIGKILL
    wait_until("the container is dead", || host.processes().is_empty());
    host.run(&[], "busybox", &["echo", "again"]).assert_stdout("again\n");
}
