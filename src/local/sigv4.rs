//! Parses the `Authorization` header of an AWS request, and verifies its signature.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest};
use axum::http::{HeaderMap, Method, header};
use jiff::{civil::DateTime, tz::TimeZone};

use super::storage::store::AccessKey;
use crate::http::sigv4::{self, Scope};

/// Largest difference between a request's date and the server's time (IAM user guide, "Signature Version 4 for
/// API requests").
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The key, scope and signature of a request.
pub(super) struct Authorization {
    pub(super) access_key_id: String,
    pub(super) scope: Scope,
    /// The date of the scope, as YYYYMMDD.
    date: String,
    signed_headers: Vec<String>,
    signature: String,
}

impl Authorization {
    /// `None` if the request is not signed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256")?;
        let part = |name: &str| {
            let mut parts = value.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let credential = part("Credential")?;
        let mut parts = credential.split('/');
        let (access_key_id, date) = (parts.next()?, parts.next()?);
        let (region, service) = (parts.next()?, parts.next()?);
        if (parts.next(), parts.next()) != (Some("aws4_request"), None) {
            return None;
        }
        Some(Self {
            date: date.to_owned(),
            access_key_id: access_key_id.to_owned(),
            scope: Scope { region: region.to_owned(), service: service.to_owned() },
            signed_headers: part("SignedHeaders").unwrap_or_default().split(';').map(str::to_owned).collect(),
            signature: part("Signature").unwrap_or_default(),
        })
    }

    /// Whether this key signed this request, within the allowed clock skew.
    pub(super) fn holds(&self, key: &AccessKey, request: &Signed<'_>, now: SystemTime) -> bool {
        let all_there = ["host", "x-amz-date"].iter().all(|name| self.signed_headers.iter().any(|one| one == name));
        self.access_key_id == key.access_key_id && all_there && self.recomputed(key, request, now).is_some()
    }

    fn recomputed(&self, key: &AccessKey, request: &Signed<'_>, now: SystemTime) -> Option<()> {
        let text = |name: &str| request.headers.get(name)?.to_str().ok();
        let date = text("x-amz-date")?;
        if !date.starts_with(&format!("{}T", self.date)) {
            return None;
        }
        let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
        let time = SystemTime::from(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
        let apart = now.duration_since(time).unwrap_or_else(|error| error.duration());
        let headers = self.signed_headers.iter().map(|name| Some((name.as_str(), text(name)?)));
        let headers: Vec<(&str, &str)> = headers.collect::<Option<_>>()?;
        let sent_checksum = headers.iter().any(|(name, _)| *name == "x-amz-content-sha256");
        let checksum = if sent_checksum { PayloadChecksumKind::XAmzSha256 } else { PayloadChecksumKind::NoHeader };
        let url = format!("http://{}{}", text("host")?, request.path_and_query);
        let signable =
            SignableRequest::new(request.method.as_str(), url, headers.into_iter(), SignableBody::Bytes(request.body))
                .ok()?;
        let credentials = Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "local");
        let (_, expected) = sigv4::signed(signable, &credentials, &self.scope, checksum, time).ok()?;
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(self.signature.as_bytes(), expected.as_bytes());
        (apart <= CLOCK_SKEW).then_some(())?;
        equal.ok()
    }
}

/// A request whose signature is to be verified.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) path_and_query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;
    use crate::http::Request;

    #[test]
    fn key_and_scope_are_read_from_the_authorization_header() {
        let mut headers = HeaderMap::new();
        let value =
            "AWS4-HMAC-SHA256 Credential=AKIAX/20261122/us-west-2/iam/aws4_request, SignedHeaders=host, Signature=0";
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        let found = Authorization::of(&headers).unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.scope.region.as_str(), found.scope.service.as_str()),
            ("AKIAX", "us-west-2", "iam")
        );
        for other in
            ["Bearer x", &value.replace("aws4_request", "aws5_request"), &value.replace("/iam/aws4_request", "/iam")]
        {
            headers.insert(header::AUTHORIZATION, other.parse().unwrap());
            assert!(Authorization::of(&headers).is_none(), "{other}");
        }
    }

    #[test]
    fn what_was_signed_may_not_be_changed_nor_sent_much_later() {
        let key = AccessKey::generate();
        let credentials = Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "test");
        let scope = Scope { region: "us-west-2".to_owned(), service: "bedrock-agentcore".to_owned() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let mut request = Request {
            method: "POST".to_owned(),
            url: "http://127.0.0.1:7755/gateways/g-1/mcp".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: b"{}".to_vec(),
        };
        sigv4::sign(&mut request, &credentials, &scope, now).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:7755"));
        for (name, value) in &request.headers {
            headers.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        let holds = |headers: &HeaderMap, body: &[u8], key: &AccessKey, now: SystemTime| {
            let signed = Signed { method: &Method::POST, path_and_query: "/gateways/g-1/mcp", headers, body };
            Authorization::of(headers).unwrap().holds(key, &signed, now)
        };
        assert!(holds(&headers, b"{}", &key, now));
        assert!(holds(&headers, b"{}", &key, now + CLOCK_SKEW));
        assert!(!holds(&headers, b"{}", &key, now + CLOCK_SKEW + Duration::from_secs(1)), "too late");
        assert!(!holds(&headers, b"[]", &key, now), "another body");
        assert!(!holds(&headers, b"{}", &AccessKey::generate(), now), "another key");
        let mut other_day = headers.clone();
        let authorization = headers["authorization"].to_str().unwrap();
        let day = authorization.split('/').nth(1).unwrap();
        other_day.insert("authorization", authorization.replace(day, "19700101").parse().unwrap());
        assert!(!holds(&other_day, b"{}", &key, now), "another day in the scope");
        let mut changed = headers.clone();
        changed.insert("content-type", HeaderValue::from_static("text/plain"));
        assert!(!holds(&changed, b"{}", &key, now), "another header");
    }
}
