//! The Makefile: the two commands of a newcomer, and the others.
//!
//! All of this happens in copies of the checkout, which git watches: it has to ignore what make leaves there.

mod common;

use common::{Host, Outcome, PROGRAM, images, outcome, shell};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A fresh clone, but of the files as they are now.
struct Checkout {
    dir: PathBuf,
    host: Host,
}

impl Checkout {
    /// Without the program, as one gets it from git.
    fn bare(test: &str) -> Self {
        let host = Host::new(test);
        let dir = host.dir.join("checkout");
        // Whoever runs the tests may be root in somebody else's checkout, which git mistrusts.
        shell(&format!(
            "mkdir '{0}'
             git -c safe.directory='*' ls-files --cached --others --exclude-standard -z |
                 tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory='{0}'
             cd '{0}'; git init --quiet; git add --all
             git -c user.name=test -c user.email=test@localhost commit --quiet --no-gpg-sign -m all",
            dir.display()
        ));
        Self { dir, host }
    }

    /// With the program under test, as `make` leaves it.
    fn with_program(test: &str) -> Self {
        let checkout = Self::bare(test);
        shell(&format!("cp '{PROGRAM}' '{}/container'", checkout.dir.display()));
        checkout
    }

    /// `make ARGUMENTS`. These tests may themselves be run by a make, whose variables are not for this one.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("make");
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null());
        let of_make = ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKEFILES"];
        let of_this_makefile = ["ID", "IMAGE", "CMD", "TAR", "FORCE", "PREFIX", "DESTDIR", "ALPINE_MIRROR"];
        let of_cargo = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"];
        for variable in [&of_make[..], &of_this_makefile, &of_cargo].concat() {
            command.env_remove(variable);
        }
        command.env("CONTAINER_STATE", &self.host.state).env("CONTAINER_IMAGES", images());
        command
    }

    fn make(&self, arguments: &[&str]) -> Outcome {
        outcome(&mut self.command(arguments))
    }

    /// `make run` with the ID of this test.
    fn run(&self, image: &str, command: &str) -> Outcome {
        let id = format!("ID={}", self.host.id);
        self.make(&["run", &id, &format!("IMAGE={image}"), &format!("CMD={command}")])
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let status = shell(&format!("git -C '{}' status --porcelain", self.dir.display()));
            assert_eq!(status, "", "git does not ignore what make leaves");
        }
    }
}

/// A script that stands for a program, first in the PATH of this command.
fn fake(host: &Host, command: &mut Command, program: &str, script: &str) {
    let bin = host.dir.join("bin");
    shell(&format!(
        "mkdir -p '{0}'; printf '#!/bin/sh\n%s\n' '{script}' > '{0}/{program}'; chmod 755 '{0}/{program}'",
        bin.display()
    ));
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
}

#[test]
fn help_lists_every_target_and_what_the_targets_take() {
    let checkout = Checkout::bare("help");
    let makefile = fs::read_to_string(checkout.dir.join("Makefile")).unwrap();
    let targets = makefile.lines().find_map(|line| line.strip_prefix(".PHONY:")).unwrap();
    let targets: Vec<&str> = targets.split_whitespace().collect();
    for expected in ["all", "run", "image", "test", "lint", "install", "clean"] {
        assert!(targets.contains(&expected), "{expected} is none of {targets:?}");
    }
    let help = checkout.make(&["help", "ID=x1", "IMAGE=debian", "CMD=cat /etc/motd"]);
    assert_eq!((help.status, &*help.stderr), (0, ""));
    for target in targets {
        let listed = |line: &str| line.strip_prefix(target).is_some_and(|rest| rest.starts_with("  "));
        assert!(help.stdout.lines().any(listed), "{target} is not in {}", help.stdout);
    }
    for told in ["ID=x1 IMAGE=debian CMD=\"cat /etc/motd\"", "TAR=FILE", "FORCE=1", "PREFIX", "DESTDIR"] {
        assert!(help.stdout.contains(told), "{told} is not in {}", help.stdout);
    }
}

#[test]
fn run_prints_what_the_command_prints_and_nothing_else() {
    let checkout = Checkout::with_program("hello");
    checkout.run("busybox", "echo hello world").assert_stdout("hello world\n");
    // And the same ID again.
    checkout
        .run("busybox", "sh -c 'echo $$HOSTNAME; test -t 0 || echo no terminal'")
        .assert_stdout(&format!("{}\nno terminal\n", checkout.host.id));
    checkout
        .run("alpine", "ps -A")
        .assert_stdout("PID   USER     TIME  COMMAND\n    1 root      0:00 ps -A\n");
    assert!(checkout.host.state.join(&checkout.host.id).is_dir());
}

#[test]
fn run_fails_when_the_command_does_and_names_its_status() {
    let checkout = Checkout::with_program("seven");
    let failed = checkout.run("busybox", "sh -c 'exit 7'");
    assert_eq!((failed.status, &*failed.stdout), (2, ""));
    assert!(failed.stderr.starts_with("make: *** ") && failed.stderr.ends_with("Error 7\n"), "{failed:?}");
    let refused = checkout.run("busybox", "no-such-command");
    let said = "container: exec no-such-command: ENOENT (No such file or directory)\nmake: *** ";
    assert!(refused.stderr.starts_with(said) && refused.stderr.ends_with("Error 127\n"), "{refused:?}");
}

#[test]
fn run_starts_nothing_when_the_image_cannot_be_made() {
    let checkout = Checkout::with_program("noimage");
    let mut command = checkout.command(&["run", "IMAGE=no-such-image", "ID=x", "CMD=echo started"]);
    fake(&checkout.host, &mut command, "docker", "exit 1");
    fake(&checkout.host, &mut command, "podman", "exit 1");
    let images = checkout.host.dir.join("images");
    let failed = outcome(command.env("CONTAINER_IMAGES", &images));
    assert_eq!((failed.status, &*failed.stdout), (2, ""), "{failed:?}");
    assert!(failed.stderr.contains("make image IMAGE=no-such-image TAR=no-such-image.tar\n"), "{failed:?}");
    assert!(failed.stderr.ends_with("Error 1\n"), "{failed:?}");
    assert_eq!(fs::read_dir(&images).unwrap().count(), 0);
    checkout.host.assert_nothing_left();
}

#[test]
fn image_passes_its_variables_on() {
    let checkout = Checkout::with_program("image");
    shell(&format!(
        "tar -cf '{}/my files.tar' -C '{}/busybox' .",
        checkout.host.dir.display(),
        images().display()
    ));
    let made = checkout.host.dir.join("my images");
    let tar = format!("TAR={}/my files.tar", checkout.host.dir.display());
    let place = format!("CONTAINER_IMAGES={}", made.display());
    let inode = || fs::metadata(made.join("mine")).unwrap().ino();

    let refused = checkout.make(&["image", "IMAGE=../mine", &tar, &place]);
    assert!(refused.status == 2 && refused.stderr.starts_with("not an image name: ../mine\n"), "{refused:?}");
    assert!(!made.exists());

    let built = checkout.make(&["image", "IMAGE=mine", &tar, &place]);
    assert!(built.status == 0 && built.stdout.is_empty(), "{built:?}");
    let first = inode();
    let kept = checkout.make(&["image", "IMAGE=mine", &tar, &place]);
    assert!(kept.stderr.contains(" already; FORCE=1 makes it anew\n"), "{kept:?}");
    assert_eq!(inode(), first);
    let forced = checkout.make(&["image", "IMAGE=mine", &tar, &place, "FORCE=1"]);
    assert_eq!(forced.status, 0, "{forced:?}");
    assert_ne!(inode(), first);
    let id = format!("ID={}", checkout.host.id);
    checkout.make(&["run", &id, "IMAGE=mine", "CMD=echo works", &place]).assert_stdout("works\n");
}

#[test]
fn ctrl_c_ends_make_image_and_leaves_nothing() {
    let checkout = Checkout::with_program("makeint");
    let dir = checkout.host.dir.display().to_string();
    let images = checkout.host.dir.join("images");
    let mut command = checkout.command(&["image", "IMAGE=mine"]);
    let script = format!("case $1 in create) touch \"{dir}/at-create\"; exec sleep 60 ;; esac");
    fake(&checkout.host, &mut command, "docker", &script);
    // Whoever starts the tests may have told them to ignore SIGINT.
    let mut make = Command::new("env");
    make.args(["--default-signal=INT", "make"]).args(command.get_args()).current_dir(&checkout.dir);
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => make.env(variable, value),
            None => make.env_remove(variable),
        };
    }
    make.env("CONTAINER_IMAGES", &images).stderr(Stdio::null()).process_group(0);
    let mut child = make.spawn().unwrap();
    common::wait_until("the engine works", || checkout.host.dir.join("at-create").exists());
    assert_eq!(fs::read_dir(&images).unwrap().count(), 1, "it is under way");
    shell(&format!("kill -INT -- -{}", child.id()));
    assert!(!child.wait().unwrap().success());
    assert_eq!(fs::read_dir(&images).unwrap().count(), 0);
}

#[test]
fn install_puts_the_program_its_man_page_and_completions_where_they_are_looked_for() {
    let checkout = Checkout::with_program("install");
    let package = checkout.host.dir.join("a package");
    let arguments = ["install", &format!("DESTDIR={}", package.display())];
    let find = |prefix: &str| {
        shell(&format!("cd '{}{prefix}'; find . -type f -printf '%p %m\\n' | sort", package.display()))
    };
    let all = "./bin/container 755
./lib/tmpfiles.d/container.conf 644
./share/bash-completion/completions/container 644
./share/fish/vendor_completions.d/container.fish 644
./share/man/man1/container.1 644
./share/zsh/site-functions/_container 644
";
    for (prefix, more) in [("/usr", "PREFIX=/usr"), ("/usr/local", "--no-print-directory")] {
        let installed = checkout.make(&[&arguments[..], &[more]].concat());
        assert_eq!((installed.status, &*installed.stderr), (0, ""), "{installed:?}");
        assert_eq!(find(prefix), all);
        let same = |here: &str, there: &str| {
            let there = package.join(prefix.trim_start_matches('/')).join(there);
            assert_eq!(
                fs::read(checkout.dir.join(here)).unwrap(),
                fs::read(&there).unwrap(),
                "{}",
                there.display()
            );
        };
        same("container", "bin/container");
        same("container.1", "share/man/man1/container.1");
        same("completions/container.bash", "share/bash-completion/completions/container");
        same("completions/_container", "share/zsh/site-functions/_container");
        same("container.tmpfiles", "lib/tmpfiles.d/container.conf");
        same("completions/container.fish", "share/fish/vendor_completions.d/container.fish");
        let program = format!("{}{prefix}/bin/container", package.display());
        let version = format!("container {}\n", env!("CARGO_PKG_VERSION"));
        outcome(Command::new(program).arg("--version")).assert_stdout(&version);
        fs::remove_dir_all(&package).unwrap();
    }
}

#[test]
fn without_rust_make_says_so_and_how_to_get_it() {
    let checkout = Checkout::bare("norust");
    let bin = checkout.host.dir.join("bin");
    // What the Makefile calls, and not a program more.
    shell(&format!(
        "mkdir '{0}'
         for program in make sh bash find sed coreutils cat cp echo env expand id install mv test tr; do
             ! path=$(type -P $program) || ln -s \"$path\" '{0}'
         done",
        bin.display()
    ));
    for target in ["all", "run", "install"] {
        let failed = outcome(checkout.command(&[target]).env("PATH", &bin));
        assert_eq!((failed.status, &*failed.stdout), (2, ""), "{target}: {failed:?}");
        let said = "make: Rust is missing: get it from https://rustup.rs, \
                    or from your distribution (1.88 or newer)\n";
        assert!(failed.stderr.starts_with(said), "{target}: {failed:?}");
        assert_eq!(failed.stderr.lines().count(), 2, "the rest is make's own line: {failed:?}");
    }
    let help = outcome(checkout.command(&["help"]).env("PATH", &bin));
    assert!(help.status == 0 && help.stdout.contains("build the release binary"), "{help:?}");
    assert!(!checkout.dir.join("container").exists() && !checkout.dir.join("target").exists());
}

#[test]
fn in_a_bare_clone_one_command_builds_the_program_and_the_image_and_runs() {
    let checkout = Checkout::bare("clone");
    // A directory for all that a user builds with cargo, as some have it, is not in the way.
    let elsewhere = checkout.host.dir.join("elsewhere");
    let cargo = Path::new(env!("CARGO")).parent().unwrap();
    let path = format!("{}:{}", cargo.display(), std::env::var("PATH").unwrap());
    let id = format!("ID={}", checkout.host.id);
    let run = ["run", &id, "IMAGE=busybox", "CMD=echo hello world"];
    let with_cargo = |arguments: &[&str]| {
        let mut command = checkout.command(arguments);
        command.env_remove("CONTAINER_IMAGES").env("CARGO_TARGET_DIR", &elsewhere).env("PATH", &path);
        outcome(&mut command)
    };
    let first = with_cargo(&run);
    assert_eq!(first.status, 0, "{first:?}");
    let lines: Vec<&str> = first.stdout.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("cargo build") && lines[1] == "hello world",
        "{first:?}"
    );
    assert!(checkout.dir.join("container").exists() && checkout.dir.join("images/busybox/bin").exists());
    // Now all is there, and nothing is said of it.
    with_cargo(&run).assert_stdout("hello world\n");
    let status = shell(&format!("git -C '{}' status --porcelain", checkout.dir.display()));
    assert_eq!(status, "");

    let cleaned = with_cargo(&["clean"]);
    assert_eq!(cleaned.status, 0, "{cleaned:?}");
    for built in ["container", "container.new", "target"] {
        assert!(!checkout.dir.join(built).exists(), "{built} is still there");
    }
    assert!(checkout.dir.join("images/busybox/bin").exists(), "images stay");
    assert!(checkout.host.state.join(&checkout.host.id).exists(), "containers stay");
}
