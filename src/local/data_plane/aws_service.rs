//! Calls the services behind Smithy targets: the local AWS itself, a custom endpoint, or, if the user opts in,
//! the real AWS.

use std::collections::BTreeMap;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use serde_json::Value;

use super::{
    credentials::{Failure, OutboundAuth},
    target::{Answer, request_of},
};
use crate::{
    http::sigv4::Scope,
    local::random,
    model::smithy::{HttpResponse, Model, Operation, RequestOptions, service_error},
};

/// Endpoints of services outside the local AWS.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Endpoint URLs, by the service's name in `AWS_ENDPOINT_URL_…`.
    pub by_service: BTreeMap<String, String>,
    /// Credentials for the real AWS, which is called if no endpoint URL is configured.
    pub real_aws: Option<SharedCredentialsProvider>,
}

/// Error prefix for a service that does not respond.
const NO_ANSWER: &str = "The service did not answer";

/// Calls an operation.
pub(crate) async fn call(
    auth: &OutboundAuth,
    Endpoints { by_service, real_aws }: &Endpoints,
    (model, operation): (&Model, &Operation),
    arguments: &Value,
) -> Result<Answer, Failure> {
    let (service, caller) = (&model.service, &auth.caller);
    let named = by_service.get(&service.variable);
    let is_real = named.is_none() && real_aws.is_some();
    let endpoint = named.cloned().unwrap_or_else(|| auth.server().own_url(&caller.base_url));
    let token = random::uuid();
    let options =
        RequestOptions { region: &caller.region, endpoint: (!is_real).then_some(endpoint.as_str()), token: &token };
    let request = model.request(operation, arguments, options).map_err(Failure)?;
    let mut outgoing = request_of(request.outgoing);
    // Objects may be stored compressed: they are returned as they are stored.
    outgoing.headers.push(("accept-encoding".to_owned(), "identity".to_owned()));
    let (answer, auth) = if auth.is_by_role() {
        check_role(auth, operation)?;
        let credentials = match real_aws.as_ref().filter(|_| is_real) {
            None => auth.server().credentials(),
            Some(provider) => provider
                .provide_credentials()
                .await
                .map_err(|error| Failure(format!("No credentials for the real AWS: {error}")))?,
        };
        let scope = Scope { region: request.signing_region, service: request.signing_name };
        auth.send_signed(outgoing, (scope, credentials), NO_ANSWER).await?
    } else {
        auth.send(outgoing, NO_ANSWER).await?
    };
    let response = HttpResponse { status: answer.status, headers: &answer.headers, body: &answer.body };
    match answer.status {
        200..=299 => {
            let output = model.output(operation, response).map_err(Failure)?;
            Ok(Answer::Output(output.to_string()))
        }
        501 if named.is_none() && !is_real => Ok(Answer::Nothing(format!(
            "{}. Run `agentcore-gw local stop`, and start it anew with AWS_ENDPOINT_URL_{} in the environment, or as \
             `agentcore-gw local serve --real-aws PROFILE`",
            service_error(response),
            service.variable
        ))),
        status => {
            let said = service_error(response);
            // Responses to HEAD have no body.
            let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
            let said = if said.is_empty() { reason.unwrap_or_default() } else { &said };
            let message = format!("The service answered HTTP {status}: {said}");
            Err(Failure(auth.redact(&message)))
        }
    }
}

/// Checks that the gateway's role allows the operation's actions. Resources are not checked: only the service
/// could tell which the call accesses.
fn check_role(auth: &OutboundAuth, operation: &Operation) -> Result<(), Failure> {
    let (server, caller) = (auth.server(), &auth.caller);
    let call = server.call_in(&caller.region, &caller.base_url);
    let denied = server.read(|state| {
        let allows = |action: &&String| state.iam.allows(&caller.role, action, None, None, &call);
        operation.actions.iter().find(|action| !allows(action)).cloned()
    });
    denied.map_or(Ok(()), |action| {
        Err(Failure(format!(
            "Access denied: the gateway execution role {} is not authorized to perform {action}",
            caller.role
        )))
    })
}
