//! The run sequence: the parent's column and the child's column. This is the program; the rest is how.
//!
//! ```text
//! parent                                    child
//!   parse    argv -> Spec                     private  nothing mounted here shows outside
//!   image    look at images/IMAGE             overlay  a writable view of the image
//!   state    make, check, lock the directory  pivot    that view becomes the root
//!   stack    mmap, guard page                 detach   the host's tree goes
//!   clone    CLONE_NEWNS|CLONE_NEWPID         proc     the processes of this container
//!   wait     until the child has ended        dev      six devices, four links
//!                                             exec     execve along PATH
//! ```

use core::mem::{self, ManuallyDrop};

use crate::spec::Spec;
use crate::state::State;
use crate::step::{Action, Reported, Step};
use crate::sys::{self, Errno, OwnedFd, Pid, Stack};
use crate::text::Text;
use crate::{exec, explain, rootfs, supervise};

/// A step of the parent. Each hands a value on to the next, so they are calls in [`run`] and not functions in a table.
const fn parent(name: &'static str, calls: &'static str, chapter: &'static str, why: &'static str) -> Step {
    Step { name, calls, chapter, why, bare: true, outside: None, inside: None }
}

/// The parent's column.
pub static PARENT: [Step; 6] = [
    parent(
        "parse",
        "",
        "02-system-call.md",
        "What is wrong with the command line is said before anything is done.",
    ),
    parent(
        "image",
        "statx",
        "01-container.md",
        "A missing image is the commonest mistake, and the cheapest to find.",
    ),
    parent(
        "state",
        "statx mkdirat openat fcntl fchmodat write",
        "13-state.md",
        "What the container writes needs a place that nobody else can touch, or use meanwhile.",
    ),
    parent(
        "stack",
        "mmap mprotect",
        "03-stack.md",
        "The child shares the parent's memory until its execve, so it needs a stack of its own.",
    ),
    parent(
        "clone",
        "set_tid_address rt_sigaction clone prctl munmap",
        "04-clone.md",
        "New namespaces begin with a new process, which sees its own mounts and its own PIDs.",
    ),
    parent(
        "wait",
        "unlinkat rt_sigaction madvise wait4 exit_group",
        "11-wait.md",
        "Somebody must take the command's exit status, and pass it on.",
    ),
];

/// Their names, for the code below.
pub static PARSE: &Step = &PARENT[0];
static IMAGE: &Step = &PARENT[1];
static STATE: &Step = &PARENT[2];
static STACK: &Step = &PARENT[3];
static CLONE: &Step = &PARENT[4];
static WAIT: &Step = &PARENT[5];

/// The child's column. Each step acts on the world and hands nothing on, so here the table is the program.
///
/// All `outside` parts run first, in this order, then all `inside` parts: what comes from the host is opened while the
/// host is in sight, and what touches paths of the image waits until these can lead nowhere else.
pub static SEQUENCE: [Step; 7] = [
    Step {
        name: "private",
        calls: "mount",
        chapter: "05-private.md",
        why: "A new mount namespace shares mount events with the old one: a mount here would show there.",
        bare: true,
        outside: Some(rootfs::private),
        inside: None,
    },
    Step {
        name: "overlay",
        calls: "mount unlinkat",
        chapter: "06-overlay.md",
        why: "The container must be able to write, and the image must not change: writes go above it.",
        bare: true,
        outside: Some(rootfs::overlay),
        inside: None,
    },
    Step {
        name: "pivot",
        calls: "chdir pivot_root",
        chapter: "07-pivot-root.md",
        why: "The overlay becomes the root of this mount namespace, so that every path begins in it.",
        bare: true,
        outside: None,
        inside: Some(rootfs::pivot),
    },
    Step {
        name: "detach",
        calls: "umount2",
        chapter: "08-detach.md",
        why: "The host's tree is still there, on top of the new root: once it is off, no path leads to it.",
        bare: true,
        outside: None,
        inside: Some(rootfs::detach),
    },
    Step {
        name: "proc",
        calls: "mount mkdirat",
        chapter: "09-proc-dev.md",
        why: "/proc shows the PID namespace of whoever mounted it, and ps reads /proc.",
        bare: true,
        outside: None,
        inside: Some(rootfs::proc),
    },
    Step {
        name: "dev",
        calls: "open_tree mount mkdirat mknodat move_mount mount_setattr symlinkat",
        chapter: "12-dev.md",
        why: "Programs expect a few devices, and an image must not choose them: they are the host's own.",
        bare: false,
        outside: Some(rootfs::open_devices),
        inside: Some(rootfs::dev),
    },
    Step {
        name: "exec",
        calls: "close_range execve",
        chapter: "10-exec.md",
        why: "This process has done its work, and becomes the command.",
        bare: true,
        outside: None,
        inside: Some(exec::exec),
    },
];

/// A step of no sequence: it comes before `clone` when `--skip` leaves out one of the steps that hide the host.
pub static SHIELD: Step = parent(
    "shield",
    "unshare mount mount_setattr",
    "05-private.md",
    "A step that hides the host is left out: the experiment gets a host of its own, to look at only.",
);

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
    /// The host's devices, on their way across `pivot`.
    pub devices: [Option<OwnedFd>; rootfs::DEVICES.len()],
}

/// The size in bytes of the child's stack: a few paths and messages, and a page for each of them in a debug build too.
const STACK_SIZE: usize = 256 * 1024;

/// The parent: from the spec to the exit status.
pub fn run(spec: &Spec) -> Result<u8, Reported> {
    explain::start(spec.explain, spec.colour);
    announce(spec);
    find_image(begin(IMAGE), spec)?;
    let state = State::prepare(begin(STATE), spec)?;
    match contain(spec, &state) {
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
        step.announce_skipped();
    }
}

/// Says that a step begins, to whoever is told of it.
fn begin(step: &'static Step) -> &'static Step {
    explain::begin(step);
    step
}

fn contain(spec: &Spec, state: &State) -> Result<u8, Reported> {
    let mut setup = Ok(());
    if HIDING.iter().any(|name| is_left_out(spec, name)) {
        rootfs::shield(begin(&SHIELD), is_left_out(spec, "private"))?;
    }
    let step = begin(STACK);
    let stack = Stack::map(STACK_SIZE).map_err(|errno| step.failed(c"", errno))?;
    let child = start(begin(CLONE), spec.owner, stack, || {
        explain::child_runs(true);
        // Not dropped: close_range closes the devices with everything else, and what it leaves ends with the process.
        let mut scene = ManuallyDrop::new(Scene { spec, state, devices: Default::default() });
        setup = enter(&mut scene);
        setup.map_or_else(Reported::status, |()| 0)
    })?;
    let step = begin(WAIT);
    if !spec.is_durable() {
        state.unmark();
    }
    let status = supervise::wait(step, child)?;
    // The child wrote this, if it could not become the command: until then, the memory was shared.
    setup.map(|()| status)
}

/// Starts the child in its namespaces, and returns when it has become the command or has failed to.
fn start(step: &Step, owner: u32, mut stack: Stack, child: impl FnOnce() -> u8) -> Result<Pid, Reported> {
    supervise::expect_a_child(step)?;
    let started = sys::clone(libc::CLONE_NEWNS | libc::CLONE_NEWPID, &mut stack, child);
    explain::child_runs(false);
    explain::begin(step);
    started.map_err(|errno| {
        let hint: &[&[u8]] = match errno {
            Errno::EPERM if owner == 0 => &[b"root lacks CAP_SYS_ADMIN here: is this inside a container?"],
            Errno::EPERM => &[b"new namespaces need root: try sudo"],
            Errno::ENOSPC => {
                &[b"too many namespaces: see /proc/sys/user/max_pid_namespaces and max_mnt_namespaces"]
            }
            Errno::EAGAIN => &[b"too many processes: see ulimit -u and the pids cgroup"],
            _ => &[],
        };
        step.failed_with(c"", errno, hint)
    })
}

/// The child: every step in its order. The last one does not return, unless it fails.
fn enter(scene: &mut Scene) -> Result<(), Reported> {
    supervise::die_with_the_supervisor(CLONE)?;
    run_parts(scene, |step| step.outside)?;
    if ["overlay", "pivot", "detach"].iter().any(|name| is_left_out(scene.spec, name)) {
        rootfs::look_only(begin(&SHIELD))?;
    }
    run_parts(scene, |step| step.inside)
}

fn run_parts(scene: &mut Scene, part: fn(&Step) -> Option<Action>) -> Result<(), Reported> {
    let (bare, skipped) = (scene.spec.bare, scene.spec.skipped);
    for (index, step) in SEQUENCE.iter().enumerate() {
        let is_left_out = bare && !step.bare || skipped.has(index);
        if let Some(action) = part(step).filter(|_| !is_left_out) {
            action(begin(step), scene)?;
        }
    }
    Ok(())
}

/// Looks whether images/IMAGE is a directory.
#[inline(never)] // Its path is on the stack only while it runs, and the next function uses the same memory.
fn find_image(step: &Step, spec: &Spec) -> Result<(), Reported> {
    let text = &mut Text::new();
    let path = spec.image_path(text);
    let hint = [b"make image IMAGE=", spec.image.as_bytes(), b", or set CONTAINER_IMAGES to where it is"];
    match sys::stat(path) {
        Ok(status) if status.mode & libc::S_IFMT == libc::S_IFDIR => Ok(()),
        Ok(_) => Err(step.failed(path, Errno::ENOTDIR)),
        Err(Errno::ENOENT) => Err(step.failed_with(path, Errno::ENOENT, &hint)),
        Err(errno) => Err(step.failed(path, errno)),
    }
}
