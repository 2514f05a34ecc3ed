//! What the gateway serves as an MCP server, and the words that it has of its own.

/// The MCP versions that a gateway can be configured for, oldest first (developer guide, "Create a gateway":
/// `supportedVersions`).
pub const VERSIONS: &[&str] = &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// What a caller gets of a tool that failed, unless the gateway's exception level is DEBUG (developer guide,
/// "Debugging": "Turning on debugging messages").
pub const TERSE_ERROR: &str = "An internal error occurred. Please retry later.";

/// The tool that finds tools, of gateways with the search type SEMANTIC (developer guide, "Search for tools").
pub const SEARCH_TOOL: &str = "x_amz_bedrock_agentcore_search";
