//! Flags of a gateway's settings, which `create` and `update` share.

use clap::Args;
use serde_json::json;

use crate::{
    error::{Error, ErrorKind},
    model::{
        gateway::{self, InterceptionPoint, intercept, interception},
        mcp,
        name::{FunctionArn, KmsKeyArn},
        patch::Patch,
    },
};

/// How the gateway is set up.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingFlags {
    /// What the gateway is for, at most 200 characters
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| limited(text, 200))]
    pub description: Option<String>,

    /// Instructions for agents that use the gateway, at most 2048 characters
    #[arg(long, value_name = "TEXT", value_parser = |text: &str| limited(text, 2048))]
    pub instructions: Option<String>,

    /// MCP version to serve [default: the service's] (can be repeated)
    #[arg(long, value_name = "VERSION", value_parser = mcp_version)]
    pub mcp_version: Vec<String>,

    /// Let callers see why a tool failed (exceptionLevel DEBUG)
    #[arg(long)]
    pub debug_errors: bool,

    /// Let callers see no more than that a tool failed, as gateways do by default
    #[arg(long, conflicts_with = "debug_errors")]
    pub no_debug_errors: bool,

    /// KMS key that encrypts the gateway's data
    #[arg(long, value_name = "ARN")]
    pub kms_key_arn: Option<KmsKeyArn>,

    /// Function that sees each request before the gateway handles it
    #[arg(long, value_name = "ARN")]
    pub request_interceptor: Option<FunctionArn>,

    /// Function that sees each response before the caller gets it
    #[arg(long, value_name = "ARN")]
    pub response_interceptor: Option<FunctionArn>,

    /// Give these functions the headers of requests, tokens included
    #[arg(long)]
    pub pass_request_headers: bool,

    /// Keep a session for each MCP client, and end it after this many seconds without a request
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(900..=28_800))]
    pub session_timeout: Option<u32>,

    /// Stream responses as events, with progress and questions of the servers behind the gateway
    #[arg(long)]
    pub stream: bool,

    /// Answer each request with one document
    #[arg(long, conflicts_with = "stream")]
    pub no_stream: bool,

    /// Give all tools in one list
    #[arg(long)]
    pub no_list_paging: bool,

    /// Give lists page by page, as gateways do by default
    #[arg(long, conflicts_with = "no_list_paging")]
    pub list_paging: bool,

    /// Policy engine that judges each call of a tool; a gateway's first one logs only, without `--enforce`
    #[arg(long, value_name = "ARN", value_parser = policy_engine)]
    pub policy_engine: Option<String>,

    /// Refuse the calls that the policy engine denies
    #[arg(long)]
    pub enforce: bool,

    /// Only log what the policy engine would deny
    #[arg(long, conflicts_with = "enforce")]
    pub log_only: bool,
}

impl SettingFlags {
    /// Adds what the flags name to a patch.
    ///
    /// # Errors
    /// If a flag is about something that no flag names.
    pub fn add_to(&self, patch: &mut Patch) -> Result<(), Error> {
        let texts = [(gateway::DESCRIPTION, &self.description), (gateway::INSTRUCTIONS, &self.instructions)];
        for (path, text) in texts {
            if let Some(text) = text {
                patch.set(path, text.clone());
            }
        }
        if !self.mcp_version.is_empty() {
            patch.set(gateway::MCP_VERSIONS, self.mcp_version.clone());
        }
        if self.debug_errors {
            patch.set(gateway::EXCEPTION_LEVEL, "DEBUG");
        }
        if self.no_debug_errors {
            patch.remove(gateway::EXCEPTION_LEVEL);
        }
        if let Some(arn) = &self.kms_key_arn {
            patch.set(gateway::KMS_KEY_ARN, arn.as_str());
        }
        if let Some(seconds) = self.session_timeout {
            patch.set(gateway::SESSION_TIMEOUT, seconds);
        }
        for (is_given, path, value) in [
            (self.stream, gateway::STREAMING, true),
            (self.no_stream, gateway::STREAMING, false),
            (self.no_list_paging, gateway::UNPAGED_LISTS, true),
            (self.list_paging, gateway::UNPAGED_LISTS, false),
        ] {
            if is_given {
                patch.set(path, json!(value));
            }
        }
        self.add_interceptors_to(patch)?;
        if let Some(arn) = &self.policy_engine {
            patch.set(gateway::POLICY_ENGINE_ARN, arn.clone());
            patch.set_default(gateway::POLICY_ENGINE_MODE, "LOG_ONLY");
        }
        if self.enforce || self.log_only {
            patch.set(gateway::POLICY_ENGINE_MODE, if self.enforce { "ENFORCE" } else { "LOG_ONLY" });
        }
        Ok(())
    }

    fn add_interceptors_to(&self, patch: &mut Patch) -> Result<(), Error> {
        let functions = [
            (InterceptionPoint::Request, &self.request_interceptor),
            (InterceptionPoint::Response, &self.response_interceptor),
        ];
        let is_named = functions.iter().any(|(_, arn)| arn.is_some());
        if self.pass_request_headers && !is_named {
            let error = Error::new(ErrorKind::Usage, "there is no function that gets the headers");
            return Err(error.with_hint("add `--request-interceptor` or `--response-interceptor`, with its ARN"));
        }
        for (point, arn) in functions {
            if let Some(arn) = arn {
                patch.apply_with(intercept, interception(point, Some(arn.as_str()), self.pass_request_headers));
            }
        }
        Ok(())
    }
}

/// A known MCP version, or a newer one.
fn mcp_version(text: &str) -> Result<String, String> {
    let is_date = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    let is_newer = mcp::VERSIONS.last().is_some_and(|newest| text > *newest);
    if mcp::VERSIONS.contains(&text) || is_date && is_newer {
        return Ok(text.to_owned());
    }
    Err(format!("supported: {}", mcp::VERSIONS.join(", ")))
}

/// A text of 1 to `most` characters.
///
/// # Errors
/// If it has none, or more.
pub fn limited(text: &str, most: usize) -> Result<String, String> {
    match text.chars().count() {
        0 => Err("cannot be empty".to_owned()),
        length if length > most => Err(format!("{length} characters are too many: at most {most}")),
        _ => Ok(text.to_owned()),
    }
}

/// The service model's pattern (`GatewayPolicyEngineArn`), but for the form of the id.
fn policy_engine(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let known = matches!(parts[..], ["arn", _, "bedrock-agentcore", region, account, what]
        if !region.is_empty() && account.len() == 12 && what.starts_with("policy-engine/"));
    let is_plain = text.len() <= 170 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if known && is_plain { Ok(text.to_owned()) } else { Err("expected the ARN of a policy engine".to_owned()) }
}
