//! What one request needs of a gateway, taken at one moment.

use serde_json::{Value, json};

use super::protocol::VERSIONS;
use crate::{
    local::services::agentcore::{Gateway, InterceptionPoint, Interceptor, Target},
    model::tool::{self, Tool},
};

/// Seconds that a session lasts, unless told otherwise (reference §5.3).
const SESSION_LIFETIME: i64 = 3600;

pub(super) struct View {
    pub(super) id: String,
    pub(super) arn: String,
    name: String,
    pub(super) instructions: Option<Value>,
    pub(super) versions: Vec<String>,
    pub(super) debug: bool,
    pub(super) search: bool,
    /// Whether `tools/list` comes in pages.
    pub(super) paged: bool,
    /// Whether answers may be event streams.
    pub(super) streaming: bool,
    /// Seconds that a session lasts; none where there are no sessions.
    pub(super) session_lifetime: Option<i64>,
    pub(super) on_request: Option<Interceptor>,
    pub(super) on_response: Option<Interceptor>,
    targets: Vec<ServedTarget>,
}

pub(super) struct ServedTarget {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) lambda_arn: Option<String>,
    tools: Vec<Tool>,
}

impl View {
    pub(super) fn new(gateway: &Gateway) -> Self {
        let configured: Option<Vec<String>> =
            gateway.mcp("supportedVersions").and_then(|versions| serde_json::from_value(versions.clone()).ok());
        // The managed gateway's default is unknown (reference §5.2 [U]); here it is all that is served.
        let mut versions = configured.unwrap_or_else(|| VERSIONS.iter().map(ToString::to_string).collect());
        versions.sort();
        let target = |target: &Target| ServedTarget {
            id: target.id.clone(),
            name: target.text("name").unwrap_or_default().to_owned(),
            lambda_arn: target.lambda_arn().map(str::to_owned),
            tools: target.tools(),
        };
        let session = gateway.mcp("sessionConfiguration");
        let lifetime = |session: &Value| session["sessionTimeoutInSeconds"].as_i64().unwrap_or(SESSION_LIFETIME);
        let streaming = gateway.mcp("streamingConfiguration").map(|streaming| &streaming["enableResponseStreaming"]);
        Self {
            id: gateway.id.clone(),
            arn: gateway.arn.clone(),
            name: gateway.text("name").unwrap_or_default().to_owned(),
            instructions: gateway.mcp("instructions").cloned(),
            versions,
            debug: gateway.text("exceptionLevel") == Some("DEBUG"),
            search: gateway.mcp("searchType").is_some(),
            paged: gateway.mcp("disableMcpListToolsPagination") != Some(&Value::Bool(true)),
            streaming: streaming == Some(&Value::Bool(true)),
            session_lifetime: session.map(lifetime),
            on_request: gateway.interceptor(InterceptionPoint::Request),
            on_response: gateway.interceptor(InterceptionPoint::Response),
            targets: gateway.serving_targets().map(target).collect(),
        }
    }

    pub(super) fn is_intercepted(&self) -> bool {
        self.on_request.is_some() || self.on_response.is_some()
    }

    pub(super) fn server_info(&self) -> Value {
        json!({ "name": self.name, "version": "1.0.0" })
    }

    pub(super) fn listed_tools(&self) -> Vec<Value> {
        self.targets.iter().flat_map(|target| target.tools.iter().map(|tool| tool.listed(&target.name))).collect()
    }

    /// The target and the tool that a qualified name stands for.
    pub(super) fn find(&self, name: &str) -> Option<(&ServedTarget, &Tool)> {
        let (target, tool) = name.split_once(tool::SEPARATOR)?;
        let target = self.targets.iter().find(|candidate| candidate.name == target)?;
        Some((target, target.tools.iter().find(|candidate| candidate.name == tool)?))
    }
}
