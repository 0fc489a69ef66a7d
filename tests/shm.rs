//! /dev/shm: shared memory, and `--shm-size`.

mod common;

use common::{Host, outcome};

/// Flags, mode and size in KiB of /dev/shm.
const LOOK: [&str; 3] = [
    "sh",
    "-c",
    "grep ' /dev/shm ' /proc/mounts | cut -d ' ' -f 3-4 | sed 's/,inode64//'; stat -c '%a %u:%g' /dev/shm; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2",
];

#[test]
fn it_is_a_tmpfs_of_64_mib_that_every_user_can_write_to() {
    let host = Host::new("default");
    let expected = "tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k\n1777 0:0\n65536\n";
    for options in [&[][..], &["--init"], &["--rm"], &["--read-only"], &["-u", "1000:1000"]] {
        let ran = host.run(options, "busybox", &LOOK);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{options:?}");
        // tmpfs(5) shows its mode only if it is not the default, which 1777 is.
        assert_eq!(ran.stdout, expected, "{options:?}");
    }
    let script = "umask 077; echo shared > /dev/shm/sem.x && cat /dev/shm/sem.x && ls -A /dev/shm";
    host.run(&["-u", "1000:1000"], "busybox", &["sh", "-c", script]).assert_stdout("shared\nsem.x\n");
    host.run(&["-u", "1000:1000"], "busybox", &["ls", "-A", "/dev/shm"]).assert_stdout("");
    // The rest of /dev stays as small as it was.
    host.sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=65 2> /dev/null; stat -c %s /dev/shm/x")
        .assert_stdout("67108864\n");
}

#[test]
fn its_size_can_be_chosen() {
    let host = Host::new("size");
    for (size, kib) in [
        ("1", "4"),
        ("4096b", "4"),
        ("4097", "8"),
        ("128k", "128"),
        ("3M", "3072"),
        ("1g", "1048576"),
        ("4095G", "4293918720"),
    ] {
        for option in [&["--shm-size", size][..], &[&format!("--shm-size={size}")]] {
            let ran = host.run(option, "busybox", &LOOK);
            assert_eq!(ran.stdout.lines().last(), Some(kib), "{size} {ran:?}");
        }
    }
    // A mount of the caller's own wins, as in docker.
    let own = host.run(&["--shm-size=1m", "--tmpfs", "/dev/shm:size=2m"], "busybox", &LOOK);
    assert_eq!(own.stdout.lines().last(), Some("2048"), "{own:?}");
}

#[test]
fn a_wrong_size_is_refused_before_anything_is_made() {
    let host = Host::new("wrong");
    let wrong = [
        "",
        "0",
        "0k",
        "k",
        "-1",
        "+1",
        "1t",
        "1kk",
        "1.5g",
        " 1",
        "1 ",
        "0x10",
        "4096g",
        "18446744073709551616",
        "17592186044416g",
        "64m,mode=777",
    ];
    for size in wrong {
        let said = format!(
            "container: invalid --shm-size '{size}': must be a number of bytes from 1, or one with k, m or g, below 4096g\n"
        );
        host.run(&["--shm-size", size], "busybox", &["true"]).assert(125, "", &said);
    }
    let said = "container: --shm-size does not work with --bare\nhint: leave out one of the two options\n";
    host.run(&["--bare", "--shm-size", "1m"], "busybox", &["true"]).assert(125, "", said);
    host.assert_nothing_left();
}

#[test]
fn bare_has_the_dev_of_the_image() {
    let host = Host::new("bare");
    let ran = outcome(&mut host.command(&["--bare", &host.id, "busybox", "ls", "/dev/shm"]));
    assert_eq!(ran.status, 1, "{ran:?}");
}

#[test]
fn named_semaphores_can_be_made_there_and_no_program_runs_from_there() {
    // sem_open(3) and shm_open(3) make a file with O_EXCL in /dev/shm, link it to its name, and map it.
    let host = Host::new("posix");
    let script = "cd /dev/shm && mktemp ./XXXXXX > /dev/null && echo 1 > a && ln a sem.b && rm a && cat sem.b && cp /bin/busybox . && ./busybox true";
    let ran = host.run(&["-u", "5:5"], "busybox", &["sh", "-c", script]);
    assert_eq!((ran.status, &*ran.stdout), (126, "1\n"), "it is noexec: {ran:?}");
}
