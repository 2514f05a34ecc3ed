//! What the user asked for, with everything decided.
//!
//! `None` means "not named": a value that a new gateway gets by default, and that an existing
//! gateway keeps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    name::{FunctionArn, GatewayName, KmsKeyArn, PolicyArn, Region, RoleArn, TargetName},
    sample,
};

/// A gateway, as `create` wants it.
#[derive(Debug, Clone)]
pub struct GatewaySpec {
    pub name: GatewayName,
    pub region: Region,
    pub authorizer: Option<AuthorizerSpec>,
    pub role: RoleSpec,
    pub description: Option<String>,
    pub instructions: Option<String>,
    /// MCP versions; empty for the service's default.
    pub mcp_versions: Vec<String>,
    /// Can be chosen at creation only.
    pub semantic_search: bool,
    pub debug_errors: bool,
    pub kms_key_arn: Option<KmsKeyArn>,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
    /// Deliver the gateway's logs and traces to CloudWatch.
    pub observability: bool,
    /// Wait until the token endpoint of its user pool has issued a token.
    pub prove_tokens: bool,
    pub targets: Vec<TargetSpec>,
    /// Use a gateway of this name that is not ours; it is never deleted.
    pub adopt: bool,
}

/// How callers of the gateway are told from strangers.
#[derive(Debug, Clone, PartialEq)]
pub enum AuthorizerSpec {
    /// A Cognito user pool that the stack makes.
    Cognito,
    /// Any OpenID provider; the value is the API's `authorizerConfiguration`.
    Jwt(Value),
    Iam,
    None,
}

/// The role under which the gateway calls its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSpec {
    /// Made and owned by the stack.
    Managed { permissions_boundary: Option<PolicyArn> },
    /// Brought by the user: never changed, never deleted.
    Brought(RoleArn),
}

/// A target of the gateway.
#[derive(Debug, Clone)]
pub struct TargetSpec {
    pub name: TargetName,
    pub kind: TargetKind,
}

#[derive(Debug, Clone)]
pub enum TargetKind {
    /// The sample function that the stack makes.
    Sample,
    /// A function that the user brought, with its tool definitions.
    Lambda { arn: FunctionArn, tools: Value },
}

impl TargetSpec {
    /// The function that the user brought, if the target is of that kind.
    pub fn brought_function(&self) -> Option<&FunctionArn> {
        match &self.kind {
            TargetKind::Lambda { arn, .. } => Some(arn),
            TargetKind::Sample => None,
        }
    }

    /// The sample with its own name, `weather-tool`.
    pub fn sample() -> Self {
        let name = sample::TARGET.parse().expect("the sample's target name is a valid one");
        Self { name, kind: TargetKind::Sample }
    }

    /// `CreateGatewayTarget`'s members, name included; `function_arn` is the sample function's.
    pub fn request(&self, function_arn: &str) -> Value {
        let (arn, tools) = match &self.kind {
            TargetKind::Sample => (function_arn, sample::tools()),
            TargetKind::Lambda { arn, tools } => (arn.as_str(), tools.clone()),
        };
        let mut request = json!({
            "name": self.name,
            "targetConfiguration": {
                "mcp": { "lambda": { "lambdaArn": arn, "toolSchema": { "inlinePayload": tools } } }
            },
            "credentialProviderConfigurations": [{ "credentialProviderType": "GATEWAY_IAM_ROLE" }],
        });
        if matches!(self.kind, TargetKind::Sample) {
            request["description"] = json!("Sample tools of agentcore-gw");
        }
        request
    }
}

impl AuthorizerSpec {
    /// The API's `authorizerType`.
    pub fn api_type(&self) -> &'static str {
        match self {
            Self::Cognito | Self::Jwt(_) => "CUSTOM_JWT",
            Self::Iam => "AWS_IAM",
            Self::None => "NONE",
        }
    }
}

impl GatewaySpec {
    pub fn wants_sample(&self) -> bool {
        self.targets.iter().any(|target| matches!(target.kind, TargetKind::Sample))
    }

    /// `CreateGateway`'s members, but for the authorizer, the role and the tags, which are
    /// known only while the stack is being made.
    pub fn request(&self) -> Value {
        let mut mcp = json!({});
        if self.semantic_search {
            mcp["searchType"] = json!("SEMANTIC");
        }
        let mut request = json!({ "name": self.name, "protocolType": "MCP" });
        request["protocolConfiguration"] = json!({ "mcp": mcp });
        if let Some(arn) = &self.kms_key_arn {
            request["kmsKeyArn"] = json!(arn);
        }
        self.merge_named(&mut request);
        request
    }

    /// Puts what the user named into a gateway document, and leaves the rest of it alone: the
    /// API's updates are full replacements.
    pub fn merge_named(&self, document: &mut Value) {
        if let Some(description) = &self.description {
            document["description"] = json!(description);
        }
        if let Some(instructions) = &self.instructions {
            document["protocolConfiguration"]["mcp"]["instructions"] = json!(instructions);
        }
        if !self.mcp_versions.is_empty() {
            document["protocolConfiguration"]["mcp"]["supportedVersions"] = json!(self.mcp_versions);
        }
        if self.debug_errors {
            document["exceptionLevel"] = json!("DEBUG");
        }
    }
}
