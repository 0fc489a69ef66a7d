//! Decimal numbers, read and written.

/// A number in decimal digits: `decimal(42, &mut [0; 10])` is `b"42"`.
pub fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut first = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = index;
        if number == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

/// The number that decimal digits mean. None if there is anything but digits, or if the number needs more than 64 bits.
pub fn parse(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let value = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(value.into())
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// A user or group ID in decimal digits. The largest number is not one: for many system calls it means "no ID".
pub fn parse_id(digits: &[u8]) -> Option<u32> {
    parse(digits).and_then(|number| u32::try_from(number).ok()).filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_writes_every_digit() {
        for number in [0, 7, 10, 65534, u32::MAX] {
            assert_eq!(decimal(number, &mut [0; 10]), number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for number in [0, 7, 10, 4_294_967_295, u64::MAX] {
            assert_eq!(parse(number.to_string().as_bytes()), Some(number));
        }
        assert_eq!(parse(b"007"), Some(7));
        for wrong in
            ["", "-1", "+1", " 1", "1 ", "1a", "0x1", "18446744073709551616", "99999999999999999999999"]
        {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
