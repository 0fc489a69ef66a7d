//! `--init`: a PID 1 that reaps, and the command as PID 2.

mod common;

use common::pty::Pty;
use common::{Host, PROGRAM, ROOT, Supervisor, images, shell, wait_until};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn the_command_is_pid_2_and_its_status_is_the_containers() {
    let host = Host::new("status");
    host.run(&["--init"], "busybox", &["sh", "-c", "echo $$ $PPID; exit 7"]).assert(7, "2 1\n", "");
    host.run(&["--init"], "busybox", &["true"]).assert_stdout("");
}

#[test]
fn a_command_that_cannot_be_run_is_reported() {
    let host = Host::new("exec");
    let missing = host.run(&["--init"], "busybox", &["no-such"]);
    missing.assert(127, "", "container: exec no-such: ENOENT (No such file or directory)\n");
    assert_eq!(host.run(&["--init"], "busybox", &["/etc"]).status, 126);
}

#[test]
fn pid_2_is_not_protected_from_signals_of_its_own() {
    let host = Host::new("deaf");
    host.run(&["--init"], "busybox", &["sh", "-c", "kill -9 $$; echo still here"]).assert(137, "", "");
    host.run(&["--init"], "busybox", &["sh", "-c", "kill $$; echo still here"]).assert(143, "", "");
    // What is sent to PID 1 it passes on.
    let script = "trap 'echo caught; exit 3' TERM; kill 1; while :; do sleep 0.02; done";
    host.run(&["--init"], "busybox", &["sh", "-c", script]).assert(3, "caught\n", "");
    host.run(&["--init"], "busybox", &["sh", "-c", "kill -9 1; echo still here"])
        .assert_stdout("still here\n");
}

#[test]
fn ten_thousand_orphans_leave_no_zombie() {
    let host = Host::new("orphans");
    let script = "i=0; while [ $i -lt 100 ]; do ( j=0; while [ $j -lt 100 ]; do : & j=$((j+1)); done ) & i=$((i+1));
                  [ $((i % 10)) != 0 ] || wait; done; wait
                  n=0; while set -- /proc/[0-9]*; [ $# != 2 ] && [ $n -lt 200 ]; do sleep 0.02; n=$((n+1)); done
                  echo /proc/[0-9]*";
    host.run(&["--init"], "busybox", &["sh", "-c", script]).assert_stdout("/proc/1 /proc/2\n");
}

#[test]
fn the_status_is_the_commands_and_not_an_orphans() {
    let host = Host::new("others");
    let script = "(sh -c 'sleep 0.05; exit 5' &); sleep 0.2; exit 6";
    host.run(&["--init"], "busybox", &["sh", "-c", script]).assert(6, "", "");
    // Who is left when the command ends, ends too.
    host.run(&["--init"], "busybox", &["sh", "-c", "(sleep 1000 &); exit 3"]).assert(3, "", "");
}

#[test]
fn pid_1_holds_nothing_of_the_caller() {
    let host = Host::new("nothing");
    let script = "tr -d '\\0' </proc/1/environ | wc -c; grep -c SECRET /proc/1/environ
                  ls /proc/1/fd | wc -l; for fd in /proc/1/fd/*; do readlink $fd; done; cd -P /proc/1/cwd; pwd";
    let mut command = host.command(&["--init", &host.id, "busybox", "sh", "-c", script]);
    let outcome = common::outcome(command.env("SECRET", "of the caller"));
    outcome.assert_stdout("0\n0\n1\nanon_inode:[signalfd]\n/\n");
}

#[test]
fn pid_1_holds_nothing_of_the_caller_when_the_command_begins() {
    let host = Host::new("first");
    let large = "x".repeat(100_000); // It takes its time to erase so much.
    for _ in 0..5 {
        let mut command = host.command(&["--init", &host.id, "busybox", "cat", "/proc/1/environ"]);
        command.envs((0..12).map(|n| (format!("A{n}"), &large))).env("SECRET", "of the caller");
        let outcome = common::outcome(&mut command);
        assert_eq!((outcome.status, outcome.stdout.trim_matches('\0')), (0, ""), "{}", outcome.stderr);
    }
}

fn start(host: &Host) -> Supervisor {
    let args = ["--init", &host.id, "busybox", "sh", "-c", "echo started; exec sleep 1000"];
    let mut child = host.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
    Supervisor(child)
}

#[test]
fn a_pid_2_that_is_killed_from_outside_is_status_137() {
    let host = Host::new("killed");
    let mut container = start(&host);
    wait_until("it sleeps, and PID 1 has no environment", || {
        host.runs("sleep") && host.processes().len() == 1
    });
    shell(&format!("kill -9 {}", host.processes()[0]));
    assert_eq!(container.status(), Some(137));
}

#[test]
fn it_dies_with_its_supervisor() {
    let host = Host::new("dies");
    let mut container = start(&host);
    let pid_1 = shell(&format!("pgrep -P {}", container.pid()));
    container.kill();
    wait_until("all are dead", || {
        host.processes().is_empty() && !std::path::Path::new(&format!("/proc/{}", pid_1.trim())).exists()
    });
}

#[test]
fn it_dies_with_a_supervisor_that_is_killed_before_it_could_ask_for_that() {
    let host = Host::new("early");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=prctl", "-e", "inject=prctl:delay_enter=500000:when=1", "-o"]);
    strace.arg(host.dir.join("log")).args([PROGRAM, "--init", &host.id, "busybox", "sleep", "1000"]);
    strace.env("CONTAINER_STATE", &host.state).env("CONTAINER_IMAGES", images()).current_dir(ROOT);
    let strace = strace.spawn().unwrap();
    // The child is on its way to the call: the supervisor has a child, and that has no command yet.
    wait_until("the supervisor has cloned", || !shell(&children(strace.id())).is_empty());
    let supervisor = shell(&format!("pgrep -P {} -o", strace.id()));
    wait_until("PID 1 is there", || !shell(&children(supervisor.trim().parse().unwrap())).is_empty());
    shell(&format!("kill -9 {}", supervisor.trim()));
    // strace(1) ends when no process is left to trace.
    let strace = std::cell::RefCell::new(strace);
    wait_until("all are dead", || strace.borrow_mut().try_wait().unwrap().is_some());
    assert_eq!(host.processes(), []);
}

/// A command that lists the children of a process.
fn children(pid: u32) -> String {
    format!("pgrep -P {pid} || true")
}

#[test]
fn among_the_hosts_processes_it_dies_with_its_supervisor_too() {
    let host = Host::new("among");
    let args = ["--init", "--pid", "host", &host.id, "busybox", "sh", "-c", "echo started; exec sleep 1000"];
    let mut child = host.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
    let mut container = Supervisor(child);
    container.kill();
    wait_until("the command is dead", || host.processes().is_empty());
}

/// The fields of /proc/PID/stat behind the name: state, parent, process group, session, terminal and so on.
fn stat(pid: &str) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap();
    stat.rsplit(") ").next().unwrap().split(' ').map(str::to_owned).collect()
}

#[test]
fn pid_1_is_in_its_own_session_without_the_callers_terminal() {
    for options in [&["--init"][..], &["--init", "-T"], &["--init", "--pid", "host"]] {
        let (host, mut pty) = (Host::new("session"), Pty::new());
        let script = "echo ready; read line";
        let mut container = pty.start(&host, options, "busybox", &["sh", "-c", script]);
        pty.expect("ready");
        let pid_1 = shell(&format!("pgrep -P {}", container.pid()));
        let fields = stat(&pid_1);
        assert_eq!(fields[2..5], [pid_1.trim(), pid_1.trim(), "0"], "{options:?}: group, session, terminal");
        pty.type_in("\r");
        pty.end(&mut container);
    }
}

/// Makes PID 1 open /dev/tty, as root can with ptrace(2), and says what came of it.
const ATTACK: &str = r#"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <fcntl.h>
int main(void) {
    struct user_regs_struct saved, regs;
    int status;
    if (ptrace(PTRACE_ATTACH, 1, 0, 0)) { printf("attach: %d.\n", errno); return 0; }
    waitpid(1, &status, __WALL);
    ptrace(PTRACE_GETREGS, 1, 0, &saved);
    regs = saved;
    long address = (saved.rsp - 256) & ~7L; /* below the red zone */
    long path, instruction = 0x050f; /* syscall */
    memcpy(&path, "/dev/tty", 8);
    ptrace(PTRACE_POKEDATA, 1, address, path);
    ptrace(PTRACE_POKEDATA, 1, address + 8, 0);
    long old = ptrace(PTRACE_PEEKTEXT, 1, saved.rip, 0);
    ptrace(PTRACE_POKETEXT, 1, saved.rip, (old & ~0xffffL) | instruction);
    regs.rax = SYS_openat; regs.rdi = AT_FDCWD; regs.rsi = address; regs.rdx = O_RDWR; regs.r10 = 0; regs.orig_rax = -1;
    ptrace(PTRACE_SETREGS, 1, 0, &regs);
    ptrace(PTRACE_SINGLESTEP, 1, 0, 0);
    waitpid(1, &status, __WALL);
    ptrace(PTRACE_GETREGS, 1, 0, &regs);
    printf("open: %ld.\n", (long)regs.rax);
    ptrace(PTRACE_POKETEXT, 1, saved.rip, old);
    ptrace(PTRACE_SETREGS, 1, 0, &saved);
    ptrace(PTRACE_DETACH, 1, 0, 0);
}
"#;

#[test]
#[cfg(target_arch = "x86_64")]
fn root_inside_cannot_open_the_callers_terminal_through_pid_1() {
    let (host, mut pty) = (Host::new("attack"), Pty::new());
    let image = host.own_image("own");
    std::fs::write(host.dir.join("attack.c"), ATTACK).unwrap();
    shell(&format!("gcc -static -w -o '{}/bin/attack' '{}/attack.c'", image.display(), host.dir.display()));
    let args = [PROGRAM, "--init", &host.id, "own", "attack"];
    let images = host.dir.join("images");
    let mut container = pty.start_with(&host, &args, |command| command.env("CONTAINER_IMAGES", images));
    pty.expect("open: -6.\r\n"); // ENXIO: this session has no terminal.
    assert_eq!(pty.end(&mut container), Some(0));
}

#[test]
fn a_signal_to_the_process_group_arrives_once() {
    let host = Host::new("once");
    // A trap runs once for signals that come while it waits to run: so it is sent one after the other.
    let script = "trap 'echo caught' USR1; trap 'exit 3' TERM; echo started; while :; do sleep 0.01; done";
    for is_stopped in [false, true] {
        let mut command = host.command(&["--init", &host.id, "busybox", "sh", "-c", script]);
        let mut child = command.stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 8]).unwrap();
        let mut container = Supervisor(child);
        let pid = container.pid();
        for _ in 0..20 {
            if is_stopped {
                shell(&format!("kill -STOP {pid}"));
                wait_until("it is stopped", || stat(&pid.to_string())[0] == "T");
            }
            shell(&format!("kill -USR1 -- -{pid}; sleep 0.05; kill -CONT {pid}"));
            let mut line = [0; 7];
            stdout.read_exact(&mut line).unwrap();
            assert_eq!(&line, b"caught\n");
        }
        shell(&format!("kill -TERM {pid}"));
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!((container.status(), &*rest), (Some(3), ""), "{is_stopped}");
    }
}

#[test]
fn a_shell_below_it_has_job_control() {
    let (host, mut pty) = (Host::new("jobs"), Pty::new());
    let before = pty.modes();
    let mut container = pty.start(&host, &["--init"], "alpine", &["sh"]);
    assert!(!pty.expect("/ # ").contains("can't access tty"));
    pty.type_in("echo $$; tty; sleep 1000\r");
    pty.expect("2\r\n/dev/pts/0\r\n");
    wait_until("it sleeps", || host.runs("sleep"));
    pty.type_in("\x1a");
    pty.expect("[1]+  Stopped");
    pty.expect("/ # ");
    pty.type_in("fg; echo $?.\r");
    pty.expect("sleep 1000\r\n");
    wait_until("it goes on", || host.runs("sleep"));
    pty.type_in("\x03");
    pty.expect("/ # ");
    pty.type_in("exit 7\r");
    assert_eq!(pty.end(&mut container), Some(7));
    assert_eq!(pty.modes(), before);
}
