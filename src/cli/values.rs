//! The parsers of options' values. Each makes a value of the spec, or says that the form is wrong.

use core::ffi::{CStr, c_ulong};

use crate::spec::{Account, Limit, RESOURCES, Tmpfs, User, Volume};
use crate::sys::{Arena, Errno};
use crate::text::{last_index, number, split, split_once};

/// A path that begins with `/`.
pub fn absolute(path: &CStr) -> Option<&CStr> {
    path.to_bytes().starts_with(b"/").then_some(path)
}

/// `USER` or `USER:GROUP`
pub fn user(text: &CStr) -> Option<User<'_>> {
    let (user, group) = split_once(text.to_bytes(), b':');
    let group = match group {
        Some(group) => Some(account(group)?),
        None => None,
    };
    Some(User { user: account(user)?, group, text })
}

/// A name or a number. A word of digits is a number, and never a name.
fn account(word: &[u8]) -> Option<Account<'_>> {
    match word {
        [] | [b'-', ..] => None,
        _ if word.iter().all(u8::is_ascii_digit) => number::parse_id(word).map(Account::Id),
        _ if word.contains(&b':') => None,
        _ => Some(Account::Name(word)),
    }
}

/// `NAME=SOFT` or `NAME=SOFT:HARD`
pub fn limit(word: &[u8]) -> Option<Limit> {
    let (name, amounts) = split_once(word, b'=');
    let (soft, hard) = split_once(amounts?, b':');
    let soft = amount(soft)?;
    let hard = hard.map_or(Some(soft), amount)?;
    let resource = RESOURCES.iter().find(|resource| resource.name.to_bytes() == name)?;
    (soft <= hard).then_some(Limit { resource, soft, hard })
}

/// A number, or `unlimited`, which is the largest number.
fn amount(word: &[u8]) -> Option<u64> {
    match word {
        b"unlimited" | b"-1" => Some(u64::MAX),
        _ => number::parse(word).filter(|number| *number < u64::MAX),
    }
}

/// A number of bytes, or of units of 1024, 1024² or 1024³ bytes: `65536`, `64k`, `64m`, `1g`. 0 is none: docker takes it for its
/// default, and tmpfs for no limit.
pub fn size(word: &[u8]) -> Option<u64> {
    const TOO_LARGE: u64 = 4 << 40;
    let (digits, shift) = match word {
        [digits @ .., b'b' | b'B'] => (digits, 0),
        [digits @ .., b'k' | b'K'] => (digits, 10),
        [digits @ .., b'm' | b'M'] => (digits, 20),
        [digits @ .., b'g' | b'G'] => (digits, 30),
        digits => (digits, 0),
    };
    number::parse(digits)?.checked_mul(1 << shift).filter(|size| (1..TOO_LARGE).contains(size))
}

/// `HOST:DIR`, `HOST:DIR:ro` or `HOST:DIR:rw`. HOST may have colons in it, DIR may not.
///
/// EINVAL: the form is wrong. ENOMEM: the arena is full.
pub fn volume<'a>(arena: &'a Arena, value: &CStr) -> Result<Volume<'a>, Errno> {
    let (paths, read_only) = match value.to_bytes() {
        [paths @ .., b':', b'r', b'o'] => (paths, true),
        [paths @ .., b':', b'r', b'w'] => (paths, false),
        paths => (paths, false),
    };
    let colon = last_index(paths, b':').ok_or(Errno::EINVAL)?;
    let (host, dir) = paths.split_at_checked(colon).ok_or(Errno::EINVAL)?;
    let dir = dir.get(1..).filter(|dir| !host.is_empty() && is_mount_point(dir)).ok_or(Errno::EINVAL)?;
    Ok(Volume { host: arena.string(&[host])?, dir: arena.string(&[dir])?, read_only })
}

/// Whether something can be mounted there: an absolute path that is not the root. A path that ends in `..` could be the root
/// by another name.
fn is_mount_point(dir: &[u8]) -> bool {
    let components = split(dir, b'/').filter(|component| !component.is_empty() && *component != b".");
    dir.starts_with(b"/") && components.last().is_some_and(|last| last != b"..")
}

/// `DIR` or `DIR:OPTION,…`. The flags are docker's defaults, unless an option changes them.
///
/// EINVAL: the form is wrong, or an option is unknown. ENOMEM: the arena is full.
pub fn tmpfs<'a>(arena: &'a Arena, value: &CStr) -> Result<Tmpfs<'a>, Errno> {
    let (dir, options) = split_once(value.to_bytes(), b':');
    let mut flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    let mut data: &CStr = c"mode=1777";
    for option in split(options.unwrap_or_default(), b',').filter(|option| !option.is_empty()) {
        if is_setting(option) {
            data = arena.string(&[data.to_bytes(), b",", option])?;
        } else {
            flags = change_flag(option, flags).ok_or(Errno::EINVAL)?;
        }
    }
    if !is_mount_point(dir) {
        return Err(Errno::EINVAL);
    }
    Ok(Tmpfs { dir: arena.string(&[dir])?, flags, data })
}

/// An option that sets or clears a flag of mount(2).
struct FlagOption {
    name: &'static [u8],
    flag: c_ulong,
    is_set: bool,
}

static FLAG_OPTIONS: [FlagOption; 8] = [
    FlagOption { name: b"ro", flag: libc::MS_RDONLY, is_set: true },
    FlagOption { name: b"rw", flag: libc::MS_RDONLY, is_set: false },
    FlagOption { name: b"nosuid", flag: libc::MS_NOSUID, is_set: true },
    FlagOption { name: b"suid", flag: libc::MS_NOSUID, is_set: false },
    FlagOption { name: b"nodev", flag: libc::MS_NODEV, is_set: true },
    FlagOption { name: b"dev", flag: libc::MS_NODEV, is_set: false },
    FlagOption { name: b"noexec", flag: libc::MS_NOEXEC, is_set: true },
    FlagOption { name: b"exec", flag: libc::MS_NOEXEC, is_set: false },
];

/// The flags after an option; None: there is no such option.
fn change_flag(option: &[u8], flags: c_ulong) -> Option<c_ulong> {
    let row = FLAG_OPTIONS.iter().find(|row| row.name == option)?;
    Some(if row.is_set { flags | row.flag } else { flags & !row.flag })
}

/// Whether an option is for tmpfs itself and has a valid value. The kernel would refuse a wrong one much later.
fn is_setting(option: &[u8]) -> bool {
    let (name, value) = split_once(option, b'=');
    let value = value.unwrap_or_default();
    let is_number = |digits: &[u8]| digits.len() < 19 && number::parse(digits).is_some();
    match name {
        b"mode" => {
            !value.is_empty() && value.len() <= 5 && value.iter().all(|digit| matches!(digit, b'0'..=b'7'))
        }
        b"size" => is_number(without_unit(value)),
        b"uid" | b"gid" | b"nr_inodes" => is_number(value),
        _ => false,
    }
}

/// A size without its unit.
fn without_unit(size: &[u8]) -> &[u8] {
    match size {
        [digits @ .., b'k' | b'K' | b'm' | b'M' | b'g' | b'G' | b'%'] => digits,
        digits => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_or_a_number_and_so_is_a_group() {
        let parsed = |text| user(text).map(|user| (user.user, user.group));
        assert_eq!(parsed(c"app"), Some((Account::Name(b"app"), None)));
        assert_eq!(parsed(c"007:08"), Some((Account::Id(7), Some(Account::Id(8)))));
        assert_eq!(parsed(c"4294967294"), Some((Account::Id(4_294_967_294), None)));
        assert_eq!(parsed(c"1a:+1"), Some((Account::Name(b"1a"), Some(Account::Name(b"+1")))));
        for wrong in [
            c"",
            c":",
            c"a:",
            c":a",
            c"a:b:",
            c"a:b:c",
            c"-1",
            c"1:-1",
            c"4294967295",
            c"4294967296",
            c"1:99999999999999999999",
        ] {
            assert_eq!(user(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_limit_is_a_name_and_one_or_two_amounts() {
        let parsed = |word| limit(word).map(|limit| (limit.resource.number as _, limit.soft, limit.hard));
        assert_eq!(parsed(b"nofile=64"), Some((libc::RLIMIT_NOFILE, 64, 64)));
        assert_eq!(parsed(b"core=0:10"), Some((libc::RLIMIT_CORE, 0, 10)));
        assert_eq!(parsed(b"stack=1:unlimited"), Some((libc::RLIMIT_STACK, 1, u64::MAX)));
        assert_eq!(parsed(b"cpu=-1"), Some((libc::RLIMIT_CPU, u64::MAX, u64::MAX)));
        assert_eq!(parsed(b"cpu=5:5"), Some((libc::RLIMIT_CPU, 5, 5)));
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
            assert_eq!(limit(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for (word, bytes) in [("1", 1), ("7b", 7), ("64k", 65536), ("3M", 3 << 20), ("4095g", 4095 << 30)] {
            assert_eq!(size(word.as_bytes()), Some(bytes), "{word}");
        }
        for wrong in
            ["", "0", "0g", "k", "-1", "1kb", "1t", "4096g", "4398046511104", "18446744073709551617g"]
        {
            assert_eq!(size(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_volume_is_a_path_on_the_host_and_a_place_inside() {
        let arena = Arena::new();
        let parsed = |value| volume(&arena, value).map(|volume| (volume.host, volume.dir, volume.read_only));
        assert_eq!(parsed(c"/a:/b"), Ok((c"/a", c"/b", false)));
        assert_eq!(parsed(c"a/b:/b/c/:ro"), Ok((c"a/b", c"/b/c/", true)));
        assert_eq!(parsed(c".:/b:rw"), Ok((c".", c"/b", false)));
        assert_eq!(parsed(c"a:b:/c:ro"), Ok((c"a:b", c"/c", true)));
        assert_eq!(parsed(c"a:/ro"), Ok((c"a", c"/ro", false)));
        assert_eq!(parsed(c"a:/b/../.c/."), Ok((c"a", c"/b/../.c/.", false)));
        for wrong in [
            c"",
            c":",
            c"a",
            c"/a",
            c"/a:",
            c":/a",
            c":/a:ro",
            c"/a:b",
            c"/a:/",
            c"/a://",
            c"/a:/..",
            c"/a:/b/..",
            c"/a:/b/.././",
            c"/a:/b:z",
            c"/a:/b:ro,z",
            c"/a:/b:",
            c"a:ro",
            c":ro",
            c"/a:ro",
        ] {
            assert_eq!(volume(&arena, wrong), Err(Errno::EINVAL), "{wrong:?}");
        }
    }

    #[test]
    fn a_tmpfs_has_the_flags_of_docker_unless_its_options_change_them() {
        let arena = Arena::new();
        let flags = |value| tmpfs(&arena, value).map(|tmpfs| tmpfs.flags);
        let usual = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        assert_eq!(flags(c"/a"), Ok(usual));
        assert_eq!(flags(c"/a:"), Ok(usual));
        assert_eq!(flags(c"/a:rw,noexec,nosuid,size=65536k"), Ok(usual));
        assert_eq!(flags(c"/a:ro,exec"), Ok(libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV));
        assert_eq!(flags(c"/a:exec,suid,dev"), Ok(0));
        let data = |value| tmpfs(&arena, value).map(|tmpfs| tmpfs.data);
        assert_eq!(data(c"/a:exec"), Ok(c"mode=1777"));
        assert_eq!(data(c"/a:size=1m,ro,mode=0700,uid=7"), Ok(c"mode=1777,size=1m,mode=0700,uid=7"));
    }

    #[test]
    fn a_value_that_tmpfs_would_refuse_is_refused_before() {
        let arena = Arena::new();
        for value in [
            c"",
            c"a",
            c"/",
            c"/..",
            c":size=1",
            c"/a:x",
            c"/a:size",
            c"/a:size=",
            c"/a:size=k",
            c"/a:size=-1",
            c"/a:size=1t",
            c"/a:size=1kk",
            c"/a:mode=8",
            c"/a:mode=",
            c"/a:mode=777777",
            c"/a:uid=root",
            c"/a:size=99999999999999999999",
            c"/a:ro rw",
            c"/a:nosuid=1",
            c"/a:size=1:ro",
        ] {
            assert_eq!(tmpfs(&arena, value), Err(Errno::EINVAL), "{value:?}");
        }
    }
}
