//! A user pool's RSA key, which signs its tokens and is published as its JWKS; and verification of signed
//! tokens.

use std::{
    sync::{Mutex, PoisonError, mpsc::sync_channel},
    thread,
};

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The key as stored: PKCS #8, base64url.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningKey(String);

/// A stored key that cannot be parsed, because the state file is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the signing key of a user pool cannot be read")]
pub struct DamagedKey;

/// Returns the claims of a token that this key signed. The caller must check times and audience, since the
/// server has its own clock.
pub(crate) fn signed_claims(token: &str, algorithm: Algorithm, key: &DecodingKey) -> Option<Value> {
    // A token with critical extensions that are not understood must be rejected (RFC 7515, section 4.1.11); none is
    // supported.
    if decode_header(token).ok()?.crit.is_some() {
        return None;
    }
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    Some(decode(token, key, &validation).ok()?.claims)
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

impl SigningKey {
    /// Generates a 2048-bit RSA key, the size that Cognito uses.
    pub fn generate() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("RSA key generation has no input that could be wrong");
        let der: Pkcs8V1Der = pair.as_der().expect("a key that was just generated can be written");
        Self(BASE64URL.encode(der.as_ref()))
    }

    /// Returns a source of keys. The next one is generated in advance, by a thread of its own: that takes a tenth of a
    /// second, which a request would hold the state for.
    pub fn in_advance() -> impl Fn() -> Self + Send + Sync {
        let (sender, receiver) = sync_channel(0);
        thread::spawn(move || while sender.send(Self::generate()).is_ok() {});
        let receiver = Mutex::new(receiver);
        move || {
            let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            next.unwrap_or_else(|_| Self::generate())
        }
    }

    fn pair(&self) -> Result<RsaKeyPair, DamagedKey> {
        let der = BASE64URL.decode(&self.0).map_err(|_| DamagedKey)?;
        RsaKeyPair::from_pkcs8(&der).map_err(|_| DamagedKey)
    }

    /// Returns a JWT with these claims, signed with RS256.
    pub fn sign(&self, claims: &Value) -> Result<String, DamagedKey> {
        let pair = self.pair()?;
        let header = json!({ "kid": self.id(), "alg": "RS256" });
        let content = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()));
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), content.as_bytes(), &mut signature)
            .map_err(|_| DamagedKey)?;
        Ok(format!("{content}.{}", BASE64URL.encode(signature)))
    }

    /// The public key: modulus and exponent, base64url.
    pub(crate) fn public_components(&self) -> Result<(String, String), DamagedKey> {
        let pair = self.pair()?;
        let public = pair.public_key();
        let encode = |number: aws_lc_rs::io::Positive<'_>| BASE64URL.encode(number.big_endian_without_leading_zero());
        Ok((encode(public.modulus()), encode(public.exponent())))
    }

    /// The key id: a hash of the key, so it is stable and unique.
    pub(crate) fn id(&self) -> String {
        BASE64URL.encode(digest::digest(&digest::SHA256, self.0.as_bytes()))
    }

    /// The JWKS with this one key.
    pub fn jwks(&self) -> Result<Value, DamagedKey> {
        let (n, e) = self.public_components()?;
        Ok(json!({ "keys": [{ "alg": "RS256", "e": e, "kid": self.id(), "kty": "RSA", "n": n, "use": "sig" }] }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_something_critical_is_refused_whatever_it_is() {
        let key = SigningKey::generate();
        let (modulus, exponent) = key.public_components().unwrap();
        let public = DecodingKey::from_rsa_components(&modulus, &exponent).unwrap();
        let pair = key.pair().unwrap();
        let token = |header: Value| {
            let content = format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(r#"{"sub":"x"}"#));
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), content.as_bytes(), &mut signature).unwrap();
            format!("{content}.{}", BASE64URL.encode(signature))
        };
        let claims = |header| signed_claims(&token(header), Algorithm::RS256, &public);
        assert_eq!(claims(json!({ "alg": "RS256" })).unwrap()["sub"], "x");
        for critical in [json!(["exp"]), json!([])] {
            assert_eq!(claims(json!({ "alg": "RS256", "crit": critical })), None);
        }
    }
}
