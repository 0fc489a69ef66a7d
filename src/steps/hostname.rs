//! hostname: the host name of the container.

use crate::spec::Name;
use crate::step::{self, Reported, Step, unless_bare};
use crate::sys;

/// The row of this step.
pub static STEP: Step = Step {
    name: "hostname",
    why: "Programs ask for the name of their machine, and the container is not the host.",
    calls: &["sethostname"],
    chapter: "16-names.md",
    when: unless_bare,
    outside: Some(|context| set_hostname(context.spec.hostname())),
    ..Step::NEW
};

/// Sets the host name of this UTS namespace.
pub fn set_hostname(name: Name) -> Result<(), Reported> {
    sys::sethostname(name.as_cstr()).map_err(|errno| step::failed(name.as_cstr(), errno))
}
