//! The messages for a wrong command line. They name the option and the value, and have no errno.

use crate::step::{Reported, report};

/// The first line of `--help`.
pub const USAGE: &str = "usage: container [OPTIONS] ID IMAGE CMD [ARG]...";

/// `container: invalid OPTION 'VALUE': must be …`
pub fn invalid(option: &str, value: &[u8], must_be: &str) -> Reported {
    report(&[b"invalid ", option.as_bytes(), b" '", value, b"': must be ", must_be.as_bytes()], &[])
}

/// `container: missing OPERAND`
pub fn missing(operand: &str, hint: &[&[u8]]) -> Reported {
    report(&[b"missing ", operand.as_bytes()], hint)
}

/// `container: OPTION needs a value: OPTION VALUE`
pub fn needs_value(option: &str, separator: &str, value: &str) -> Reported {
    let (option, separator, value) = (option.as_bytes(), separator.as_bytes(), value.as_bytes());
    report(&[option, b" needs a value: ", option, separator, value], &[])
}

/// `container: invalid ID '--bare': …`, where an option comes too late.
pub fn misplaced(word: &[u8], operand: &str) -> Reported {
    report(&[b"invalid ", operand.as_bytes(), b" '", word, b"'"], &[b"options stand before ID"])
}

/// `container: OPTION takes no value`
pub fn takes_no_value(option: &str, value: &[u8]) -> Reported {
    report(&[b"invalid ", option.as_bytes(), b" '", value, b"': the option takes no value"], &[])
}

/// `container: unknown option 'WORD'`
pub fn unknown(word: &[u8], hint: &[&[u8]]) -> Reported {
    report(&[b"unknown option '", word, b"'"], hint)
}

/// `container: OPTION does not work with OTHER`
pub fn conflict(option: &str, other: &str) -> Reported {
    let message = [option.as_bytes(), b" does not work with ", other.as_bytes()];
    report(&message, &[b"leave out one of the two options"])
}
