//! What the command may use: `--ulimit NAME=SOFT[:HARD]`.

use core::ffi::CStr;

use crate::cli;
use crate::run::Scene;
use crate::step::{self, Reported};
use crate::sys::{self, Errno};
use crate::text::{cut, number, split};

/// What there is, for who writes something else; and the names of the resources, which are those that docker has.
pub const FORM: &str = "NAME=SOFT[:HARD], numbers or unlimited, SOFT at most HARD; NAME is one of: core cpu data fsize \
    locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack";

/// How many words of that come before the names.
const NAMES: usize = 12;

/// The resources in the order of their names.
const RESOURCES: [u8; 15] = [
    libc::RLIMIT_CORE as u8,
    libc::RLIMIT_CPU as u8,
    libc::RLIMIT_DATA as u8,
    libc::RLIMIT_FSIZE as u8,
    libc::RLIMIT_LOCKS as u8,
    libc::RLIMIT_MEMLOCK as u8,
    libc::RLIMIT_MSGQUEUE as u8,
    libc::RLIMIT_NICE as u8,
    libc::RLIMIT_NOFILE as u8,
    libc::RLIMIT_NPROC as u8,
    libc::RLIMIT_RSS as u8,
    libc::RLIMIT_RTPRIO as u8,
    libc::RLIMIT_RTTIME as u8,
    libc::RLIMIT_SIGPENDING as u8,
    libc::RLIMIT_STACK as u8,
];

/// One limit, in the resource's own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its place among [`RESOURCES`].
    index: usize,
    soft: u64,
    hard: u64,
}

impl Limit {
    /// Reads `NAME=SOFT[:HARD]`.
    pub fn parse(word: &[u8]) -> Option<Self> {
        let (name, amounts) = cut(word, b'=');
        let (soft, hard) = cut(amounts?, b':');
        let soft = amount(soft)?;
        let hard = hard.map_or(Some(soft), amount)?;
        let index = split(FORM.as_bytes(), b' ').skip(NAMES).position(|known| known == name)?;
        (soft <= hard).then_some(Self { index, soft, hard })
    }
}

/// A number, or as much as one likes, which is the largest number of all.
fn amount(word: &[u8]) -> Option<u64> {
    if word == b"unlimited" || word == b"-1" {
        return Some(u64::MAX);
    }
    number(word).filter(|number| *number < u64::MAX)
}

/// limits: the last word on each resource counts.
pub fn limits(scene: &mut Scene) -> Result<(), Reported> {
    let mut asked = [None; RESOURCES.len()];
    for word in cli::values(scene.spec.options, "--ulimit") {
        if let Some(limit) = Limit::parse(word.to_bytes())
            && let Some(place) = asked.get_mut(limit.index)
        {
            *place = Some((word, limit));
        }
    }
    for (resource, asked) in RESOURCES.iter().zip(&asked) {
        if let Some((word, limit)) = asked {
            let set = sys::prlimit((*resource).into(), limit.soft, limit.hard);
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
        let index = RESOURCES.iter().position(|known| u32::from(*known) == resource)?;
        Some(Limit { index, soft, hard })
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
    fn each_name_is_the_kernels() {
        macro_rules! numbers {
            ($($name:ident)*) => { [$((stringify!($name), libc::$name)),*] };
        }
        let numbers = numbers!(RLIMIT_CORE RLIMIT_CPU RLIMIT_DATA RLIMIT_FSIZE RLIMIT_LOCKS RLIMIT_MEMLOCK
            RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_NOFILE RLIMIT_NPROC RLIMIT_RSS RLIMIT_RTPRIO RLIMIT_RTTIME
            RLIMIT_SIGPENDING RLIMIT_STACK);
        for (name, number) in numbers {
            let word = format!("{}=1", name.strip_prefix("RLIMIT_").unwrap().to_lowercase());
            assert!(
                limit(number, 1, 1).is_some() && Limit::parse(word.as_bytes()) == limit(number, 1, 1),
                "{word}"
            );
        }
        assert_eq!(FORM.split(' ').count(), NAMES + RESOURCES.len());
    }
}
