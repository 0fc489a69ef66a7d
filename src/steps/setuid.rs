//! setuid: this process becomes the user of `--user`, or root with no identity but root's.

use core::ffi::CStr;

use crate::context::Identity;
use crate::stdio;
use crate::step::{self, Reported, Step, unless_bare};
use crate::supervise::parent_death;
use crate::sys::{self, BorrowedFd, Errno};

/// The row of this step.
pub static STEP: Step = Step {
    name: "setuid",
    why: "From here on this process is the user of -u, or root without the groups of the caller.",
    calls: &["statx", "fstatfs", "fchmod", "fchown", "setgroups", "setgid", "setuid", "prctl", "write"],
    chapter: "14-command.md",
    when: |spec| unless_bare(spec) || spec.options.user.is_some(),
    inside: Some(|context| {
        // There is no identity with --skip user.
        let Some(identity) = &context.identity else { return Ok(()) };
        match context.spec.options.user {
            Some(_) => become_user(identity, context.pty_slave)?,
            None => become_root(identity)?,
        }
        // The kernel clears the parent-death signal of a process that changes its user: it is requested again.
        parent_death::die_with_parent(context.channel.filter(|_| context.spec.options.init))
    }),
    ..Step::NEW
};

/// Becomes the user. The terminal and the groups come first, since only root can change them; the user comes last, because
/// root's capabilities go with it.
pub fn become_user(identity: &Identity, pty_slave: Option<BorrowedFd>) -> Result<(), Reported> {
    if identity.uid != 0 {
        stdio::open_pipes_to_all();
    }
    // The user can then open the terminal again by its name. Without CAP_CHOWN it stays root's, and can be used all the same.
    let _ = pty_slave.map(|pty_slave| sys::fchown(pty_slave, identity.uid));
    sys::setgroups(identity.groups).map_err(|errno| failed(c"setgroups", errno))?;
    set_ids(identity)
}

/// Becomes root alone: the caller may be root with other groups, another group, or another real user.
pub fn become_root(identity: &Identity) -> Result<(), Reported> {
    match sys::setgroups(identity.groups).or_else(|_| sys::setgroups(&[0])) {
        // A user namespace that an ordinary user has made forbids it, and has no groups that could be used.
        Ok(()) | Err(Errno::EPERM) => set_ids(identity),
        Err(errno) => Err(failed(c"setgroups", errno)),
    }
}

fn set_ids(identity: &Identity) -> Result<(), Reported> {
    sys::setgid(identity.gid).map_err(|errno| failed(c"setgid", errno))?;
    sys::setuid(identity.uid).map_err(|errno| failed(c"setuid", errno))
}

fn failed(call: &CStr, errno: Errno) -> Reported {
    const NOT_MAPPED: &[u8] =
        b"this user namespace does not map the number: see /proc/self/uid_map and gid_map";
    let hint: &[&[u8]] = if errno == Errno::EINVAL { &[NOT_MAPPED] } else { &[] };
    step::failed_with(call, errno, hint)
}
