//! The recipes: an image is there whole or not at all, whatever it is made of and whatever happens meanwhile.
//!
//! Each test has a directory of images of its own. Programs that a build calls are replaced by scripts
//! that stand before them in PATH, so that engines fail, and builds pause, when the test wants it.

mod common;

use common::{Host, Outcome, ROOT, Supervisor, images, shell, wait_until};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Somebody who builds images: root, or an ordinary user.
struct Builder {
    host: Host,
    /// What `images/build` is to this user, and what stands before it on the command line.
    program: Vec<String>,
    /// The directory of images. It does not exist until one is built, and has a space in its name.
    images: PathBuf,
}

impl Builder {
    fn root(test: &str) -> Self {
        Self::new(test, &[], &format!("{ROOT}/images/build"))
    }

    /// As the user 65534, who may not be able to look into this checkout and so has a copy of the recipes.
    fn ordinary_user(test: &str) -> Self {
        let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let builder = Self::new(test, &user, "recipes/build");
        let dir = builder.host.dir.display();
        shell(&format!("umask 022; mkdir '{dir}/recipes'; cp images/build images/*.sh '{dir}/recipes'"));
        shell(&format!("chown 65534:65534 '{dir}/home'"));
        builder
    }

    fn new(test: &str, user: &[&str], program: &str) -> Self {
        let host = Host::new(test);
        fs::create_dir(host.dir.join("home")).unwrap();
        let images = host.dir.join("home/my images");
        // Whoever starts the tests may have told them to ignore SIGINT.
        let program = [user, &["env", "--default-signal=INT", program]].concat();
        Self { host, program: program.into_iter().map(String::from).collect(), images }
    }

    /// `images/build NAME`.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).arg(name).current_dir(&self.host.dir).stdin(Stdio::null());
        for variable in ["TAR", "FORCE", "ALPINE_MIRROR"] {
            command.env_remove(variable);
        }
        let path = format!("{}/bin:{}", self.host.dir.display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("HOME", self.host.dir.join("home")).env("no_proxy", "127.0.0.1");
        command.env("CONTAINER_IMAGES", &self.images);
        command
    }

    fn build(&self, name: &str) -> Outcome {
        common::outcome(&mut self.command(name))
    }

    fn build_from(&self, name: &str, tar: &str) -> Outcome {
        common::outcome(self.command(name).env("TAR", tar))
    }

    /// Starts a build in a process group of its own, as a shell does that has a terminal.
    fn start(&self, command: &mut Command) -> Child {
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts a build, and at this file's appearance does what Ctrl-C does: SIGINT to the process group.
    fn interrupt_at(&self, mark: &str, command: &mut Command) -> Outcome {
        interrupt(self.start_until(mark, command))
    }

    fn start_until(&self, mark: &str, command: &mut Command) -> Child {
        let mark = self.host.dir.join(mark);
        let _ = fs::remove_file(&mark); // It is there if this is not the first time.
        let child = self.start(command);
        wait_until("the build is where it shall be interrupted", || mark.exists());
        child
    }

    /// Puts a script in the place of a program.
    fn fake(&self, program: &str, script: &str) {
        let dir = self.host.dir.display();
        shell(&format!(
            "mkdir -p '{dir}/bin'; cd '{dir}/bin'
             cat > {program} <<'END'\n#!/bin/sh\n{script}\nEND\nchmod 755 {program}"
        ));
    }

    /// Puts a script before a program: it goes on with `real`, the program itself.
    fn wrap(&self, program: &str, script: &str) {
        self.fake(program, &format!("PATH=${{PATH#*:}}\nreal() {{ {program} \"$@\"; }}\n{script}"));
    }

    fn without_engines(&self) {
        for engine in ["docker", "podman"] {
            self.fake(engine, "echo 'cannot connect to the daemon' >&2; exit 1");
        }
    }

    fn image(&self, name: &str) -> PathBuf {
        self.images.join(name)
    }

    /// Whether these images are there, and beside them nothing, not even a hidden directory.
    #[track_caller]
    fn assert_images(&self, expected: &[&str]) {
        let entries = fs::read_dir(&self.images).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, expected);
    }

    /// The processes of builds of this test, with their command lines.
    fn processes(&self) -> Vec<(String, String)> {
        let mark = format!("CONTAINER_IMAGES={}", self.images.display());
        let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        let ours = entries.filter(|path| {
            let environ = fs::read(path.join("environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        });
        ours.map(|path| {
            let command = fs::read_to_string(path.join("cmdline")).unwrap_or_default();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), command)
        })
        .collect()
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let pids = self.processes().into_iter().map(|(pid, _)| pid);
            let _ = Command::new("kill").arg("-9").args(pids).status(); // Some may have ended meanwhile.
        } else {
            wait_until("no process of a build is left", || self.processes().is_empty());
        }
    }
}

fn interrupt(child: Child) -> Outcome {
    signal_group("INT", &child);
    end_of(child)
}

fn signal_group(signal: &str, child: &Child) {
    shell(&format!("kill -{signal} -- -{}", child.id()));
}

fn end_of(child: Child) -> Outcome {
    let output = child.wait_with_output().unwrap();
    Outcome {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap_or_else(|| -output.status.signal().unwrap()),
    }
}

/// Prints a line for each file below a directory: its name, type, mode, owner, time, content or target or
/// device number, extended attributes, and the first of its names. With an owner as the second argument it
/// prints what is to be expected of an image that belongs to that owner: no device nodes and no attributes.
const DESCRIBE: &str = r"
import hashlib, os, stat, sys
owner = sys.argv[2:]
os.chdir(sys.argv[1])
first_names = {}
def describe(path):
    found = os.lstat(path)
    content, time = '', int(found.st_mtime) if path != '.' else ''
    if stat.S_ISREG(found.st_mode):
        content = hashlib.sha256(open(path, 'rb').read()).hexdigest()
    elif stat.S_ISLNK(found.st_mode):
        content, time = os.readlink(path), ''
    elif stat.S_ISBLK(found.st_mode) or stat.S_ISCHR(found.st_mode):
        if owner: return
        content = os.major(found.st_rdev), os.minor(found.st_rdev)
    names = [] if owner else sorted(os.listxattr(path, follow_symlinks=False))
    attributes = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
    whose = owner or ['%d:%d' % (found.st_uid, found.st_gid)]
    first_name = first_names.setdefault(found.st_ino, path)
    print([path, stat.filemode(found.st_mode), *whose, time, content, attributes, first_name])
paths = [os.path.join(parent, name) for parent, dirs, files in os.walk('.') for name in dirs + files]
for path in ['.'] + sorted(paths): describe(path)
";

fn describe(dir: &Path) -> String {
    python(DESCRIBE, &[dir.to_str().unwrap()])
}

fn describe_as_of(owner: &str, dir: &Path) -> String {
    python(DESCRIBE, &[dir.to_str().unwrap(), owner])
}

/// Compares two descriptions, and shows only the lines that differ.
#[track_caller]
fn assert_same(found: &str, expected: &str) {
    let without = |lines: &str, other: &str| {
        let other: Vec<String> = other.lines().map(String::from).collect();
        lines.lines().filter(|line| !other.iter().any(|there| there == line)).map(String::from).collect()
    };
    let (more, less): (Vec<String>, Vec<String>) = (without(found, expected), without(expected, found));
    assert_eq!((more, less), (vec![], vec![]), "is there and should not be, and the other way round");
}

#[track_caller]
fn python(script: &str, arguments: &[&str]) -> String {
    let ended = common::outcome(Command::new("python3").args(["-c", script]).args(arguments));
    assert_eq!(ended.status, 0, "{ended:?}");
    ended.stdout
}

/// A root filesystem with everything that an archive may lose, in `tree`, and in `archive` what
/// `docker export` makes of it.
fn make_tree(host: &Host) -> PathBuf {
    shell(&format!(
        "umask 022; mkdir '{0}/tree'; cd '{0}/tree'
         mkdir -m 755 bin dev etc home proc run sys usr; mkdir -m 700 root; mkdir -m 1777 tmp
         cp '{1}/busybox/bin/busybox' bin; ln -s busybox bin/sh; ln bin/busybox usr/hard; ln bin/busybox hard
         echo su > bin/su; chown 1000:1001 bin/su; chmod 6751 bin/su
         echo ping > bin/ping; echo wall > bin/wall; chgrp 5 bin/wall; chmod 2755 bin/wall
         echo secret > etc/shadow; chgrp 42 etc/shadow; chmod 000 etc/shadow; touch -d 2001-02-03 etc/shadow
         mkdir etc/closed etc/readonly; echo inside > etc/closed/file; chmod 000 etc/closed
         echo inside > etc/readonly/file; chmod 555 etc/readonly
         mkdir home/user; chown 1234:567 home/user; chmod 2770 home/user; ln -s nowhere home/user/link
         chown -h 4321:765 home/user/link; ln -s ../../../.. usr/up; ln -s /usr usr/absolute
         mknod -m 666 dev/null c 1 3; mknod -m 640 'dev/a disk' b 8 17; mknod 'dev/t*' c 4 1; mkfifo dev/pipe
         echo no device > dev/nulls; echo no device > dev/tty
         echo odd > $'etc/a\\nname'; echo odd > 'etc/ sp ace '; : > etc/empty; chown 7 .",
        host.dir.display(),
        images().display()
    ));
    let tree = host.dir.join("tree");
    let attributes = r"
import os, sys
os.chdir(sys.argv[1])
# What setcap cap_net_raw+ep writes.
os.setxattr('bin/ping', 'security.capability', bytes.fromhex('0100000200200000000000000000000000000000'))
os.setxattr('etc', 'trusted.note', b'any value\0')
";
    python(attributes, &[tree.to_str().unwrap()]);
    // Like docker export, this writes no entry for the top itself.
    shell(&format!(
        "umask 022; cd '{}'
         tar -c --numeric-owner --xattrs --xattrs-include='*' -f archive -C tree $(ls tree)
         chmod 755 tree; chown 0 tree",
        host.dir.display()
    ));
    tree
}

/// As [`make_tree`], but small and plain.
fn make_plain_tree(host: &Host) -> PathBuf {
    shell(&format!(
        "umask 022; cd '{}'; mkdir -p tree/{{bin,dev,etc,home,proc,run,sys,tmp,usr}}; mkdir -m 700 tree/root
         cp '{}/busybox/bin/busybox' tree/bin; for n in $(seq 300); do echo $n > tree/usr/$n; done
         tar -c --numeric-owner -f archive -C tree .",
        host.dir.display(),
        images().display()
    ));
    host.dir.join("tree")
}

#[test]
fn a_bad_name_is_refused_and_named_and_nothing_is_made() {
    let builder = Builder::root("names");
    let too_long = "a".repeat(65);
    let names = [
        ("", "''"),
        (".", "."),
        ("..", ".."),
        (".hidden", ".hidden"),
        ("-option", "-option"),
        ("_x", "_x"),
        ("../x", "../x"),
        ("a/b", "a/b"),
        ("/etc", "/etc"),
        ("a b", r"a\ b"),
        ("a\nb", r"$'a\nb'"),
        ("a\n", r"$'a\n'"),
        ("a:b", "a:b"),
        ("a*", r"a\*"),
        ("\u{e4}", r"$'\303\244'"),
        ("a;touch b", r"a\;touch\ b"),
        ("$(touch b)", r"\$\(touch\ b\)"),
        (&too_long, &too_long),
    ];
    for (name, quoted) in names {
        let stderr = format!(
            "not an image name: {quoted}\n\
             it takes letters, digits, '_', '.' and '-', at most 64, and begins with a letter or digit\n"
        );
        builder.build(name).assert(2, "", &stderr);
        assert!(!builder.images.exists(), "{name:?}");
    }
    make_plain_tree(&builder.host);
    for name in ["a", "0", "A.b-c_d", &"a".repeat(64)] {
        assert_eq!(builder.build_from(name, "archive").status, 0, "{name}");
        assert!(builder.image(name).join("bin/busybox").exists());
    }
}

#[test]
fn busybox_is_built_and_runs() {
    let builder = Builder::root("busybox");
    let built = builder.build("busybox");
    let last = format!("the image busybox is in {}\n", builder.image("busybox").display());
    assert!(built.status == 0 && built.stdout.is_empty() && built.stderr.ends_with(&last), "{built:?}");
    builder.assert_images(&["busybox"]);
    let script = "id -un; env -i /usr/bin/env | wc -l; ls / | tr '\\n' ' '";
    let mut command = builder.host.command(&[&builder.host.id, "busybox", "sh", "-c", script]);
    common::outcome(command.env("CONTAINER_IMAGES", &builder.images))
        .assert_stdout("root\n0\nbin dev etc home proc root run sys tmp usr ");
}

#[test]
fn an_image_that_exists_is_kept_unless_force_is_1() {
    let builder = Builder::root("force");
    let tree = make_plain_tree(&builder.host);
    assert_eq!(builder.build_from("img", "archive").status, 0);
    let image = builder.image("img");
    let inode = fs::metadata(&image).unwrap().ino();
    let marker = image.join("marker");
    fs::write(&marker, "precious").unwrap();
    let already = format!("the image img is in {} already; FORCE=1 makes it anew\n", image.display());
    builder.build("img").assert(0, "", &already);
    builder.build_from("img", "archive").assert(0, "", &already);
    for not_forced in ["", "0", "yes"] {
        let mut command = builder.command("img");
        common::outcome(command.env("TAR", "archive").env("FORCE", not_forced)).assert(0, "", &already);
    }
    // A build that fails keeps it too.
    fs::write(builder.host.dir.join("bad"), "no archive").unwrap();
    for bad in ["bad", "missing"] {
        let failed = common::outcome(builder.command("img").env("TAR", bad).env("FORCE", "1"));
        assert_eq!(failed.status, 1, "{failed:?}");
    }
    assert_eq!(fs::metadata(&image).unwrap().ino(), inode);
    assert_eq!(fs::read_to_string(&marker).unwrap(), "precious");
    builder.assert_images(&["img"]);
    let forced = common::outcome(builder.command("img").env("TAR", "archive").env("FORCE", "1"));
    assert_eq!(forced.status, 0, "{forced:?}");
    assert_ne!(fs::metadata(&image).unwrap().ino(), inode);
    assert_same(&describe(&image), &describe(&tree));
    builder.assert_images(&["img"]);
}

#[test]
fn what_is_in_the_place_of_an_image_and_is_none_is_not_touched() {
    let builder = Builder::root("way");
    make_plain_tree(&builder.host);
    fs::create_dir(&builder.images).unwrap();
    fs::write(builder.image("img"), "a file").unwrap();
    for force in ["0", "1"] {
        let mut command = builder.command("img");
        let in_the_way = format!("{} is in the way: it is no directory\n", builder.image("img").display());
        common::outcome(command.env("TAR", "archive").env("FORCE", force)).assert(1, "", &in_the_way);
    }
    assert_eq!(fs::read_to_string(builder.image("img")).unwrap(), "a file");
    // A link to an image is an image; to replace it is to replace the link.
    assert_eq!(builder.build_from("real", "archive").status, 0);
    symlink("real", builder.image("link")).unwrap();
    assert!(builder.build_from("link", "archive").stderr.contains(" already; "));
    fs::write(builder.image("real").join("marker"), "").unwrap();
    let forced = common::outcome(builder.command("link").env("TAR", "archive").env("FORCE", "1"));
    assert_eq!(forced.status, 0, "{forced:?}");
    assert!(builder.image("real").join("marker").exists());
    assert!(!builder.image("link").is_symlink() && !builder.image("link").join("marker").exists());
    builder.assert_images(&["img", "link", "real"]);
}

#[test]
fn an_archive_plain_or_compressed_keeps_owners_modes_links_devices_and_attributes() {
    let builder = Builder::root("tar");
    let tree = make_tree(&builder.host);
    // An image with a setuid program is closed to other users.
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o700)).unwrap();
    let expected = describe(&tree);
    for telling in ["security.capability", "trusted.note", "'brw-r-----', '0:0'", "(8, 17)", "-rwsr-s--x"] {
        assert!(expected.contains(telling), "the tree has no {telling}: {expected}");
    }
    for (name, program) in [("plain", "cat"), ("gzip", "gzip -c"), ("zstd", "zstd -qc"), ("xz", "xz -1c")] {
        // The content says how it is compressed, not the name; and a name may look like one of another host.
        let file = format!("my file:{name}");
        shell(&format!("cd '{}'; {program} < archive > '{file}'", builder.host.dir.display()));
        let built = builder.build_from(name, &file);
        let stderr = format!(
            "{name}: from tar {file}: ok\nthe image {name} is in {}\n",
            builder.image(name).display()
        );
        built.assert(0, "", &stderr);
        assert_same(&describe(&builder.image(name)), &expected);
    }
    builder.assert_images(&["gzip", "plain", "xz", "zstd"]);
}

#[test]
fn an_ordinary_user_owns_all_of_an_image_and_gets_no_devices() {
    let builder = Builder::ordinary_user("usertar");
    let tree = make_tree(&builder.host);
    let expected = describe_as_of("65534:65534", &tree);
    for (name, program) in [("plain", "cat"), ("gzip", "gzip -c"), ("zstd", "zstd -qc"), ("xz", "xz -1c")] {
        shell(&format!("umask 022; cd '{}'; {program} < archive > {name}", builder.host.dir.display()));
        let built = builder.build_from(name, name);
        assert_eq!(built.status, 0, "{built:?}");
        assert_same(&describe(&builder.image(name)), &expected);
    }
    // To replace one is to remove directories that even their owner cannot look into.
    let forced = common::outcome(builder.command("gzip").env("TAR", "plain").env("FORCE", "1"));
    assert_eq!(forced.status, 0, "{forced:?}");
    assert_same(&describe(&builder.image("gzip")), &expected);
    let mut busybox = builder.command("busybox");
    assert_eq!(common::outcome(&mut busybox).status, 0);
    builder.assert_images(&["busybox", "gzip", "plain", "xz", "zstd"]);
}

/// Makes files that no image can be made of, beside a good archive.
const BAD_ARCHIVES: &str = r"
import io, os, random, subprocess, sys, tarfile
os.umask(0o022)
os.chdir(sys.argv[1])
good = open('archive', 'rb').read()
def write(name, content):
    with open(name, 'wb') as file: file.write(content)
def archive(name, **members):
    with tarfile.open(name, 'w') as tar:
        for member, content in members.items():
            info = tarfile.TarInfo(member.replace('__', '/').replace('_', '.'))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
# Within a file; between two of them, after the first header of a directory; within the zeros of the end.
write('cut', good[:len(good) // 2 // 512 * 512 + 100])
write('cut-between', good[:512])
for name, program in ('cut.gz', 'gzip'), ('cut.xz', 'xz'), ('cut.zst', 'zstd'):
    packed = subprocess.run([program, '-c'], input=good, stdout=subprocess.PIPE, check=True).stdout
    write(name, packed[:len(packed) // 2])
write('empty', b'')
write('random', random.Random(1).randbytes(100000))
write('page', b'<!DOCTYPE html>\n' * 100)
archive('no-root', README=b'hello', src__main_rs=b'fn main() {}')
archive('no-member')
archive('old-save', manifest_json=b'[]', repositories=b'{}', abc__layer_tar=good)
archive('oci-save', index_json=b'{}', manifest_json=b'[]', blobs__sha256__abc=good)
archive('file-for-directory', bin__sh=b'sh', etc=b'not a directory')
os.mkdir('directory')
os.mkfifo('pipe')
";

/// What is said of each. Where it is tar that finds the fault, its words are not fixed here.
const BAD_REASONS: [(&str, &str); 16] = [
    ("missing", "there is no such file"),
    ("directory", "it is no regular file"),
    ("pipe", "it is no regular file"),
    ("cut", "not unpacked: tar: "),
    ("cut-between", "not unpacked: the end of the archive is missing"),
    ("cut.gz", "not unpacked: gzip: "),
    ("cut.xz", "not unpacked: xz: "),
    ("cut.zst", "not unpacked: "),
    ("empty", "not unpacked: tar: This does not look like a tar archive"),
    ("random", "not unpacked: tar: This does not look like a tar archive"),
    ("page", "not unpacked: tar: This does not look like a tar archive"),
    ("no-root", "it holds no root filesystem: none of bin, sbin, usr and etc"),
    ("no-member", "it holds no root filesystem: none of bin, sbin, usr and etc"),
    ("old-save", "this is what docker save writes: use docker export instead"),
    ("oci-save", "this is what docker save writes: use docker export instead"),
    ("file-for-directory", "mkdir: cannot create directory"),
];

#[test]
fn a_file_that_is_no_whole_root_filesystem_is_refused_with_the_reason_and_nothing_is_left() {
    for builder in [Builder::root("bad"), Builder::ordinary_user("userbad")] {
        make_plain_tree(&builder.host);
        python(BAD_ARCHIVES, &[builder.host.dir.to_str().unwrap()]);
        for (file, reason) in BAD_REASONS {
            let failed = builder.build_from("img", file);
            let expected = format!("img: from tar {file}: {reason}");
            assert!(failed.status == 1 && failed.stderr.starts_with(&expected), "{file}: {failed:?}");
            assert_eq!(failed.stderr.lines().count(), 1, "the reason is one line: {failed:?}");
            builder.assert_images(&[]);
        }
    }
    let builder = Builder::ordinary_user("unreadable");
    make_plain_tree(&builder.host);
    shell(&format!("chmod 600 '{}/archive'", builder.host.dir.display()));
    let failed = builder.build_from("img", "archive");
    assert!(failed.status == 1 && failed.stderr.ends_with("Permission denied\n"), "{failed:?}");
    builder.assert_images(&[]);
}

/// Makes archives that try to write to the directory `outside`, three levels above the root of the image.
const HOSTILE_ARCHIVES: &str = r"
import io, os, sys, tarfile
os.umask(0o022)
top = sys.argv[1]
outside, up = top + '/outside', '../../../../outside'
F, D, S, H, G = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, b'D'
archives = {
    'absolute': [(outside + '/evil', F), (outside + '/victim', F)],
    'absolute-link': [(outside + '/evil', S, '/etc/passwd')],
    'parents': [(up + '/evil', F)],
    'parents-inside': [('bin/../' + up + '/evil', F)],
    'parents-at-end': [('bin/..', D)],
    'through-absolute-symlink': [('l', S, outside), ('l/evil', F)],
    'over-victim-through-symlink': [('l', S, outside), ('l/victim', F)],
    'through-relative-symlink': [('l', S, up), ('l/evil', F)],
    'directory-through-symlink': [('l', S, up), ('l/evil', D)],
    'symlink-through-symlink': [('l', S, up), ('l/evil', S, '/')],
    'through-chain': [('a', S, '.'), ('a/b', S, '..'), ('a/b/c', S, '..'), ('a/b/c/../../outside/evil', F)],
    'over-symlink-to-victim': [('l', S, outside + '/victim'), ('l', F)],
    'directory-becomes-symlink': [('d', D), ('d', S, outside), ('d/evil', F), ('d', D)],
    'directory-mode-through-symlink': [('d', D), ('d', S, outside)],
    'symlink-at-directory-name': [('d', S, outside), ('d', D)],
    'hard-link-absolute': [('h', H, outside + '/victim'), ('h', F)],
    'hard-link-parents': [('h', H, up + '/victim'), ('h', F)],
    'hard-link-through-symlink': [('l', S, outside), ('h', H, 'l/victim'), ('h', F)],
    'hard-link-to-symlink': [('l', S, outside), ('h', H, 'l'), ('h/evil', F)],
    'top-as-symlink': [('.', S, outside), ('evil', F)],
    'top-as-file': [('.', F)],
    'top-with-modes': [('.', D)],
    'links-for-directories': [(name, S, target) for name, target in (
        ('dev', outside), ('etc', up), ('proc', outside + '/new'), ('root', up + '/new'), ('tmp', outside))],
    'usr-elsewhere': [('usr', S, outside), ('usr/evil', F)],
    'pax-path': [('inside', F, '', {'path': up + '/evil'})],
    'pax-link': [('h', H, 'inside', {'linkpath': up + '/victim'}), ('h', F)],
    'pax-sparse-name': [('inside', F, '', {'GNU.sparse.name': up + '/evil', 'GNU.sparse.major': '0'})],
    'incremental': [('outside', G), (up, G)],
}
os.makedirs(top + '/hostile')
for name, members in archives.items():
    with tarfile.open(top + '/hostile/' + name, 'w', format=tarfile.PAX_FORMAT) as tar:
        for member, kind, *more in [('bin', D), ('bin/sh', F)] + members:
            info = tarfile.TarInfo(member)
            info.type, info.mode, info.uid, info.mtime = kind, 0o6777, 1234, 1
            info.linkname = more[0] if more else ''
            info.pax_headers = more[1] if more[1:] else {}
            content = b'evil' if kind == F else b'Xvictim\0Rvictim\0Tevil\0\0' if kind == G else b''
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
print('\n'.join(archives))
";

/// Builds an image of each hostile archive, and counts those that were built and those that were refused.
fn build_of_hostile_archives(builder: &Builder) -> (usize, usize) {
    let dir = builder.host.dir.display();
    shell(&format!(
        "cd '{dir}'; mkdir outside; echo precious > outside/victim; chown -R --reference=home outside"
    ));
    let names = python(HOSTILE_ARCHIVES, &[&dir.to_string()]);
    let around = || {
        shell(&format!(
            "cd '{dir}'; ls . home; find outside -printf '%p %y %m %U:%G %n %s %T@\\n'; cat outside/*"
        ))
    };
    fs::create_dir_all(&builder.images).unwrap();
    shell(&format!("chown --reference='{dir}/home' '{}'", builder.images.display()));
    let before = around();
    let mut count = (0, 0);
    for name in names.lines() {
        let ended = builder.build_from("img", &format!("hostile/{name}"));
        assert_eq!(around(), before, "{name}: {ended:?}");
        if ended.status == 0 {
            count.0 += 1;
            builder.assert_images(&["img"]);
            fs::remove_dir_all(builder.image("img")).unwrap();
        } else {
            count.1 += 1;
            assert_eq!(ended.status, 1, "{name}: {ended:?}");
            let reason = format!("img: from tar hostile/{name}: not unpacked: tar: ");
            assert!(ended.stderr.starts_with(&reason), "{ended:?}");
            assert!(!ended.stderr.contains("Removing leading"), "that is no reason: {ended:?}");
            builder.assert_images(&[]);
        }
    }
    count
}

#[test]
fn a_hostile_archive_changes_nothing_outside_of_its_image() {
    let (built, refused) = build_of_hostile_archives(&Builder::root("hostile"));
    assert!(built > 5 && refused > 10, "as bad as they were meant to be? {built} built, {refused} refused");
}

#[test]
fn a_hostile_archive_changes_no_other_file_of_the_ordinary_user_who_unpacks_it() {
    let (built, refused) = build_of_hostile_archives(&Builder::ordinary_user("userhostile"));
    assert!(built > 5 && refused > 10, "as bad as they were meant to be? {built} built, {refused} refused");
}

#[test]
fn ctrl_c_while_an_image_is_made_leaves_nothing() {
    let builder = Builder::root("interrupt");
    make_plain_tree(&builder.host);
    let dir = builder.host.dir.display().to_string();
    let mut command = builder.command("img");
    command.env("TAR", "archive");

    // Just after the work directory is made, before anybody knows its name.
    let slow = format!("made=$(real \"$@\"); touch '{dir}/at-mktemp'; sleep 0.3; echo \"$made\"");
    builder.wrap("mktemp", &slow);
    builder.interrupt_at("at-mktemp", &mut command).assert(130, "", "interrupted\n");
    builder.assert_images(&[]);
    fs::remove_file(builder.host.dir.join("bin/mktemp")).unwrap();

    // When everything is unpacked, but not yet known to be whole.
    builder.wrap("tar", &format!("real \"$@\"; touch '{dir}/at-tar'; exec sleep 1000"));
    builder.interrupt_at("at-tar", &mut command).assert(130, "", "img: from tar archive: interrupted\n");
    builder.assert_images(&[]);
    fs::remove_file(builder.host.dir.join("bin/tar")).unwrap();

    // While it is tidied up after a failure.
    builder
        .wrap("rm", &format!("case $* in */root) ;; *) touch '{dir}/at-rm'; sleep 0.5 ;; esac\nreal \"$@\""));
    let failed = builder.interrupt_at("at-rm", builder.command("img").env("TAR", "missing"));
    failed.assert(1, "", "img: from tar missing: there is no such file\n");
    builder.assert_images(&[]);
    fs::remove_file(builder.host.dir.join("bin/rm")).unwrap();
}

#[test]
fn ctrl_c_while_an_image_is_put_in_place_comes_too_late() {
    let builder = Builder::root("late");
    let tree = make_plain_tree(&builder.host);
    let mark = format!("touch '{}/at-mv'; sleep 0.3\nreal \"$@\"", builder.host.dir.display());
    builder.wrap("mv", &mark);
    for marker in ["not there before", "there before"] {
        let built =
            builder.interrupt_at("at-mv", builder.command("img").env("TAR", "archive").env("FORCE", "1"));
        assert_eq!(built.status, 0, "{marker}: {built:?}");
        assert_same(&describe(&builder.image("img")), &describe(&tree));
        builder.assert_images(&["img"]);
        fs::write(builder.image("img/old"), marker).unwrap();
    }
}

#[test]
fn ctrl_c_while_an_engine_works_takes_its_container_away() {
    let builder = Builder::root("engineint");
    let dir = builder.host.dir.display();
    let script = "case $1 in create) touch at-create; exec sleep 1000 ;; esac";
    builder.fake("docker", &format!("cd '{dir}'; echo \"$@\" >> log\n{script}"));
    let interrupted = builder.interrupt_at("at-create", &mut builder.command("img"));
    interrupted.assert(130, "", "img: from docker img: interrupted\n");
    let log = fs::read_to_string(builder.host.dir.join("log")).unwrap();
    let container = log.split("--name ").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(log, format!("version\ncreate --name {container} img /bin/sh\nrm --force {container}\n"));
    builder.assert_images(&[]);
}

#[test]
fn ctrl_c_at_any_moment_leaves_the_whole_image_or_nothing() {
    let builder = Builder::root("anytime");
    let expected = describe(&make_plain_tree(&builder.host));
    let mut statuses = Vec::new();
    for round in 0..30 {
        let child = builder.start(builder.command("img").env("TAR", "archive"));
        std::thread::sleep(Duration::from_millis(round * 8));
        let ended = interrupt(child);
        statuses.push(ended.status);
        if builder.image("img").exists() {
            assert_same(&describe(&builder.image("img")), &expected);
            builder.assert_images(&["img"]);
            fs::remove_dir_all(builder.image("img")).unwrap();
        } else {
            // At first it is not yet the script that gets the signal, and nothing is made yet.
            assert!([130, -2].contains(&ended.status), "{round}: {ended:?}");
            builder.assert_images(&[]);
        }
    }
    assert!(statuses.contains(&130), "some were interrupted: {statuses:?}");
}

#[test]
fn a_build_that_is_stopped_ends_after_the_command_that_still_writes() {
    let builder = Builder::root("writes");
    make_plain_tree(&builder.host);
    let dir = builder.host.dir.display().to_string();
    // tar goes on when the signal has been sent, however long that takes.
    let wait = format!("touch '{dir}/at-tar'\nuntil [ -e '{dir}/signalled' ]; do sleep 0.01; done");
    builder.wrap("tar", &format!("trap '' TERM HUP\n{wait}\nreal \"$@\""));
    for signal in ["TERM", "HUP"] {
        let _ = fs::remove_file(builder.host.dir.join("signalled")); // It is there in the second round.
        let child = builder.start_until("at-tar", builder.command("img").env("TAR", "archive"));
        let group = child.id();
        signal_group(signal, &child);
        fs::write(builder.host.dir.join("signalled"), "").unwrap();
        end_of(child).assert(143, "", "img: from tar archive: stopped\n");
        let alive = common::outcome(Command::new("pgrep").args(["-a", "-g", &group.to_string()]));
        assert_eq!(alive.stdout, "", "{signal}");
        builder.assert_images(&[]);
    }
}

#[test]
fn of_builds_of_one_name_at_once_one_image_comes_whole_and_alone() {
    let builder = Builder::root("atonce");
    let expected = describe(&make_plain_tree(&builder.host));
    for (round, force) in ["0", "1", "0", "1"].into_iter().enumerate() {
        let start = |_| builder.start(builder.command("img").env("TAR", "archive").env("FORCE", force));
        let children: Vec<_> = (0..4).map(start).collect();
        for ended in children.into_iter().map(end_of) {
            assert_eq!(ended.status, 0, "{round}: {ended:?}");
        }
        assert_same(&describe(&builder.image("img")), &expected);
        builder.assert_images(&["img"]);
        if round > 0 {
            fs::remove_dir_all(builder.image("img")).unwrap();
        }
    }
}

#[test]
fn a_second_build_waits_while_the_first_puts_its_image_in_place() {
    let builder = Builder::root("wait");
    let expected = describe(&make_plain_tree(&builder.host));
    let dir = builder.host.dir.display();
    let once =
        format!("if mkdir '{dir}/at-mv' 2>/dev/null; then until [ -e '{dir}/go' ]; do sleep 0.01; done; fi");
    builder.wrap("mv", &format!("{once}\nreal \"$@\""));
    for force in ["0", "1"] {
        let first = builder.start(builder.command("img").env("TAR", "archive").env("FORCE", force));
        wait_until("the first holds the lock", || builder.host.dir.join("at-mv").exists());
        let second = builder.start(builder.command("img").env("TAR", "archive").env("FORCE", force));
        let waits = || builder.processes().iter().any(|(_, command)| command.starts_with("flock"));
        wait_until("the second waits for it", waits);
        fs::write(builder.host.dir.join("go"), "").unwrap();
        let (first, second) = (end_of(first), end_of(second));
        assert_eq!((first.status, second.status), (0, 0), "{first:?} {second:?}");
        assert_eq!(second.stderr.contains("another build of img was faster"), force == "0", "{second:?}");
        assert_same(&describe(&builder.image("img")), &expected);
        builder.assert_images(&["img"]);
        shell(&format!("cd '{dir}'; rm -r 'home/my images/img' at-mv go"));
    }
}

#[test]
fn a_build_that_was_overtaken_lets_the_image_of_the_faster_stay() {
    let builder = Builder::root("overtaken");
    make_plain_tree(&builder.host);
    let dir = builder.host.dir.display();
    let mut slow = builder.command("img");
    builder.wrap(
        "tar",
        &format!("real \"$@\" || exit\ntouch '{dir}/at-tar'; until [ -e '{dir}/go' ]; do sleep 0.01; done"),
    );
    let slow = builder.start(slow.env("TAR", "archive"));
    wait_until("the slow build has unpacked", || builder.host.dir.join("at-tar").exists());
    fs::remove_file(builder.host.dir.join("bin/tar")).unwrap();
    assert_eq!(builder.build_from("img", "archive").status, 0);
    let inode = fs::metadata(builder.image("img")).unwrap().ino();
    fs::write(builder.host.dir.join("go"), "").unwrap();
    let slow = end_of(slow);
    assert_eq!(slow.status, 0, "{slow:?}");
    assert!(slow.stderr.contains("another build of img was faster, and its image stays\n"), "{slow:?}");
    assert_eq!(fs::metadata(builder.image("img")).unwrap().ino(), inode);
    builder.assert_images(&["img"]);
}

/// A mirror of Alpine's on this machine, with a minirootfs that is busybox.
struct Mirror {
    url: String,
    releases: PathBuf,
    /// The name of the minirootfs, and what it has to hold.
    file: String,
    content: Vec<u8>,
    _server: Supervisor,
}

impl Mirror {
    fn new(host: &Host) -> Self {
        let arch = shell("uname -m").trim().to_owned();
        let version = alpine_version();
        let releases = host.dir.join(format!("mirror/v{version}/releases/{arch}"));
        fs::create_dir_all(&releases).unwrap();
        let file = format!("alpine-minirootfs-{version}.0-{arch}.tar.gz");
        let path = releases.join(&file);
        shell(&format!("tar -czf '{}' -C '{}/busybox' .", path.display(), images().display()));
        let mut server = Command::new("python3");
        server.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
        server.arg(host.dir.join("mirror")).stdin(Stdio::null()).stderr(Stdio::null());
        let mut server = Supervisor(server.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.split("port ").nth(1).unwrap().split(' ').next().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mirror = Self { url, releases, file, content: fs::read(path).unwrap(), _server: server };
        mirror.set_right();
        mirror
    }

    /// Lays out what the real mirror has: the list, and the file.
    fn set_right(&self) {
        fs::write(self.releases.join(&self.file), &self.content).unwrap();
        let sum = shell(&format!("sha256sum < '{}'", self.releases.join(&self.file).display()));
        let sum = sum.split(' ').next().unwrap();
        fs::write(self.releases.join("latest-releases.yaml"), self.list(sum)).unwrap();
    }

    fn list(&self, sum: &str) -> String {
        let entry = |flavor: &str, file: &str, sum: &str| {
            format!(
                "-\n  title: \"{flavor}\"\n  desc: |\n    For use in containers:\n    flavor and file.\n  \
                 branch: v3\n  flavor: {flavor}\n  file: {file}\n  iso: {file}\n  date: 2025-12-03\n  \
                 time: 18:35:23\n  size: {}\n  sha256: {sum}\n  sha512: {sum}{sum}\n",
                self.content.len()
            )
        };
        let other = "0".repeat(64);
        let first = entry("alpine-standard", "alpine-standard.iso", &other);
        let last = entry("alpine-virt", "alpine-virt.iso", &other);
        format!("---\n{first}{}{last}", entry("alpine-minirootfs", &self.file, sum))
    }
}

/// The version of the minirootfs that the recipe wants.
fn alpine_version() -> String {
    let recipe = fs::read_to_string(Path::new(ROOT).join("images/alpine.sh")).unwrap();
    recipe.split("\"minirootfs ").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// Takes away the sources that would hide what the mirror does: no engine answers, and PyPI is out of reach.
fn leave_only_the_mirror(builder: &Builder) {
    builder.without_engines();
    builder.fake(
        "python3",
        "case $* in *--version) exit ;; esac
         echo 'WARNING: Retrying after connection broken' >&2
         echo 'ERROR: Could not find a version that satisfies the requirement' >&2
         echo 'ERROR: No matching distribution found' >&2; exit 1",
    );
}

fn build_alpine(builder: &Builder, mirror: &str) -> Outcome {
    common::outcome(builder.command("alpine").env("ALPINE_MIRROR", mirror))
}

#[test]
fn alpine_comes_from_a_mirror() {
    let builder = Builder::root("mirror");
    leave_only_the_mirror(&builder);
    let mirror = Mirror::new(&builder.host);
    let built = build_alpine(&builder, &mirror.url);
    let stderr = format!(
        "alpine: from docker alpine: no daemon answers\nalpine: from podman alpine: no daemon answers\n\
         alpine: from minirootfs {}: ok\nthe image alpine is in {}\n",
        alpine_version(),
        builder.image("alpine").display()
    );
    built.assert(0, "", &stderr);
    assert_same(&describe(&builder.image("alpine")), &describe(&images().join("busybox")));
    let mut command = builder.host.command(&[&builder.host.id, "alpine", "echo", "runs"]);
    common::outcome(command.env("CONTAINER_IMAGES", &builder.images)).assert_stdout("runs\n");
}

/// Checks that the mirror's fault was told when it was found and again among the others, with a way out.
#[track_caller]
fn assert_no_alpine(builder: &Builder, failed: &Outcome, reason: &str) {
    let version = alpine_version();
    let told = format!("alpine: from minirootfs {version}: {reason}");
    let listed = format!(
        "no source has the image alpine:\n  docker alpine: no daemon answers\n  \
         podman alpine: no daemon answers\n  minirootfs {version}: {reason}"
    );
    let pip = ": pip: ERROR: Could not find a version that satisfies the requirement\n";
    let rest = format!(
        "{pip}Where Docker works, docker create and docker export make a file of it:\n  \
         docker export $(docker create alpine) > alpine.tar\n\
         Bring that file here and say: make image IMAGE=alpine TAR=alpine.tar\n\
         There are recipes for: alpine busybox debian node\n"
    );
    assert_eq!((failed.status, &*failed.stdout), (1, ""), "{failed:?}");
    assert!(failed.stderr.contains(&told) && failed.stderr.contains(&listed), "{reason}: {failed:?}");
    assert!(failed.stderr.ends_with(&rest), "{failed:?}");
    builder.assert_images(&[]);
}

#[test]
fn a_mirror_with_a_fault_is_refused_and_every_source_says_what_it_lacked() {
    let builder = Builder::root("fault");
    leave_only_the_mirror(&builder);
    let mirror = Mirror::new(&builder.host);
    let (list, file) = (mirror.releases.join("latest-releases.yaml"), mirror.releases.join(&mirror.file));
    let url = format!("{}{}", mirror.url, &mirror.releases.to_str().unwrap().split("mirror").nth(1).unwrap());
    let check = |reason: &str| {
        assert_no_alpine(&builder, &build_alpine(&builder, &mirror.url), reason);
        mirror.set_right();
    };

    let wrong_sum = format!("the sha256 of {} is not the published one\n", mirror.file);
    fs::write(&list, mirror.list(&"1".repeat(64))).unwrap();
    check(&wrong_sum);
    fs::write(&file, &mirror.content[..mirror.content.len() / 2]).unwrap();
    check(&wrong_sum);
    fs::write(&file, [&mirror.content[..], b"more"].concat()).unwrap();
    check(&wrong_sum);

    fs::remove_file(&file).unwrap();
    check(&format!("{url}/{}: curl: (22) The requested URL returned error: 404\n", mirror.file));
    fs::remove_file(&list).unwrap();
    check(&format!("{url}/latest-releases.yaml: curl: (22) The requested URL returned error: 404\n"));

    for without in ["", "---\n", "<html>Welcome to this hotel's network</html>\n"] {
        fs::write(&list, without).unwrap();
        check(&format!("no minirootfs in {url}/latest-releases.yaml\n"));
    }

    // The port of nobody: a listener's, which is gone again.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = build_alpine(&builder, &format!("http://{nobody}"));
    assert_no_alpine(&builder, &refused, &format!("http://{nobody}/v"));
    assert!(refused.stderr.contains("/latest-releases.yaml: curl: (7) "), "{refused:?}");
}

#[test]
fn a_mirror_that_hangs_up_in_the_middle_is_refused() {
    let builder = Builder::root("hangup");
    leave_only_the_mirror(&builder);
    let mirror = Mirror::new(&builder.host);
    let list = fs::read(mirror.releases.join("latest-releases.yaml")).unwrap();
    let half = mirror.content[..mirror.content.len() / 2].to_vec();
    let size = mirror.content.len();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for (body, promised) in [(&list, list.len()), (&half, size)] {
            let (mut stream, _) = listener.accept().unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0); // The request fits into one read.
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body).unwrap();
        }
    });
    let failed = build_alpine(&builder, &url);
    assert_no_alpine(&builder, &failed, &format!("{url}/v"));
    assert!(failed.stderr.contains(&format!("/{}: curl: (18) ", mirror.file)), "{failed:?}");
    server.join().unwrap();
}

#[test]
fn a_mirror_that_never_answers_is_passed_over_in_seconds() {
    let builder = Builder::root("silent");
    leave_only_the_mirror(&builder);
    // The kernel makes the connection, and nobody ever looks at it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let begin = Instant::now();
    let failed = build_alpine(&builder, &url);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_no_alpine(&builder, &failed, &format!("{url}/v"));
    assert!(failed.stderr.contains("/latest-releases.yaml: curl: (28) "), "{failed:?}");
}

#[test]
fn an_unknown_name_without_a_source_is_told_what_there_is_and_how_to_bring_a_file() {
    let builder = Builder::root("unknown");
    let refusal = |name: &str, docker: &str, podman: &str| {
        format!(
            "{name}: from docker {name}: {docker}\n{name}: from podman {name}: {podman}\n\
             no source has the image {name}:\n  docker {name}: {docker}\n  podman {name}: {podman}\n\
             Where Docker works, docker create and docker export make a file of it:\n  \
             docker export $(docker create {name}) > {name}.tar\n\
             Bring that file here and say: make image IMAGE={name} TAR={name}.tar\n\
             There are recipes for: alpine busybox debian node\n"
        )
    };
    builder.without_engines();
    // lib.sh and build lie beside the recipes, and are none.
    for name in ["nginx", "lib", "build", "README.md"] {
        builder.build(name).assert(1, "", &refusal(name, "no daemon answers", "no daemon answers"));
        builder.assert_images(&[]);
    }
    // With neither installed: all programs of this machine, but no engine.
    let dir = builder.host.dir.display();
    shell(&format!(
        "rm -r '{dir}/bin'; mkdir '{dir}/bin'; cd '{dir}/bin'
         ln -s -t . /usr/bin/*; ln -s -t . /bin/* 2>&1 | true; rm -f docker podman"
    ));
    let mut command = builder.command("nginx");
    command.env("PATH", builder.host.dir.join("bin"));
    common::outcome(&mut command).assert(1, "", &refusal("nginx", "not installed", "not installed"));
    builder.assert_images(&[]);
}

/// An engine that has the image `archive`, and writes down what it is asked for.
const ENGINE: &str = r#"echo "$@" >> log
case $1 in
create) [ "$4" != absent ] || { echo 'a word before it'; echo 'Error: no such image' >&2; exit 1; } ;;
export) [ "$FAIL" != 1 ] || { echo 'Error: disk full' >&2; exit 1; }; cp archive "$3" ;;
esac"#;

#[test]
fn an_engine_gives_an_image_and_keeps_no_container_even_when_it_fails() {
    let builder = Builder::root("engine");
    let tree = make_plain_tree(&builder.host);
    builder.without_engines();
    builder.fake("podman", &format!("cd '{}'\n{ENGINE}", builder.host.dir.display()));
    let log = builder.host.dir.join("log");
    let requests = || {
        let said = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let container = said.split("--name ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        let work =
            said.split("--output ").nth(1).map(|rest| rest.split(&container).next().unwrap().to_owned());
        said.replace(&container, "NAME").replace(&work.unwrap_or_else(|| "no work".into()), "FILE ")
    };

    let built = builder.build("img");
    assert_eq!(built.status, 0, "{built:?}");
    assert_same(&describe(&builder.image("img")), &describe(&tree));
    let all = "version\ncreate --name NAME img /bin/sh\nexport --output FILE NAME\nrm --force NAME\n";
    assert_eq!(requests(), all);

    let failed = common::outcome(builder.command("other").env("FAIL", "1"));
    assert!(failed.stderr.contains("other: from podman other: Error: disk full\n"), "{failed:?}");
    assert_eq!((failed.status, requests()), (1, all.replace("img", "other")));

    let absent = builder.build("absent");
    assert!(absent.stderr.contains("absent: from podman absent: Error: no such image\n"), "{absent:?}");
    let two = "version\ncreate --name NAME absent /bin/sh\nrm --force NAME\n";
    assert_eq!((absent.status, &*requests()), (1, two));
    builder.assert_images(&["img"]);
}

#[test]
fn an_engine_whose_daemon_does_not_answer_is_passed_over_in_seconds_and_named() {
    let builder = Builder::root("noanswer");
    make_plain_tree(&builder.host);
    // The worst there is: it sleeps forever, and takes no SIGTERM.
    builder.fake("docker", "exec env --ignore-signal=TERM sleep 1000");
    builder.fake("podman", &format!("cd '{}'\n{ENGINE}", builder.host.dir.display()));
    let begin = Instant::now();
    let built = builder.build("img");
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
    let stderr = format!(
        "img: from docker img: no daemon answers\nimg: from podman img: ok\nthe image img is in {}\n",
        builder.image("img").display()
    );
    built.assert(0, "", &stderr);
    builder.assert_images(&["img"]);
}

#[test]
fn podman_itself_gives_an_image_and_keeps_no_container() {
    shell(
        "command -v podman >/dev/null && exit
         command -v apt-get >/dev/null || { echo 'this test needs podman: please install it' >&2; exit 1; }
         export DEBIAN_FRONTEND=noninteractive; apt-get update -qq
         apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 podman >/dev/null",
    );
    let builder = Builder::root("podman");
    builder.fake("docker", "exit 1");
    let name = &builder.host.id;
    // What podman keeps and mounts is in places that are the script's own, and go with it.
    let script = format!(
        "for dir in /run /dev/shm /var/lib /etc/cni; do [ ! -d $dir ] || mount -t tmpfs none $dir; done
         tar -c -C '{}/busybox' . | podman import --quiet - localhost/{name}:latest >/dev/null
         \"$@\" && podman ps --all --quiet && podman rmi localhost/{name} >/dev/null",
        images().display()
    );
    let build = builder.command(name);
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "bash", "-euo", "pipefail", "-c", &script, "build"]);
    unshare.arg(build.get_program()).args(build.get_args()).current_dir(&builder.host.dir);
    for (variable, value) in build.get_envs() {
        match value {
            Some(value) => unshare.env(variable, value),
            None => unshare.env_remove(variable),
        };
    }
    let built = common::outcome(&mut unshare);
    assert_eq!((built.status, &*built.stdout), (0, ""), "no container is listed: {built:?}");
    assert!(built.stderr.contains(&format!("{name}: from podman {name}: ok\n")), "{built:?}");
    assert_same(&describe(&builder.image(name)), &describe(&images().join("busybox")));
    builder.assert_images(&[name]);
    let mut command = builder.host.command(&[name, name, "true"]);
    common::outcome(command.env("CONTAINER_IMAGES", &builder.images)).assert_stdout("");
}

#[test]
fn an_image_of_roots_with_privileged_files_is_closed_to_other_users_and_no_image_can_be_changed_by_them() {
    let builder = Builder::root("privileged");
    let dir = builder.host.dir.display().to_string();
    make_plain_tree(&builder.host);
    let mode = |name: &str| fs::metadata(builder.image(name)).unwrap().mode() & 0o7777;
    let build = |name: &str, change: &str| {
        shell(&format!(
            "cd '{dir}/tree'; {change}; tar -c --numeric-owner --xattrs --xattrs-include='*' -f ../archive ."
        ));
        assert_eq!(builder.build_from(name, "archive").status, 0, "{name}");
    };
    build("plain", "chmod 777 .");
    assert_eq!(mode("plain"), 0o755, "others may look, and change nothing");
    for (name, make, remove) in [
        ("setuid", "cp bin/busybox bin/su; chmod 4755 bin/su", "rm bin/su"),
        ("setgid", "cp bin/busybox bin/wall; chmod 2755 bin/wall", "rm bin/wall"),
        ("capability", "cp bin/busybox bin/ping; setcap cap_net_raw=ep bin/ping", "rm bin/ping"),
        ("node", "mknod dev/disk b 8 17", "rm dev/disk"),
    ] {
        build(name, make);
        shell(&format!("cd '{dir}/tree'; {remove}"));
        assert_eq!(mode(name), 0o700, "{name}");
        let mut command = builder.host.command(&[&builder.host.id, name, "busybox", "stat", "-c", "%a", "/"]);
        common::outcome(command.env("CONTAINER_IMAGES", &builder.images)).assert_stdout("755\n");
        fs::remove_dir_all(builder.host.state.join(&builder.host.id)).unwrap();
    }
}
