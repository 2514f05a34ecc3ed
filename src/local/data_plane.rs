//! What agents and MCP clients talk to: the token endpoint and the gateways themselves.

pub(crate) mod auth;
pub(crate) mod aws_service;
pub(crate) mod keys;
pub(crate) mod mcp;
pub(crate) mod mcp_server;
pub(crate) mod oauth;
pub(crate) mod outbound;
pub(crate) mod providers;
pub(crate) mod search;
pub(crate) mod upstream;
