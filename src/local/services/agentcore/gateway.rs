//! Gateways.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Lifecycle, Origin, Page, State, Status, access_denied, check_invocable, conflict,
    inbound::{AuthorizerConfiguration, JwtAuthorizer, check_jwt},
    interceptor::{InterceptionPoint, Interceptor},
    invalid, lacking, quota_exceeded, refused,
    target::Target,
    without_nulls, wrong_state,
};
use crate::{
    local::{
        random,
        services::{answer::Answer, answer::read, call::Call},
        wire::WireError,
    },
    model::{mcp::VERSIONS, name::RoleArn},
};

/// Most gateways of an account in a region (AgentCore developer guide, "Quotas for Amazon Bedrock AgentCore").
const MOST_GATEWAYS: usize = 1000;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gateway {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) region: String,
    /// The members as given, returned unchanged.
    config: Map<String, Value>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) state: Lifecycle,
    /// By id.
    pub(super) targets: BTreeMap<String, Target>,
}

/// Input of `CreateGateway` and `UpdateGateway`: the members that are checked. An update replaces all members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    #[serde(default)]
    gateway_identifier: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    name: String,
    role_arn: String,
    protocol_configuration: Option<ProtocolConfiguration>,
    authorizer_type: String,
    authorizer_configuration: Option<AuthorizerConfiguration>,
    interceptor_configurations: Option<Vec<Interceptor>>,
}

#[derive(Deserialize)]
struct ProtocolConfiguration {
    mcp: McpConfiguration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct McpConfiguration {
    supported_versions: Option<Vec<String>>,
}

/// The members of an input that are kept.
fn config_of(input: &Value) -> Map<String, Value> {
    let mut config = input.as_object().cloned().unwrap_or_default();
    config.retain(|member, value| !value.is_null() && !["gatewayIdentifier", "tags"].contains(&member.as_str()));
    config
}

pub(super) fn create(state: &mut State, call: &Call, mut input: Value) -> Answer {
    let origin = Origin::take(&mut input);
    if let Some(origin) = &origin {
        for gateway in state.agentcore.in_region(call) {
            if origin.repeats(&gateway.state)? {
                return Ok(show(gateway, call));
            }
        }
    }
    let config = config_of(&input);
    let input: Input = read(input)?;
    check_config(state, call, &input)?;
    if state.agentcore.in_region(call).any(|gateway| gateway.text("name") == Some(input.name.as_str())) {
        return Err(conflict(format!("Gateway with name {} already exists", input.name)));
    }
    if state.agentcore.in_region(call).count() >= MOST_GATEWAYS {
        return Err(quota_exceeded(format!("An account can have at most {MOST_GATEWAYS} gateways in a region")));
    }
    let problems = lacking(call, "create").or_else(|| missing_document(state, call, &input)).into_iter().collect();
    let id = format!("{}-{}", input.name.to_ascii_lowercase(), random::lower_alphanumeric(10));
    let gateway = Gateway {
        arn: format!("arn:aws:bedrock-agentcore:{}:{}:gateway/{id}", call.region, call.account),
        region: call.region.clone(),
        config,
        tags: input.tags,
        state: Lifecycle { problems, ..Lifecycle::begin(origin, call.now) },
        targets: BTreeMap::new(),
        id: id.clone(),
    };
    let answer = show(&gateway, call);
    state.agentcore.gateways.insert(id, gateway);
    Ok(answer)
}

pub(super) fn update(state: &mut State, call: &Call, input: Value) -> Answer {
    let config = config_of(&input);
    let input: Input = read(input)?;
    state.agentcore.gateway(call, &input.gateway_identifier)?;
    check_config(state, call, &input)?;
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    if gateway.text("name") != Some(input.name.as_str()) {
        return Err(invalid("name", "The name of a gateway cannot be changed"));
    }
    // aws-cloudformation/cloudformation-coverage-roadmap#2578, terraform-provider-aws#44812.
    if gateway.text("authorizerType") != Some(input.authorizer_type.as_str()) {
        return Err(refused("Authorizer type cannot be updated for an existing gateway"));
    }
    if gateway.state.status == Status::Failed {
        // From one public report. The message differs from that for other states.
        return Err(refused("UpdateGateway operation can't be performed on gateway when it is in Failed state"));
    }
    if !matches!(gateway.state.status, Status::Ready | Status::UpdateUnsuccessful) {
        return Err(wrong_state(call, "gateway", gateway.state.status));
    }
    gateway.config = config;
    gateway.state.change(Status::Updating, call.now);
    Ok(show(gateway, call))
}

/// Checks the rules beyond the service model.
fn check_config(state: &State, call: &Call, input: &Input) -> Result<(), WireError> {
    let role: RoleArn = input.role_arn.parse().map_err(|error| invalid("roleArn", &format!("{error}")))?;
    if role.account() != call.account {
        return Err(access_denied("Cross-account pass role is not allowed."));
    }
    if let Some(protocol) = &input.protocol_configuration {
        check_versions(&protocol.mcp)?;
    }
    check_interceptors(state, call, input)?;
    // AWS's messages, from badmintoncryer/cdk-preflight, `jwt-authorizer` and `authorizer-config-unexpected`.
    match (input.authorizer_type.as_str(), &input.authorizer_configuration) {
        ("CUSTOM_JWT", Some(configuration)) => check_jwt(&configuration.jwt)?,
        ("CUSTOM_JWT", None) => {
            return Err(refused("AuthorizerConfiguration is required for CUSTOM_JWT authorizer type"));
        }
        (kind @ ("NONE" | "AWS_IAM"), Some(_)) => {
            return Err(refused(format!("AuthorizerConfiguration should be null for {kind} AuthorizerType")));
        }
        // AUTHENTICATE_ONLY takes both (same source).
        _ => {}
    }
    Ok(())
}

/// The reason for failure if the gateway's own user pool has no discovery document yet. AWS's message, from one
/// public report.
fn missing_document(state: &State, call: &Call, input: &Input) -> Option<String> {
    let url = &input.authorizer_configuration.as_ref()?.jwt.discovery_url;
    let pool = state.cognito.pool_at(url)?;
    (!call.propagated(pool.created)).then(|| {
        format!(
            "Failed to create gateway dependencies: Failed to fetch discovery document from: {url} (Service: \
             AgentCredentialProvider, Status Code: 400)"
        )
    })
}

fn check_versions(mcp: &McpConfiguration) -> Result<(), WireError> {
    let unknown = mcp.supported_versions.iter().flatten().find(|version| !VERSIONS.contains(&version.as_str()));
    let Some(version) = unknown else { return Ok(()) };
    // AWS's message and order of versions, from badmintoncryer/cdk-preflight, `mcp-supported-versions`.
    let supported = "2025-11-25, 2026-07-28, 2025-03-26, 2025-06-18";
    Err(refused(format!(
        "Unsupported MCP Version(s) are provided in request: [{version}]. Update request with supported version(s) \
         [{supported}] and retry."
    )))
}

/// Checks that there is at most one interceptor per interception point, and that the role may invoke it. AWS
/// does not document when it checks the role; we chose to do it at once, as for the functions of targets.
fn check_interceptors(state: &State, call: &Call, input: &Input) -> Result<(), WireError> {
    let interceptors = input.interceptor_configurations.as_deref().unwrap_or_default();
    let points: Vec<_> = interceptors.iter().flat_map(|one| one.interception_points.iter().copied()).collect();
    for point in [InterceptionPoint::Request, InterceptionPoint::Response] {
        if points.iter().filter(|one| **one == point).count() > 1 {
            // AWS's message, from badmintoncryer/cdk-preflight, `interceptor-point-unique`.
            return Err(refused("Only one interceptor configuration per interception point can be defined"));
        }
    }
    interceptors
        .iter()
        .try_for_each(|interceptor| check_invocable(state, call, &input.role_arn, interceptor.function_arn()))
}

fn show(gateway: &Gateway, call: &Call) -> Value {
    let surface = if gateway.is_mcp() { "mcp" } else { "http" };
    let mut document = without_nulls([
        ("gatewayArn", json!(gateway.arn)),
        ("gatewayId", json!(gateway.id)),
        ("gatewayUrl", json!(format!("{}/gateways/{}/{surface}", call.base_url, gateway.id))),
    ]);
    gateway.state.show(&mut document);
    document.extend(gateway.config.clone());
    let identity = format!(
        "arn:aws:bedrock-agentcore:{}:{}:workload-identity-directory/default/workload-identity/{}",
        call.region, call.account, gateway.id
    );
    document.insert("workloadIdentityDetails".to_owned(), json!({ "workloadIdentityArn": identity }));
    Value::Object(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayId {
    gateway_identifier: String,
}

pub(super) fn get(state: &mut State, call: &Call, input: GatewayId) -> Answer {
    Ok(show(state.agentcore.gateway(call, &input.gateway_identifier)?, call))
}

pub(super) fn list(state: &mut State, call: &Call, input: Page) -> Answer {
    let shown = state.agentcore.in_region(call).filter(|gateway| call.propagated(gateway.state.created));
    input.answer(shown.map(|gateway| {
        let mut document = without_nulls([
            ("gatewayId", json!(gateway.id)),
            ("name", json!(gateway.text("name"))),
            ("description", json!(gateway.text("description"))),
            ("authorizerType", json!(gateway.text("authorizerType"))),
            ("protocolType", json!(gateway.text("protocolType"))),
        ]);
        gateway.state.show(&mut document);
        document.remove("statusReasons");
        (&gateway.id, document)
    }))
}

pub(super) fn delete(state: &mut State, call: &Call, input: GatewayId) -> Answer {
    let gateway = state.agentcore.gateway_mut(call, &input.gateway_identifier)?;
    if !gateway.targets.is_empty() {
        return Err(refused("Gateway has targets associated with it. Delete all targets before deleting the gateway."));
    }
    if gateway.state.in_progress() {
        return Err(conflict(format!("Gateway {} is in {} status", gateway.id, gateway.state.status.name())));
    }
    gateway.state.change(Status::Deleting, call.now);
    gateway.state.problems = lacking(call, "delete").into_iter().collect();
    Ok(json!({ "gatewayId": gateway.id, "status": gateway.state.status }))
}

impl Gateway {
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.config.get(member)?.as_str()
    }

    /// A member of `protocolConfiguration.mcp`.
    pub(crate) fn mcp(&self, member: &str) -> Option<&Value> {
        self.config.get("protocolConfiguration")?.get("mcp")?.get(member)
    }

    /// Whether it serves MCP, and not HTTP and inference targets.
    pub(crate) fn is_mcp(&self) -> bool {
        self.text("protocolType") == Some("MCP")
    }

    /// What the gateway is configured with that would decide about calls, and that the local AWS does not have.
    pub(crate) fn not_served(&self) -> Option<&'static str> {
        let has = |member: &str| self.config.get(member).is_some_and(|value| !value.is_null());
        let engine = self.config.get("policyEngineConfiguration");
        let jwt = self.config.get("authorizerConfiguration").map(|it| &it["customJWTAuthorizer"]);
        if !self.is_mcp() {
            return Some("gateways without a protocolType");
        }
        let interceptors = self.config.get("interceptorConfigurations").and_then(Value::as_array).into_iter().flatten();
        if interceptors.into_iter().any(|one| one["responseInterceptionMode"] == "STREAM") {
            return Some("interceptors of streams (responseInterceptionMode STREAM)");
        }
        if engine.is_some_and(|engine| engine["mode"] == "ENFORCE") {
            return Some("policy engines that enforce");
        }
        if jwt.is_some_and(|jwt| !jwt["allowedWorkloadConfiguration"].is_null()) {
            return Some("authorizers that ask for workloads (allowedWorkloadConfiguration)");
        }
        has("customTransformConfiguration").then_some("transforms of requests (customTransformConfiguration)")
    }

    /// The JWT authorizer, if callers need a JWT.
    pub(crate) fn jwt_authorizer(&self) -> Option<JwtAuthorizer> {
        if self.text("authorizerType") != Some("CUSTOM_JWT") {
            return None;
        }
        let configuration = self.config.get("authorizerConfiguration")?;
        serde_json::from_value::<AuthorizerConfiguration>(configuration.clone()).ok().map(|parsed| parsed.jwt)
    }

    /// The interceptor at this interception point.
    pub(crate) fn interceptor(&self, point: InterceptionPoint) -> Option<Interceptor> {
        let configured = self.config.get("interceptorConfigurations")?;
        let interceptors: Vec<Interceptor> = serde_json::from_value(configured.clone()).ok()?;
        interceptors.into_iter().find(|interceptor| interceptor.interception_points.contains(&point))
    }

    /// The targets that serve calls.
    pub(crate) fn serving_targets(&self) -> impl Iterator<Item = &Target> {
        self.targets.values().filter(|target| target.serves())
    }
}
