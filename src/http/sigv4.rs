//! AWS Signature Version 4, for requests that are not sent by an AWS SDK client.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        self, PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningInstructions,
        SigningSettings, UriPathNormalizationMode,
    },
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::box_error::BoxError;

use super::Request;

/// The scope of a signature.
#[derive(Debug, Clone)]
pub struct Scope {
    pub region: String,
    /// The service's signing name, such as `bedrock-agentcore`.
    pub service: String,
}

/// Signs a request.
///
/// # Errors
///
/// If its URL or a header is invalid.
pub fn sign(request: &mut Request, credentials: &Credentials, scope: &Scope, time: SystemTime) -> Result<(), BoxError> {
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&request.method, &request.url, headers, SignableBody::Bytes(&request.body))?;
    // S3 requires the body's hash in a header.
    let checksum = if is_s3(&scope.service) { PayloadChecksumKind::XAmzSha256 } else { PayloadChecksumKind::NoHeader };
    let (instructions, _) = signed(signable, credentials, scope, checksum, time)?;
    let (added, _) = instructions.into_parts();
    request.headers.extend(added.iter().map(|header| (header.name().to_owned(), header.value().to_owned())));
    Ok(())
}

fn is_s3(service: &str) -> bool {
    service == "s3" || service.starts_with("s3-") || service == "s3express"
}

/// Returns what to add to a request, and its signature.
///
/// # Errors
///
/// If the request's URL is invalid.
pub(crate) fn signed(
    request: SignableRequest<'_>,
    credentials: &Credentials,
    scope: &Scope,
    checksum: PayloadChecksumKind,
    time: SystemTime,
) -> Result<(SigningInstructions, String), BoxError> {
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = checksum;
    if is_s3(&scope.service) {
        // S3 object keys are used as paths without normalization.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(time)
        .settings(settings)
        .build()?
        .into();
    Ok(http_request::sign(request, &params)?.into_parts())
}
