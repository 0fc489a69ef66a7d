//! The examples of the original assignment, each on the image that it names.

mod common;

use common::{Host, images};
use std::fs;

#[test]
fn echo_prints_hello_world() {
    let host = Host::new("echo");
    host.run(&[], "alpine", &["echo", "hello", "world"]).assert_stdout("hello world\n");
}

#[test]
fn ps_shows_one_process_which_is_pid_1() {
    let host = Host::new("ps");
    for options in [&[][..], &["--bare"]] {
        let listing = host.run(options, "alpine", &["ps", "-A"]);
        listing.assert_stdout("PID   USER     TIME  COMMAND\n    1 root      0:00 ps -A\n");
    }
}

#[test]
fn what_one_container_writes_is_in_its_upper_layer_and_nowhere_else_and_there_again_on_the_next_run() {
    let host = Host::new("foo");
    let (one, other) = (format!("{}-a", host.id), format!("{}-b", host.id));
    host.run_as(&one, &[], "alpine", &["sh", "-c", "echo foo > foo.txt"]).assert_stdout("");
    assert_eq!(fs::read_to_string(host.state.join(&one).join("upper/foo.txt")).unwrap(), "foo\n");
    assert!(!images().join("alpine/foo.txt").exists());
    let elsewhere = host.run_as(&other, &[], "alpine", &["cat", "foo.txt"]);
    elsewhere.assert(1, "", "cat: can't open 'foo.txt': No such file or directory\n");
    host.run_as(&one, &[], "alpine", &["cat", "foo.txt"]).assert_stdout("foo\n");
}

#[test]
fn what_one_container_removes_or_changes_of_the_image_is_there_for_the_others() {
    let host = Host::new("remove");
    let before = fs::read(images().join("alpine/etc/passwd")).unwrap();
    let one = format!("{}-a", host.id);
    host.run_as(&one, &[], "alpine", &["sh", "-c", "echo x >> /etc/passwd; rm /etc/group"]).assert_stdout("");
    host.run_as(&one, &[], "alpine", &["sh", "-c", "tail -n 1 /etc/passwd; test ! -e /etc/group"])
        .assert_stdout("x\n");
    assert_eq!(fs::read(images().join("alpine/etc/passwd")).unwrap(), before);
    host.run(&[], "alpine", &["test", "-e", "/etc/group"]).assert_stdout("");
}

#[test]
fn node_computes() {
    let host = Host::new("node");
    host.run(&[], "node", &["node", "-e", "console.log(6*7)"]).assert_stdout("42\n");
}
