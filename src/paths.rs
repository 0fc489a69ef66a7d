//! The paths of a run on the host, each built once.
//!
//! ```text
//! images/IMAGE            the image
//! /tmp/container          the base: the containers of one user
//! └── ID                  the container
//!     ├── lock            locked while the container runs
//!     ├── upper           what the container wrote
//!     ├── names           a layer between `upper` and the image: /etc/hosts, /etc/hostname, /etc/resolv.conf
//!     ├── work            for overlayfs
//!     └── merged          where the overlay is mounted, in the container's mount namespace alone
//! ```

use core::ffi::CStr;

use crate::spec::Spec;
use crate::sys::{Arena, Errno};
use crate::text::number::decimal;
use crate::text::without_trailing_slashes;

/// See the picture above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths<'a> {
    /// The image's root file system.
    pub image: &'a CStr,
    /// The directory of all containers of one user.
    pub base: &'a CStr,
    /// The directory of this container.
    pub container: &'a CStr,
    /// The lock file.
    pub lock: &'a CStr,
    /// The upper layer.
    pub upper: &'a CStr,
    /// The layer with the files of /etc.
    pub etc_layer: &'a CStr,
    /// The working directory of overlayfs.
    pub work: &'a CStr,
    /// The mount point of the overlay.
    pub merged: &'a CStr,
}

impl<'a> Paths<'a> {
    /// Builds them.
    ///
    /// ENOMEM: the arena is full. A path may be longer than the kernel takes: then the first call that gets it fails with
    /// ENAMETOOLONG.
    pub fn new(spec: &Spec<'a>, arena: &'a Arena) -> Result<Self, Errno> {
        let base = match (spec.state, spec.owner) {
            // The kernel would follow a symbolic link that has a slash behind it.
            (Some(path), _) => arena.string(&[without_trailing_slashes(path.to_bytes())])?,
            (None, 0) => c"/tmp/container",
            (None, uid) => arena.string(&[b"/tmp/container-", decimal(uid, &mut [0; 10])])?,
        };
        let container = arena.string(&[base.to_bytes(), b"/", spec.id.as_bytes()])?;
        let below = |name: &[u8]| arena.string(&[container.to_bytes(), name]);
        Ok(Self {
            image: arena.string(&[spec.images.to_bytes(), b"/", spec.image.as_bytes()])?,
            base,
            container,
            lock: below(b"/lock")?,
            upper: below(b"/upper")?,
            etc_layer: below(b"/names")?,
            work: below(b"/work")?,
            merged: below(b"/merged")?,
        })
    }
}
