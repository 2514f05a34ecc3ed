//! How callers sign in to a gateway.

use super::shown::token_request;
use crate::{
    aws::{Aws, agentcore::ApiDocument, cognito::AppClient},
    context::Context,
    error::{Error, ErrorKind},
    model::mcp_client::GATEWAY_TOKEN,
    ops::{self, bridge::Source, stack::Stack},
};

/// What a gateway asks of its callers: its `authorizerType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorizer {
    /// A token.
    Jwt,
    /// A signature with AWS credentials.
    Iam,
    None,
}

impl Authorizer {
    /// # Errors
    /// If it is one that this program does not know.
    pub fn of(gateway: &ApiDocument) -> Result<Self, Error> {
        match gateway.0["authorizerType"].as_str() {
            Some("CUSTOM_JWT") => Ok(Self::Jwt),
            Some("AWS_IAM" | "AUTHENTICATE_ONLY") => Ok(Self::Iam),
            Some("NONE") => Ok(Self::None),
            other => {
                let kind = other.unwrap_or("unknown");
                let message = format!("this client cannot sign in to a gateway with authorizer {kind}");
                Err(Error::new(ErrorKind::Failed, message))
            }
        }
    }
}

/// Whether `tools` can call a gateway without a token of the user's.
pub fn callable(gateway: &ApiDocument, client: Option<&AppClient>) -> bool {
    let signs_in = client.is_some_and(|client| client.secret.is_some())
        || matches!(Authorizer::of(gateway), Ok(Authorizer::None | Authorizer::Iam));
    gateway.serves_mcp() && signs_in
}

/// Where tokens come from: the stack's own client; if callers come from another provider, the user's variable.
pub async fn token_source(ctx: &Context, aws: &Aws, stack: &Stack) -> Result<Source, Error> {
    match (token_request(aws, stack).await, &ctx.settings.gateway_token) {
        (Ok(request), _) => Ok(Source::Client(request)),
        (Err(_), Some(token)) if is_one_word(token.reveal()) => Ok(Source::Given(token.clone())),
        (Err(_), Some(_)) => {
            Err(Error::new(ErrorKind::NoCredentials, format!("the variable {GATEWAY_TOKEN} holds no token"))
                .with_hint("a token is one word, without line breaks"))
        }
        (Err(error @ ops::Error::ClientGone { .. }), None) => Err(error.into()),
        (Err(_), None) => {
            let message = format!("the gateway `{}` wants a token of its own provider", stack.names.gateway);
            Err(Error::new(ErrorKind::NoCredentials, message)
                .with_hint(format!("put one into the variable {GATEWAY_TOKEN}")))
        }
    }
}

/// Whether a text can be a token in a header: visible characters. A scheme before the token is reported later.
fn is_one_word(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
