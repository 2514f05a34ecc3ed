//! The flags of `update` that `create` does not have.

use clap::Args;
use serde_json::{Value, json};

use crate::model::{
    gateway::{self, InterceptionPoint, custom_claim, drop_claim, intercept, interception, require_claim},
    patch::{Patch, Path},
};

/// Settings that are taken away.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings to clear")]
pub struct ClearFlags {
    /// Leave it without a description
    #[arg(long, conflicts_with = "description")]
    pub clear_description: bool,

    /// Leave it without instructions
    #[arg(long, conflicts_with = "instructions")]
    pub clear_instructions: bool,

    /// Serve the service's default MCP versions
    #[arg(long, conflicts_with = "mcp_version")]
    pub clear_mcp_versions: bool,

    /// Encrypt with the service's own key
    #[arg(long, conflicts_with = "kms_key_arn")]
    pub clear_kms_key: bool,

    /// Call no function before a request is handled
    #[arg(long, conflicts_with = "request_interceptor")]
    pub clear_request_interceptor: bool,

    /// Call no function before a response is sent
    #[arg(long, conflicts_with = "response_interceptor")]
    pub clear_response_interceptor: bool,

    /// Keep no sessions
    #[arg(long, conflicts_with = "session_timeout")]
    pub clear_sessions: bool,

    /// Take the policy engine away
    #[arg(long, conflicts_with_all = ["policy_engine", "enforce", "log_only"])]
    pub clear_policy_engine: bool,
}

/// Whose tokens the gateway takes, within its type of authorizer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Authorizer (CUSTOM_JWT)")]
pub struct TokenFlags {
    /// Another OpenID discovery document
    #[arg(long, value_name = "URL")]
    pub discovery_url: Option<String>,

    /// Client id that may call the gateway, too (can be repeated)
    #[arg(long, value_name = "ID")]
    pub add_allowed_client: Vec<String>,

    /// Client id that may no longer call it (can be repeated)
    #[arg(long, value_name = "ID")]
    pub remove_allowed_client: Vec<String>,

    /// Audience that may call the gateway, too; the first one keeps all others out (can be repeated)
    #[arg(long, value_name = "AUDIENCE")]
    pub add_allowed_audience: Vec<String>,

    /// Audience that may no longer call it (can be repeated)
    #[arg(long, value_name = "AUDIENCE")]
    pub remove_allowed_audience: Vec<String>,

    /// Scope that may call the gateway, too; the first one keeps all others out (can be repeated)
    #[arg(long, value_name = "SCOPE")]
    pub add_allowed_scope: Vec<String>,

    /// Scope that may no longer call it (can be repeated)
    #[arg(long, value_name = "SCOPE")]
    pub remove_allowed_scope: Vec<String>,

    /// Claim that tokens must have, in the place of the one of its name: NAME=VALUE, or of a list NAME:contains=VALUE or
    /// NAME:contains-any=A,B (can be repeated)
    #[arg(long, value_name = "CLAIM", value_parser = custom_claim)]
    pub custom_claim: Vec<Value>,

    /// Name of a claim that tokens need no longer (can be repeated)
    #[arg(long, value_name = "NAME")]
    pub remove_custom_claim: Vec<String>,

    /// Ask for no clients
    #[arg(long, conflicts_with = "add_allowed_client")]
    pub clear_allowed_clients: bool,

    /// Ask for no audiences
    #[arg(long, conflicts_with = "add_allowed_audience")]
    pub clear_allowed_audiences: bool,

    /// Ask for no scopes
    #[arg(long, conflicts_with = "add_allowed_scope")]
    pub clear_allowed_scopes: bool,

    /// Ask for no claims of your own
    #[arg(long, conflicts_with = "custom_claim")]
    pub clear_custom_claims: bool,
}

impl ClearFlags {
    /// Adds what the flags name to a patch.
    pub fn add_to(&self, patch: &mut Patch) {
        let cleared: [(bool, Path); 6] = [
            (self.clear_description, gateway::DESCRIPTION),
            (self.clear_instructions, gateway::INSTRUCTIONS),
            (self.clear_mcp_versions, gateway::MCP_VERSIONS),
            (self.clear_kms_key, gateway::KMS_KEY_ARN),
            (self.clear_sessions, gateway::SESSIONS),
            (self.clear_policy_engine, gateway::POLICY_ENGINE),
        ];
        cleared.into_iter().filter(|(is_cleared, _)| *is_cleared).for_each(|(_, path)| patch.remove(path));
        for (is_cleared, point) in [
            (self.clear_request_interceptor, InterceptionPoint::Request),
            (self.clear_response_interceptor, InterceptionPoint::Response),
        ] {
            if is_cleared {
                patch.apply_with(intercept, interception(point, None, false));
            }
        }
    }
}

impl TokenFlags {
    /// Adds what the flags name to a patch.
    pub fn add_to(&self, patch: &mut Patch) {
        if let Some(url) = &self.discovery_url {
            patch.set(gateway::DISCOVERY_URL, url.clone());
        }
        let lists: [(Path, &[String], &[String], bool); 3] = [
            (
                gateway::ALLOWED_CLIENTS,
                &self.add_allowed_client,
                &self.remove_allowed_client,
                self.clear_allowed_clients,
            ),
            (
                gateway::ALLOWED_AUDIENCE,
                &self.add_allowed_audience,
                &self.remove_allowed_audience,
                self.clear_allowed_audiences,
            ),
            (gateway::ALLOWED_SCOPES, &self.add_allowed_scope, &self.remove_allowed_scope, self.clear_allowed_scopes),
        ];
        for (path, added, removed, is_cleared) in lists {
            patch.include(path, added);
            patch.exclude(path, removed);
            if is_cleared {
                patch.remove(path);
            }
        }
        self.custom_claim.iter().for_each(|claim| patch.apply_with(require_claim, claim.clone()));
        self.remove_custom_claim.iter().for_each(|name| patch.apply_with(drop_claim, json!(name)));
        if self.clear_custom_claims {
            patch.remove(gateway::CUSTOM_CLAIMS);
        }
    }
}
