//! The data plane, which agents and MCP clients call: the OAuth token endpoint and the gateways themselves.
//!
//! A request to a gateway goes one way: `mcp` reads it, `caller` checks who sends it, `mcp::snapshot`
//! takes what the gateway is made of at that moment, `mcp::dispatch` finds the method, `target`,
//! `aws_service` or `mcp_server` calls what is behind a tool, and `mcp::reply` is what goes back.

mod aws_service;
mod caller;
mod credentials;
pub(crate) mod mcp;
mod mcp_server;
pub(crate) mod oauth;
mod providers;
mod state;
mod target;

pub use self::aws_service::Endpoints;
pub(crate) use self::state::DataPlane;
