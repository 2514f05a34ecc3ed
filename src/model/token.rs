//! Why a gateway rejects an access token, as far as the token itself shows. It is decoded, not verified.

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

/// With or without padding: both occur.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A claim of a token, and whether a JWT authorizer is content with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `exp`, `aud` and so on; `alg` for the header's algorithm, and `token` for a text that is no token.
    pub name: &'static str,
    /// What was found.
    pub found: String,
    /// Why the gateway rejects it, as a sentence about the token.
    pub problem: Option<String>,
}

/// The first check of a JWT authorizer (the API's `customJWTAuthorizer`) that a token fails at `now` (Unix
/// seconds), as a sentence about it; `None` if everything that can be checked here holds.
pub fn why_refused(token: &str, authorizer: &Value, now: i64) -> Option<String> {
    claims(token, authorizer, now).into_iter().find_map(|claim| claim.problem)
}

/// What a JWT authorizer checks of a token at `now` (Unix seconds), each claim by itself. What it has no rule for is not
/// in it; of custom claims nothing is known here.
pub fn claims(token: &str, authorizer: &Value, now: i64) -> Vec<Claim> {
    let no_token =
        |problem: &str| vec![Claim { name: "token", found: String::new(), problem: Some(problem.to_owned()) }];
    if token.trim_start().to_ascii_lowercase().starts_with("bearer ") {
        return no_token("it begins with `Bearer `, which is the header's: leave that out");
    }
    let Some((header, claims)) = decoded(token) else {
        return no_token("it is no JWT: three parts of base64url with dots between them");
    };
    let claim = |name: &str| texts(&claims[name]);
    // Cognito's `scope` is one string with all scopes; other providers have `scp`, a string or a list.
    let scopes = [claim("scope"), claim("scp")].concat().into_iter().flat_map(|text| text.split(' '));
    let scopes: Vec<&str> = scopes.filter(|scope| !scope.is_empty()).collect();
    let mut checked = vec![algorithm(&header)];
    checked.extend(times(&claims, now));
    checked.extend(one_of(authorizer, "allowedAudience", "aud", &claim("aud")));
    checked.extend(one_of(authorizer, "allowedClients", "client_id", &claim("client_id")));
    checked.extend(one_of(authorizer, "allowedScopes", "scope", &scopes));
    // Last, because some providers' documents name an issuer other than their own address.
    checked.extend(issuer(&claims, authorizer));
    checked
}

/// A provider's public keys verify only these algorithms (RFC 7518, section 3.1).
fn algorithm(header: &Value) -> Claim {
    let algorithm = header["alg"].as_str().unwrap_or_default();
    let is_public = ["RS", "PS", "ES", "Ed"].iter().any(|family| algorithm.starts_with(family));
    let problem = || format!("it is signed by `{algorithm}`, which no public key of a provider verifies");
    Claim { name: "alg", found: algorithm.to_owned(), problem: (!is_public).then(problem) }
}

/// When the token is valid.
fn times(claims: &Value, now: i64) -> Vec<Claim> {
    #[expect(clippy::cast_precision_loss, reason = "seconds of this era are exact")]
    let now = now as f64;
    let second = |name: &str| claims[name].as_f64();
    let (found, problem) = match second("exp") {
        None => (String::new(), Some("it has no claim `exp`".to_owned())),
        Some(end) if end <= now => (String::new(), Some(format!("it expired {} ago", ago(now - end)))),
        Some(end) => (format!("it ends in {}", ago(end - now)), None),
    };
    let mut checked = vec![Claim { name: "exp", found, problem }];
    let problem = match second("nbf") {
        None if !claims["nbf"].is_null() => Some("its claim `nbf` is no number".to_owned()),
        Some(begin) if begin > now => {
            let wait = ago(begin - now);
            Some(format!("it is not valid before {wait} from now (`nbf`): is this machine's clock right?"))
        }
        _ => None,
    };
    if problem.is_some() {
        checked.push(Claim { name: "nbf", found: String::new(), problem });
    }
    checked
}

/// The header and the claims.
fn decoded(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.trim().split('.');
    let (header, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let object = |part: &str| {
        let value: Value = serde_json::from_slice(&BASE64.decode(part).ok()?).ok()?;
        value.is_object().then_some(value)
    };
    Some((object(header)?, object(payload)?))
}

/// The issuer is the discovery URL without its well-known suffix (OpenID Connect Discovery 1.0, section 4).
fn issuer(claims: &Value, authorizer: &Value) -> Option<Claim> {
    let expected = authorizer["discoveryUrl"].as_str()?.split("/.well-known/").next()?;
    let found = claims["iss"].as_str().unwrap_or_default();
    let same = |url: &str| url.trim_end_matches('/').replace("//localhost:", "//127.0.0.1:");
    let problem = || format!("its issuer `iss` is `{found}`, and the gateway's is `{expected}`");
    let is_other = same(expected) != same(found);
    Some(Claim { name: "iss", found: found.to_owned(), problem: is_other.then(problem) })
}

/// A claim must have one of the allowed values, if there are any.
fn one_of(authorizer: &Value, allowed: &str, name: &'static str, found: &[&str]) -> Option<Claim> {
    let wanted: Vec<&str> = authorizer[allowed].as_array()?.iter().filter_map(Value::as_str).collect();
    if wanted.is_empty() {
        return None;
    }
    let list = |values: &[&str]| match values {
        [] => "nothing".to_owned(),
        values => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
    };
    let is_allowed = found.iter().any(|value| wanted.contains(value));
    let problem = || format!("its `{name}` is {}, and the gateway wants {} ({allowed})", list(found), list(&wanted));
    Some(Claim { name, found: found.join(", "), problem: (!is_allowed).then(problem) })
}

/// A string, or the strings of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn ago(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> String {
        signed_by("RS256", claims)
    }

    fn signed_by(algorithm: &str, claims: &Value) -> String {
        let header = json!({ "alg": algorithm }).to_string();
        format!("{}.{}.c2ln", BASE64.encode(header), BASE64.encode(claims.to_string()))
    }

    #[test]
    fn the_check_that_fails_is_named() {
        let authorizer = json!({
            "discoveryUrl": "https://idp.example/t/.well-known/openid-configuration",
            "allowedAudience": ["api://x"], "allowedClients": ["c1", "c2"], "allowedScopes": ["read"],
        });
        let good = json!({
            "iss": "https://idp.example/t", "exp": 2000, "aud": ["api://x"], "client_id": "c2", "scope": "write read",
        });
        let said = |member: &str, value: Value| {
            let mut claims = good.clone();
            claims[member] = value;
            why_refused(&token(&claims), &authorizer, 1000).unwrap_or_default()
        };
        assert_eq!(why_refused(&token(&good), &authorizer, 1000), None);
        assert_eq!(said("exp", json!(400)), "it expired 10 min ago");
        assert_eq!(said("exp", Value::Null), "it has no claim `exp`");
        assert!(said("nbf", json!(1030)).contains("not valid before 30 s from now"));
        assert_eq!(
            said("iss", json!("https://x")),
            "its issuer `iss` is `https://x`, and the gateway's is `https://idp.example/t`"
        );
        assert_eq!(said("aud", json!("z")), "its `aud` is `z`, and the gateway wants `api://x` (allowedAudience)");
        assert_eq!(
            said("client_id", Value::Null),
            "its `client_id` is nothing, and the gateway wants `c1`, `c2` (allowedClients)"
        );
        assert!(said("scope", json!("write")).contains("allowedScopes"));
        assert_eq!(said("aud", json!("api://x y")).split(',').next(), Some("its `aud` is `api://x y`"));
        for scp in [json!("write read"), json!(["write", "read"]), json!(["write read"])] {
            let mut claims = good.clone();
            claims["scope"] = Value::Null;
            claims["scp"] = scp;
            assert_eq!(why_refused(&token(&claims), &authorizer, 1000), None);
        }
        assert_eq!(said("nbf", json!("soon")), "its claim `nbf` is no number");
        assert!(
            why_refused(&format!("Bearer {}", token(&good)), &authorizer, 1000).unwrap().contains("leave that out")
        );
        for algorithm in ["none", "HS256"] {
            let said = why_refused(&signed_by(algorithm, &good), &authorizer, 1000).unwrap();
            assert!(said.contains(&format!("signed by `{algorithm}`")), "{said}");
        }
        for odd in ["", "abc", "a.b.c", "a.b", "..", "a.W10.c"] {
            assert!(why_refused(odd, &authorizer, 1000).unwrap().contains("no JWT"), "{odd}");
        }
    }
}
