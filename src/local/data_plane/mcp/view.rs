//! What one request needs of a gateway, taken at one moment.

use std::sync::Arc;

use serde_json::{Value, json};

use super::protocol::VERSIONS;
use crate::{
    local::{
        blobs::Blobs,
        services::agentcore::{Credential, Gateway, InterceptionPoint, Interceptor, Served, Target},
    },
    model::{
        openapi::Operation,
        smithy::{self, Model},
        tool::{self, Tool},
    },
};

/// Seconds that a session lasts, unless told otherwise (reference §5.3).
const SESSION_LIFETIME: i64 = 3600;

pub(super) struct View {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) region: String,
    pub(super) role: String,
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
    pub(super) served: Arc<Served>,
    pub(super) credential: Option<Credential>,
}

/// A tool that can be called.
pub(super) enum Callable<'a> {
    Function {
        arn: &'a str,
        tool: &'a Tool,
    },
    Operation(&'a Operation),
    Service {
        model: &'a Model,
        operation: &'a smithy::Operation,
    },
    /// Of a target that is there in the control plane only.
    NotServed,
}

impl View {
    pub(super) fn new(gateway: &Gateway, blobs: &Blobs) -> Self {
        let configured: Option<Vec<String>> =
            gateway.mcp("supportedVersions").and_then(|versions| serde_json::from_value(versions.clone()).ok());
        // The managed gateway's default is unknown (reference §5.2 [U]); here it is all that is served.
        let mut versions = configured.unwrap_or_else(|| VERSIONS.iter().map(ToString::to_string).collect());
        versions.sort();
        let target = |target: &Target| ServedTarget {
            id: target.id.clone(),
            name: target.text("name").unwrap_or_default().to_owned(),
            served: target.served(blobs),
            credential: target.credential(),
        };
        let session = gateway.mcp("sessionConfiguration");
        let lifetime = |session: &Value| session["sessionTimeoutInSeconds"].as_i64().unwrap_or(SESSION_LIFETIME);
        let streaming = gateway.mcp("streamingConfiguration").map(|streaming| &streaming["enableResponseStreaming"]);
        Self {
            id: gateway.id.clone(),
            arn: gateway.arn.clone(),
            region: gateway.region.clone(),
            role: gateway.text("roleArn").unwrap_or_default().to_owned(),
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
        let of = |target: &ServedTarget| -> Vec<Value> {
            target.served.tools().iter().map(|tool| tool.listed(&target.name)).collect()
        };
        self.targets.iter().flat_map(of).collect()
    }

    /// The target and the tool that a qualified name stands for.
    pub(super) fn find(&self, name: &str) -> Option<(&ServedTarget, Callable<'_>)> {
        let (target, name) = name.split_once(tool::SEPARATOR)?;
        let target = self.targets.iter().find(|candidate| candidate.name == target)?;
        let callable = match &*target.served {
            Served::Lambda { arn, tools } => {
                Callable::Function { arn, tool: tools.iter().find(|tool| tool.name == name)? }
            }
            Served::OpenApi { operations } => {
                Callable::Operation(operations.iter().find(|operation| operation.id == name)?)
            }
            Served::Smithy(model) => {
                let operation = model.operations.iter().find(|operation| operation.name == name)?;
                Callable::Service { model, operation }
            }
            Served::ApiGateway => Callable::NotServed,
            Served::Nothing => return None,
        };
        Some((target, callable))
    }
}

impl Callable<'_> {
    pub(super) fn input_schema(&self) -> &Value {
        match self {
            Self::Function { tool, .. } => &tool.input_schema,
            Self::Operation(operation) => &operation.input_schema,
            Self::Service { operation, .. } => &operation.input_schema,
            Self::NotServed => &Value::Null,
        }
    }
}
