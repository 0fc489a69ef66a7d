//! user: which user the command will be, by the container's own lists of users and groups. Without `--user` it is root.
//!
//! The lists are files of the image, which may hold anything. They can say which number a name has, and no more.

use core::ffi::CStr;

use crate::context::Identity;
use crate::file;
use crate::spec::{Account, User};
use crate::step::{self, Reported, Step, unless_bare};
use crate::sys::{Arena, Errno, List};
use crate::text::{lines, number, split};

/// The row of this step.
pub static STEP: Step = Step {
    name: "user",
    why: "The numbers of a user and its groups are in the container's own lists, which are read here.",
    calls: &["statx", "openat", "pread64", "close"],
    chapter: "14-command.md",
    when: |spec| unless_bare(spec) || spec.options.user.is_some(),
    inside: Some(|context| {
        context.identity = Some(match context.spec.options.user {
            Some(user) => find_identity(context.arena, user)?,
            None => root(context.arena),
        });
        Ok(())
    }),
    ..Step::NEW
};

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// A line of /etc/passwd (passwd(5)).
#[derive(Debug, PartialEq, Eq)]
struct PasswdLine<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

impl<'a> PasswdLine<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = fields_of(line)?;
        let name = fields.next()?;
        let uid = number::parse_id(fields.nth(1)?)?;
        let gid = number::parse_id(fields.next()?)?;
        let home = fields.nth(1).filter(|home| !home.is_empty()).unwrap_or(b"/");
        Some(Self { name, uid, gid, home })
    }

    fn is(&self, wanted: Account) -> bool {
        match wanted {
            Account::Id(id) => self.uid == id,
            Account::Name(name) => self.name == name,
        }
    }
}

/// A line of /etc/group (group(5)).
#[derive(Debug, PartialEq, Eq)]
struct GroupLine<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

impl<'a> GroupLine<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = fields_of(line)?;
        let name = fields.next()?;
        let gid = number::parse_id(fields.nth(1)?)?;
        Some(Self { name, gid, members: fields.next().unwrap_or_default() })
    }

    fn has(&self, name: &[u8]) -> bool {
        split(self.members, b',').any(|member| member == name)
    }
}

/// The fields of a line; None for a line with a NUL, since no text file has one.
fn fields_of(line: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    (!line.contains(&0)).then(|| split(line, b':'))
}

/// Root, with the groups that the container's list gives it. A list that cannot be read gives none: root needs no group to use
/// a file.
pub fn root(arena: &Arena) -> Identity<'_> {
    let list = file::read_if_small(arena, GROUP).unwrap_or_default();
    let groups = find_groups(arena, 0, list, b"root").unwrap_or(&[0]);
    Identity { uid: 0, gid: 0, groups, home: c"/root" }
}

/// Reads the lists of the container. The primary group is the first of the groups, as initgroups(3) does it: a setgid program,
/// which replaces the primary group, then still has the group of its user.
pub fn find_identity<'a>(arena: &'a Arena, wanted: User<'a>) -> Result<Identity<'a>, Reported> {
    let failed = |list: &CStr, errno| step::failed(list, errno);
    let passwd = match wanted {
        // The list would say the home directory and no more, and a home can be done without.
        User { user: Account::Id(_), group: Some(_), .. } => {
            file::read_if_small(arena, PASSWD).unwrap_or_default()
        }
        _ => read_list(arena, PASSWD)?,
    };
    let found = lines(passwd).filter_map(PasswdLine::parse).find(|line| line.is(wanted.user));
    let line = match (found, wanted.user) {
        (Some(line), _) => line,
        // As docker does for a number that the list does not have.
        (None, Account::Id(uid)) => PasswdLine { name: b"", uid, gid: 0, home: b"/" },
        (None, Account::Name(_)) => return Err(unknown(wanted, PASSWD)),
    };
    let home = arena.string(&[line.home]).map_err(|errno| failed(PASSWD, errno))?;
    let (gid, list): (u32, &[u8]) = match wanted.group {
        Some(Account::Id(gid)) => (gid, &[]),
        Some(Account::Name(name)) => {
            let list = read_list(arena, GROUP)?;
            let group = lines(list).filter_map(GroupLine::parse).find(|group| group.name == name);
            (group.ok_or_else(|| unknown(wanted, GROUP))?.gid, &[])
        }
        None if line.name.is_empty() => (line.gid, &[]),
        None => (line.gid, read_list(arena, GROUP)?),
    };
    let groups = find_groups(arena, gid, list, line.name).map_err(|errno| failed(GROUP, errno))?;
    Ok(Identity { uid: line.uid, gid, groups, home })
}

/// The primary group, and then the other groups that have the user among their members.
fn find_groups<'a>(arena: &'a Arena, primary: u32, list: &[u8], user: &[u8]) -> Result<&'a [u32], Errno> {
    let mut groups = List::new();
    groups.push(arena, primary)?;
    for group in lines(list).filter_map(GroupLine::parse).filter(|group| group.has(user)) {
        if group.gid != primary {
            groups.push(arena, group.gid)?;
        }
    }
    Ok(groups.into_slice())
}

/// A list that is not there has no lines.
fn read_list<'a>(arena: &'a Arena, path: &CStr) -> Result<&'a [u8], Reported> {
    Ok(file::read(arena, path)?.unwrap_or_default())
}

fn unknown(user: User, list: &CStr) -> Reported {
    step::failed_with(user.text, Errno::ENOENT, &[b"the container's ", list.to_bytes(), b" has no such name"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_is_a_user_if_its_numbers_are() {
        let user = |name, uid, gid, home| Some(PasswdLine { name, uid, gid, home });
        assert_eq!(PasswdLine::parse(b"a:x:1:2:A B:/home/a:/bin/sh"), user(b"a", 1, 2, b"/home/a"));
        assert_eq!(PasswdLine::parse(b"a::1:2"), user(b"a", 1, 2, b"/"));
        assert_eq!(PasswdLine::parse(b"a::1:2:::"), user(b"a", 1, 2, b"/"));
        for wrong in [
            "",
            ":",
            "a",
            "a:x",
            "a:x:1",
            "a:x:1:",
            "a:x::1",
            "a:x:-1:0",
            "a:x:0:4294967295",
            "a:x: 0:0:",
            "a:x:1:2:\0:/:",
        ] {
            assert_eq!(PasswdLine::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_user_is_found_by_name_or_by_number() {
        let line = PasswdLine::parse(b"1a::7:7").unwrap();
        assert!(line.is(Account::Id(7)) && line.is(Account::Name(b"1a")));
        assert!(!line.is(Account::Id(8)) && !line.is(Account::Name(b"a")));
    }

    #[test]
    fn the_primary_group_comes_first_and_once() {
        let arena = Arena::new();
        let list = b"a:x:5:u\nb:x:7:u\nc:x:9:v\nd:x:11:v,u\n";
        assert_eq!(find_groups(&arena, 7, list, b"u"), Ok(&[7, 5, 11][..]));
        assert_eq!(find_groups(&arena, 8, list, b"w"), Ok(&[8][..]));
        assert_eq!(find_groups(&arena, 8, b"", b""), Ok(&[8][..]));
    }

    #[test]
    fn a_line_of_group_has_whole_names_as_its_members() {
        let group = GroupLine::parse(b"g:x:5:ab,c").unwrap();
        assert_eq!((group.name, group.gid), (&b"g"[..], 5));
        assert!(group.has(b"ab") && group.has(b"c"));
        assert!(!group.has(b"a") && !group.has(b"b") && !group.has(b"ab,c"));
        assert_eq!(GroupLine::parse(b"g:x:5").map(|group| group.members), Some(&b""[..]));
        assert_eq!(GroupLine::parse(b"g:x:+5:a"), None);
    }
}
