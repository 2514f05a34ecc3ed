//! The operations on a gateway's targets.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Gateway, Lifecycle, Origin, Page, State, Status, conflict, invalid, not_found, quota_exceeded, refused,
    role_problem,
    target::{CREDENTIALS, Configuration, Credential, Target, inline_schema},
    without_nulls, wrong_state,
};
use crate::{
    local::{
        random,
        services::{
            answer::Answer,
            answer::{iso8601, read},
            call::Call,
        },
        storage::blobs::BlobId,
        wire::WireError,
    },
    model::{
        propagation::{check_header, check_parameter},
        target::TargetKind,
    },
};

/// Where a user signs in to a target, on AWS at its data plane's host.
pub(crate) const SIGN_IN_PATH: &str = "/identities/oauth2/authorize";
/// Most targets of a gateway (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore").
const MOST_TARGETS: usize = 100;
/// Most target operations in progress on a gateway (same page). AWS does not document the error for more; we
/// chose ServiceQuotaExceededException.
const MOST_AT_ONCE: usize = 5;

/// Input of `CreateGatewayTarget` and `UpdateGatewayTarget`: the members that are checked. An update replaces all members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    gateway_identifier: String,
    #[serde(default)]
    target_id: String,
    name: Option<String>,
    target_configuration: Configuration,
    credential_provider_configurations: Option<Vec<Credential>>,
    #[serde(default)]
    metadata_configuration: Metadata,
}

/// `metadataConfiguration`
#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "allowedRequestHeaders", default)]
    request_headers: Vec<String>,
    #[serde(rename = "allowedQueryParameters", default)]
    query_parameters: Vec<String>,
    #[serde(rename = "allowedResponseHeaders", default)]
    response_headers: Vec<String>,
}

impl Metadata {
    /// AWS's own words for a refusal are not known.
    fn check(&self) -> Result<(), WireError> {
        let headers = self.request_headers.iter().chain(&self.response_headers).map(|name| check_header(name));
        let parameters = self.query_parameters.iter().map(|name| check_parameter(name));
        let checked: Result<(), String> = headers.chain(parameters).collect();
        checked.map_err(|problem| invalid("metadataConfiguration", &problem))
    }
}

/// The members of an input that are kept. In place of an inline schema, which is a blob, is null.
fn config_of(input: &mut Value) -> Map<String, Value> {
    let schema = input.get_mut("targetConfiguration").and_then(inline_schema).map(Value::take);
    let mut config = input.as_object().cloned().unwrap_or_default();
    config.retain(|member, value| !value.is_null() && !["gatewayIdentifier", "targetId"].contains(&member.as_str()));
    if let (Some(place), Some(schema)) = (input.get_mut("targetConfiguration").and_then(inline_schema), schema) {
        *place = schema;
    }
    config
}

pub(super) fn create(state: &mut State, call: &Call, mut input: Value) -> Answer {
    let origin = Origin::take(&mut input);
    let config = config_of(&mut input);
    let input: Input = read(input)?;
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    if let Some(origin) = &origin {
        for target in gateway.targets.values() {
            if origin.repeats(&target.state)? {
                return Ok(show(gateway, target, call));
            }
        }
    }
    if gateway.state.status != Status::Ready {
        return Err(wrong_state(call, "gateway", gateway.state.status));
    }
    // Only connectors may omit the name.
    let name = input.name.clone().ok_or_else(|| invalid("name", "Member must not be null"))?;
    if gateway.named(&name).is_some() {
        return Err(conflict(format!("Target with name {name} already exists in gateway {}", gateway.id)));
    }
    if gateway.targets.len() >= MOST_TARGETS {
        return Err(quota_exceeded(format!("A gateway can have at most {MOST_TARGETS} targets")));
    }
    gateway.check_at_once()?;
    let Checked { schema, problems } = checked(state, call, gateway, &name, &input)?;
    let target = Target {
        id: random::upper_alphanumeric(10),
        config,
        schema,
        synchronized: None,
        served: OnceLock::new(),
        state: Lifecycle { problems, ..Lifecycle::begin(origin, call.now) },
    };
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let answer = show(gateway, &target, call);
    gateway.targets.insert(target.id.clone(), target);
    Ok(answer)
}

pub(super) fn update(state: &mut State, call: &Call, mut input: Value) -> Answer {
    let mut config = config_of(&mut input);
    let input: Input = read(input)?;
    let id = TargetId { gateway_identifier: input.gateway_identifier.clone(), target_id: input.target_id.clone() };
    let gateway = state.agentcore.gateway(call, &id.gateway_identifier)?;
    let target = gateway.targets.get(&id.target_id).ok_or_else(|| id.missing())?;
    // A FAILED target recovers by an update (one public report).
    let settled = [Status::Ready, Status::UpdateUnsuccessful, Status::SynchronizeUnsuccessful, Status::Failed];
    if !settled.contains(&target.state.status) {
        return Err(wrong_state(call, "target", target.state.status));
    }
    let name = input.name.as_deref().or(target.text("name")).unwrap_or_default();
    config.insert("name".to_owned(), json!(name));
    if gateway.named(name).is_some_and(|other| other.id != id.target_id) {
        return Err(conflict(format!("Target with name {name} already exists in gateway {}", gateway.id)));
    }
    gateway.check_at_once()?;
    let Checked { schema, problems } = checked(state, call, gateway, name, &input)?;
    let gateway = state.agentcore.gateway_mut(call, &id.gateway_identifier)?;
    let target = gateway.targets.get_mut(&id.target_id).ok_or_else(|| id.missing())?;
    target.state.change(Status::Updating, call.now);
    target.state.problems = problems;
    // A failing update changes nothing.
    if target.state.problems.is_empty() {
        // Keep a server's old listing until there is a new one.
        let before = target.kind();
        target.config = config;
        if [before, target.kind()] != [Some(TargetKind::McpServer); 2]
            || target.mcp_server().is_some_and(|it| it.is_static())
        {
            target.schema = schema;
        }
        target.served = OnceLock::new();
    }
    get(state, call, id)
}

/// A validated configuration.
struct Checked {
    schema: BlobId,
    /// Why the target's creation or update will fail. Errors in the content of a document are reported
    /// asynchronously.
    problems: Vec<String>,
}

fn checked(state: &State, call: &Call, gateway: &Gateway, name: &str, input: &Input) -> Result<Checked, WireError> {
    if let Some(problem) = role_problem(&state.iam, gateway, call) {
        return Err(refused(problem));
    }
    input.target_configuration.check_protocol(gateway.is_mcp())?;
    input.metadata_configuration.check()?;
    let role = gateway.text("roleArn").unwrap_or_default();
    let credential = input.credential_provider_configurations.as_deref().and_then(<[_]>::first);
    let (schema, problem) = input.target_configuration.checked_schema(state, call, role, name, credential)?;
    Ok(Checked { schema: call.keep(&schema)?, problems: problem.into_iter().collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetId {
    gateway_identifier: String,
    target_id: String,
}

impl TargetId {
    fn missing(&self) -> WireError {
        not_found(format!("Target {} not found in gateway {}", self.target_id, self.gateway_identifier))
    }
}

fn show(gateway: &Gateway, target: &Target, call: &Call) -> Value {
    let mut document = without_nulls([
        ("gatewayArn", json!(gateway.arn)),
        ("targetId", json!(target.id)),
        ("protocolType", json!(if target.is_http() { "HTTP" } else { "MCP" })),
    ]);
    if target.state.status.awaits_user() {
        let request = format!("urn:ietf:params:oauth:request_uri:{}", target.id);
        let url = format!("{}{SIGN_IN_PATH}?request_uri={request}", call.base_url);
        let user = format!("{}-{}", gateway.id, target.id);
        document
            .insert("authorizationData".to_owned(), json!({ "oauth2": { "authorizationUrl": url, "userId": user } }));
    }
    target.state.show(&mut document);
    document.extend(without_nulls([("lastSynchronizedAt", json!(target.synchronized.map(iso8601)))]));
    let schema = call.blobs.get(&target.schema);
    // The target's blob is lost or damaged. An update restores it.
    if let (Status::Ready, Err(error)) = (target.state.status, &schema) {
        document.insert("status".to_owned(), json!(Status::UpdateUnsuccessful));
        let reason = format!("The local AWS has lost what this target serves: {error}");
        document.insert("statusReasons".to_owned(), json!([reason]));
    }
    document.extend(target.config_with(schema.unwrap_or_default()));
    // A required member of the model's outputs. AWS does not document its value for targets without credentials; we
    // chose an empty list.
    document.entry(CREDENTIALS).or_insert(json!([]));
    Value::Object(document)
}

pub(super) fn get(state: &mut State, call: &Call, input: TargetId) -> Answer {
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    let target = gateway.targets.get(&input.target_id).ok_or_else(|| input.missing())?;
    Ok(show(gateway, target, call))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    gateway_identifier: String,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(state: &mut State, call: &Call, input: List) -> Answer {
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    let shown = gateway.targets.values().filter(|target| call.propagated(target.state.created));
    input.page.answer(shown.map(|target| {
        let mut document = without_nulls([
            ("targetId", json!(target.id)),
            ("name", json!(target.text("name"))),
            ("description", json!(target.text("description"))),
            ("targetType", json!(target.listed_type())),
            ("lastSynchronizedAt", json!(target.synchronized.map(iso8601))),
            ("listingMode", target.mcp_server_member("listingMode")),
            ("resourcePriority", target.mcp_server_member("resourcePriority")),
        ]);
        target.state.show(&mut document);
        document.remove("statusReasons");
        (&target.id, document)
    }))
}

pub(super) fn delete(state: &mut State, call: &Call, input: TargetId) -> Answer {
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let target = gateway.targets.get(&input.target_id).ok_or_else(|| input.missing())?;
    if target.state.is_busy() {
        return Err(conflict(format!("Target {} is in {} status", target.id, target.state.status.name())));
    }
    gateway.check_at_once()?;
    let arn = gateway.arn.clone();
    let target = gateway.targets.get_mut(&input.target_id).ok_or_else(|| input.missing())?;
    target.state.change(Status::Deleting, call.now);
    Ok(json!({ "gatewayArn": arn, "targetId": target.id, "status": target.state.status }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Synchronize {
    gateway_identifier: String,
    target_id_list: Vec<String>,
}

/// Starts a new listing of MCP servers. Other targets cannot be synchronized.
pub(super) fn synchronize(state: &mut State, call: &Call, input: Synchronize) -> Answer {
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let mut ids = Vec::new();
    for target_id in &input.target_id_list {
        let id = TargetId { gateway_identifier: gateway.id.clone(), target_id: target_id.clone() };
        let target = gateway.targets.get(target_id).ok_or_else(|| id.missing())?;
        let server = target.mcp_server();
        let server = server.ok_or_else(|| {
            let kind = target.listed_type().unwrap_or_default();
            refused(format!("Target type {kind} is not supported for synchronization"))
        })?;
        if server.is_dynamic() {
            return Err(refused("Targets with listingMode DYNAMIC are listed with every request"));
        }
        // API reference, SynchronizeGatewayTargets; AWS's own words are not known.
        if server.is_static() {
            return Err(refused("Targets with a static tool schema (mcpToolSchema) cannot be synchronized"));
        }
        // A FAILED target can be synchronized (one public report, 20 s after the first try with a fresh role).
        if target.state.is_busy() {
            let status = target.state.status.name();
            return Err(conflict(format!("Target {target_id} is in {status} status")));
        }
        gateway.check_at_once()?;
        ids.push(id);
    }
    for id in &ids {
        let target = gateway.targets.get_mut(&id.target_id).ok_or_else(|| id.missing())?;
        target.state.change(Status::Synchronizing, call.now);
    }
    let shown =
        ids.iter().filter_map(|id| gateway.targets.get(&id.target_id)).map(|target| show(gateway, target, call));
    Ok(json!({ "targets": shown.collect::<Vec<Value>>() }))
}

impl Gateway {
    fn named(&self, name: &str) -> Option<&Target> {
        self.targets.values().find(|target| target.text("name") == Some(name))
    }

    /// Checks that one more target operation may start.
    fn check_at_once(&self) -> Result<(), WireError> {
        if self.targets.values().filter(|target| target.state.in_progress()).count() < MOST_AT_ONCE {
            return Ok(());
        }
        Err(quota_exceeded(format!("A gateway can have at most {MOST_AT_ONCE} target operations under way at once")))
    }
}
