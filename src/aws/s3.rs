//! S3 objects, read with the caller's credentials.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use super::Aws;
use crate::{
    http::{Request, Response},
    model::http_request::encode,
};

/// Timeout for S3.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The content of the object at `s3://bucket/key`.
///
/// # Errors
///
/// A message for the user, if the object cannot be read.
pub async fn read_object(aws: &Aws, uri: &str) -> Result<Vec<u8>, String> {
    Ok(ask(aws, "GET", uri).await?.body)
}

/// When the object at `s3://bucket/key` was written.
///
/// # Errors
///
/// A message for the user, if the object cannot be looked at.
pub async fn last_modified(aws: &Aws, uri: &str) -> Result<Timestamp, String> {
    let answer = ask(aws, "HEAD", uri).await?;
    let written = answer.header("last-modified").unwrap_or_default();
    // HTTP's dates are those of RFC 2822, in GMT (RFC 9110 §5.6.7).
    let written =
        rfc2822::parse(written).map_err(|error| format!("{uri}: when it was written is not known: {error}"))?;
    Ok(written.timestamp())
}

async fn ask(aws: &Aws, method: &str, uri: &str) -> Result<Response, String> {
    let place = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let Some((bucket, key)) = place.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
        return Err(format!("{uri} is no s3://BUCKET/KEY"));
    };
    let usual = || format!("https://s3.{}.{}", aws.region, aws.region.partition().dns_suffix);
    let endpoint = aws.s3_endpoint.clone().unwrap_or_else(usual);
    let key: Vec<String> = key.split('/').map(encode).collect();
    let mut request = Request {
        method: method.to_owned(),
        url: format!("{endpoint}/{}/{}", encode(bucket), key.join("/")),
        headers: Vec::new(),
        body: Vec::new(),
    };
    aws.signer("s3").map_err(|error| error.to_string())?.sign(&mut request).await.map_err(|error| error.to_string())?;
    let answer = aws.http.send(request, TIMEOUT).await.map_err(|error| format!("{uri}: {}", error.problem()))?;
    match answer.status {
        200 => Ok(answer),
        404 => Err(format!("there is no object {uri}")),
        status => Err(format!("{uri} cannot be read: HTTP {status}")),
    }
}
