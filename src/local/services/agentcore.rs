//! Bedrock AgentCore's control plane: gateways, targets and credential providers.
//!
//! Operations that are asynchronous on AWS complete here with the next Get or List, or after [`IN_PROGRESS_FOR`]:
//! CREATING, UPDATING and DELETING end then. The exception are targets that wait for the listing of an MCP
//! server.

mod gateway;
mod inbound;
mod interceptor;
mod listing;
mod operations;
mod provider;
mod shapes;
mod target;
mod targets;

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use self::{
    gateway::Gateway,
    inbound::JwtAuthorizer,
    interceptor::{InterceptionPoint, Interceptor},
    listing::{Awaiting, listed},
    provider::{Discovery, Provider},
    target::{Credential, CredentialProvider, Listing, Served, Target},
    targets::SIGN_IN_PATH,
};
use super::{
    Answer, Call, ErrorCodes, Service, State, bad_request, iam, iso8601, page,
    shape::{ValidationError, Violation},
};
use crate::local::{
    storage::blobs::BlobId,
    wire::{Protocol, WireError},
};

/// Milliseconds after which an operation in progress completes even without a Get or List.
const IN_PROGRESS_FOR: i64 = 5000;
/// Milliseconds in which a user may sign in to a target (AgentCore developer guide: the address is valid for ten minutes).
const SIGN_IN_FOR: i64 = 600_000;
/// Most tags of a resource.
const MOST_TAGS: usize = 50;
/// CreateGatewayTarget's message, as quoted in several public deploy scripts. CreateGateway does not check the
/// role.
const ROLE_NOT_ASSUMABLE: &str =
    "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry";

pub(crate) const SERVICE: Service = Service {
    scope: "bedrock-agentcore",
    protocol: Protocol::RestJson,
    operations: operations::OPERATIONS,
    errors: ErrorCodes {
        unknown_key: "UnrecognizedClientException",
        malformed: "ValidationException",
        violation: "ValidationException",
        members: validation_members,
    },
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct AgentCore {
    /// By id.
    gateways: BTreeMap<String, Gateway>,
    /// Credential providers, by ARN.
    #[serde(default)]
    providers: BTreeMap<String, Provider>,
}

/// The lifecycle of a gateway or target.
#[derive(Debug, Serialize, Deserialize)]
struct Lifecycle {
    status: Status,
    reasons: Vec<String>,
    /// Why the operation in progress will fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
    created: i64,
    updated: i64,
    /// The request that created it, if it had a `clientToken`.
    origin: Option<Origin>,
}

/// Distinguishes a repeated request from another one with the same token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Origin {
    client_token: String,
    /// The hash of the other members, regardless of their order. It may differ from one version to another: requests are
    /// repeated within minutes.
    #[serde(deserialize_with = "read_hash")]
    input: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Creating,
    Ready,
    Updating,
    UpdateUnsuccessful,
    Failed,
    Deleting,
    Synchronizing,
    SynchronizeUnsuccessful,
    CreatePendingAuth,
    UpdatePendingAuth,
    SynchronizePendingAuth,
}

impl Status {
    fn name(self) -> String {
        json!(self).as_str().unwrap_or_default().to_owned()
    }

    /// Whether a user has to sign in before the operation can go on.
    fn awaits_user(self) -> bool {
        matches!(self, Self::CreatePendingAuth | Self::UpdatePendingAuth | Self::SynchronizePendingAuth)
    }
}

impl Lifecycle {
    fn begin(origin: Option<Origin>, now: i64) -> Self {
        Self { status: Status::Creating, reasons: Vec::new(), problems: Vec::new(), created: now, updated: now, origin }
    }

    fn in_progress(&self) -> bool {
        matches!(self.status, Status::Creating | Status::Updating | Status::Deleting | Status::Synchronizing)
    }

    /// Whether it can be neither changed nor deleted (AgentCore developer guide, target statuses).
    fn is_busy(&self) -> bool {
        self.in_progress() || self.status.awaits_user()
    }

    /// Whether it serves calls. It does during updates, and after failed ones.
    fn serves(&self) -> bool {
        !matches!(self.status, Status::Creating | Status::CreatePendingAuth | Status::Failed | Status::Deleting)
    }

    fn change(&mut self, status: Status, now: i64) {
        self.status = status;
        self.updated = now;
        self.reasons.clear();
        self.problems.clear();
    }

    /// Lets the operation in progress wait for a user, who has [`SIGN_IN_FOR`] to sign in.
    fn await_user(&mut self, now: i64) {
        let pending = match self.status {
            Status::Creating => Status::CreatePendingAuth,
            Status::Updating => Status::UpdatePendingAuth,
            _ => Status::SynchronizePendingAuth,
        };
        self.change(pending, now);
    }

    /// Completes the operation in progress. It fails if there are `problems`.
    fn finish(&mut self, problems: &[&str]) {
        let mut reasons: Vec<String> = std::mem::take(&mut self.problems);
        reasons.extend(problems.iter().copied().map(str::to_owned));
        self.status = match self.status {
            Status::Creating | Status::Updating | Status::Synchronizing if reasons.is_empty() => Status::Ready,
            Status::Creating | Status::CreatePendingAuth => Status::Failed,
            // A failed deletion.
            Status::Deleting if !reasons.is_empty() => Status::Failed,
            Status::Updating | Status::UpdatePendingAuth => Status::UpdateUnsuccessful,
            Status::Synchronizing | Status::SynchronizePendingAuth => Status::SynchronizeUnsuccessful,
            done => return self.status = done,
        };
        self.reasons = reasons;
    }

    fn show(&self, document: &mut Map<String, Value>) {
        document.insert("status".to_owned(), json!(self.status));
        document.insert("createdAt".to_owned(), json!(iso8601(self.created)));
        document.insert("updatedAt".to_owned(), json!(iso8601(self.updated)));
        if !self.reasons.is_empty() {
            document.insert("statusReasons".to_owned(), json!(self.reasons));
        }
    }
}

impl Origin {
    /// Removes the client token from the input, and returns the request's origin if there was one.
    fn take(input: &mut Value) -> Option<Self> {
        let client_token = input.as_object_mut()?.remove("clientToken")?.as_str()?.to_owned();
        Some(Self { client_token, input: hash(input) })
    }

    /// Whether this same request created the resource with this lifecycle.
    ///
    /// # Errors
    /// If that request had the same token with other parameters.
    fn repeats(&self, made: &Lifecycle) -> Result<bool, WireError> {
        // Ignore a resource that is being deleted.
        let made = made.origin.as_ref().filter(|_| made.status != Status::Deleting);
        match made.filter(|made| made.client_token == self.client_token) {
            None => Ok(false),
            Some(made) if made == self => Ok(true),
            Some(_) => Err(validation(
                "IdempotentParameterMismatchException",
                "The client token was used before with other parameters",
            )),
        }
    }
}

fn hash(input: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    hasher.finish()
}

/// Reads a hash, or the whole input that 0.1.0 kept at first.
fn read_hash<'de, D: Deserializer<'de>>(stored: D) -> Result<u64, D::Error> {
    let stored = Value::deserialize(stored)?;
    Ok(stored.as_u64().unwrap_or_else(|| hash(&stored)))
}

/// Completes operations in progress, on a Get or List, or if they are due.
fn advance(state: &mut State, call: &Call) {
    let looked = call.observes;
    let due =
        |lifecycle: &Lifecycle| lifecycle.in_progress() && (looked || call.now - lifecycle.updated >= IN_PROGRESS_FOR);
    let gone =
        |lifecycle: &Lifecycle| lifecycle.status == Status::Deleting && lifecycle.problems.is_empty() && due(lifecycle);
    let gateways = &mut state.agentcore.gateways;
    gateways.retain(|_, gateway| !gone(&gateway.state));
    for gateway in gateways.values_mut() {
        gateway.targets.retain(|_, target| !gone(&target.state));
        for target in gateway.targets.values_mut() {
            let (is_due, awaits_user) = (due(&target.state), target.awaits_user());
            if target.state.status.awaits_user() && call.now - target.state.updated >= SIGN_IN_FOR {
                // AWS's own words are not known.
                target.state.finish(&["The user did not sign in within ten minutes"]);
            } else if is_due
                && awaits_user
                && target.state.problems.is_empty()
                && target.state.status != Status::Deleting
            {
                target.state.await_user(call.now);
            } else if is_due && !target.awaits_listing() {
                target.state.finish(&[]);
            }
        }
        if due(&gateway.state) {
            gateway.state.finish(&[]);
        }
    }
}

/// The reason for failure if the caller lacks a permission that the operation needs on the caller's behalf.
fn lacking(call: &Call, what: &str) -> Option<String> {
    let (region, account) = (&call.region, &call.account);
    call.lacks.map(|action| {
        format!(
            "Failed to {what} gateway dependencies: User: arn:aws:iam::{account}:root is not authorized to perform: \
             bedrock-agentcore:{action} on resource: \
             arn:aws:bedrock-agentcore:{region}:{account}:workload-identity-directory/default"
        )
    })
}

/// Why a gateway's role cannot be assumed, if so.
fn role_problem(iam: &iam::Iam, gateway: &Gateway, call: &Call) -> Option<&'static str> {
    let by = iam::Principal {
        service: "bedrock-agentcore.amazonaws.com",
        source_account: &call.account,
        source_arn: &gateway.arn,
    };
    let assumable = iam.can_be_assumed(gateway.text("roleArn").unwrap_or_default(), &by, call);
    (!assumable).then_some(ROLE_NOT_ASSUMABLE)
}

/// Checks that a function exists, and that a gateway's role may invoke it. As on AWS, a function in another
/// region is not found (badmintoncryer/cdk-preflight, `lambda-region`).
fn check_invocable(state: &State, call: &Call, role: &str, arn: &str) -> Result<(), WireError> {
    let unqualified = matches!(arn.split(':').nth(7), None | Some("$LATEST"));
    let is_here = arn.split(':').nth(3) == Some(call.region.as_str());
    let function = state.lambda.by_arn(arn).filter(|_| unqualified && is_here);
    if function.is_none() {
        return Err(refused(format!("Lambda function not found: {arn}. Verify the function ARN is correct and retry")));
    }
    let allowed =
        |policy: Option<String>| state.iam.allows(role, "lambda:InvokeFunction", Some(arn), policy.as_deref(), call);
    if function.is_some_and(|function| allowed(function.resource_policy())) {
        return Ok(());
    }
    Err(refused(format!(
        "Gateway execution role lacks permission to invoke Lambda function {arn}. Update the permission and retry"
    )))
}

/// The non-null members, in order.
fn without_nulls<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Pagination parameters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_token: Option<String>,
    max_results: Option<usize>,
}

impl Page {
    fn answer(&self, items: impl Iterator<Item = (impl AsRef<str>, Map<String, Value>)>) -> Answer {
        let (items, next) = page(items, self.max_results.or(Some(100)), self.next_token.as_deref())
            .map_err(|_| invalid("nextToken", "The token is none that this operation gave"))?;
        Ok(Value::Object(without_nulls([("items", json!(items)), ("nextToken", json!(next))])))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tagging {
    resource_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

impl Tagging {
    /// The tags of the resource. Of the supported kinds of resources, gateways and credential providers have tags.
    fn of<'a>(&self, agentcore: &'a mut AgentCore, call: &Call) -> Result<&'a mut BTreeMap<String, String>, WireError> {
        let arn = &self.resource_arn;
        if arn.split(':').nth(4) != Some(call.account.as_str()) {
            return Err(access_denied(format!("The resource {arn} belongs to another account")));
        }
        let named = |gateway: &&mut Gateway| gateway.arn == *arn && gateway.region == call.region;
        let gateway = agentcore.gateways.values_mut().find(named).map(|gateway| &mut gateway.tags);
        let provider = agentcore.providers.get_mut(arn).map(|provider| &mut provider.tags);
        gateway.or(provider).ok_or_else(|| not_found(format!("Resource {arn} not found")))
    }
}

fn list_tags(agentcore: &mut AgentCore, call: &Call, input: Tagging) -> Answer {
    Ok(json!({ "tags": input.of(agentcore, call)? }))
}

fn tag(agentcore: &mut AgentCore, call: &Call, input: Tagging) -> Answer {
    let tags = input.of(agentcore, call)?;
    let mut all = tags.clone();
    all.extend(input.tags);
    if all.len() > MOST_TAGS {
        return Err(quota_exceeded(format!("A resource can have at most {MOST_TAGS} tags")));
    }
    *tags = all;
    Ok(Value::Null)
}

fn untag(agentcore: &mut AgentCore, call: &Call, input: Tagging) -> Answer {
    input.of(agentcore, call)?.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Value::Null)
}

fn not_found(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
}

fn conflict(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::CONFLICT, "ConflictException", message)
}

/// AgentCore uses 402 for ServiceQuotaExceededException.
fn quota_exceeded(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::PAYMENT_REQUIRED, "ServiceQuotaExceededException", message)
}

fn access_denied(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message)
}

fn validation(reason: &str, message: impl Into<String>) -> WireError {
    let mut error = bad_request("ValidationException", message);
    error.members.insert("reason".to_owned(), json!(reason));
    error
}

/// The error for a rule beyond the service model.
fn refused(message: impl Into<String>) -> WireError {
    validation("FieldValidationFailed", message)
}

fn invalid(field: &str, message: &str) -> WireError {
    let mut error =
        refused(format!("1 validation error detected: Value at '{field}' failed to satisfy constraint: {message}"));
    error.members.insert("fieldList".to_owned(), json!([{ "name": field, "message": message }]));
    error
}

fn wrong_state(call: &Call, what: &str, status: Status) -> WireError {
    refused(format!("Cannot perform operation {} when {what} is in {} status", call.operation, status.name()))
}

/// `reason` and `fieldList` of the error for an input that violates its shape.
fn validation_members(error: &ValidationError) -> Map<String, Value> {
    let ValidationError::Violations(violations) = error else {
        return without_nulls([("reason", json!("CannotParse"))]);
    };
    let field = |violation: &Violation| json!({ "name": violation.path, "message": violation.constraint });
    let fields: Vec<Value> = violations.iter().map(field).collect();
    without_nulls([("reason", json!("FieldValidationFailed")), ("fieldList", json!(fields))])
}

impl AgentCore {
    fn in_region(&self, call: &Call) -> impl Iterator<Item = &Gateway> {
        self.gateways.values().filter(|gateway| gateway.region == call.region)
    }

    fn gateway(&self, call: &Call, id: &str) -> Result<&Gateway, WireError> {
        check_identifier(id)?;
        let found = self.gateways.get(id).filter(|gateway| gateway.region == call.region);
        found.ok_or_else(|| not_found(format!("Gateway {id} not found")))
    }

    fn gateway_mut(&mut self, call: &Call, id: &str) -> Result<&mut Gateway, WireError> {
        check_identifier(id)?;
        let found = self.gateways.get_mut(id).filter(|gateway| gateway.region == call.region);
        found.ok_or_else(|| not_found(format!("Gateway {id} not found")))
    }

    /// The blobs of all targets' schemas.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &BlobId> {
        self.gateways.values().flat_map(|gateway| gateway.targets.values()).map(Target::schema)
    }

    pub(crate) fn provider(&self, arn: &str) -> Option<&Provider> {
        self.providers.get(arn)
    }

    /// A gateway that serves calls.
    pub(crate) fn serving(&self, id: &str) -> Option<&Gateway> {
        self.gateways.get(id).filter(|gateway| gateway.state.serves())
    }
}

/// AWS denies access if an ARN is given instead of an id (hashicorp/terraform-provider-aws#47525).
fn check_identifier(id: &str) -> Result<(), WireError> {
    if id.starts_with("arn:") {
        return Err(access_denied("You do not have sufficient access to perform this action"));
    }
    Ok(())
}
