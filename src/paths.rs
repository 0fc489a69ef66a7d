//! The paths of a run on the host, each built once.
//!
//! ```text
//! images/IMAGE            the image
//! /tmp/container          the base: the containers of one user
//! └── ID                  the container; the supervisor holds a lock on it
//!     ├── upper           what the container wrote
//!     ├── names           a layer between `upper` and the image: /etc/hosts, /etc/hostname, /etc/resolv.conf
//!     ├── work            for overlayfs
//!     └── merged          where the overlay is mounted, in the container's mount namespace alone
//! ```

use core::ffi::CStr;

use crate::spec::Spec;
use crate::sys::{Arena, Errno};

/// See the picture above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths<'a> {
    /// The directory of the image.
    pub image: &'a CStr,
    /// The directory of this container.
    pub container: &'a CStr,
    /// The lower layer of the overlay: the image.
    pub lower: &'a CStr,
    /// The upper layer.
    pub upper: &'a CStr,
    /// The layer with the files of /etc.
    pub etc_layer: &'a CStr,
    /// The working directory of overlayfs.
    pub work: &'a CStr,
    /// The mount point of the overlay.
    pub merged: &'a CStr,
    /// The mark of a volatile mount in `work`: two directories, one in the other, and a file.
    pub volatile_mark: [&'a CStr; 3],
}

/// The directory of the image.
///
/// ENOMEM: the arena is full.
pub fn image_path<'a>(spec: &Spec, arena: &'a Arena) -> Result<&'a CStr, Errno> {
    arena.string(&[spec.images.to_bytes(), b"/", spec.image.as_bytes()])
}

impl<'a> Paths<'a> {
    /// The paths of a container whose directory is on the host. A path may be longer than the kernel takes: then the first call that
    /// gets it fails with ENAMETOOLONG.
    ///
    /// ENOMEM: the arena is full.
    pub fn new(image: &'a CStr, container: &'a CStr, arena: &'a Arena) -> Result<Self, Errno> {
        let below = |name: &[u8]| arena.string(&[container.to_bytes(), name]);
        Ok(Self {
            image,
            container,
            lower: image,
            upper: below(b"/upper")?,
            etc_layer: below(b"/names")?,
            work: below(b"/work")?,
            merged: below(b"/merged")?,
            volatile_mark: [
                below(b"/work/work/incompat")?,
                below(b"/work/work/incompat/volatile")?,
                below(b"/work/work/incompat/volatile/dirty")?,
            ],
        })
    }

    /// The paths of a container whose directory is in memory. The step `tmpstate` makes that the working directory, and attaches
    /// the image at `merged`, which the overlay then covers.
    pub const fn in_memory(image: &'a CStr) -> Self {
        Self {
            image,
            container: c".",
            lower: c"merged",
            upper: c"upper",
            etc_layer: c"names",
            work: c"work",
            merged: c"merged",
            volatile_mark: [c""; 3], // The mount is not volatile.
        }
    }
}
