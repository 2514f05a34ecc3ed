//! The emulated AWS services.
//!
//! A service is a value, [`Service`]: `services/<name>.rs` has its state, its handlers, and the
//! table of its operations, each with name, route, input shape and handler. Input is validated
//! against its shape before the handler runs. An unknown member is refused by name with
//! `NotImplemented`, never ignored silently.
//!
//! Every handler has the same signature: the state that it needs, the call, and its input.
#![expect(clippy::needless_pass_by_value, reason = "handlers have one signature, whatever they do with their input")]

pub(crate) mod agentcore;
pub(crate) mod answer;
pub(crate) mod authorization;
pub(crate) mod call;
pub(crate) mod cognito;
pub(crate) mod iam;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod operation;
pub(crate) mod s3;
pub(crate) mod secrets;
pub(crate) mod shape;
pub(crate) mod sts;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::{operation::Operation, shape::ValidationError};
use super::{
    storage::blobs::BlobId,
    wire::{Protocol, Route, WireError},
};

pub use self::call::NewKey;
pub(crate) use self::{
    answer::{Answer, bad_request, epoch_seconds, internal, iso8601, not_implemented, page},
    call::{ACCOUNT, Call},
};

/// Declares the services: the state of each, and the list of all.
macro_rules! services {
    ($($(#[$attribute:meta])* $service:ident: $State:ident),*) => {
        /// The persistent state of the local AWS.
        #[derive(Debug, Default, Serialize, Deserialize)]
        pub(crate) struct State {
            $($(#[$attribute])* #[serde(default)] pub(crate) $service: $service::$State,)*
        }

        $(impl AsMut<$service::$State> for State {
            fn as_mut(&mut self) -> &mut $service::$State {
                &mut self.$service
            }
        })*

        const SERVICES: &[&Service] = &[$(&$service::SERVICE),*];
    };
}

services! {
    iam: Iam,
    #[serde(skip)]
    sts: Sts,
    cognito: Cognito,
    lambda: Lambda,
    logs: Logs,
    agentcore: AgentCore,
    s3: S3,
    secrets: Secrets
}

/// For handlers that need the state of several services.
impl AsMut<Self> for State {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl State {
    /// The ids of all blobs that the state refers to.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &BlobId> {
        self.lambda.blobs().chain(self.s3.blobs()).chain(self.agentcore.blobs())
    }
}

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its name in the `SigV4` credential scope.
    pub(crate) scope: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) operations: &'static [Operation],
    pub(crate) errors: ErrorCodes,
}

/// A service's error codes for requests that are rejected before the operation runs.
#[derive(Debug)]
pub(crate) struct ErrorCodes {
    /// The access key does not exist.
    pub(crate) unknown_key: &'static str,
    /// An input is of another type than its member.
    pub(crate) malformed: &'static str,
    /// An input breaks a constraint of the service model.
    pub(crate) violation: &'static str,
    /// Members of the last two errors besides the message.
    pub(crate) members: fn(&ValidationError) -> Map<String, Value>,
}

impl ErrorCodes {
    /// For services whose errors have only a message.
    const fn plain(unknown_key: &'static str, malformed: &'static str, violation: &'static str) -> Self {
        Self { unknown_key, malformed, violation, members: |_| Map::new() }
    }
}

/// All control-plane operations: the service's name in the credential scope, and the operation's name.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |service: &'static Service| service.operations.iter().map(|operation| (service.scope, operation.name));
    SERVICES.iter().copied().flat_map(of)
}

/// The operation tables as JSON, by the service's name in the credential scope: each operation's name, route and input.
/// For tests that compare them with AWS's service models.
pub fn tables() -> Value {
    let operation = |operation: &Operation| {
        let route = operation.route.as_ref().map(|Route { method, path, query, success, headers, .. }| {
            json!({ "method": method, "path": path, "query": query, "success": success, "headers": headers })
        });
        json!({ "name": operation.name, "route": route, "input": shape::describe(operation.input) })
    };
    let of = |service: &&Service| {
        (service.scope.to_owned(), service.operations.iter().map(operation).collect::<Vec<Value>>().into())
    };
    Value::Object(SERVICES.iter().map(of).collect())
}

impl Service {
    /// The service with this name in the credential scope.
    pub(crate) fn of_scope(scope: &str) -> Option<&'static Self> {
        SERVICES.iter().copied().find(|service| service.scope == scope)
    }

    /// The operation of this name, and its input in canonical form.
    ///
    /// # Errors
    /// The service's own for whatever is wrong with the input; `NotImplemented` for an operation
    /// or a member that is not covered.
    pub(crate) fn validate(&self, name: &str, input: Value) -> Result<(&'static Operation, Value), WireError> {
        let operation = self.operations.iter().find(|operation| operation.name == name);
        let operation =
            operation.ok_or_else(|| not_implemented(format!("the local AWS does not offer {}:{name}", self.scope)))?;
        let input = shape::check(operation.input, input).map_err(|error| self.to_wire_error(operation, &error))?;
        Ok((operation, input))
    }

    fn to_wire_error(&self, operation: &Operation, error: &ValidationError) -> WireError {
        let name = operation.name;
        let (code, message) = match error {
            ValidationError::UnsupportedMember(path) => {
                return not_implemented(format!("the local AWS does not honour the member `{path}` of {name}"));
            }
            ValidationError::Malformed(problem) => {
                (self.errors.malformed, format!("Invalid input of {name}: {problem}"))
            }
            ValidationError::Violations(violations) => {
                (operation.violation.unwrap_or(self.errors.violation), shape::sentence(violations))
            }
        };
        WireError { members: (self.errors.members)(error), ..bad_request(code, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::{operation::Resource, *};

    #[test]
    fn rows_say_what_else_depends_on_them() {
        let rows = |scope: &str| Service::of_scope(scope).unwrap().operations.iter();
        for row in rows("bedrock-agentcore") {
            let (is_provider, is_read) =
                (row.name.contains("CredentialProvider"), row.name.starts_with("Get") || row.name.starts_with("List"));
            let expected = match (is_provider, is_read) {
                (true, true) => Resource::Other,
                (true, false) => Resource::CredentialProviders,
                (false, _) => Resource::Gateways,
            };
            assert_eq!((row.resource, row.observes), (expected, is_read && !is_provider), "{}", row.name);
        }
        let ends_environments =
            ["CreateFunction", "DeleteFunction", "UpdateFunctionConfiguration", "UpdateFunctionCode"];
        for row in rows("lambda") {
            assert_eq!(row.resource == Resource::Functions, ends_environments.contains(&row.name), "{}", row.name);
        }
    }

    #[test]
    fn every_pattern_of_every_table_compiles() {
        for operation in SERVICES.iter().flat_map(|service| service.operations) {
            shape::Shape::Structure(operation.input).compile_patterns();
        }
    }
}
