//! The steps of the child, one file each. A file has the step's row, [`Step`], and the functions that do the work.

pub mod attach;
pub mod detach;
pub mod dev;
pub mod etc;
pub mod exec;
pub mod hostname;
pub mod init;
pub mod limits;
pub mod overlay;
pub mod pivot;
pub mod private;
pub mod proc;
pub mod readonly;
pub mod session;
pub mod setuid;
pub mod tmpstate;
pub mod tty;
pub mod user;
pub mod volume;
pub mod workdir;

// What several steps use.
pub mod interpreter;
pub mod mounting;
pub mod place;

use crate::step::Step;

/// The child's column.
///
/// All `outside` parts run first, in this order, and then all `inside` parts. What comes from the host is opened while the
/// host is in sight. What touches paths of the image waits until these can lead nowhere else.
pub static SEQUENCE: &[&Step] = &[
    &private::STEP,
    &volume::STEP,
    &tmpstate::STEP,
    &hostname::STEP,
    &etc::STEP,
    &overlay::STEP,
    &pivot::STEP,
    &detach::STEP,
    &proc::STEP,
    &dev::STEP,
    &tty::STEP,
    &attach::STEP,
    &workdir::STEP,
    &user::STEP,
    &readonly::STEP,
    &init::STEP,
    &session::STEP,
    &limits::STEP,
    &setuid::STEP,
    &exec::STEP,
];

/// The steps that keep the container's changes away from the host.
pub const ISOLATION_STEPS: [&str; 4] = ["private", "overlay", "pivot", "detach"];
