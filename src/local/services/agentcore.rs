//! Bedrock AgentCore's control plane: gateways and their targets.
//!
//! What takes AWS a while takes until the next Get or List here: CREATING, UPDATING and DELETING
//! are settled at the first read after the answer.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Answer, Call, Service, State, bad_request, iam, iso8601, not_implemented, number_or_text, page, parse,
    unknown_operation,
};
use crate::{
    local::{data_plane::mcp, random, wire::WireError, wire::rest_json::Route},
    model::{
        name::{GatewayName, RoleArn, TargetName},
        tool::{self, Tool},
    },
};

pub(crate) const ROUTES: &[Route] = &[
    Route { method: "POST", path: "/gateways/", operation: "CreateGateway", success: 202 },
    Route { method: "GET", path: "/gateways/", operation: "ListGateways", success: 200 },
    Route { method: "GET", path: "/gateways/{gatewayIdentifier}/", operation: "GetGateway", success: 200 },
    Route { method: "PUT", path: "/gateways/{gatewayIdentifier}/", operation: "UpdateGateway", success: 202 },
    Route { method: "DELETE", path: "/gateways/{gatewayIdentifier}/", operation: "DeleteGateway", success: 202 },
    Route {
        method: "POST",
        path: "/gateways/{gatewayIdentifier}/targets/",
        operation: "CreateGatewayTarget",
        success: 202,
    },
    Route {
        method: "GET",
        path: "/gateways/{gatewayIdentifier}/targets/",
        operation: "ListGatewayTargets",
        success: 200,
    },
    Route {
        method: "GET",
        path: "/gateways/{gatewayIdentifier}/targets/{targetId}/",
        operation: "GetGatewayTarget",
        success: 200,
    },
    Route {
        method: "PUT",
        path: "/gateways/{gatewayIdentifier}/targets/{targetId}/",
        operation: "UpdateGatewayTarget",
        success: 202,
    },
    Route {
        method: "DELETE",
        path: "/gateways/{gatewayIdentifier}/targets/{targetId}/",
        operation: "DeleteGatewayTarget",
        success: 202,
    },
    Route { method: "GET", path: "/tags/{resourceArn}", operation: "ListTagsForResource", success: 200 },
    Route { method: "POST", path: "/tags/{resourceArn}", operation: "TagResource", success: 204 },
];

/// The managed gateway's own words (reference §1.9).
const ROLE_NOT_ASSUMABLE: &str = "Gateway service is not authorized to assume the execution role";

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct AgentCore {
    /// By id.
    gateways: BTreeMap<String, Gateway>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gateway {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) region: String,
    /// The members as they were given, shown again unchanged.
    config: Map<String, Value>,
    tags: BTreeMap<String, String>,
    state: Lifecycle,
    targets: BTreeMap<String, Target>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) id: String,
    config: Map<String, Value>,
    state: Lifecycle,
}

/// What gateways and targets have in common.
#[derive(Debug, Serialize, Deserialize)]
struct Lifecycle {
    status: Status,
    reasons: Vec<String>,
    created: i64,
    updated: i64,
    /// The create's `clientToken`, if it had one.
    token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Creating,
    Ready,
    Updating,
    Failed,
    Deleting,
}

impl Lifecycle {
    fn begin(token: Option<String>, now: i64) -> Self {
        Self { status: Status::Creating, reasons: Vec::new(), created: now, updated: now, token }
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

pub(crate) fn handle(state: &mut State, call: &Call, input: Value) -> Answer {
    let reads = call.operation.starts_with("Get") || call.operation.starts_with("List");
    if reads {
        settle(state, call);
    }
    let service = Service::AgentCore;
    match call.operation.as_str() {
        "CreateGateway" => create_gateway(state, call, parse(service, call, input)?),
        "GetGateway" => {
            let input: GatewayId = parse(service, call, input)?;
            Ok(show_gateway(state.agentcore.gateway(call, &input.gateway_identifier)?, call))
        }
        "ListGateways" => list_gateways(&state.agentcore, call, &parse(service, call, input)?),
        "UpdateGateway" => update_gateway(state, call, parse(service, call, input)?),
        "DeleteGateway" => delete_gateway(&mut state.agentcore, call, &parse(service, call, input)?),
        "CreateGatewayTarget" => create_target(state, call, parse(service, call, input)?),
        "GetGatewayTarget" => {
            let input: TargetId = parse(service, call, input)?;
            let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
            let target = gateway.targets.get(&input.target_id).ok_or_else(|| input.missing())?;
            Ok(show_target(gateway, target))
        }
        "ListGatewayTargets" => list_targets(&state.agentcore, call, &parse(service, call, input)?),
        "UpdateGatewayTarget" => update_target(state, call, parse(service, call, input)?),
        "DeleteGatewayTarget" => delete_target(&mut state.agentcore, call, &parse(service, call, input)?),
        "ListTagsForResource" => {
            let input: TaggedArn = parse(service, call, input)?;
            Ok(json!({ "tags": state.agentcore.by_arn(&input.resource_arn)?.tags }))
        }
        "TagResource" => {
            let input: TagResource = parse(service, call, input)?;
            state.agentcore.by_arn(&input.resource_arn)?.tags.extend(input.tags);
            Ok(Value::Null)
        }
        _ => Err(unknown_operation("bedrock-agentcore", call)),
    }
}

/// Brings everything that was under way to its end.
fn settle(state: &mut State, call: &Call) {
    let State { agentcore, iam, .. } = state;
    agentcore.gateways.retain(|_, gateway| gateway.state.status != Status::Deleting);
    for gateway in agentcore.gateways.values_mut() {
        gateway.targets.retain(|_, target| target.state.status != Status::Deleting);
        for target in gateway.targets.values_mut() {
            if matches!(target.state.status, Status::Creating | Status::Updating) {
                target.state.status = Status::Ready;
            }
        }
        match gateway.state.status {
            Status::Creating if !role_can_be_assumed(iam, gateway, call) => {
                gateway.state.status = Status::Failed;
                gateway.state.reasons = vec![ROLE_NOT_ASSUMABLE.to_owned()];
            }
            Status::Creating | Status::Updating => gateway.state.status = Status::Ready,
            Status::Ready | Status::Failed | Status::Deleting => {}
        }
    }
}

fn role_can_be_assumed(iam: &iam::Iam, gateway: &Gateway, call: &Call) -> bool {
    let by = iam::Principal {
        service: "bedrock-agentcore.amazonaws.com",
        source_account: &call.account,
        source_arn: &gateway.arn,
    };
    iam.can_be_assumed(gateway.text("roleArn").unwrap_or_default(), &by, call)
}

/// `CreateGateway` and `UpdateGateway`. Members that AWS knows and this server does not honour
/// are missing here on purpose: naming one is an error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GatewayInput {
    gateway_identifier: Option<String>,
    client_token: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    name: String,
    description: Option<String>,
    role_arn: Option<String>,
    protocol_type: Option<String>,
    protocol_configuration: Option<ProtocolConfiguration>,
    authorizer_type: String,
    authorizer_configuration: Option<AuthorizerConfiguration>,
    kms_key_arn: Option<String>,
    exception_level: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtocolConfiguration {
    mcp: Option<McpConfiguration>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct McpConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_versions: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_type: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorizerConfiguration {
    #[serde(rename = "customJWTAuthorizer")]
    jwt: JwtAuthorizer,
}

/// Who may call a gateway with a JWT (reference §4.2).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct JwtAuthorizer {
    pub(crate) discovery_url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_audience: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_clients: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_scopes: Vec<String>,
}

fn create_gateway(state: &mut State, call: &Call, input: GatewayInput) -> Answer {
    if let Some(token) = &input.client_token
        && let Some(gateway) =
            state.agentcore.in_region(call).find(|gateway| gateway.state.token.as_ref() == Some(token))
    {
        if gateway.text("name") == Some(input.name.as_str()) {
            return Ok(show_gateway(gateway, call));
        }
        return Err(token_mismatch());
    }
    let config = gateway_config(state, &input)?;
    if state.agentcore.in_region(call).any(|gateway| gateway.text("name") == Some(input.name.as_str())) {
        return Err(conflict(format!("Gateway with name {} already exists", input.name)));
    }
    let id = format!("{}-{}", input.name.to_ascii_lowercase(), random::lower_alphanumeric(10));
    let gateway = Gateway {
        arn: format!("arn:aws:bedrock-agentcore:{}:{}:gateway/{id}", call.region, call.account),
        region: call.region.clone(),
        config,
        tags: input.tags,
        state: Lifecycle::begin(input.client_token, call.now),
        targets: BTreeMap::new(),
        id: id.clone(),
    };
    let answer = show_gateway(&gateway, call);
    state.agentcore.gateways.insert(id, gateway);
    Ok(answer)
}

fn update_gateway(state: &mut State, call: &Call, input: GatewayInput) -> Answer {
    let id = input.gateway_identifier.clone().unwrap_or_default();
    let config = gateway_config(state, &input)?;
    let gateway = state.agentcore.gateway_mut(call, &id)?;
    if gateway.text("name") != Some(input.name.as_str()) {
        return Err(invalid("name", "The name of a gateway cannot be changed"));
    }
    if !matches!(gateway.state.status, Status::Ready) {
        return Err(wrong_state(call, "gateway", gateway.state.status));
    }
    gateway.config = config;
    gateway.state.status = Status::Updating;
    gateway.state.updated = call.now;
    Ok(show_gateway(gateway, call))
}

/// Checks a gateway's members and returns those that are kept.
fn gateway_config(state: &State, input: &GatewayInput) -> Result<Map<String, Value>, WireError> {
    input.name.parse::<GatewayName>().map_err(|error| invalid("name", &error.to_string()))?;
    let role = input.role_arn.as_deref().ok_or_else(|| invalid("roleArn", "Member must not be null"))?;
    role.parse::<RoleArn>().map_err(|error| invalid("roleArn", &error.to_string()))?;
    check_description(input.description.as_deref())?;
    if input.protocol_type.as_deref() != Some("MCP") {
        return Err(not_implemented("the local AWS serves gateways of protocolType MCP only"));
    }
    if input.exception_level.as_deref().is_some_and(|level| level != "DEBUG") {
        return Err(invalid("exceptionLevel", "Member must satisfy enum value set: [DEBUG]"));
    }
    let mcp = input.protocol_configuration.as_ref().and_then(|protocol| protocol.mcp.as_ref());
    if let Some(mcp) = mcp {
        check_mcp(mcp)?;
    }
    match (input.authorizer_type.as_str(), &input.authorizer_configuration) {
        ("NONE", None) => {}
        ("CUSTOM_JWT", Some(configuration)) => check_jwt(state, &configuration.jwt)?,
        ("CUSTOM_JWT", None) => {
            return Err(invalid("authorizerConfiguration", "AuthorizerConfiguration is required for CUSTOM_JWT"));
        }
        ("NONE", Some(_)) => {
            return Err(invalid("authorizerConfiguration", "AuthorizerConfiguration is for CUSTOM_JWT only"));
        }
        ("AWS_IAM" | "AUTHENTICATE_ONLY", _) => {
            return Err(not_implemented(format!(
                "the local AWS does not serve authorizerType {}",
                input.authorizer_type
            )));
        }
        _ => {
            return Err(invalid(
                "authorizerType",
                "Member must satisfy enum value set: [CUSTOM_JWT, AWS_IAM, NONE, AUTHENTICATE_ONLY]",
            ));
        }
    }
    Ok(present([
        ("name", json!(input.name)),
        ("description", json!(input.description)),
        ("roleArn", json!(input.role_arn)),
        ("protocolType", json!(input.protocol_type)),
        ("protocolConfiguration", json!(input.protocol_configuration)),
        ("authorizerType", json!(input.authorizer_type)),
        ("authorizerConfiguration", json!(input.authorizer_configuration)),
        ("kmsKeyArn", json!(input.kms_key_arn)),
        ("exceptionLevel", json!(input.exception_level)),
    ]))
}

fn check_description(description: Option<&str>) -> Result<(), WireError> {
    match description.map(|text| text.chars().count()) {
        Some(0 | 201..) => Err(invalid("description", "Member must have length between 1 and 200")),
        _ => Ok(()),
    }
}

fn check_mcp(mcp: &McpConfiguration) -> Result<(), WireError> {
    let unserved = mcp.supported_versions.iter().flatten().find(|version| !mcp::VERSIONS.contains(&version.as_str()));
    if let Some(version) = unserved {
        return Err(not_implemented(format!(
            "the local AWS does not serve MCP version {version}; it serves {}",
            mcp::VERSIONS.join(", ")
        )));
    }
    if mcp.search_type.as_deref().is_some_and(|kind| kind != "SEMANTIC") {
        return Err(invalid("protocolConfiguration.mcp.searchType", "Member must satisfy enum value set: [SEMANTIC]"));
    }
    if mcp.instructions.as_ref().is_some_and(|text| !(1..=2048).contains(&text.chars().count())) {
        return Err(invalid("protocolConfiguration.mcp.instructions", "Member must have length between 1 and 2048"));
    }
    Ok(())
}

fn check_jwt(state: &State, jwt: &JwtAuthorizer) -> Result<(), WireError> {
    let field = "authorizerConfiguration.customJWTAuthorizer";
    let documents = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    if !documents.iter().any(|document| jwt.discovery_url.contains(document)) {
        return Err(invalid(field, "discoveryUrl must end in /.well-known/openid-configuration"));
    }
    if jwt.allowed_audience.is_empty() && jwt.allowed_clients.is_empty() && jwt.allowed_scopes.is_empty() {
        return Err(invalid(
            field,
            "At least one of allowedAudience, allowedClients, allowedScopes, customClaims is required",
        ));
    }
    if state.cognito.pool_at(&jwt.discovery_url).is_none() {
        return Err(not_implemented(format!(
            "the local AWS checks tokens of its own user pools only, and {} is none of them",
            jwt.discovery_url
        )));
    }
    Ok(())
}

/// The members that are there, in order.
fn present<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn show_gateway(gateway: &Gateway, call: &Call) -> Value {
    let mut document = Map::new();
    document.insert("gatewayArn".to_owned(), json!(gateway.arn));
    document.insert("gatewayId".to_owned(), json!(gateway.id));
    document.insert("gatewayUrl".to_owned(), json!(format!("{}/gateways/{}/mcp", call.base_url, gateway.id)));
    gateway.state.show(&mut document);
    document.extend(gateway.config.clone());
    document.insert(
        "workloadIdentityDetails".to_owned(),
        json!({ "workloadIdentityArn": format!(
            "arn:aws:bedrock-agentcore:{}:{}:workload-identity-directory/default/workload-identity/{}",
            call.region, call.account, gateway.id
        ) }),
    );
    Value::Object(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GatewayId {
    gateway_identifier: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListInput {
    gateway_identifier: Option<String>,
    next_token: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    max_results: Option<usize>,
}

fn list_gateways(agentcore: &AgentCore, call: &Call, input: &ListInput) -> Answer {
    let shown = agentcore.in_region(call).filter(|gateway| call.propagated(gateway.state.created)).map(|gateway| {
        let mut document = present([
            ("gatewayId", json!(gateway.id)),
            ("name", json!(gateway.text("name"))),
            ("description", json!(gateway.text("description"))),
            ("authorizerType", json!(gateway.text("authorizerType"))),
            ("protocolType", json!(gateway.text("protocolType"))),
        ]);
        gateway.state.show(&mut document);
        document.remove("statusReasons");
        document
    });
    let (items, next) = page(shown.collect(), input.max_results, input.next_token.as_deref());
    Ok(list_answer(items, next))
}

fn list_answer(items: Vec<Map<String, Value>>, next: Option<String>) -> Value {
    Value::Object(present([("items", json!(items)), ("nextToken", json!(next))]))
}

fn delete_gateway(agentcore: &mut AgentCore, call: &Call, input: &GatewayId) -> Answer {
    let gateway = agentcore.gateway_mut(call, &input.gateway_identifier)?;
    if !gateway.targets.is_empty() {
        return Err(bad_validation(
            "Gateway has targets associated with it. Delete all targets before deleting the gateway.",
        ));
    }
    if matches!(gateway.state.status, Status::Creating | Status::Updating) {
        return Err(conflict(format!("Gateway {} is being created or updated", gateway.id)));
    }
    gateway.state.status = Status::Deleting;
    Ok(json!({ "gatewayId": gateway.id, "status": gateway.state.status }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TargetInput {
    gateway_identifier: String,
    target_id: Option<String>,
    client_token: Option<String>,
    name: String,
    description: Option<String>,
    target_configuration: Value,
    credential_provider_configurations: Option<Vec<CredentialProvider>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CredentialProvider {
    credential_provider_type: String,
}

fn create_target(state: &mut State, call: &Call, input: TargetInput) -> Answer {
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    if gateway.state.status != Status::Ready {
        return Err(wrong_state(call, "gateway", gateway.state.status));
    }
    if let Some(token) = &input.client_token
        && let Some(target) = gateway.targets.values().find(|target| target.state.token.as_ref() == Some(token))
    {
        if target.text("name") == Some(input.name.as_str()) {
            return Ok(show_target(gateway, target));
        }
        return Err(token_mismatch());
    }
    let config = target_config(state, call, gateway, &input)?;
    if gateway.targets.values().any(|target| target.text("name") == Some(input.name.as_str())) {
        return Err(conflict(format!("Target with name {} already exists in gateway {}", input.name, gateway.id)));
    }
    let target =
        Target { id: random::upper_alphanumeric(10), config, state: Lifecycle::begin(input.client_token, call.now) };
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let answer = show_target(gateway, &target);
    gateway.targets.insert(target.id.clone(), target);
    Ok(answer)
}

fn update_target(state: &mut State, call: &Call, input: TargetInput) -> Answer {
    let target_id = TargetId {
        gateway_identifier: input.gateway_identifier.clone(),
        target_id: input.target_id.clone().unwrap_or_default(),
    };
    let gateway = state.agentcore.gateway(call, &input.gateway_identifier)?;
    let target = gateway.targets.get(&target_id.target_id).ok_or_else(|| target_id.missing())?;
    if target.state.status != Status::Ready {
        return Err(wrong_state(call, "target", target.state.status));
    }
    let namesakes = gateway.targets.values().filter(|other| other.text("name") == Some(input.name.as_str()));
    if namesakes.into_iter().any(|other| other.id != target_id.target_id) {
        return Err(conflict(format!("Target with name {} already exists in gateway {}", input.name, gateway.id)));
    }
    let config = target_config(state, call, gateway, &input)?;
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let target = gateway.targets.get_mut(&target_id.target_id).ok_or_else(|| target_id.missing())?;
    target.config = config;
    target.state.status = Status::Updating;
    target.state.updated = call.now;
    let document = gateway.targets.get(&target_id.target_id).map(|target| show_target(gateway, target));
    document.ok_or_else(|| target_id.missing())
}

/// Checks a target's members, function and permission among them, and returns those that are kept.
fn target_config(
    state: &State,
    call: &Call,
    gateway: &Gateway,
    input: &TargetInput,
) -> Result<Map<String, Value>, WireError> {
    input.name.parse::<TargetName>().map_err(|error| invalid("name", &error.to_string()))?;
    check_description(input.description.as_deref())?;
    let lambda = lambda_configuration(&input.target_configuration)?;
    match input.credential_provider_configurations.as_deref() {
        Some([CredentialProvider { credential_provider_type }]) if credential_provider_type == "GATEWAY_IAM_ROLE" => {}
        Some([_]) => {
            return Err(invalid("credentialProviderConfigurations", "Lambda targets take GATEWAY_IAM_ROLE only"));
        }
        Some(_) => return Err(invalid("credentialProviderConfigurations", "Member must have length 1")),
        None => return Err(bad_validation("CredentialProviderConfigurations is required for Lambda targets")),
    }
    // The service dry-runs the invocation (reference §1.9).
    let arn = lambda["lambdaArn"].as_str().unwrap_or_default();
    let role = gateway.text("roleArn").unwrap_or_default();
    let invocable = state.lambda.by_arn(arn).is_some()
        && state.iam.allows(role, "lambda:InvokeFunction", arn, call)
        && role_can_be_assumed(&state.iam, gateway, call);
    if !invocable {
        return Err(bad_validation(format!(
            "Gateway execution role lacks permission to invoke Lambda function {arn}. Update the permission and retry"
        )));
    }
    Ok(present([
        ("name", json!(input.name)),
        ("description", json!(input.description)),
        ("targetConfiguration", input.target_configuration.clone()),
        ("credentialProviderConfigurations", json!(input.credential_provider_configurations)),
    ]))
}

/// The `mcp.lambda` member, its tools checked.
fn lambda_configuration(configuration: &Value) -> Result<&Map<String, Value>, WireError> {
    let field = "targetConfiguration";
    let Some(kinds) = configuration["mcp"].as_object().filter(|kinds| kinds.len() == 1) else {
        return Err(invalid(field, "Exactly one kind of target must be given"));
    };
    let Some(lambda) = kinds.get("lambda").and_then(Value::as_object) else {
        let kind = kinds.keys().next().map(String::as_str).unwrap_or_default();
        return Err(not_implemented(format!("the local AWS does not serve targets of kind {kind}")));
    };
    if let Some(member) = lambda.keys().find(|key| !["lambdaArn", "toolSchema"].contains(&key.as_str())) {
        return Err(not_implemented(format!("the local AWS does not honour the member `{member}` of lambda")));
    }
    if !lambda.get("lambdaArn").is_some_and(Value::is_string) {
        return Err(invalid("targetConfiguration.mcp.lambda.lambdaArn", "Member must not be null"));
    }
    let Some(inline) = lambda.get("toolSchema").and_then(|schema| schema.get("inlinePayload")) else {
        return Err(not_implemented("the local AWS takes a Lambda target's tools inline only"));
    };
    tool::parse_inline(inline)
        .map_err(|error| invalid("targetConfiguration.mcp.lambda.toolSchema.inlinePayload", &error.to_string()))?;
    Ok(lambda)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TargetId {
    gateway_identifier: String,
    target_id: String,
}

impl TargetId {
    fn missing(&self) -> WireError {
        not_found(format!("Target {} not found in gateway {}", self.target_id, self.gateway_identifier))
    }
}

fn show_target(gateway: &Gateway, target: &Target) -> Value {
    let mut document = Map::new();
    document.insert("gatewayArn".to_owned(), json!(gateway.arn));
    document.insert("targetId".to_owned(), json!(target.id));
    target.state.show(&mut document);
    document.extend(target.config.clone());
    Value::Object(document)
}

fn list_targets(agentcore: &AgentCore, call: &Call, input: &ListInput) -> Answer {
    let gateway = agentcore.gateway(call, input.gateway_identifier.as_deref().unwrap_or_default())?;
    let shown = gateway.targets.values().filter(|target| call.propagated(target.state.created)).map(|target| {
        let mut document = present([
            ("targetId", json!(target.id)),
            ("name", json!(target.text("name"))),
            ("description", json!(target.text("description"))),
            ("targetType", json!("LAMBDA")),
        ]);
        target.state.show(&mut document);
        document.remove("statusReasons");
        document
    });
    let (items, next) = page(shown.collect(), input.max_results, input.next_token.as_deref());
    Ok(list_answer(items, next))
}

fn delete_target(agentcore: &mut AgentCore, call: &Call, input: &TargetId) -> Answer {
    let gateway = agentcore.gateway_mut(call, &input.gateway_identifier)?;
    let arn = gateway.arn.clone();
    let target = gateway.targets.get_mut(&input.target_id).ok_or_else(|| input.missing())?;
    if matches!(target.state.status, Status::Creating | Status::Updating) {
        return Err(conflict(format!("Target {} is being created or updated", target.id)));
    }
    target.state.status = Status::Deleting;
    Ok(json!({ "gatewayArn": arn, "targetId": target.id, "status": target.state.status }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaggedArn {
    resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, String>,
}

fn not_found(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
}

fn conflict(message: impl Into<String>) -> WireError {
    WireError::new(StatusCode::CONFLICT, "ConflictException", message)
}

fn bad_validation(message: impl Into<String>) -> WireError {
    let mut error = bad_request("ValidationException", message);
    error.members.insert("reason".to_owned(), json!("FieldValidationFailed"));
    error
}

fn invalid(field: &str, message: &str) -> WireError {
    let mut error = bad_validation(format!(
        "1 validation error detected: Value at '{field}' failed to satisfy constraint: {message}"
    ));
    error.members.insert("fieldList".to_owned(), json!([{ "name": field, "message": message }]));
    error
}

fn token_mismatch() -> WireError {
    let mut error = bad_request("ValidationException", "The client token was used before with other parameters");
    error.members.insert("reason".to_owned(), json!("IdempotentParameterMismatchException"));
    error
}

fn wrong_state(call: &Call, what: &str, status: Status) -> WireError {
    let status = json!(status);
    let status = status.as_str().unwrap_or_default();
    bad_validation(format!("Cannot perform operation {} when {what} is in {status} status", call.operation))
}

impl AgentCore {
    fn in_region(&self, call: &Call) -> impl Iterator<Item = &Gateway> {
        self.gateways.values().filter(|gateway| gateway.region == call.region)
    }

    fn gateway(&self, call: &Call, id: &str) -> Result<&Gateway, WireError> {
        let found = self.gateways.get(id).filter(|gateway| gateway.region == call.region);
        found.ok_or_else(|| not_found(format!("Gateway {id} not found")))
    }

    fn gateway_mut(&mut self, call: &Call, id: &str) -> Result<&mut Gateway, WireError> {
        let found = self.gateways.get_mut(id).filter(|gateway| gateway.region == call.region);
        found.ok_or_else(|| not_found(format!("Gateway {id} not found")))
    }

    fn by_arn(&mut self, arn: &str) -> Result<&mut Gateway, WireError> {
        let found = self.gateways.values_mut().find(|gateway| gateway.arn == arn);
        found.ok_or_else(|| not_found(format!("Resource {arn} not found")))
    }

    /// A gateway that serves calls: READY, or being updated.
    pub(crate) fn serving(&self, id: &str) -> Option<&Gateway> {
        self.gateways.get(id).filter(|gateway| matches!(gateway.state.status, Status::Ready | Status::Updating))
    }
}

impl Gateway {
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.config.get(member)?.as_str()
    }

    /// A member of `protocolConfiguration.mcp`.
    pub(crate) fn mcp(&self, member: &str) -> Option<&Value> {
        self.config.get("protocolConfiguration")?.get("mcp")?.get(member)
    }

    /// The inbound check, where callers need a JWT.
    pub(crate) fn jwt_authorizer(&self) -> Option<JwtAuthorizer> {
        let configuration = self.config.get("authorizerConfiguration")?;
        serde_json::from_value::<AuthorizerConfiguration>(configuration.clone()).ok().map(|parsed| parsed.jwt)
    }

    /// Targets whose tools are listed and called: those that are READY.
    pub(crate) fn ready_targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values().filter(|target| matches!(target.state.status, Status::Ready | Status::Updating))
    }
}

impl Target {
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.config.get(member)?.as_str()
    }

    pub(crate) fn lambda_arn(&self) -> Option<&str> {
        self.config["targetConfiguration"]["mcp"]["lambda"]["lambdaArn"].as_str()
    }

    pub(crate) fn tools(&self) -> Vec<Tool> {
        tool::parse_inline(&self.config["targetConfiguration"]["mcp"]["lambda"]["toolSchema"]["inlinePayload"])
            .unwrap_or_default()
    }
}
