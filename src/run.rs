//! The run sequence: the parent's column and the child's column. This is the program; the rest is how.
//!
//! ```text
//! parent                                    child
//!   parse    argv -> Spec                     private  nothing mounted here shows outside
//!   image    look at images/IMAGE             volume   what the host lends, if -v asks
//!   envfile  the files of --env-file          memory   with --rm: a place that goes by itself
//!   state    make, check, lock the directory  names    host name, /etc/hosts, /etc/resolv.conf
//!   stack    mmap, guard page                 overlay  a writable view of the image
//!   signals  those for the command wait       pivot    that view becomes the root
//!   link     for what the child sends         detach   the host's tree goes
//!   clone    new namespaces                   proc     the processes of this container
//!   wait     until the child has ended        dev      six devices, four links
//!                                             tty      a terminal of its own
//!                                             attach   volumes go to their places, if any
//!                                             workdir  where the command begins, if -w asks
//!                                             user     who it will be, if -u asks
//!                                             seal     with --read-only: the root
//!                                             init     with --init: a PID 1 that is not the command
//!                                             session  the command's own, and its terminal
//!                                             limits   what it may use, if --ulimit asks
//!                                             become   that user, who may do none of the above
//!                                             exec     execve along PATH
//! ```

use core::ffi::c_int;
use core::mem::{self, ManuallyDrop};

use crate::environment::Files;
use crate::spec::Spec;
use crate::state::State;
use crate::step::{self, Action, Reported, Step, begin};
use crate::supervise::{Charge, Inbox};
use crate::sys::{self, BorrowedFd, Errno, OwnedFd, Pid, SigSet, Stack};
use crate::terminal::Terminal;
use crate::text::Text;
use crate::user::{self, Identity};
use crate::{exec, explain, init, limits, names, rootfs, state, supervise, terminal, volume, workdir};

pub use crate::step::FAILED;

/// A step of the parent. Each hands a value on to the next, so they are calls in [`run`] and not functions in a table.
const fn parent(name: &'static str, text: &'static str) -> Step {
    Step { name, text, when: ALWAYS, outside: None, inside: None }
}

/// Whether a run has a step: every run does; or all but those with `--bare`.
const ALWAYS: fn(&Spec) -> bool = |_| true;
const DEFAULT: fn(&Spec) -> bool = |spec| !spec.bare;

/// The parent's column.
pub static PARENT: [Step; 9] = [
    parent(
        "parse",
        "02-system-call.md\n\
         What is wrong with the command line is said before anything is done.",
    ),
    parent(
        "image",
        "01-container.md\n\
         statx\n\
         A missing image is the commonest mistake, and the cheapest to find.",
    ),
    parent(
        "envfile",
        "14-command.md\n\
         statx openat mmap pread64 close\n\
         Files of the host that say something of the command are read before anything is made.",
    ),
    parent(
        "state",
        "13-state.md\n\
         statx mkdirat openat fcntl fchmodat write\n\
         What the container writes needs a place that nobody else can touch, or use meanwhile.",
    ),
    parent(
        "stack",
        "03-stack.md\n\
         mmap mprotect\n\
         The child shares the parent's memory until its execve, so it needs a stack of its own.",
    ),
    parent(
        "signals",
        "18-signals.md\n\
         openat pread64 close rt_sigprocmask signalfd4\n\
         Signals for the command wait from here on, until the supervisor passes them on.",
    ),
    parent(
        "link",
        "17-terminal.md\n\
         ioctl socketpair close\n\
         What the child opens inside, the supervisor can get only if the child sends it.",
    ),
    parent(
        "clone",
        "04-clone.md\n\
         set_tid_address rt_sigaction clone close prctl write munmap\n\
         New namespaces begin with a new process, which sees its own mounts and its own PIDs.",
    ),
    parent(
        "wait",
        "11-wait.md\n\
         recvmsg close unlinkat rt_sigaction madvise ioctl ppoll read write kill wait4 exit_group\n\
         Somebody must take the command's exit status, and pass it on.",
    ),
];

/// Their names, for the code below.
pub static PARSE: &Step = &PARENT[0];
static IMAGE: &Step = &PARENT[1];
static ENVFILE: &Step = &PARENT[2];
static STATE: &Step = &PARENT[3];
static STACK: &Step = &PARENT[4];
static SIGNALS: &Step = &PARENT[5];
static LINK: &Step = &PARENT[6];
static CLONE: &Step = &PARENT[7];
static WAIT: &Step = &PARENT[8];

/// The child's column. Each step acts on the world and hands nothing on, so here the table is the program.
///
/// All `outside` parts run first, in this order, then all `inside` parts: what comes from the host is opened while the
/// host is in sight, and what touches paths of the image waits until these can lead nowhere else.
pub static SEQUENCE: [Step; 19] = [
    Step {
        name: "private",
        text: "05-private.md\n\
               mount\n\
               A new mount namespace shares mount events with the old one: a mount here would show there.",
        when: ALWAYS,
        outside: Some(rootfs::private),
        inside: None,
    },
    Step {
        name: "volume",
        text: "15-files.md\n\
               open_tree\n\
               What the host lends is taken hold of while it is in sight, before the overlay is in it.",
        when: |spec| spec.has("--volume"),
        outside: Some(volume::open),
        inside: None,
    },
    Step {
        name: "memory",
        text: "15-files.md\n\
               mount mkdirat fchmodat\n\
               What nobody wants to keep is put where it goes by itself, whatever ends the container.",
        when: |spec| spec.is_temporary,
        outside: Some(state::in_memory),
        inside: None,
    },
    Step {
        name: "names",
        text: "16-names.md\n\
               sethostname statx openat pread64 mkdirat fchmodat write close unlinkat\n\
               Programs ask who they are and where others are, and the image cannot know.",
        when: DEFAULT,
        outside: Some(names::names),
        inside: None,
    },
    Step {
        name: "overlay",
        text: "06-overlay.md\n\
               mount unlinkat\n\
               The container must be able to write, and the image must not change: writes go above it.",
        when: ALWAYS,
        outside: Some(rootfs::overlay),
        inside: None,
    },
    Step {
        name: "pivot",
        text: "07-pivot-root.md\n\
               chdir pivot_root\n\
               The overlay becomes the root of this mount namespace, so that every path begins in it.",
        when: ALWAYS,
        outside: None,
        inside: Some(rootfs::pivot),
    },
    Step {
        name: "detach",
        text: "08-detach.md\n\
               umount2\n\
               The host's tree is still there, on top of the new root: once it is off, no path leads to it.",
        when: ALWAYS,
        outside: None,
        inside: Some(rootfs::detach),
    },
    Step {
        name: "proc",
        text: "09-proc-dev.md\n\
               mount mkdirat\n\
               /proc shows the PID namespace of whoever mounted it, and ps reads /proc.",
        when: ALWAYS,
        outside: None,
        inside: Some(rootfs::proc),
    },
    Step {
        name: "dev",
        text: "12-dev.md\n\
               open_tree mount mkdirat mknodat move_mount mount_setattr symlinkat\n\
               Programs expect a few devices, and an image must not choose them: they are the host's own.",
        when: DEFAULT,
        outside: Some(rootfs::open_devices),
        inside: Some(rootfs::dev),
    },
    Step {
        name: "tty",
        text: "17-terminal.md\n\
               mkdirat mount symlinkat openat ioctl mknodat sendmsg seccomp\n\
               The command gets a terminal of its own: nobody inside is to type into the caller's.",
        when: DEFAULT,
        outside: None,
        inside: Some(terminal::terminal),
    },
    Step {
        name: "attach",
        text: "15-files.md\n\
               statx openat2 mkdirat fchmodat mknodat move_mount mount_setattr mount\n\
               Every path ends in the container now, so that nothing can be put anywhere else.",
        when: volume::is_asked,
        outside: None,
        inside: Some(volume::attach),
    },
    Step {
        name: "workdir",
        text: "14-command.md\n\
               openat2 mkdirat fchmodat chdir\n\
               The command begins in a directory of the user's choice, which root makes and may enter.",
        when: |spec| spec.workdir.is_some(),
        outside: None,
        inside: Some(workdir::workdir),
    },
    Step {
        name: "user",
        text: "14-command.md\n\
               statx openat pread64 close\n\
               A name is a number of the container's own list, which is read while files can be opened.",
        when: |spec| spec.user.is_some(),
        outside: None,
        inside: Some(user::user),
    },
    Step {
        name: "seal",
        text: "15-files.md\n\
               mount_setattr\n\
               All places are made, so nothing more has to be written to the root.",
        when: |spec| spec.read_only,
        outside: None,
        inside: Some(volume::seal),
    },
    Step {
        name: "init",
        text: "19-init.md\n\
               socketpair getpid clone close prctl read getppid close_range signalfd4 kill wait4\n\
               PID 1 gets the orphans of all, and most commands do not know: here it is this program.",
        when: |spec| spec.init,
        outside: None,
        inside: Some(init::init),
    },
    Step {
        name: "session",
        text: "17-terminal.md\n\
               setsid ioctl dup3 rt_sigaction rt_sigprocmask\n\
               The command leads a session with its own terminal, and signals act on it as on any process.",
        when: DEFAULT,
        outside: None,
        inside: Some(session),
    },
    Step {
        name: "limits",
        text: "14-command.md\n\
               prlimit64\n\
               Limits come after what they would limit, and while this is still root, who may raise them.",
        when: |spec| spec.has("--ulimit"),
        outside: None,
        inside: Some(limits::limits),
    },
    Step {
        name: "become",
        text: "14-command.md\n\
               fchown setgroups setgid setuid prctl\n\
               From here on this is the user, who may do none of the above.",
        when: |spec| spec.user.is_some(),
        outside: None,
        inside: Some(user::become_user),
    },
    Step {
        name: "exec",
        text: "10-exec.md\n\
               close_range execve\n\
               This process has done its work, and becomes the command.",
        when: ALWAYS,
        outside: None,
        inside: Some(exec::exec),
    },
];

/// A step of no sequence: it comes before `clone` when `--skip` leaves out one of the steps that hide the host.
pub static SHIELD: Step = parent(
    "shield",
    "05-private.md\n\
         unshare mount mount_setattr\n\
         A step that hides the host is left out: the experiment gets a host of its own, to look at only.",
);

/// A step of no sequence, either: what --help and its like print cannot be written.
pub static WRITE: Step = parent("write", "");

/// All steps that there are.
pub fn steps() -> impl Iterator<Item = &'static Step> {
    PARENT.iter().chain(&SEQUENCE).chain([&SHIELD, &WRITE])
}

/// The steps without which something of the host could be touched.
const HIDING: [&str; 4] = ["private", "overlay", "pivot", "detach"];

/// Whether `--skip` leaves out the child's step of that name.
pub fn is_left_out(spec: &Spec, name: &str) -> bool {
    let mut steps = SEQUENCE.iter().enumerate();
    steps.any(|(index, step)| step.name == name && spec.skipped.has(index))
}

/// What the child's steps work with.
pub struct Scene<'a> {
    /// What the container is.
    pub spec: &'a Spec<'a>,
    /// Its directory on the host.
    pub state: &'a State<'a>,
    /// The way to the supervisor, if something is to be sent there.
    pub link: Option<BorrowedFd<'a>>,
    /// Whether the command gets a terminal of its own, and what it sees of it.
    pub has_terminal: bool,
    /// See has_terminal: its end of the terminal.
    pub slave: Option<BorrowedFd<'a>>,
    /// The signals that the caller had ignored.
    pub ignored: SigSet,
    /// The files of `--env-file`.
    pub files: &'a Files,
    /// Who the command will be, once that is known.
    pub identity: Option<Identity>,
    /// The host's devices, on their way across `pivot`.
    pub devices: [Option<OwnedFd>; rootfs::DEVICES.len()],
    /// What the host lends, on its way likewise.
    pub volumes: [Option<OwnedFd>; volume::MOST],
    /// Whether the overlay has the layer of `names`.
    pub has_names: bool,
}

/// The size in bytes of the child's stack: a few paths and messages, and a page for each of them in a debug build too.
pub const STACK_SIZE: usize = 256 * 1024;

/// The parent: from the spec to the exit status.
pub fn run(spec: &Spec) -> Result<u8, Reported> {
    explain::start(spec.explain, spec.colour);
    announce(spec);
    begin(IMAGE);
    find_image(spec)?;
    begin(ENVFILE);
    let files = &mut Files::new();
    files.read(spec)?;
    begin(STATE);
    let state = State::prepare(spec)?;
    match contain(spec, &state, files) {
        Ok(status) => {
            mem::forget(state); // The kernel frees the lock when this process ends, which is next.
            Ok(status)
        }
        Err(reported) => {
            if is_left_out(spec, "private") {
                rootfs::take_off_leaked(spec);
            }
            state.discard();
            Err(reported)
        }
    }
}

/// Says which steps are left out: what follows is an experiment.
fn announce(spec: &Spec) {
    let left_out = SEQUENCE.iter().enumerate().filter(|(index, _)| spec.skipped.has(*index));
    for (_, step) in left_out {
        step::announce_skipped(step);
    }
}

fn contain(spec: &Spec, state: &State, files: &mut Files) -> Result<u8, Reported> {
    if HIDING.iter().any(|name| is_left_out(spec, name)) {
        begin(&SHIELD);
        rootfs::shield(is_left_out(spec, "private"))?;
    }
    let failed = |errno| step::failed(c"", errno);
    begin(STACK);
    let mut stack = Stack::map(STACK_SIZE).map_err(failed)?;
    begin(SIGNALS);
    let inbox = if spec.bare { None } else { Some(Inbox::open(spec).map_err(failed)?) };
    begin(LINK);
    let has_terminal = terminal::is_wanted(spec);
    let link = if has_terminal || spec.init { Some(sys::socketpair().map_err(failed)?) } else { None };
    begin(CLONE);
    let (mut near, far) = link.unzip();
    let mut has_failed = false;
    let child = start(spec, &mut stack, || {
        explain::child_runs(true);
        if spec.init {
            near = None; // The copy: the supervisor alone has its end.
        }
        // Not dropped: execve closes the descriptors, or the end of the process.
        let mut scene = ManuallyDrop::new(Scene {
            spec,
            state,
            files,
            identity: None,
            link: far.as_ref().map(OwnedFd::borrow),
            has_terminal,
            slave: None,
            ignored: inbox.as_ref().map_or(SigSet::NONE, |inbox| inbox.ignored),
            devices: Default::default(),
            volumes: Default::default(),
            has_names: false,
        });
        let Err(reported) = enter(&mut scene) else { return 0 };
        has_failed = true; // The supervisor sees it if the memory is shared, and is told if it is not.
        let _ = scene.link.map(|link| sys::write(link, b"!"));
        reported.status()
    });
    // The command has them: the supervisor stays small.
    stack.unmap();
    files.forget();
    begin(WAIT);
    drop(far); // Nothing more comes through the link once the child has closed its end too.
    let child = child?;
    let (master, has_told) = hear(near, has_terminal).map_err(failed)?;
    if spec.is_volatile() {
        state.unmark();
    }
    let status = match inbox {
        None => supervise::wait(child),
        Some(inbox) => {
            let is_deaf = !spec.init && !spec.host_pids;
            let charge = &mut Charge { pid: child, is_deaf, killed_by: libc::SIGKILL };
            supervise::attend(
                &inbox,
                charge,
                &mut master.map(|master| Terminal::new(master, spec.terminal == Some(true))),
            )
        }
    }
    .map_err(failed)?;
    if has_failed || has_told { Err(Reported::from_status(status)) } else { Ok(status) }
}

/// What comes through the link, if there is one, until the child has become the command or has ended: the master of the command's
/// terminal, and whether the child tells that it has failed.
fn hear(near: Option<OwnedFd>, has_terminal: bool) -> Result<(Option<OwnedFd>, bool), Errno> {
    let Some(link) = near.map(OwnedFd::leak) else { return Ok((None, false)) };
    let master = if has_terminal { sys::recvmsg(link)? } else { None };
    let is_missing = has_terminal && master.is_none();
    Ok((master, sys::read(link, &mut [0])? > 0 || is_missing))
}

/// Starts the child in its namespaces, and returns when it has become the command or has failed to.
fn start(spec: &Spec, stack: &mut Stack, child: impl FnOnce() -> u8) -> Result<Pid, Reported> {
    supervise::expect_a_child()?;
    // A PID 1 that does not become another program keeps its memory: then the two cannot share it.
    let started = if spec.init {
        sys::fork(namespaces(spec)).map(|pid| pid.unwrap_or_else(|| sys::exit_group(child())))
    } else {
        sys::clone(namespaces(spec), stack, child)
    };
    explain::child_runs(false);
    begin(CLONE);
    started.map_err(|errno| {
        let hint: &[&[u8]] = match errno {
            Errno::EPERM if spec.owner == 0 => {
                &[b"root lacks CAP_SYS_ADMIN here: is this inside a container?"]
            }
            Errno::EPERM => &[b"new namespaces need root: try sudo"],
            Errno::ENOSPC => {
                &[b"too many namespaces: see /proc/sys/user/max_pid_namespaces, max_mnt_namespaces and max_uts_namespaces"]
            }
            Errno::EAGAIN => &[b"too many processes: see ulimit -u and the pids cgroup"],
            _ => &[],
        };
        step::failed_with(c"", errno, hint)
    })
}

/// What the child has of its own.
fn namespaces(spec: &Spec) -> c_int {
    let pids = if spec.host_pids { 0 } else { libc::CLONE_NEWPID };
    let names = if spec.bare { 0 } else { libc::CLONE_NEWUTS };
    libc::CLONE_NEWNS | pids | names
}

/// The child: every step in its order. The last one does not return, unless it fails.
fn enter(scene: &mut Scene) -> Result<(), Reported> {
    supervise::die_with_the_supervisor(scene)?;
    run_parts(scene, |step| step.outside)?;
    if ["overlay", "pivot", "detach"].iter().any(|name| is_left_out(scene.spec, name)) {
        begin(&SHIELD);
        rootfs::look_only()?;
    }
    run_parts(scene, |step| step.inside)
}

/// session: a session of the command's own, and signals as any process has them.
fn session(scene: &mut Scene) -> Result<(), Reported> {
    terminal::lead_session(scene)
        .and_then(|()| supervise::reset_signals(scene.ignored))
        .map_err(|errno| step::failed(c"", errno))
}

fn run_parts(scene: &mut Scene, part: fn(&Step) -> Option<Action>) -> Result<(), Reported> {
    for (index, step) in SEQUENCE.iter().enumerate() {
        let is_left_out = scene.spec.skipped.has(index) || !(step.when)(scene.spec);
        if let Some(action) = part(step).filter(|_| !is_left_out) {
            begin(step);
            action(scene)?;
        }
    }
    Ok(())
}

/// Looks whether images/IMAGE is a directory.
#[inline(never)] // Its path is on the stack only while it runs, and the next function uses the same memory.
fn find_image(spec: &Spec) -> Result<(), Reported> {
    let text = &mut Text::new();
    let path = spec.image_path(text);
    let id = spec.id.as_bytes();
    let hint = match id {
        b"run" | b"exec" => [b"there is no command ", id, b" here: container ID IMAGE CMD"],
        _ => [b"make image IMAGE=", spec.image.as_bytes(), b", or set CONTAINER_IMAGES to where it is"],
    };
    match sys::stat(path) {
        Ok(status) if status.mode & libc::S_IFMT == libc::S_IFDIR => Ok(()),
        Ok(_) => Err(step::failed(path, Errno::ENOTDIR)),
        Err(Errno::ENOENT) => Err(step::failed_with(path, Errno::ENOENT, &hint)),
        Err(errno) => Err(step::failed(path, errno)),
    }
}
