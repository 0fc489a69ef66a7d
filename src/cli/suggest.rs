//! Hints for an unknown option: the nearest one, or what other programs' options are here.

use super::options::OPTIONS;
use super::usage::unknown;
use crate::step::Reported;
use crate::text::split_once;

/// Options that people know from other programs, and what to do in their place.
struct Elsewhere {
    names: &'static [&'static str],
    hint: &'static str,
}

static ELSEWHERE: [Elsewhere; 4] = [
    Elsewhere {
        names: &["-i", "--interactive"],
        hint: "stdin is always connected, and -t is the default in a terminal",
    },
    Elsewhere {
        names: &["-d", "--detach"],
        hint: "& runs it in the background: container ID IMAGE CMD < /dev/null &",
    },
    Elsewhere { names: &["--name"], hint: "the ID is the name" },
    Elsewhere {
        names: &["-p", "--publish", "--net", "--network"],
        hint: "the container always has the network of the host, with its ports",
    },
];

fn elsewhere(name: &[u8]) -> Option<&'static str> {
    let row = ELSEWHERE.iter().find(|row| row.names.iter().any(|known| known.as_bytes() == name))?;
    Some(row.hint)
}

/// Reports an unknown option in a word of the command line. `name` is the option: `--name`, or one letter of the word.
pub fn unknown_option(word: &[u8], name: &[u8]) -> Reported {
    let whole = split_once(word, b'=').0;
    let known = elsewhere(whole);
    match (known, nearest(whole)) {
        (Some(hint), _) => unknown(word, &[hint.as_bytes()]),
        (None, Some(long)) => unknown(word, &[b"did you mean ", long.as_bytes(), b"?"]),
        (None, None) => {
            let hint = elsewhere(name).unwrap_or("container --help lists the options");
            unknown(word, &[hint.as_bytes()])
        }
    }
}

/// The option that was probably meant: one that begins with the word, or differs from it in one or two letters. `-rm` is `--rm`
/// with a dash too few.
fn nearest(word: &[u8]) -> Option<&'static str> {
    let (name, most) = match word {
        [b'-', b'-', name @ ..] => (name, (name.len() / 2).min(2)),
        [_, name @ ..] => (name, 0),
        [] => return None,
    };
    let is_nearest = |long: &str, edits: usize| {
        let long = long.as_bytes().get(2..).unwrap_or_default();
        name.len() > 1 && (long.starts_with(name) || is_near(name, long, edits))
    };
    (0..=most).find_map(|edits| OPTIONS.iter().map(|option| option.long).find(|long| is_nearest(long, edits)))
}

/// Whether so many edits turn one word into the other: a letter left out, added or changed.
fn is_near(word: &[u8], other: &[u8], edits: usize) -> bool {
    match (word, other) {
        ([], []) => true,
        ([letter, word @ ..], [same, other @ ..]) if letter == same => is_near(word, other, edits),
        _ => {
            edits > 0
                && [(1, 0), (0, 1), (1, 1)].iter().any(|&(skip, skip_other)| {
                    let (word, other) = (word.get(skip..), other.get(skip_other..));
                    is_near(word.unwrap_or_default(), other.unwrap_or_default(), edits - 1)
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_is_near_and_another_word_is_not() {
        for (word, edits) in [("env", 0), ("env-", 1), ("nv", 1), ("ens", 1), ("evn", 2), ("e", 2), ("", 3)] {
            assert!(is_near(word.as_bytes(), b"env", edits), "{word}");
            assert!(edits == 0 || !is_near(word.as_bytes(), b"env", edits - 1), "{word}");
        }
    }
}
