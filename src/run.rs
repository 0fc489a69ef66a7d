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

use core::mem;

use crate::spec::Spec;
use crate::state::State;
use crate::step::{FAILED, Reported, Step};
use crate::sys::{self, Errno, OwnedFd, Pid, Stack};
use crate::text::Text;
use crate::{exec, rootfs, supervise};

/// A step of the parent. Each hands a value on to the next, so they are calls in [`run`] and not functions in a table.
const fn parent(name: &'static str, why: &'static str) -> Step {
    Step { name, why, bare: true, outside: None, inside: None }
}

/// argv -> [`Spec`]
pub const PARSE: Step =
    parent("parse", "What is wrong with the command line is said before anything is done.");
const IMAGE: Step =
    parent("image", "An image that is missing is the user's commonest mistake, and the cheapest to find.");
const STATE: Step =
    parent("state", "What the container writes needs a place that nobody else can touch or use meanwhile.");
const STACK: Step =
    parent("stack", "The child shares the parent's memory until it execs, so it needs a stack of its own.");
const CLONE: Step =
    parent("clone", "New namespaces begin with a new process: it sees its own mounts and its own PIDs.");
const WAIT: Step = parent("wait", "Somebody must take the command's exit status, and pass it on.");

/// The parent's column.
pub const PARENT: [&Step; 6] = [&PARSE, &IMAGE, &STATE, &STACK, &CLONE, &WAIT];

/// The child's column. Each step acts on the world and hands nothing on, so here the table is the program.
///
/// All `outside` parts run first, in this order, then all `inside` parts: what comes from the host is opened while the
/// host is in sight, and what touches paths of the image waits until these can lead nowhere else.
pub const SEQUENCE: [Step; 7] = [
    Step {
        name: "private",
        why: "A new mount namespace still shares its mounts with the old one: what is mounted here would show there.",
        bare: true,
        outside: Some(rootfs::private),
        inside: None,
    },
    Step {
        name: "overlay",
        why: "The container must be able to write, and the image must not change: writes go to a layer above it.",
        bare: true,
        outside: Some(rootfs::overlay),
        inside: None,
    },
    Step {
        name: "pivot",
        why: "The overlay becomes the root of this mount namespace, so that every path begins in it.",
        bare: true,
        outside: None,
        inside: Some(rootfs::pivot),
    },
    Step {
        name: "detach",
        why: "The host's tree is still mounted, on top of the new root: once it is gone, no path leads there.",
        bare: true,
        outside: None,
        inside: Some(rootfs::detach),
    },
    Step {
        name: "proc",
        why: "/proc shows the PID namespace of whoever mounted it, and ps reads /proc.",
        bare: true,
        outside: None,
        inside: Some(rootfs::proc),
    },
    Step {
        name: "dev",
        why: "Programs expect a few devices, and an image must not choose which: they are the host's own, and no others.",
        bare: false,
        outside: Some(rootfs::open_devices),
        inside: Some(rootfs::dev),
    },
    Step {
        name: "exec",
        why: "This process has done its work, and becomes the command.",
        bare: true,
        outside: None,
        inside: Some(exec::exec),
    },
];

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
    find_image(&IMAGE, spec)?;
    let state = State::prepare(&STATE, spec)?;
    match contain(spec, &state) {
        Ok(status) => {
            mem::forget(state); // The kernel frees the lock when this process ends, which is next.
            Ok(status)
        }
        Err(reported) => {
            state.discard();
            Err(reported)
        }
    }
}

fn contain(spec: &Spec, state: &State) -> Result<u8, Reported> {
    let mut setup = Ok(());
    let stack = Stack::map(STACK_SIZE).map_err(|errno| STACK.failed(c"", errno))?;
    let child = start(spec, stack, || {
        setup = enter(Scene { spec, state, devices: Default::default() });
        setup.map_or_else(Reported::status, |()| FAILED)
    })?;
    let status = supervise::wait(&WAIT, child)?;
    // The child wrote this, if it could not become the command: until then, the memory was shared.
    setup.map(|()| status)
}

/// Starts the child in its namespaces, and returns when it has become the command or has failed to.
fn start(spec: &Spec, mut stack: Stack, child: impl FnOnce() -> u8) -> Result<Pid, Reported> {
    supervise::expect_a_child(&CLONE)?;
    sys::clone(libc::CLONE_NEWNS | libc::CLONE_NEWPID, &mut stack, child).map_err(|errno| {
        let hint: &[&[u8]] = match errno {
            Errno::EPERM if spec.owner == 0 => {
                &[b"root lacks CAP_SYS_ADMIN here: is this inside a container?"]
            }
            Errno::EPERM => &[b"new namespaces need root: try sudo"],
            Errno::ENOSPC => {
                &[b"too many namespaces: see /proc/sys/user/max_pid_namespaces and max_mnt_namespaces"]
            }
            Errno::EAGAIN => &[b"too many processes: see ulimit -u and the pids cgroup"],
            _ => &[],
        };
        CLONE.failed_with(c"", errno, hint)
    })
}

/// The child: every step in its order. The last one does not return, unless it fails.
fn enter(mut scene: Scene) -> Result<(), Reported> {
    supervise::die_with_the_supervisor(&CLONE)?;
    let bare = scene.spec.bare;
    for part in [|step: &Step| step.outside, |step: &Step| step.inside] {
        for step in SEQUENCE.iter().filter(|step| step.bare || !bare) {
            part(step).map_or(Ok(()), |action| action(step, &mut scene))?;
        }
    }
    Ok(())
}

/// Looks whether images/IMAGE is a directory.
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
