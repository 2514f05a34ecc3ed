//! Targets of gateways.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Gateway, Lifecycle, Origin, Page, Status, check_invocable, conflict, invalid, not_found, present, quota_exceeded,
    refused, wrong_state,
};
use crate::{
    local::{
        random,
        services::{Answer, Call, State, read},
        wire::WireError,
    },
    model::tool::{self, Tool},
};

/// Targets that a gateway may have (quota page).
const MOST_TARGETS: usize = 100;
/// Target operations that a gateway may have under way at once (quota page; which error says so
/// is [U]).
const MOST_AT_ONCE: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) id: String,
    /// The members as they were given, shown again unchanged.
    config: Map<String, Value>,
    /// The tool definitions, read when the target was made or updated.
    tools: Value,
    pub(super) state: Lifecycle,
}

/// `CreateGatewayTarget` and `UpdateGatewayTarget`, which replaces a target as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    gateway_identifier: String,
    #[serde(default)]
    target_id: String,
    name: Option<String>,
    description: Option<String>,
    target_configuration: Configuration,
    credential_provider_configurations: Option<Vec<CredentialProvider>>,
}

#[derive(Serialize, Deserialize)]
struct Configuration {
    mcp: McpConfiguration,
}

#[derive(Serialize, Deserialize)]
struct McpConfiguration {
    lambda: LambdaConfiguration,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LambdaConfiguration {
    lambda_arn: String,
    tool_schema: ToolSchema,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ToolSchema {
    S3(S3Object),
    InlinePayload(Value),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket_owner_account_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialProvider {
    credential_provider_type: String,
}

pub(super) fn create(state: &mut State, call: &Call, mut input: Value) -> Answer {
    let origin = Origin::take(&mut input);
    let input: Input = read(input)?;
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    if let Some(origin) = &origin {
        for target in gateway.targets.values() {
            if origin.repeats(&target.state)? {
                return Ok(show(gateway, target));
            }
        }
    }
    if gateway.state.status != Status::Ready {
        return Err(wrong_state(call, "gateway", gateway.state.status));
    }
    // Only connectors may do without a name.
    let name = input.name.clone().ok_or_else(|| invalid("name", "Member must not be null"))?;
    if gateway.named(&name).is_some() {
        return Err(conflict(format!("Target with name {name} already exists in gateway {}", gateway.id)));
    }
    if gateway.targets.len() >= MOST_TARGETS {
        return Err(quota_exceeded(format!("A gateway can have at most {MOST_TARGETS} targets")));
    }
    gateway.check_at_once()?;
    let (config, tools) = checked_config(state, call, gateway, &name, &input)?;
    let target =
        Target { id: random::upper_alphanumeric(10), config, tools, state: Lifecycle::begin(origin, call.now) };
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let answer = show(gateway, &target);
    gateway.targets.insert(target.id.clone(), target);
    Ok(answer)
}

pub(super) fn update(state: &mut State, call: &Call, input: Input) -> Answer {
    let id = TargetId { gateway_identifier: input.gateway_identifier.clone(), target_id: input.target_id.clone() };
    let gateway = state.agentcore.gateway(call, &id.gateway_identifier)?;
    let target = gateway.targets.get(&id.target_id).ok_or_else(|| id.missing())?;
    if !matches!(target.state.status, Status::Ready | Status::UpdateUnsuccessful) {
        return Err(wrong_state(call, "target", target.state.status));
    }
    let name = input.name.as_deref().or(target.text("name")).unwrap_or_default();
    if gateway.named(name).is_some_and(|other| other.id != id.target_id) {
        return Err(conflict(format!("Target with name {name} already exists in gateway {}", gateway.id)));
    }
    gateway.check_at_once()?;
    let (config, tools) = checked_config(state, call, gateway, name, &input)?;
    let gateway = state.agentcore.gateway_mut(call, &id.gateway_identifier)?;
    let target = gateway.targets.get_mut(&id.target_id).ok_or_else(|| id.missing())?;
    target.config = config;
    target.tools = tools;
    target.state.change(Status::Updating, call.now);
    get(state, call, &id)
}

/// Checks what the service model does not show, function and permission among it, and returns
/// the members that are kept, and the tools.
fn checked_config(
    state: &State,
    call: &Call,
    gateway: &Gateway,
    name: &str,
    input: &Input,
) -> Result<(Map<String, Value>, Value), WireError> {
    let lambda = &input.target_configuration.mcp.lambda;
    let role = gateway.text("roleArn").unwrap_or_default();
    let tools = read_tools(state, call, role, &lambda.tool_schema)?;
    match input.credential_provider_configurations.as_deref() {
        Some([CredentialProvider { credential_provider_type }]) if credential_provider_type == "GATEWAY_IAM_ROLE" => {}
        Some(_) => {
            return Err(invalid("credentialProviderConfigurations", "Lambda targets take GATEWAY_IAM_ROLE only"));
        }
        None => return Err(refused("CredentialProviderConfigurations is required for Lambda targets")),
    }
    // The service dry-runs the invocation (reference §1.9).
    check_invocable(state, call, role, &lambda.lambda_arn)?;
    let config = present([
        ("name", json!(name)),
        ("description", json!(input.description)),
        ("targetConfiguration", json!(input.target_configuration)),
        ("credentialProviderConfigurations", json!(input.credential_provider_configurations)),
    ]);
    Ok((config, tools))
}

/// Bytes of a tool schema in S3, and inline (quota page).
const S3_LIMIT: usize = 10 * 1024 * 1024;
const INLINE_LIMIT: usize = 1024 * 1024;

/// The tool definitions, from where they are.
fn read_tools(state: &State, call: &Call, role: &str, schema: &ToolSchema) -> Result<Value, WireError> {
    let schema_field = "targetConfiguration.mcp.lambda.toolSchema";
    let (tools, field) = match schema {
        ToolSchema::InlinePayload(tools) => {
            let field = format!("{schema_field}.inlinePayload");
            if tools.to_string().len() > INLINE_LIMIT {
                return Err(invalid(&field, "An inline schema can have at most 1 MB; put it into S3"));
            }
            (tools.clone(), field)
        }
        ToolSchema::S3(object) => {
            let field = format!("{schema_field}.s3.uri");
            let bytes = read_object(state, call, role, object).map_err(|problem| invalid(&field, &problem))?;
            let tools =
                serde_json::from_slice(&bytes).map_err(|error| invalid(&field, &format!("not JSON: {error}")))?;
            (tools, field)
        }
    };
    tool::parse_inline(&tools).map_err(|error| invalid(&field, &error.to_string()))?;
    Ok(tools)
}

/// An object that the gateway's role may read.
fn read_object(state: &State, call: &Call, role: &str, object: &S3Object) -> Result<Vec<u8>, String> {
    let uri = object.uri.as_deref().ok_or("Member must not be null")?;
    if object.bucket_owner_account_id.as_ref().is_some_and(|owner| *owner != call.account) {
        return Err(format!("{uri} does not belong to the account that bucketOwnerAccountId names"));
    }
    let arn = format!("arn:aws:s3:::{}", uri.trim_start_matches("s3://"));
    if !state.iam.allows(role, "s3:GetObject", &arn, None, call) {
        return Err(format!("Gateway execution role lacks permission to read {uri} (s3:GetObject)"));
    }
    let blob = state.s3.at(uri).ok_or_else(|| format!("there is no object {uri}"))?;
    let bytes = call.kept(blob).map_err(|error| error.message)?;
    if bytes.len() > S3_LIMIT {
        return Err("A schema in S3 can have at most 10 MB".to_owned());
    }
    Ok(bytes)
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

fn show(gateway: &Gateway, target: &Target) -> Value {
    let mut document =
        present([("gatewayArn", json!(gateway.arn)), ("targetId", json!(target.id)), ("protocolType", json!("MCP"))]);
    target.state.show(&mut document);
    document.extend(target.config.clone());
    Value::Object(document)
}

pub(super) fn get(state: &State, call: &Call, input: &TargetId) -> Answer {
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    let target = gateway.targets.get(&input.target_id).ok_or_else(|| input.missing())?;
    Ok(show(gateway, target))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    gateway_identifier: String,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(state: &State, call: &Call, input: &List) -> Answer {
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    let shown = gateway.targets.values().filter(|target| call.propagated(target.state.created));
    input.page.answer(shown.map(|target| {
        let mut document = present([
            ("targetId", json!(target.id)),
            ("name", json!(target.text("name"))),
            ("description", json!(target.text("description"))),
            ("targetType", json!("LAMBDA")),
        ]);
        target.state.show(&mut document);
        document.remove("statusReasons");
        (&target.id, document)
    }))
}

pub(super) fn delete(state: &mut State, call: &Call, input: &TargetId) -> Answer {
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let target = gateway.targets.get(&input.target_id).ok_or_else(|| input.missing())?;
    if target.state.under_way() {
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

/// Only targets whose tools come from elsewhere can be synchronized; Lambda targets are none.
pub(super) fn synchronize(state: &State, call: &Call, input: &Synchronize) -> Answer {
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    for target_id in &input.target_id_list {
        let id = TargetId { gateway_identifier: gateway.id.clone(), target_id: target_id.clone() };
        gateway.targets.get(target_id).ok_or_else(|| id.missing())?;
    }
    Err(refused("Only MCP server targets can be synchronized"))
}

impl Gateway {
    fn named(&self, name: &str) -> Option<&Target> {
        self.targets.values().find(|target| target.text("name") == Some(name))
    }

    /// That one more target operation may begin.
    fn check_at_once(&self) -> Result<(), WireError> {
        if self.targets.values().filter(|target| target.state.under_way()).count() < MOST_AT_ONCE {
            return Ok(());
        }
        Err(quota_exceeded(format!("A gateway can have at most {MOST_AT_ONCE} target operations under way at once")))
    }
}

impl Target {
    pub(super) fn serves(&self) -> bool {
        self.state.serves()
    }

    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.config.get(member)?.as_str()
    }

    pub(crate) fn lambda_arn(&self) -> Option<&str> {
        self.config["targetConfiguration"]["mcp"]["lambda"]["lambdaArn"].as_str()
    }

    pub(crate) fn tools(&self) -> Vec<Tool> {
        tool::parse_inline(&self.tools).unwrap_or_default()
    }
}
