//! The rules of AgentCore as plain data: names, limits, tool schemas, policies.
//!
//! Used by the command line's checks and by the local AWS alike. Does no I/O, is not async,
//! and holds no SDK type.

pub mod adapt;
pub mod agent;
#[cfg(test)]
mod broken;
pub mod difference;
pub mod document;
pub mod finding;
pub mod fingerprint;
pub mod gateway;
pub mod gateway_log;
pub mod http_request;
pub mod mcp;
pub mod mcp_client;
pub mod name;
pub mod naming;
pub mod openapi;
pub mod partition;
pub mod patch;
pub mod policy;
pub mod propagation;
pub mod provider;
pub mod sample;
pub mod secret;
pub mod shell;
pub mod smithy;
pub mod spec;
pub mod target;
pub mod token;
pub mod tool;
