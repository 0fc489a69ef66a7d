//! What the command may use: `--ulimit NAME=SOFT[:HARD]`.

use core::ffi::{CStr, c_int};

use crate::cli;
use crate::run::Scene;
use crate::step::{self, Reported};
use crate::sys::{self, Errno};
use crate::text::{number, split};

/// What there is, for who writes something else.
pub const FORM: &str = "NAME=SOFT[:HARD], numbers or unlimited, SOFT at most HARD; NAME is one of: core cpu data fsize \
    locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack";

/// The resources by the names that docker has for them.
const RESOURCES: [(&str, c_int); 15] = [
    ("core", libc::RLIMIT_CORE as c_int),
    ("cpu", libc::RLIMIT_CPU as c_int),
    ("data", libc::RLIMIT_DATA as c_int),
    ("fsize", libc::RLIMIT_FSIZE as c_int),
    ("locks", libc::RLIMIT_LOCKS as c_int),
    ("memlock", libc::RLIMIT_MEMLOCK as c_int),
    ("msgqueue", libc::RLIMIT_MSGQUEUE as c_int),
    ("nice", libc::RLIMIT_NICE as c_int),
    ("nofile", libc::RLIMIT_NOFILE as c_int),
    ("nproc", libc::RLIMIT_NPROC as c_int),
    ("rss", libc::RLIMIT_RSS as c_int),
    ("rtprio", libc::RLIMIT_RTPRIO as c_int),
    ("rttime", libc::RLIMIT_RTTIME as c_int),
    ("sigpending", libc::RLIMIT_SIGPENDING as c_int),
    ("stack", libc::RLIMIT_STACK as c_int),
];

/// One limit, in the resource's own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    resource: c_int,
    soft: u64,
    hard: u64,
}

impl Limit {
    /// Reads `NAME=SOFT[:HARD]`.
    pub fn parse(word: &[u8]) -> Option<Self> {
        let mut parts = split(word, b'=');
        let (name, amounts) = (parts.next()?, parts.next()?);
        let resource = RESOURCES.iter().find(|row| row.0.as_bytes() == name)?.1;
        let mut amounts = split(amounts, b':');
        let soft = amount(amounts.next()?)?;
        let hard = amounts.next().map_or(Some(soft), amount)?;
        let is_all = parts.next().is_none() && amounts.next().is_none();
        (is_all && soft <= hard).then_some(Self { resource, soft, hard })
    }
}

/// A number, or as much as one likes, which is the largest number of all.
fn amount(word: &[u8]) -> Option<u64> {
    match word {
        b"unlimited" | b"-1" => Some(u64::MAX),
        _ => number(word).filter(|number| *number < u64::MAX),
    }
}

/// limits: the last word on each resource counts.
pub fn limits(scene: &mut Scene) -> Result<(), Reported> {
    for (_, resource) in RESOURCES {
        let asked = cli::values(scene.spec.options, "--ulimit");
        let about_it = asked.filter_map(|word| Some((word, Limit::parse(word.to_bytes())?)));
        if let Some((word, limit)) = about_it.filter(|(_, limit)| limit.resource == resource).last() {
            let set = sys::prlimit(resource, limit.soft, limit.hard);
            set.map_err(|errno| why_not(word, errno))?;
        }
    }
    Ok(())
}

fn why_not(word: &CStr, errno: Errno) -> Reported {
    const ABOVE: &[u8] =
        b"it is above ulimit -H, and to raise that takes CAP_SYS_RESOURCE; or above /proc/sys/fs/nr_open";
    let hint: &[&[u8]] = if errno == Errno::EPERM { &[ABOVE] } else { &[] };
    step::failed_with(word, errno, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(resource: u32, soft: u64, hard: u64) -> Option<Limit> {
        Some(Limit { resource: resource as c_int, soft, hard })
    }

    #[test]
    fn a_limit_is_a_name_and_one_or_two_amounts() {
        assert_eq!(Limit::parse(b"nofile=64"), limit(libc::RLIMIT_NOFILE, 64, 64));
        assert_eq!(Limit::parse(b"core=0:10"), limit(libc::RLIMIT_CORE, 0, 10));
        assert_eq!(Limit::parse(b"stack=1:unlimited"), limit(libc::RLIMIT_STACK, 1, u64::MAX));
        assert_eq!(Limit::parse(b"cpu=-1"), limit(libc::RLIMIT_CPU, u64::MAX, u64::MAX));
        assert_eq!(Limit::parse(b"cpu=5:5"), limit(libc::RLIMIT_CPU, 5, 5));
    }

    #[test]
    fn anything_else_is_none() {
        for wrong in [
            "",
            "=",
            "=1",
            "nofile",
            "nofile=",
            "nofile=:",
            "nofile=1:",
            "nofile=:1",
            "nofile=1:2:3",
            "nofile=a",
            "nofile=-2",
            "nofile=+1",
            "nofile= 1",
            "nofile=2:1",
            "nofile=unlimited:1",
            "nofile=-1:5",
            "NOFILE=1",
            "as=1",
            "nofiles=1",
            "nofile=1=2",
            "nofile=18446744073709551615",
            "nofile=18446744073709551616",
        ] {
            assert_eq!(Limit::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn the_form_names_every_resource() {
        for (name, _) in RESOURCES {
            assert!(FORM.split(' ').any(|word| word == name), "{name}");
        }
    }
}
