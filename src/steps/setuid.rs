//! setuid: this process becomes the user of `--user`.

use core::ffi::CStr;

use crate::context::Identity;
use crate::step::{self, Reported, Step};
use crate::supervise::parent_death;
use crate::sys::{self, BorrowedFd, Errno};

/// The row of this step.
pub static STEP: Step = Step {
    name: "setuid",
    why: "From here on this process is the user, who may do none of the above.",
    calls: &["fchown", "setgroups", "setgid", "setuid", "prctl", "write"],
    chapter: "14-command.md",
    when: |spec| spec.options.user.is_some(),
    inside: Some(|context| {
        // There is no identity with --skip user.
        let Some(identity) = &context.identity else { return Ok(()) };
        become_user(identity, context.pty_slave)?;
        // The kernel clears the parent-death signal of a process that changes its user: it is requested again.
        parent_death::die_with_parent(context.channel.filter(|_| context.spec.options.init))
    }),
    ..Step::NEW
};

/// Becomes the user. The terminal and the groups come first, since only root can change them; the user comes last, because
/// root's capabilities go with it.
pub fn become_user(identity: &Identity, pty_slave: Option<BorrowedFd>) -> Result<(), Reported> {
    const NOT_MAPPED: &[u8] =
        b"this user namespace does not map the number: see /proc/self/uid_map and gid_map";
    let failed = |call: &CStr, errno| {
        let hint: &[&[u8]] = if errno == Errno::EINVAL { &[NOT_MAPPED] } else { &[] };
        step::failed_with(call, errno, hint)
    };
    // The user can then open the terminal again by its name. Without CAP_CHOWN it stays root's, and can be used all the same.
    let _ = pty_slave.map(|pty_slave| sys::fchown(pty_slave, identity.uid));
    sys::setgroups(identity.groups).map_err(|errno| failed(c"setgroups", errno))?;
    sys::setgid(identity.gid).map_err(|errno| failed(c"setgid", errno))?;
    sys::setuid(identity.uid).map_err(|errno| failed(c"setuid", errno))
}
