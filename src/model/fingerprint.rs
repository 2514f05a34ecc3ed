//! Fingerprints of secrets: they tell whether a secret is the one of before, and nothing else of it.
//!
//! AWS never shows a secret again, so that without one every run would have to send it again. A fingerprint stands in a
//! tag, which others may read: it is salted, and slow to compute, as the hashes of passwords are.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).expect("it is not zero");
const SALT: usize = 16;
const HASH: usize = 32;

/// A fingerprint of a text with a salt of its own: letters, digits, `-`, `_` and `.`, as tags may have them. `None` if
/// the system has no random bytes.
pub fn of(text: &str) -> Option<String> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).ok()?;
    let mut hash = [0; HASH];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, text.as_bytes(), &mut hash);
    Some(format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(salt), BASE64_URL_SAFE_NO_PAD.encode(hash)))
}

/// Whether a fingerprint is that of a text.
pub fn is_of(fingerprint: &str, text: &str) -> bool {
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let Some((salt, hash)) = fingerprint.split_once('.') else { return false };
    let (Some(salt), Some(hash)) = (decoded(salt), decoded(hash)) else { return false };
    hash.len() == HASH && pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &salt, text.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_one_text_and_each_has_its_own_salt() {
        let one = of("a secret").unwrap();
        assert!(is_of(&one, "a secret") && !is_of(&one, "another") && !one.contains("secret"));
        assert_ne!(one, of("a secret").unwrap());
        for odd in ["", ".", "x", "AA.", "AA.AA", &one[..40]] {
            assert!(!is_of(odd, "") && !is_of(odd, "a secret"), "{odd}");
        }
    }
}
