//! The data plane, which agents and MCP clients call: the OAuth token endpoint and the gateways themselves.
//!
//! The way of a request: `mcp` reads it, `caller` authorizes it, `mcp::snapshot` copies the gateway's
//! configuration, `mcp::dispatch` finds the method, `target`, `aws_service` or `mcp_server` calls the
//! tool's target, and `mcp::reply` builds the response.

mod aws_service;
mod caller;
mod content;
mod credentials;
pub(crate) mod mcp;
mod mcp_server;
pub(crate) mod oauth;
mod providers;
mod state;
mod target;

pub use self::aws_service::Endpoints;
pub(crate) use self::state::DataPlane;
