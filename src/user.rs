//! Who the command is: `--user USER[:GROUP]`, by the container's own lists of users and groups.
//!
//! The lists are files of the image, and whoever made the image may have put anything there: they can say which number a name
//! is, and no more.

use core::ffi::CStr;

use crate::file::{File, Visit};
use crate::run::Scene;
use crate::step::{self, Reported};
use crate::supervise;
use crate::sys::{self, Errno};
use crate::text::{Text, cut, has, number, split};

/// What there is, for who writes something else.
pub const FORM: &str = "USER[:GROUP], each a name or a number from 0 to 4294967294";

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// How many supplementary groups a user can have.
const MOST_GROUPS: usize = 256;

/// A user or group ID. The largest number means "none" to many a system call.
fn id(digits: &[u8]) -> Option<u32> {
    number(digits).and_then(|number| u32::try_from(number).ok()).filter(|id| *id != u32::MAX)
}

/// Whether it can be a user at all: `USER` or `USER:GROUP`.
pub fn is_well_formed(word: &CStr) -> bool {
    let (user, group) = cut(word.to_bytes(), b':');
    can_be_meant(user) && group.is_none_or(|group| can_be_meant(group) && !has(group, b':'))
}

/// What is all digits is a number, and is never looked up as a name.
fn can_be_meant(word: &[u8]) -> bool {
    match word {
        [] | [b'-', ..] => false,
        _ => id(word).is_some() || !word.iter().all(u8::is_ascii_digit),
    }
}

/// Whether a word means the user or the group with this name and this number.
fn is_meant(word: &[u8], name: &[u8], number: u32) -> bool {
    id(word).map_or(word == name, |wanted| wanted == number)
}

/// A line of /etc/passwd (passwd(5)).
#[derive(Debug, PartialEq, Eq)]
struct User<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

impl<'a> User<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = split(line, b':');
        let name = fields.next()?;
        let uid = id(fields.nth(1)?)?;
        let gid = id(fields.next()?)?;
        let home = fields.nth(1).filter(|home| !home.is_empty()).unwrap_or(b"/");
        Some(Self { name, uid, gid, home })
    }
}

/// A line of /etc/group (group(5)).
#[derive(Debug, PartialEq, Eq)]
struct Group<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

impl<'a> Group<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = split(line, b':');
        let name = fields.next()?;
        let gid = id(fields.nth(1)?)?;
        Some(Self { name, gid, members: fields.next().unwrap_or_default() })
    }

    fn has(&self, name: &[u8]) -> bool {
        split(self.members, b',').any(|member| member == name)
    }
}

/// Who the command will be, in numbers, and its home.
pub struct Identity {
    uid: u32,
    gid: u32,
    groups: [u32; MOST_GROUPS],
    len: usize,
    /// `HOME=…`
    pub home: Text,
}

/// user: finds out who it is, while files can still be opened.
pub fn user(scene: &mut Scene) -> Result<(), Reported> {
    let word = scene.spec.user.unwrap_or_default();
    let (user, group) = cut(word.to_bytes(), b':');
    // As docker has it for a number that is not in the list.
    let identity = scene.identity.insert(Identity {
        uid: 0,
        gid: 0,
        groups: [0; MOST_GROUPS],
        len: 0,
        home: Text::new(),
    });
    let name = &mut Text::new();
    if !identity.find_user(user, name)? {
        identity.uid = id(user).ok_or_else(|| unknown(word, PASSWD))?;
        identity.home.join(&[b"HOME=/"]);
    }
    let Some(group) = group else { return identity.find_groups(name.as_cstr().to_bytes()) };
    match id(group) {
        Some(gid) => identity.gid = gid,
        None if identity.find_group(group)? => {}
        None => return Err(unknown(word, GROUP)),
    }
    Ok(())
}

fn unknown(word: &CStr, list: &CStr) -> Reported {
    step::failed_with(word, Errno::ENOENT, &[b"the container's ", list.to_bytes(), b" has no such name"])
}

impl Identity {
    fn find_user(&mut self, wanted: &[u8], name: &mut Text) -> Result<bool, Reported> {
        let mut is_found = false;
        each_line(PASSWD, &mut |line| {
            let user = User::parse(line).filter(|user| is_meant(wanted, user.name, user.uid));
            if let Some(user) = user {
                (self.uid, self.gid, is_found) = (user.uid, user.gid, true);
                self.home.join(&[b"HOME=", user.home]);
                name.join(&[user.name]);
            }
            is_found
        })?;
        Ok(is_found)
    }

    fn find_group(&mut self, wanted: &[u8]) -> Result<bool, Reported> {
        let mut is_found = false;
        each_line(GROUP, &mut |line| {
            if let Some(group) = Group::parse(line).filter(|group| group.name == wanted) {
                (self.gid, is_found) = (group.gid, true);
            }
            is_found
        })?;
        Ok(is_found)
    }

    /// The groups that have the user among their members. Who has no name is in none.
    fn find_groups(&mut self, name: &[u8]) -> Result<(), Reported> {
        const TOO_MANY: &[u8] = b"the user is in more than 256 groups";
        let mut are_too_many = false;
        if name.is_empty() {
            return Ok(());
        }
        each_line(GROUP, &mut |line| {
            if let Some(group) = Group::parse(line).filter(|group| group.has(name)) {
                match self.groups.get_mut(self.len) {
                    Some(free) => (*free, self.len) = (group.gid, self.len + 1),
                    None => are_too_many = true,
                }
            }
            are_too_many
        })?;
        if are_too_many { Err(step::failed_with(GROUP, Errno::E2BIG, &[TOO_MANY])) } else { Ok(()) }
    }
}

/// Shows the lines of a list to `is_enough`, as [`File::find`] does. A list that is not there has none.
fn each_line(path: &CStr, is_enough: Visit) -> Result<(), Reported> {
    let Some(file) = File::open(path)? else { return Ok(()) };
    file.find(is_enough).map_err(|errno| match errno {
        Errno::EFBIG => step::failed_with(path, errno, &[b"a line of it is longer than 16 KiB"]),
        _ => step::failed(path, errno),
    })
}

/// become: is that user from here on. The terminal and the groups come first, since nobody but root can change them; and the user
/// last, with whom root's capabilities go.
///
/// The kernel forgets the signal that is to come when the supervisor ends, since it might be for somebody else now: it is
/// asked for again.
pub fn become_user(scene: &mut Scene) -> Result<(), Reported> {
    const NOT_MAPPED: &[u8] =
        b"there is no such number in this user namespace: see /proc/self/uid_map and gid_map";
    let Some(identity) = &scene.identity else { return Ok(()) }; // --skip user
    let failed = |call: &CStr, errno| {
        let hint: &[&[u8]] = if errno == Errno::EINVAL { &[NOT_MAPPED] } else { &[] };
        step::failed_with(call, errno, hint)
    };
    let groups = identity.groups.get(..identity.len).unwrap_or_default();
    // So that it can open its terminal again by its name. Without CAP_CHOWN that stays root's, and can be used all the same.
    let _ = scene.slave.map(|slave| sys::fchown(slave, identity.uid));
    sys::setgroups(groups).map_err(|errno| failed(c"setgroups", errno))?;
    sys::setgid(identity.gid).map_err(|errno| failed(c"setgid", errno))?;
    sys::setuid(identity.uid).map_err(|errno| failed(c"setuid", errno))?;
    supervise::die_with_the_supervisor(scene)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_the_rest_are_names() {
        for right in [c"app", c"0", c"007:08", c"4294967294", c"1a:+1"] {
            assert!(is_well_formed(right), "{right:?}");
        }
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
            assert!(!is_well_formed(wrong), "{wrong:?}");
        }
        assert!(is_meant(b"007", b"bond", 7) && is_meant(b"1a", b"1a", 7));
        assert!(!is_meant(b"7", b"7", 8) && !is_meant(b"1a", b"a", 1));
    }

    #[test]
    fn a_line_of_passwd_is_a_user_if_its_numbers_are() {
        let user = |name, uid, gid, home| Some(User { name, uid, gid, home });
        assert_eq!(User::parse(b"a:x:1:2:A B:/home/a:/bin/sh"), user(b"a", 1, 2, b"/home/a"));
        assert_eq!(User::parse(b"a::1:2"), user(b"a", 1, 2, b"/"));
        assert_eq!(User::parse(b"a::1:2:::"), user(b"a", 1, 2, b"/"));
        for wrong in
            ["", ":", "a", "a:x", "a:x:1", "a:x:1:", "a:x::1", "a:x:-1:0", "a:x:0:4294967295", "a:x: 0:0:"]
        {
            assert_eq!(User::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_line_of_group_has_whole_names_as_its_members() {
        let group = Group::parse(b"g:x:5:ab,c").unwrap();
        assert_eq!((group.name, group.gid), (&b"g"[..], 5));
        assert!(group.has(b"ab") && group.has(b"c"));
        assert!(!group.has(b"a") && !group.has(b"b") && !group.has(b"ab,c"));
        assert_eq!(Group::parse(b"g:x:5").map(|group| group.members), Some(&b""[..]));
        assert_eq!(Group::parse(b"g:x:+5:a"), None);
    }
}
