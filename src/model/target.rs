//! The kinds of target, and AgentCore's rules for each. The command line and the local AWS share them.

use serde_json::Value;

/// The source of a target's tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    Lambda,
    OpenApi,
    Smithy,
    McpServer,
    ApiGateway,
}

/// Which credentials the calls of a kind of target can have (AgentCore developer guide, gateway-outbound-auth).
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "a row of the developer guide's table")]
pub struct CredentialRules {
    /// No credential at all.
    pub none: bool,
    /// The gateway's role, without a service to sign for.
    pub role: bool,
    /// The gateway's role, with one of [`SIGNED_SERVICES`].
    pub role_for_service: bool,
    pub api_key: bool,
    pub oauth: bool,
}

impl TargetKind {
    pub const ALL: [Self; 5] = [Self::Lambda, Self::OpenApi, Self::Smithy, Self::McpServer, Self::ApiGateway];

    /// The member of the API's `targetConfiguration.mcp`, the `targetType` of a list, and the credentials: none, role,
    /// role for a service, API key, OAuth.
    const fn row(self) -> (&'static str, &'static str, [bool; 5]) {
        match self {
            Self::Lambda => ("lambda", "LAMBDA", [false, true, false, false, false]),
            Self::OpenApi => ("openApiSchema", "OPEN_API_SCHEMA", [true, false, true, true, true]),
            Self::Smithy => ("smithyModel", "SMITHY_MODEL", [false, true, false, false, true]),
            Self::McpServer => ("mcpServer", "MCP_SERVER", [true, false, true, true, true]),
            Self::ApiGateway => ("apiGateway", "API_GATEWAY", [true, true, false, true, false]),
        }
    }

    /// The kind of a target with this `targetConfiguration.mcp`.
    pub fn of(mcp: &Value) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| mcp[kind.member()].is_object())
    }

    /// The member of the API's `targetConfiguration.mcp`.
    pub const fn member(self) -> &'static str {
        self.row().0
    }

    /// The `targetType` of a list.
    pub const fn listed_type(self) -> &'static str {
        self.row().1
    }

    /// The credentials that its calls can have.
    pub const fn credentials(self) -> CredentialRules {
        let [none, role, role_for_service, api_key, oauth] = self.row().2;
        CredentialRules { none, role, role_for_service, api_key, oauth }
    }
}

/// Members of the API's `targetConfiguration`, and the `targetType` of a list, of kinds that this program passes on and knows
/// no more about (service model, `TargetConfiguration` and `TargetType`; that of `inference.connector` is our guess).
const OTHER_KINDS: [(&str, &str, &str); 6] = [
    ("mcp", "connector", "CONNECTOR"),
    ("http", "agentcoreRuntime", "AGENTCORE_RUNTIME"),
    ("http", "passthrough", "PASSTHROUGH"),
    ("http", "connector", "HTTP_CONNECTOR"),
    ("inference", "provider", "PROVIDER"),
    ("inference", "connector", "CONNECTOR"),
];

/// The `targetType` of a target with this `targetConfiguration`.
pub fn listed_type(configuration: &Value) -> Option<&'static str> {
    let other = OTHER_KINDS.into_iter().find(|(union, member, _)| configuration[union][member].is_object());
    TargetKind::of(&configuration["mcp"]).map(TargetKind::listed_type).or(other.map(|(_, _, listed)| listed))
}

/// The members of `GetGatewayTarget` that are no settings.
pub const READ_ONLY: [&str; 10] = [
    "gatewayArn",
    "targetId",
    "status",
    "statusReasons",
    "createdAt",
    "updatedAt",
    "lastSynchronizedAt",
    "authorizationData",
    "privateEndpointManagedResources",
    "protocolType",
];

/// The members of `CreateGatewayTargetRequest` that this program knows of.
pub const KNOWN: [&str; 8] = [
    "name",
    "description",
    "clientToken",
    "targetConfiguration",
    "credentialProviderConfigurations",
    "metadataConfiguration",
    "privateEndpoint",
    "certificateConfigurations",
];

/// Services that a gateway's role may sign for against an address (AgentCore developer guide, gateway-outbound-auth).
pub const SIGNED_SERVICES: [&str; 3] = ["execute-api", "lambda", "bedrock-agentcore"];

/// Size limits, in bytes, of an inline schema and of one in S3 (AgentCore developer guide, "Quotas for Amazon
/// Bedrock AgentCore").
pub const INLINE_SCHEMA_LIMIT: usize = 1024 * 1024;
pub const S3_SCHEMA_LIMIT: usize = 10 * 1024 * 1024;
