//! Runs the account's Lambda functions, for `Invoke` and for gateways.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, StatusCode},
};
use serde_json::Value;

use super::{
    runtime::{self, Invocation, Outcome, Places, Runtime},
    server::Server,
    services::{Call, lambda},
    wire::WireError,
};

/// The account's functions and the processes that run them. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    server: Server,
    runtime: Arc<Runtime>,
}

impl Functions {
    pub(crate) fn new(server: Server, places: Places) -> Self {
        Self { server, runtime: Arc::new(Runtime::new(places)) }
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The function of this ARN.
    pub(crate) fn find(&self, arn: &str) -> Option<lambda::Function> {
        self.server.read(|state| state.lambda.by_arn(arn).cloned())
    }

    /// Runs a function. Its environment is kept unless the function has changed.
    pub(crate) async fn run(&self, function: lambda::Function, invocation: Invocation) -> Outcome {
        self.make_log_group(&function);
        let outcome = self.runtime.invoke(&function, invocation).await;
        self.end_outdated();
        outcome
    }

    /// Makes a function's log group if there is none and its role may (Lambda developer guide, "Sending Lambda function
    /// logs to CloudWatch Logs").
    fn make_log_group(&self, function: &lambda::Function) {
        let group = runtime::log_group(&function.name);
        let call = self.server.call_in(&function.region, "");
        let resource = format!("arn:aws:logs:{}:{}:log-group:{group}", call.region, call.account);
        let is_wanted = self.server.read(|state| {
            let allows = || state.iam.allows(&function.role, "logs:CreateLogGroup", Some(&resource), None, &call);
            !state.logs.has_group(&call, &group) && allows()
        });
        if !is_wanted {
            return;
        }
        let made = self.server.change(|state| {
            // Another invocation, or a user, may have made it since.
            if state.logs.has_group(&call, &group) { Ok(()) } else { state.logs.make_group(&call, &group) }
        });
        if let Err(error) | Ok(Err(error)) = made {
            tracing::warn!(group, "the log group cannot be made: {}", error.message);
        }
    }

    /// Ends the environments of changed or deleted functions.
    pub(crate) fn end_outdated(&self) {
        self.server.read(|state| self.runtime.keep(|revision| state.lambda.has_revision(revision)));
    }

    /// Lambda's `Invoke`, which takes as long as the function, and returns the function's bytes.
    ///
    /// # Errors
    /// Lambda's own, before the function is run.
    pub(crate) async fn invoke(
        &self,
        call: &Call,
        payload: &Bytes,
        input: Value,
        request_id: &str,
    ) -> Result<Response<Body>, WireError> {
        let invoked = self.server.read(|state| state.lambda.invoked(call, input))?;
        lambda::check_payload(payload)?;
        let event = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload.clone() };
        let invocation = Invocation { event, client_context: invoked.client_context };
        let (status, body, failed) = match invoked.kind.as_deref() {
            Some("DryRun") => (StatusCode::NO_CONTENT, Bytes::new(), false),
            Some("Event") => {
                let functions = self.clone();
                tokio::spawn(async move { functions.run(invoked.function, invocation).await });
                (StatusCode::ACCEPTED, Bytes::new(), false)
            }
            _ => match self.run(invoked.function, invocation).await {
                Outcome::Returned(body) => (StatusCode::OK, body, false),
                Outcome::Failed(error) => (StatusCode::OK, serde_json::to_vec(&error).unwrap_or_default().into(), true),
            },
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", id);
        }
        if failed {
            headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
        }
        Ok(response)
    }
}
