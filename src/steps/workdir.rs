//! workdir: the directory in which the command begins.

use core::ffi::CStr;

use super::place::{Kind, open_place};
use crate::step::{self, Reported, Step};
use crate::sys::{self, Arena};

/// The row of this step.
pub static STEP: Step = Step {
    name: "workdir",
    why: "The command begins in a directory of the user's choice, which is made while this is root.",
    calls: &["openat2", "mkdirat", "close", "fchdir"],
    chapter: "14-command.md",
    when: |spec| spec.options.workdir.is_some(),
    inside: Some(|context| enter(context.arena, context.spec.options.workdir.unwrap_or(c"/"))),
    ..Step::NEW
};

/// Enters the directory. It is made if it is missing.
pub fn enter(arena: &Arena, path: &CStr) -> Result<(), Reported> {
    let place = open_place(arena, path, Kind::Directory)?;
    sys::fchdir(place).map_err(|errno| step::failed(path, errno))
}
