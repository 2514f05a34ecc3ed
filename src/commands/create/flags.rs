//! Authorizer and gateway flags, and their resolved values.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind},
    model::{
        gateway::custom_claim,
        name::{PolicyArn, RoleArn},
        spec::AuthorizerSpec,
    },
};

/// Who may call the gateway.
#[derive(Debug, Args)]
#[command(next_help_heading = "Authorizer")]
pub struct AuthorizerFlags {
    /// How callers are checked [default: cognito for a new gateway]
    #[arg(long, value_enum)]
    pub authorizer: Option<AuthorizerKind>,

    /// OpenID discovery document of your provider (with --authorizer jwt)
    #[arg(long, value_name = "URL")]
    pub discovery_url: Option<String>,

    /// Client id that may call the gateway, with cognito beside its own (can be repeated)
    #[arg(long, value_name = "ID")]
    pub allowed_client: Vec<String>,

    /// Audience that may call the gateway (with --authorizer jwt; can be repeated)
    #[arg(long, value_name = "AUDIENCE")]
    pub allowed_audience: Vec<String>,

    /// Scope that may call the gateway (with --authorizer jwt; can be repeated)
    #[arg(long, value_name = "SCOPE")]
    pub allowed_scope: Vec<String>,

    /// Claim that tokens must have: NAME=VALUE, or of a list NAME:contains=VALUE or NAME:contains-any=A,B (with
    /// --authorizer jwt; can be repeated)
    #[arg(long, value_name = "CLAIM", value_parser = custom_claim)]
    pub custom_claim: Vec<Value>,

    /// The authorizer configuration as the API takes it: JSON, or `file://PATH` (with --authorizer jwt)
    #[arg(long, value_name = "JSON", conflicts_with_all = ["discovery_url", "allowed_client", "allowed_audience", "allowed_scope", "custom_claim"])]
    pub authorizer_config: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthorizerKind {
    /// A Cognito user pool, made for this gateway
    Cognito,
    /// Your own OpenID provider
    Jwt,
    /// AWS signatures of callers who may call the gateway
    Iam,
    /// AWS signatures of anybody: targets, a policy engine or an interceptor decide
    AuthenticateOnly,
    /// Nobody is checked
    None,
}

/// How the gateway is set up.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub struct GatewayFlags {
    /// Use this execution role of yours instead of making one
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<RoleArn>,

    /// Permissions boundary of the execution role that is made
    #[arg(long, value_name = "ARN", conflicts_with = "role_arn")]
    pub permissions_boundary: Option<PolicyArn>,

    /// Make a gateway for HTTP and inference targets, which serves no MCP
    #[arg(long, conflicts_with = "sample")]
    pub no_protocol_type: bool,

    /// Do not add the search tool (can be chosen at creation only)
    #[arg(long)]
    pub no_semantic_search: bool,

    /// Do not deliver the gateway's logs and traces to CloudWatch
    #[arg(long)]
    pub no_observability: bool,

    /// Do not deliver the gateway's traces to X-Ray
    #[arg(long, conflicts_with = "no_observability")]
    pub no_traces: bool,

    /// Try again to deliver traces that AWS refused before
    #[arg(long, conflicts_with_all = ["no_traces", "no_observability"])]
    pub traces: bool,

    /// Days that the gateway's logs are kept [default: 30 for a new gateway]
    #[arg(long, value_name = "DAYS", value_parser = log_retention, conflicts_with = "no_observability")]
    pub log_retention: Option<i32>,

    /// Tag for everything that is made (can be repeated)
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,

    /// Use an existing gateway of this name that agentcore-gw did not make; it is never deleted
    #[arg(long)]
    pub adopt: bool,
}

/// The retention periods, in days, that PutRetentionPolicy accepts (CloudWatch Logs API reference,
/// PutRetentionPolicy).
const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

fn log_retention(text: &str) -> Result<i32, String> {
    let days = text.parse().ok().filter(|days| RETENTIONS.contains(days));
    days.ok_or_else(|| {
        format!("CloudWatch Logs keeps logs for {} days", RETENTIONS.map(|days| days.to_string()).join(", "))
    })
}

pub(super) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, _)) if key.starts_with("agentcore-gw:") || key.starts_with("aws:") => {
            Err(format!("the tag key `{key}` is reserved"))
        }
        // AgentCore's service model, `TagKey` and `TagValue`; IAM and Cognito take more letters.
        Some((key, value)) if !key.chars().chain(value.chars()).all(is_of_tags) => Err(format!(
            "the tag `{}` has other characters than letters, digits, spaces and `_.:/=+-@`",
            key.escape_debug()
        )),
        Some((key, value)) if (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE, the key of 1 to 128 characters, the value of at most 256".to_owned()),
    }
}

fn is_of_tags(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// The user's tags. IAM compares the tag keys of a role without regard to case.
pub(super) fn distinct(tags: &[(String, String)]) -> Result<BTreeMap<String, String>, Error> {
    let mut keys = BTreeSet::new();
    match tags.iter().find(|(key, _)| !keys.insert(key.to_lowercase())) {
        None => Ok(tags.iter().cloned().collect()),
        Some((key, _)) => Err(Error::new(ErrorKind::InvalidInput, format!("the tag key `{key}` is given twice"))),
    }
}

impl AuthorizerFlags {
    /// Clients of the gateway's user pool that may call it besides its own.
    pub(super) fn clients_of_cognito(&self) -> Vec<String> {
        let of_cognito = matches!(self.authorizer, None | Some(AuthorizerKind::Cognito));
        self.allowed_client.iter().filter(|_| of_cognito).cloned().collect()
    }

    pub(super) fn resolve(&self) -> Result<Option<AuthorizerSpec>, Error> {
        let clients = self.allowed_client.len() - self.clients_of_cognito().len();
        let jwt_flags = self.discovery_url.is_some()
            || self.authorizer_config.is_some()
            || clients > 0
            || !self.allowed_audience.is_empty()
            || !self.allowed_scope.is_empty()
            || !self.custom_claim.is_empty();
        if jwt_flags && self.authorizer != Some(AuthorizerKind::Jwt) {
            return Err(Error::new(
                ErrorKind::Usage,
                "`--discovery-url`, `--authorizer-config`, `--allowed-audience`, `--allowed-scope` and `--custom-claim` describe \
                 your own OpenID provider; `--allowed-client` goes with it, or with cognito",
            )
            .with_hint("add `--authorizer jwt`"));
        }
        Ok(match self.authorizer {
            None => None,
            Some(AuthorizerKind::Cognito) => Some(AuthorizerSpec::Cognito),
            Some(AuthorizerKind::Iam) => Some(AuthorizerSpec::Iam),
            Some(AuthorizerKind::AuthenticateOnly) => Some(AuthorizerSpec::AuthenticateOnly),
            Some(AuthorizerKind::None) => Some(AuthorizerSpec::None),
            Some(AuthorizerKind::Jwt) => Some(AuthorizerSpec::Jwt(self.jwt()?)),
        })
    }

    fn jwt(&self) -> Result<Value, Error> {
        if let Some(given) = &self.authorizer_config {
            return authorizer_document(given);
        }
        let usage = |message: &str, hint: &str| Error::new(ErrorKind::Usage, message).with_hint(hint);
        let Some(url) = &self.discovery_url else {
            return Err(usage(
                "`--authorizer jwt` needs to know your OpenID provider",
                "add `--discovery-url https://…/.well-known/openid-configuration`",
            ));
        };
        if !url.contains("/.well-known/openid-configuration")
            && !url.contains("/.well-known/oauth-authorization-server")
        {
            return Err(usage(
                &format!("`{url}` is not a discovery document"),
                "it ends in `/.well-known/openid-configuration`",
            ));
        }
        let mut jwt = json!({ "discoveryUrl": url });
        let lists = [
            ("allowedClients", &self.allowed_client),
            ("allowedAudience", &self.allowed_audience),
            ("allowedScopes", &self.allowed_scope),
        ];
        for (member, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
            jwt[member] = json!(values);
        }
        if !self.custom_claim.is_empty() {
            jwt["customClaims"] = json!(self.custom_claim);
        }
        if jwt.as_object().is_some_and(|members| members.len() == 1) {
            return Err(usage(
                "the gateway would let in nobody, or everybody, of your provider",
                "add `--allowed-client`, `--allowed-audience`, `--allowed-scope` or `--custom-claim`",
            ));
        }
        Ok(json!({ "customJWTAuthorizer": jwt }))
    }
}

/// Warns of values that were probably meant to be several (aws/bedrock-agentcore-starter-toolkit, pull request 379).
pub(super) fn with_commas(authorizer: &Value) -> Vec<String> {
    let jwt = &authorizer["customJWTAuthorizer"];
    let lists = [
        ("allowedAudience", "audience", "--allowed-audience"),
        ("allowedClients", "client", "--allowed-client"),
        ("allowedScopes", "scope", "--allowed-scope"),
    ];
    let mut warnings = Vec::new();
    for (member, what, flag) in lists {
        let values = jwt[member].as_array().into_iter().flatten().filter_map(Value::as_str);
        warnings.extend(
            values
                .filter(|value| value.contains(','))
                .map(|value| format!("`{value}` is one {what} with a comma in it: to allow several, repeat `{flag}`")),
        );
    }
    warnings
}

/// `--authorizer-config`, from the command line or a file.
fn authorizer_document(given: &str) -> Result<Value, Error> {
    let (text, place) = match given.strip_prefix("file://") {
        Some(path) => {
            let text = fs::read_to_string(path)
                .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("{path} cannot be read: {error}")))?;
            (text, path)
        }
        None => (given.to_owned(), "--authorizer-config"),
    };
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| Error::new(ErrorKind::InvalidInput, format!("{place} is not JSON: {error}")))?;
    if document["customJWTAuthorizer"]["discoveryUrl"].is_string() {
        return Ok(document);
    }
    Err(Error::new(ErrorKind::InvalidInput, format!("{place} has no `customJWTAuthorizer.discoveryUrl`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_ours_and_of_aws_are_reserved() {
        assert_eq!(tag("team=a=b").unwrap(), ("team".to_owned(), "a=b".to_owned()));
        for bad in ["team", "=x", "aws:x=1", "agentcore-gw:stack=other", "<<=x", "é=x", "a=&b", "a=b\n"] {
            assert!(tag(bad).is_err(), "{bad}");
        }
    }
}
