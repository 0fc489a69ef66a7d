//! Where the command begins: `--workdir DIR`.

use crate::run::Scene;
use crate::step::{self, Reported};
use crate::sys;
use crate::text::Text;
use crate::volume::make_place;

/// workdir: enters the directory, and makes it first where it is missing.
pub fn workdir(scene: &mut Scene) -> Result<(), Reported> {
    let path = scene.spec.workdir.unwrap_or(c"/");
    make_place(path.to_bytes(), true, &mut Text::new())?;
    sys::chdir(path).map_err(|errno| step::failed(path, errno))
}
