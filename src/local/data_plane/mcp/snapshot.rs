//! A snapshot of a gateway, for all requests until the account's state changes.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use serde_json::{Value, json};

use super::listed::ToolList;
use crate::{
    local::{
        data_plane::{credentials::OutboundAuth, mcp_server::Server},
        services::{
            State,
            agentcore::{Credential, Gateway, InterceptionPoint, Interceptor, Listing, Served, Target},
        },
        storage::blobs::Blobs,
    },
    model::{
        mcp::VERSIONS,
        openapi::Operation,
        smithy::{self, Model},
        tool::{self, Tool},
    },
};

/// The priority of targets without `resourcePriority`: after all others. The service model names 1000 as the
/// default, which is also the largest value.
const NO_PRIORITY: i64 = i64::MAX;
/// Default session lifetime in seconds (AgentCore developer guide, "Use MCP sessions with your AgentCore
/// gateway").
const SESSION_LIFETIME: i64 = 3600;

pub(super) struct GatewaySnapshot {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) region: String,
    pub(super) role: String,
    name: String,
    pub(super) instructions: Option<Value>,
    pub(super) versions: Vec<String>,
    pub(super) debug: bool,
    pub(super) search: bool,
    /// Whether lists are paginated.
    pub(super) paged: bool,
    /// Whether responses may be event streams.
    pub(super) streaming: bool,
    /// Session lifetime in seconds; `None` if sessions are disabled.
    pub(super) session_lifetime: Option<i64>,
    pub(super) on_request: Option<Interceptor>,
    pub(super) on_response: Option<Interceptor>,
    /// What decides about calls and is not served, in the plural.
    pub(super) not_served: Option<&'static str>,
    /// The ARN of the log group that its records are delivered to.
    pub(super) log_group: Option<String>,
    targets: Vec<TargetSnapshot>,
    tools: OnceLock<ToolList>,
}

pub(super) struct TargetSnapshot {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) served: Arc<Served>,
    pub(super) credential: Option<Credential>,
    /// The headers and query parameters that are passed on to it, and the headers that are passed back.
    pub(super) metadata: Metadata,
    /// The listing of a dynamic MCP server, once fetched for this request.
    pub(super) listed_now: OnceLock<Listing>,
}

/// The names of a target's `metadataConfiguration` (AgentCore developer guide, "Header propagation with Gateway").
pub(super) struct Metadata {
    pub(super) request_headers: Vec<String>,
    pub(super) query_parameters: Vec<String>,
    pub(super) response_headers: Vec<String>,
}

impl TargetSnapshot {
    /// What of it the local AWS does not serve, in the plural.
    pub(super) fn not_served(&self) -> Option<&'static str> {
        match &*self.served {
            Served::KeptOnly(what) => Some(what),
            _ => self.credential.as_ref().and_then(Credential::not_served),
        }
    }

    /// The MCP server's listing, if it is known.
    pub(super) fn listing(&self) -> Option<&Listing> {
        match &*self.served {
            Served::McpServer { listing: Some(listing), .. } => Some(listing),
            _ => self.listed_now.get(),
        }
    }

    /// Its tools as they are listed.
    fn tools(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        match self.listing() {
            Some(listing) => Box::new(Listing::qualified(&listing.tools, &self.name)),
            None => self.served.listed_tools(&self.name),
        }
    }

    /// The MCP server, if the target is one.
    pub(super) fn server(&self, auth: OutboundAuth, through: Vec<String>) -> Option<Server> {
        let Served::McpServer { server, .. } = &*self.served else { return None };
        Some(Server { endpoint: server.endpoint.clone(), auth, through })
    }

    /// Whether the target is an MCP server that is listed for each request.
    pub(super) fn is_dynamic(&self) -> bool {
        matches!(&*self.served, Served::McpServer { listing: None, .. })
    }

    fn priority(&self) -> i64 {
        match &*self.served {
            Served::McpServer { server, .. } => server.resource_priority.unwrap_or(NO_PRIORITY),
            _ => NO_PRIORITY,
        }
    }
}

/// A tool that can be called.
pub(super) enum ResolvedTool<'a> {
    Function {
        arn: &'a str,
        tool: &'a Tool,
    },
    Operation(&'a Operation),
    Service {
        model: &'a Model,
        operation: &'a smithy::Operation,
    },
    /// A tool of an MCP server: its name there, and its input schema (null if unknown).
    Server {
        name: &'a str,
        schema: &'a Value,
    },
    /// Any name of a target that exists in the control plane only.
    NotServed,
}

impl GatewaySnapshot {
    /// A gateway that serves, by its id.
    pub(super) fn of(state: &State, id: &str, blobs: &Blobs) -> Option<Self> {
        let gateway = state.agentcore.serving(id)?;
        let log_group = state.logs.receives_logs_of(&gateway.arn).map(str::to_owned);
        Some(Self { log_group, ..Self::new(gateway, blobs) })
    }

    fn new(gateway: &Gateway, blobs: &Blobs) -> Self {
        let configured: Option<Vec<String>> =
            gateway.mcp("supportedVersions").and_then(|versions| serde_json::from_value(versions.clone()).ok());
        // Without `supportedVersions`, all versions are supported. AWS does not document its default; we chose this.
        let mut versions = configured.unwrap_or_else(|| VERSIONS.iter().map(ToString::to_string).collect());
        versions.sort();
        let target = |target: &Target| TargetSnapshot {
            id: target.id.clone(),
            name: target.text("name").unwrap_or_default().to_owned(),
            served: target.served(blobs),
            credential: target.credential(),
            metadata: Metadata {
                request_headers: target.metadata("allowedRequestHeaders"),
                query_parameters: target.metadata("allowedQueryParameters"),
                response_headers: target.metadata("allowedResponseHeaders"),
            },
            listed_now: OnceLock::new(),
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
            not_served: gateway.not_served(),
            log_group: None,
            tools: OnceLock::new(),
            targets: gateway.serving_targets().map(target).collect(),
        }
    }

    pub(super) fn is_intercepted(&self) -> bool {
        self.on_request.is_some() || self.on_response.is_some()
    }

    pub(super) fn server_info(&self) -> Value {
        json!({ "name": self.name, "version": "1.0.0" })
    }

    /// The tools, put together when they are first asked for.
    pub(super) fn tools(&self) -> &ToolList {
        self.tools.get_or_init(|| ToolList::new(self.targets.iter().flat_map(TargetSnapshot::tools), self.search))
    }

    /// The prompts, as JSON texts.
    pub(super) fn listed_prompts(&self) -> Vec<String> {
        let listings = self.targets.iter().filter_map(|target| Some((target.listing()?, target)));
        let prompts = listings.flat_map(|(listing, target)| Listing::qualified(&listing.prompts, &target.name));
        prompts.map(|prompt| prompt.to_string()).collect()
    }

    /// Resources or resource templates, as JSON texts. Of several with the same value of `key`, only the first by
    /// priority.
    pub(super) fn listed_resources(&self, items: fn(&Listing) -> &[Value], key: &str) -> Vec<String> {
        let mut seen = HashSet::new();
        let listed = self.by_priority().into_iter().filter_map(TargetSnapshot::listing).flat_map(items);
        listed
            .filter(|item| item[key].as_str().is_some_and(|address| seen.insert(address)))
            .map(Value::to_string)
            .collect()
    }

    /// The target that a resource is read from, by priority.
    pub(super) fn owner_of(&self, uri: &str) -> Option<&TargetSnapshot> {
        let owns = |target: &&TargetSnapshot| target.listing().is_some_and(|listing| listing.has_resource(uri));
        self.by_priority().into_iter().find(owns)
    }

    fn by_priority(&self) -> Vec<&TargetSnapshot> {
        let mut targets: Vec<&TargetSnapshot> = self.targets.iter().collect();
        targets.sort_by_key(|target| target.priority());
        targets
    }

    /// The MCP servers that are listed for each request.
    pub(super) fn dynamic(&self) -> impl Iterator<Item = &TargetSnapshot> {
        self.targets.iter().filter(|target| target.is_dynamic())
    }

    /// Splits a qualified name into its target and the name within the target.
    pub(super) fn target_of<'a>(&self, name: &'a str) -> Option<(&TargetSnapshot, &'a str)> {
        let (target, name) = name.split_once(tool::SEPARATOR)?;
        Some((self.targets.iter().find(|candidate| candidate.name == target)?, name))
    }

    /// The gateway's capabilities, for `initialize` and `server/discover`.
    pub(super) fn capabilities(&self, tools: Value) -> Value {
        let mut capabilities = json!({ "tools": tools });
        let offers = |has: fn(&Listing) -> bool| {
            self.targets.iter().any(|target| target.is_dynamic() || target.listing().is_some_and(has))
        };
        if offers(|listing| !listing.prompts.is_empty()) {
            capabilities["prompts"] = json!({});
        }
        if offers(|listing| !listing.resources.is_empty() || !listing.resource_templates.is_empty()) {
            capabilities["resources"] = json!({});
        }
        capabilities
    }

    /// Resolves a qualified tool name to its target and tool.
    pub(super) fn find<'a>(&'a self, name: &'a str) -> Option<(&'a TargetSnapshot, ResolvedTool<'a>)> {
        let (target, name) = self.target_of(name)?;
        let tool = match &*target.served {
            Served::Lambda { arn, tools } => {
                ResolvedTool::Function { arn, tool: tools.iter().find(|tool| tool.name == name)? }
            }
            Served::OpenApi { operations } => {
                ResolvedTool::Operation(operations.iter().find(|operation| operation.id == name)?)
            }
            Served::Smithy(model) => {
                let operation = model.operations.iter().find(|operation| operation.name == name)?;
                ResolvedTool::Service { model, operation }
            }
            Served::McpServer { listing, .. } => {
                let schema = match listing {
                    Some(listing) => &listing.tool(name)?["inputSchema"],
                    None => &Value::Null,
                };
                ResolvedTool::Server { name, schema }
            }
            Served::KeptOnly(_) => ResolvedTool::NotServed,
            Served::Nothing => return None,
        };
        Some((target, tool))
    }
}

impl ResolvedTool<'_> {
    pub(super) fn input_schema(&self) -> &Value {
        match self {
            Self::Function { tool, .. } => &tool.input_schema,
            Self::Operation(operation) => &operation.input_schema,
            Self::Service { operation, .. } => &operation.input_schema,
            Self::Server { schema, .. } => schema,
            Self::NotServed => &Value::Null,
        }
    }
}
