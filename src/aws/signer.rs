//! Signs requests that no AWS client sends: to gateways with IAM authorization, and to S3.

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_async::time::SharedTimeSource;

use super::{Aws, Error};
use crate::http::{
    Request,
    sigv4::{self, Scope},
};

/// The service name in a gateway request's signature (developer guide, "Inbound authorization").
pub const GATEWAYS: &str = "bedrock-agentcore";

/// The caller's credentials, for signing requests to one service in a region.
#[derive(Debug, Clone)]
pub struct Signer {
    credentials: SharedCredentialsProvider,
    clock: SharedTimeSource,
    scope: Scope,
}

impl Signer {
    /// Signs a request as it is, at the current time.
    ///
    /// # Errors
    ///
    /// If there are no credentials any more, or the request's URL is invalid.
    pub async fn sign(&self, request: &mut Request) -> Result<(), Error> {
        let credentials =
            self.credentials.provide_credentials().await.map_err(|error| Error::no_credentials(&error))?;
        sigv4::sign(request, &credentials, &self.scope, self.clock.now())
            .map_err(|error| Error::unexpected("AgentCore", "the signature", &error.to_string()))
    }
}

impl Aws {
    /// A signer for a service, with the caller's credentials.
    ///
    /// # Errors
    ///
    /// If the caller has no credentials.
    pub fn signer(&self, service: &str) -> Result<Signer, Error> {
        let config = self.agentcore.config();
        let scope = Scope { region: self.region.to_string(), service: service.to_owned() };
        match self.credentials.clone().zip(config.time_source()) {
            Some((credentials, clock)) => Ok(Signer { credentials, clock, scope }),
            None => Err(Error::unexpected("AgentCore", "the signature", "this configuration signs nothing")),
        }
    }
}
