//! What a target serves, parsed from its schema on first use.

use std::sync::Arc;

use serde_json::Value;

use super::{CREDENTIALS, Listing, McpServer, Target};
use crate::{
    local::storage::blobs::Blobs,
    model::{
        document::Document,
        finding::Reading,
        openapi::{Api, Operation},
        provider,
        smithy::Model,
        target::TargetKind,
        tool,
        tool::Tool,
    },
};

/// What a target serves.
#[derive(Debug)]
pub(crate) enum Served {
    Lambda {
        arn: String,
        tools: Vec<Tool>,
    },
    OpenApi {
        operations: Vec<Operation>,
    },
    Smithy(Box<Model>),
    McpServer {
        server: McpServer,
        /// `None` if it is listed for each request.
        listing: Option<Listing>,
    },
    /// Exists in the control plane only; what it is, in the plural.
    KeptOnly(&'static str),
    /// The schema cannot be read, because the state on disk is damaged.
    Nothing,
}

impl Served {
    /// Its tools as `tools/list` shows them, under the target's name. An MCP server's come from its listing.
    pub(crate) fn listed_tools<'a>(&'a self, target: &'a str) -> Box<dyn Iterator<Item = Value> + 'a> {
        match self {
            Self::Lambda { tools, .. } => Box::new(tools.iter().map(|tool| tool.listed(target))),
            Self::OpenApi { operations } => Box::new(operations.iter().map(|it| it.tool().listed(target))),
            Self::Smithy(model) => Box::new(model.operations.iter().map(|it| it.tool().listed(target))),
            Self::McpServer { .. } | Self::KeptOnly(_) | Self::Nothing => Box::new(std::iter::empty()),
        }
    }
}

impl Target {
    /// What the target serves. The schema is parsed on first use.
    pub(crate) fn served(&self, blobs: &Blobs) -> Arc<Served> {
        self.served.get_or_init(|| Arc::new(self.read_served(blobs).unwrap_or(Served::Nothing))).clone()
    }

    fn read_served(&self, blobs: &Blobs) -> Option<Served> {
        let Some(kind) = self.kind() else { return Some(Served::KeptOnly("targets of this kind")) };
        let bytes = blobs.get(&self.schema).ok()?;
        let reading = Reading::of(self.text("name").unwrap_or_default(), true);
        let credentials = self.config.get(CREDENTIALS);
        let reading = Reading { filled: credentials.and_then(provider::filled_by), ..reading };
        let document = || Document::parse(std::str::from_utf8(&bytes).ok()?).ok();
        Some(match kind {
            TargetKind::Lambda => Served::Lambda {
                arn: self.mcp(kind)?["lambdaArn"].as_str()?.to_owned(),
                tools: tool::parse_inline(&serde_json::from_slice(&bytes).ok()?).ok()?,
            },
            TargetKind::OpenApi => Served::OpenApi { operations: Api::read(&document()?, reading).operations },
            TargetKind::Smithy => Served::Smithy(Box::new(Model::read(&document()?, reading))),
            TargetKind::McpServer => {
                let server = self.mcp_server()?;
                let listing = || serde_json::from_slice(&bytes).unwrap_or_default();
                Served::McpServer { listing: (!server.is_dynamic()).then(listing), server }
            }
            TargetKind::ApiGateway => Served::KeptOnly("API Gateway targets"),
        })
    }
}
