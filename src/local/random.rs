//! Identifiers and secrets from the operating system's random source.

const LOWER: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const HEX: &[u8; 16] = b"0123456789abcdef";

pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system's random source does not fail once a process runs");
    bytes
}

/// A string of `length` characters of `[0-9a-z]`.
pub(crate) fn lower_alphanumeric(length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Rejection sampling: 252 is the largest multiple of 36 in a byte; larger values would favour some characters.
        let fair = bytes::<64>().into_iter().filter(|byte| *byte < 252);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(LOWER[usize::from(byte % 36)])));
    }
    text
}

/// A string of `length` characters of `[0-9A-Z]`.
pub(crate) fn upper_alphanumeric(length: usize) -> String {
    lower_alphanumeric(length).to_ascii_uppercase()
}

/// Bytes in hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(HEX[usize::from(value)]);
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]));
    text
}

/// A version 4 UUID.
pub(crate) fn uuid() -> String {
    let mut b = bytes::<16>();
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex = hex(&b);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
