//! The versions, texts and tool names of a gateway as an MCP server.

/// The MCP versions that a gateway can be configured for, oldest first (developer guide, "Create a gateway":
/// `supportedVersions`).
pub const VERSIONS: &[&str] = &["2025-03-26", "2025-06-18", "2025-11-25", STATELESS];

/// The first version without `initialize`: each request describes itself.
pub const STATELESS: &str = "2026-07-28";

/// The newest version with `initialize`.
pub const NEWEST_WITH_HANDSHAKE: &str = VERSIONS[VERSIONS.len() - 2];

/// The text of a failed tool call, unless the gateway's exception level is DEBUG (developer guide, "Debugging":
/// "Turning on debugging messages").
pub const TERSE_ERROR: &str = "An internal error occurred. Please retry later.";

/// The search tool of gateways with the search type SEMANTIC (developer guide, "Search for tools").
pub const SEARCH_TOOL: &str = "x_amz_bedrock_agentcore_search";
