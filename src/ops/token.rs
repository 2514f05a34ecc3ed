//! Access tokens by the client-credentials grant.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Error;
use crate::{
    http::{Http, Request},
    model::secret::Secret,
};

const TIMEOUT: Duration = Duration::from_secs(15);

/// The parameters of a token request.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    pub endpoint: String,
    pub client_id: String,
    pub client_secret: Secret,
    pub scope: String,
}

/// An access token that was issued.
#[derive(Debug)]
pub struct AccessToken {
    pub secret: Secret,
    /// Seconds from now, if the issuer gives them.
    pub expires_in: Option<u64>,
}

/// Requests an access token.
pub async fn fetch(http: &Http, request: &TokenRequest) -> Result<AccessToken, Error> {
    let basic = BASE64.encode(format!("{}:{}", request.client_id, request.client_secret.reveal()));
    let scope = utf8_percent_encode(&request.scope, NON_ALPHANUMERIC);
    let response = http
        .send(
            Request {
                method: "POST".to_owned(),
                url: request.endpoint.clone(),
                headers: vec![
                    ("authorization".to_owned(), format!("Basic {basic}")),
                    ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
                    ("accept".to_owned(), "application/json".to_owned()),
                ],
                body: format!("grant_type=client_credentials&scope={scope}").into_bytes(),
            },
            TIMEOUT,
        )
        .await?;
    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    match answer["access_token"].as_str() {
        Some(token) if response.status == 200 => {
            Ok(AccessToken { secret: Secret::new(token), expires_in: answer["expires_in"].as_u64() })
        }
        // Show only the `error` member: the response may contain anything.
        _ => match answer["error"].as_str() {
            Some(error) => Err(Error::Token {
                endpoint: request.endpoint.clone(),
                answer: format!("HTTP {}, {error}", response.status),
            }),
            None => Err(Error::NotOAuth { endpoint: request.endpoint.clone(), status: response.status }),
        },
    }
}
