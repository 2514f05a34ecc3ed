//! Signs requests that no AWS client sends: to gateways with IAM authorization, and to S3.

use std::{sync::Arc, time::Duration};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials as _, SharedCredentialsProvider},
};
use aws_smithy_async::time::SharedTimeSource;
use tokio::sync::Mutex;

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
    /// The last credentials: a provider may run a program, or ask AWS, each time.
    kept: Arc<Mutex<Option<Credentials>>>,
}

/// How long before their end credentials are replaced, as in the SDK.
const EARLY: Duration = Duration::from_secs(10);

impl Signer {
    /// Signs a request as it is, at the current time.
    ///
    /// # Errors
    ///
    /// If there are no credentials any more, or the request's URL is invalid.
    pub async fn sign(&self, request: &mut Request) -> Result<(), Error> {
        let credentials = self.credentials().await?;
        sigv4::sign(request, &credentials, &self.scope, self.clock.now())
            .map_err(|error| Error::unexpected("AgentCore", "the signature", &error.to_string()))
    }
}

impl Signer {
    async fn credentials(&self) -> Result<Credentials, Error> {
        let mut kept = self.kept.lock().await;
        let is_good = |kept: &&Credentials| kept.expiry().is_none_or(|end| self.clock.now() + EARLY < end);
        if let Some(kept) = kept.as_ref().filter(is_good) {
            return Ok(kept.clone());
        }
        let new = self.credentials.provide_credentials().await.map_err(|error| Error::no_credentials(&error))?;
        Ok(kept.insert(new).clone())
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
            Some((credentials, clock)) => Ok(Signer { credentials, clock, scope, kept: Arc::default() }),
            None => Err(Error::unexpected("AgentCore", "the signature", "this configuration signs nothing")),
        }
    }
}
