//! The run sequence: the parent's column and the child's column. This is the program; the rest is how.
//!
//! ```text
//! parent                                    child
//!   parse    argv -> Spec                     private  no mount here shows outside
//!   envfile  the files of --env-file          volume   -v: what comes from the host
//!   inherit  no open file of the caller       tmpstate --rm: the container's files, in memory
//!   image    look at images/IMAGE             hostname the container's host name
//!   state    make, check, lock the directory  etc      /etc/hosts, /etc/resolv.conf
//!   stack    mmap, guard area                 overlay  a writable view of the image
//!   signals  blocked, read from a descriptor  pivot    that view becomes the root
//!   channel  for what the child sends         detach   the host's tree goes
//!   clone    new namespaces                   proc     the processes of this container
//!   wait     until the child has ended        dev      six devices, four links, shm
//!                                             tty      a terminal that belongs to the container
//!                                             attach   -v, --tmpfs: into their places
//!                                             workdir  -w: where the command begins
//!                                             user     which user it will be, and its groups
//!                                             readonly --read-only: the root
//!                                             init     --init: a PID 1 that is not the command
//!                                             session  the command's own, and its terminal
//!                                             limits   --ulimit: what it may use
//!                                             setuid   that user, who may do none of the above
//!                                             exec     execve along PATH
//! ```

use core::ffi::{CStr, c_int};

use crate::context::Context;
use crate::explain;
use crate::parent;
use crate::paths::{Paths, image_path};
use crate::sandbox;
use crate::spec::{Spec, Terminal};
use crate::state::{self, State};
use crate::stdio;
use crate::step::{self, Action, Reported, Step, begin};
use crate::steps::{ISOLATION_STEPS, SEQUENCE};
use crate::supervise::child::Child;
use crate::supervise::signals::SignalFd;
use crate::supervise::terminal::{self, Kind, Terminal as TerminalRelay};
use crate::supervise::{self, parent_death};
use crate::sys::{self, Arena, Errno, OwnedFd, Pid, Process, SigSet, Stack};

/// The size in bytes of the child's stack.
const STACK_SIZE: usize = 256 * 1024;

/// A container whose command runs.
pub struct Running {
    child: Child,
    /// None with `--bare`.
    signals: Option<SignalFd>,
    /// The master of the command's terminal, if it has one.
    pty_master: Option<OwnedFd>,
    is_terminal_forced: bool,
}

/// The parent's column, from the spec to the running command. `process` has the words that PID 1 erases.
pub fn start(spec: &Spec, arena: &Arena, process: &Process) -> Result<Running, Reported> {
    for step in spec.options.skipped {
        step::announce_skipped(step);
    }
    begin(&parent::INHERIT);
    sys::close_inherited().map_err(failed)?;
    sys::umask(0o022);
    if !spec.options.bare {
        stdio::refuse_directories(spec)?;
    }
    begin(&parent::IMAGE);
    let image = image_path(spec, arena).map_err(failed)?;
    find_image(spec, image, arena)?;
    begin(&parent::STATE);
    let (state, paths) = if spec.is_temporary() {
        (None, Paths::in_memory(image))
    } else {
        let (state, paths) = State::prepare(spec, image, arena)?;
        (Some(state), paths)
    };
    let outcome = start_child(spec, &paths, arena, process);
    if outcome.is_err() && spec.skips("private") {
        sandbox::unmount_leaked(if spec.is_temporary() { image } else { paths.merged });
    }
    if let Some(state) = state {
        if outcome.is_ok() { state.keep() } else { state.discard() }
    }
    outcome
}

impl Running {
    /// The end of the parent's column: from the running command to its exit status.
    pub fn wait(mut self) -> Result<u8, Reported> {
        let Some(mut signals) = self.signals else {
            return supervise::wait_bare(self.child.pid).map_err(failed);
        };
        let terminal = &mut self.pty_master.map(|master| TerminalRelay::new(master, self.is_terminal_forced));
        supervise::supervise(&mut signals, &mut self.child, terminal).map_err(failed)
    }
}

fn failed(errno: Errno) -> Reported {
    step::failed(c"", errno)
}

/// The steps from `stack` to `clone`.
fn start_child(spec: &Spec, paths: &Paths, arena: &Arena, process: &Process) -> Result<Running, Reported> {
    if ISOLATION_STEPS.iter().any(|name| spec.skips(name)) {
        begin(&parent::SANDBOX);
        sandbox::sandbox_mount_namespace(spec.skips("private"))?;
    }
    begin(&parent::STACK);
    let mut stack = Stack::map(STACK_SIZE).map_err(failed)?;
    begin(&parent::SIGNALS);
    let terminal = terminal::kind(spec);
    let (has_terminal, shares_terminal) = (terminal == Kind::New, terminal == Kind::Callers);
    let signals =
        if spec.options.bare { None } else { Some(open_signals(spec, shares_terminal).map_err(failed)?) };
    begin(&parent::CHANNEL);
    let channel =
        if has_terminal || spec.options.init { Some(sys::socketpair().map_err(failed)?) } else { None };
    let (mut parent_end, child_end) = channel.unzip();
    begin(&parent::CLONE);
    let mut child_failed = false;
    let ignored = signals.as_ref().map_or(SigSet::NONE, |signals| signals.ignored);
    let child = clone_child(spec, &mut stack, || {
        if spec.options.init {
            parent_end = None; // With a copy of the memory comes a copy of the descriptor.
        }
        let channel = child_end.as_ref().map(OwnedFd::borrow);
        let (caller_args, caller_env) = (process.args, process.env);
        let new = Context::new(spec, paths, arena);
        let context =
            &mut Context { channel, has_terminal, shares_terminal, ignored, caller_args, caller_env, ..new };
        let Err(reported) = run_child(context) else { return 0 };
        child_failed = true; // The parent sees it if the memory is shared. If not, it gets a message.
        let _ = channel.map(|channel| sys::write(channel, b"!")); // A parent that has ended needs none.
        reported.status()
    });
    stack.unmap(); // The command has replaced what used it.
    begin(&parent::WAIT);
    drop(child_end); // The channel ends once the child has closed its end too.
    let child = child?;
    let (pty_master, was_told) = receive_from_child(parent_end, has_terminal).map_err(failed)?;
    if spec.is_volatile() {
        state::remove_volatile_mark(paths);
    }
    if child_failed || was_told {
        return Err(Reported::from_status(supervise::wait(child).map_err(failed)?));
    }
    let is_pid1 = !spec.options.init && !spec.options.host_pid;
    let is_terminal_forced = spec.options.terminal == Terminal::Always;
    let shares_group = shares_terminal && !spec.skips("session");
    let child = Child::new(child, is_pid1, spec.options.init && !spec.skips("init"), shares_group);
    Ok(Running { child, signals, pty_master, is_terminal_forced })
}

/// Opens the descriptor for signals, the first one that stays open. If others follow, none of them may become stdin, stdout or
/// stderr because the caller had closed these.
fn open_signals(spec: &Spec, shares_terminal: bool) -> Result<SignalFd, Errno> {
    if spec.options.terminal == Terminal::Always || spec.options.init {
        open_standard()?;
    }
    SignalFd::open(shares_terminal)
}

/// Opens /dev/null as stdin, stdout and stderr where the caller has closed them.
fn open_standard() -> Result<(), Errno> {
    loop {
        let null = sys::openat(c"/dev/null", libc::O_RDWR, 0)?;
        if !null.is_standard() {
            return Ok(());
        }
        null.leak();
    }
}

/// Reads the channel, if there is one, until the child has become the command or has ended. Returns the master of the command's
/// terminal, and whether the child has failed.
fn receive_from_child(
    channel: Option<OwnedFd>,
    has_terminal: bool,
) -> Result<(Option<OwnedFd>, bool), Errno> {
    let Some(channel) = channel.map(OwnedFd::leak) else { return Ok((None, false)) };
    let pty_master = if has_terminal { sys::recvmsg(channel)? } else { None };
    let is_missing = has_terminal && pty_master.is_none();
    Ok((pty_master, sys::read(channel, &mut [0])? > 0 || is_missing))
}

/// Starts the child in its namespaces. Returns when it has become the command or has failed.
fn clone_child(spec: &Spec, stack: &mut Stack, child: impl FnOnce() -> u8) -> Result<Pid, Reported> {
    parent_death::expect_child()?;
    let child = || {
        explain::child_runs(true);
        child()
    };
    // With --init, PID 1 does not become another program, and keeps its memory. Then the two cannot share it.
    let started = if spec.options.init {
        sys::clone_copy(namespaces(spec), stack, child)
    } else {
        sys::clone(namespaces(spec), stack, child)
    };
    explain::child_runs(false);
    begin(&parent::CLONE);
    started.map_err(|errno| diagnose_clone(spec, errno))
}

fn diagnose_clone(spec: &Spec, errno: Errno) -> Reported {
    let hint: &[&[u8]] = match errno {
        Errno::EPERM if spec.owner == 0 => &[b"root lacks CAP_SYS_ADMIN here: is this inside a container?"],
        Errno::EPERM => &[b"new namespaces need root: try sudo"],
        Errno::ENOSPC => {
            &[b"too many namespaces: see /proc/sys/user/max_pid_namespaces, max_mnt_namespaces and max_uts_namespaces"]
        }
        Errno::EAGAIN => &[b"too many processes: see ulimit -u and the pids cgroup"],
        _ => &[],
    };
    step::failed_with(c"", errno, hint)
}

/// The flags of clone(2) for the namespaces that the child does not share with the host.
fn namespaces(spec: &Spec) -> c_int {
    let pid = if spec.options.host_pid { 0 } else { libc::CLONE_NEWPID };
    let uts = if spec.options.bare { 0 } else { libc::CLONE_NEWUTS };
    libc::CLONE_NEWNS | pid | uts
}

/// The child's column. The last step does not return, unless it fails.
fn run_child(context: &mut Context) -> Result<(), Reported> {
    parent_death::die_with_parent(context.channel.filter(|_| context.spec.options.init))?;
    run_parts(context, |step| step.outside)?;
    if ["overlay", "pivot", "detach"].iter().any(|name| context.spec.skips(name)) {
        begin(&parent::SANDBOX);
        sandbox::remount_read_only()?;
    }
    run_parts(context, |step| step.inside)
}

fn run_parts(context: &mut Context, part: fn(&Step) -> Option<Action>) -> Result<(), Reported> {
    for step in SEQUENCE {
        let runs = (step.when)(context.spec) && !context.spec.skips(step.name);
        if let Some(action) = part(step).filter(|_| runs) {
            begin(step);
            action(context)?;
        }
    }
    Ok(())
}

/// Looks whether images/IMAGE is a directory that no other user could have filled.
///
/// Whoever can write to an image decides what root runs. So it must belong to the user of this program, to root, or to the user
/// who called sudo(8).
fn find_image(spec: &Spec, path: &CStr, arena: &Arena) -> Result<(), Reported> {
    const FOREIGN: &[u8] =
        b"the image belongs to another user, who decides what runs in it: copy it, or chown it";
    const SHARED: &[u8] = b"other users can write to the image, and decide what runs in it: chmod go-w";
    let status = match sys::stat(path) {
        Ok(status) => status,
        Err(Errno::ENOENT) => return Err(missing_image(spec, path, arena)),
        Err(errno) => return Err(step::failed(path, errno)),
    };
    let is_trusted = [0, spec.owner].contains(&status.uid) || spec.sudo_user == Some(status.uid);
    if status.mode & libc::S_IFMT != libc::S_IFDIR {
        Err(step::failed(path, Errno::ENOTDIR))
    } else if !is_trusted {
        Err(step::failed_with(path, Errno::EPERM, &[FOREIGN]))
    } else if status.mode & 0o022 != 0 {
        Err(step::failed_with(path, Errno::EPERM, &[SHARED]))
    } else {
        Ok(())
    }
}

fn missing_image(spec: &Spec, path: &CStr, arena: &Arena) -> Reported {
    let id = spec.id.as_bytes();
    let is_image = arena
        .string(&[spec.images.to_bytes(), b"/", id])
        .and_then(sys::stat)
        .is_ok_and(|status| status.mode & libc::S_IFMT == libc::S_IFDIR);
    let hint: &[&[u8]] = match id {
        _ if is_image => &[b"'", id, b"' is an image: is the ID missing? container ID IMAGE CMD"],
        b"run" | b"exec" => &[b"there is no command '", id, b"': container ID IMAGE CMD"],
        _ => &[b"make image IMAGE=", spec.image.as_bytes(), b", or set CONTAINER_IMAGES to where it is"],
    };
    step::failed_with(path, Errno::ENOENT, hint)
}
