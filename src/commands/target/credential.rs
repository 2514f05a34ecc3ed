//! Credential flags, and their resolved values. Secrets come from the environment, a file or standard input,
//! because command-line arguments are visible to other users.

mod parse;
mod secret;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use http::HeaderValue;
use serde_json::{Value, json};

use self::{
    parse::{header_name, pair, resource, url, vendor},
    secret::secret,
};
use crate::{
    aws::providers,
    context::Context,
    error::{Error, ErrorKind},
    model::{
        provider::{self, CUSTOM, INCLUDED, ProviderKind},
        spec::{Credential, Grant, ProviderSpec},
        target::{SIGNED_SERVICES, TargetKind},
    },
};

/// How the gateway signs in to the API
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Credential (default: none; of Smithy targets the gateway's role)")]
pub struct CredentialFlags {
    /// Environment variable with an API key
    #[arg(long, value_name = "VARIABLE", group = "secret")]
    pub api_key_env: Option<String>,

    /// File with an API key; `-` is standard input
    #[arg(long, value_name = "FILE", group = "secret")]
    pub api_key_file: Option<String>,

    /// Header that the API key goes into
    #[arg(long, value_name = "NAME", group = "place", value_parser = header_name)]
    pub api_key_header: Option<String>,

    /// What stands before the key in the header, for example Bearer; the gateway puts a space between them
    #[arg(long, value_name = "TEXT", requires = "api_key_header")]
    pub api_key_prefix: Option<String>,

    /// Query parameter that the API key goes into
    #[arg(long, value_name = "NAME", group = "place")]
    pub api_key_query: Option<String>,

    /// Id of an OAuth client
    #[arg(long, value_name = "ID", requires = "secret")]
    pub oauth_client_id: Option<String>,

    /// Environment variable with the OAuth client's secret
    #[arg(long, value_name = "VARIABLE", group = "secret", requires = "oauth_client_id")]
    pub oauth_client_secret_env: Option<String>,

    /// File with the OAuth client's secret; `-` is standard input
    #[arg(long, value_name = "FILE", group = "secret", requires = "oauth_client_id")]
    pub oauth_client_secret_file: Option<String>,

    /// Who gives out tokens: Google, Github, Microsoft, Okta and so on
    #[arg(long, value_name = "VENDOR", requires = "oauth_client_id", value_parser = vendor)]
    pub oauth_vendor: Option<String>,

    /// Discovery document of any other provider
    #[arg(long, value_name = "URL", requires = "oauth_client_id", conflicts_with = "oauth_token_endpoint", value_parser = url)]
    pub oauth_discovery_url: Option<String>,

    /// Token endpoint of a provider without a discovery document
    #[arg(long, value_name = "URL", requires = "oauth_client_id", value_parser = url)]
    pub oauth_token_endpoint: Option<String>,

    /// Authorization endpoint of such a provider
    #[arg(long, value_name = "URL", requires = "oauth_token_endpoint")]
    pub oauth_authorization_endpoint: Option<String>,

    /// Issuer of such a provider
    #[arg(long, value_name = "URL", requires = "oauth_client_id")]
    pub oauth_issuer: Option<String>,

    /// Tenant of the vendor Microsoft
    #[arg(long, value_name = "ID", requires = "oauth_client_id")]
    pub oauth_tenant: Option<String>,

    /// Scope to ask for (can be repeated)
    #[arg(long, value_name = "SCOPE")]
    pub oauth_scope: Vec<String>,

    /// How tokens are got: by the client itself, by the consent of a user, or in exchange for the caller's token
    /// [default: client-credentials]
    #[arg(long, value_name = "GRANT", value_enum)]
    pub oauth_grant: Option<GrantKind>,

    /// Where a user goes after signing in (with --oauth-grant authorization-code)
    #[arg(long, value_name = "URL", requires = "oauth_grant", value_parser = url)]
    pub oauth_return_url: Option<String>,

    /// Further parameter of the token request (can be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub oauth_param: Vec<(String, String)>,

    /// A credential provider that is there already
    #[arg(long, value_name = "ARN", conflicts_with = "secret")]
    pub credential_provider: Option<String>,

    /// Sign with the gateway's role for this service: execute-api, lambda or bedrock-agentcore
    #[arg(
        long,
        value_name = "SERVICE",
        value_parser = SIGNED_SERVICES,
        conflicts_with_all = ["secret", "place", "credential_provider"],
        group = "signed"
    )]
    pub iam_service: Option<String>,

    /// Sign as the caller of the gateway for this service (HTTP targets, of gateways that take AWS signatures)
    #[arg(
        long,
        value_name = "SERVICE",
        conflicts_with_all = ["secret", "place", "credential_provider", "iam_service"],
        group = "signed"
    )]
    pub caller_iam: Option<String>,

    /// Pass the caller's token on (HTTP targets)
    #[arg(long, conflicts_with_all = ["secret", "place", "credential_provider", "iam_service", "caller_iam"])]
    pub jwt_passthrough: bool,

    /// ARN of the function or API that is called there; without one, the API is told from its address (can be repeated)
    #[arg(long, value_name = "ARN", value_parser = resource)]
    pub iam_resource: Vec<String>,

    /// Region to sign for [default: the gateway's]
    #[arg(long, value_name = "REGION", requires = "signed")]
    pub iam_region: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GrantKind {
    /// The client shows its secret
    ClientCredentials,
    /// A user signs in, and consents
    AuthorizationCode,
    /// The token of the gateway's caller is exchanged for another
    TokenExchange,
}

/// What a refused credential is told: the kind of target in the plural, and the remedy.
fn wording(kind: TargetKind) -> (&'static str, &'static str) {
    match kind {
        TargetKind::Smithy => {
            ("Smithy targets", "the gateway's role signs their calls; only an OAuth client can take its place")
        }
        TargetKind::ApiGateway => (
            "API Gateway targets",
            "give an API key, or `--iam-service execute-api` for the gateway's role, or nothing",
        ),
        TargetKind::Lambda | TargetKind::OpenApi | TargetKind::McpServer => ("such targets", ""),
    }
}

impl CredentialFlags {
    /// Whether any of the flags was given.
    pub fn is_given(&self) -> bool {
        let places = [&self.api_key_header, &self.api_key_prefix, &self.api_key_query];
        let named =
            places.into_iter().any(Option::is_some) || !self.oauth_scope.is_empty() || self.oauth_grant.is_some();
        !self.is_empty() || named || !self.oauth_param.is_empty() || !self.iam_resource.is_empty()
    }

    /// The same flags; a key without a place goes where the target's current key goes.
    pub fn in_known_place(&self, target: &Value) -> Self {
        let mut flags = self.clone();
        let named = [&self.api_key_header, &self.api_key_prefix, &self.api_key_query];
        if self.api_key_env.is_none() && self.api_key_file.is_none() || named.into_iter().any(Option::is_some) {
            return flags;
        }
        let key = &target["credentialProviderConfigurations"][0]["credentialProvider"]["apiKeyCredentialProvider"];
        let text = |member: &str| key[member].as_str().map(str::to_owned);
        match key["credentialLocation"].as_str() {
            Some("QUERY_PARAMETER") => flags.api_key_query = text("credentialParameterName"),
            Some("HEADER") => {
                flags.api_key_header = text("credentialParameterName");
                flags.api_key_prefix = text("credentialPrefix");
            }
            _ => {}
        }
        flags
    }

    /// The files that secrets come from.
    pub fn files(&self) -> [Option<&str>; 2] {
        [self.api_key_file.as_deref(), self.oauth_client_secret_file.as_deref()]
    }

    /// Whether no credential was given.
    pub fn is_empty(&self) -> bool {
        self.api_key_env.is_none()
            && self.api_key_file.is_none()
            && self.oauth_client_id.is_none()
            && self.credential_provider.is_none()
            && self.iam_service.is_none()
            && self.caller_iam.is_none()
            && !self.jwt_passthrough
    }

    /// Checks that resources are given only together with a service that the role signs for.
    pub fn check_resources(&self) -> Result<(), Error> {
        if self.iam_resource.is_empty() || self.iam_service.is_some() {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Usage, "the gateway's role calls nothing of what `--iam-resource` names");
        Err(error.with_hint("add `--iam-service` for the service that it signs for"))
    }

    /// Resolves the flags to a credential for a kind of target; for one that this program does not know, any.
    pub async fn resolve(&self, ctx: &Context, kind: Option<TargetKind>) -> Result<Credential, Error> {
        let Some(kind) = kind else { return self.named(ctx).await };
        let rules = kind.credentials();
        let refuse = |what: &str| {
            let (targets, remedy) = wording(kind);
            Err(Error::new(ErrorKind::Usage, format!("{targets} take no {what}")).with_hint(remedy))
        };
        // The developer guide's table (gateway-outbound-auth).
        let takes_users = matches!(kind, TargetKind::OpenApi | TargetKind::McpServer);
        if rules.oauth && !takes_users && !matches!(self.oauth_grant, None | Some(GrantKind::ClientCredentials)) {
            return refuse("users who sign in");
        }
        match self.named(ctx).await? {
            Credential::Given(None) if rules.role && !rules.none => Ok(Credential::role()),
            Credential::ApiKey { .. } if !rules.api_key => refuse("API key"),
            Credential::Oauth { .. } if !rules.oauth => refuse("OAuth client"),
            Credential::Given(Some(given)) => match given[0]["credentialProviderType"].as_str() {
                Some("API_KEY") if !rules.api_key => refuse("API key"),
                Some("OAUTH") if !rules.oauth => refuse("OAuth client"),
                // The role signs for API Gateway without a service in the configuration; the flag's chooses the role.
                Some("GATEWAY_IAM_ROLE")
                    if kind == TargetKind::ApiGateway && self.iam_region.is_none() && self.iam_resource.is_empty() =>
                {
                    match self.iam_service.as_deref() {
                        Some("execute-api") => Ok(Credential::role()),
                        _ => refuse("other service than execute-api"),
                    }
                }
                Some("GATEWAY_IAM_ROLE") if !rules.role_for_service => refuse("service to sign for"),
                // AWS's answer: "… target does not support JWT_PASSTHROUGH credential provider type" (a test on an account).
                Some("CALLER_IAM_CREDENTIALS" | "JWT_PASSTHROUGH") => {
                    let error = Error::new(ErrorKind::Usage, "only HTTP targets take the caller's own credential");
                    Err(error.with_hint("use `target add custom` on a gateway that `create --no-protocol-type` made"))
                }
                _ => Ok(Credential::Given(Some(given))),
            },
            credential => Ok(credential),
        }
    }

    /// The grant that the flags name.
    fn grant(&self) -> Result<Grant, Error> {
        let return_url = self.oauth_return_url.clone();
        match self.oauth_grant {
            Some(GrantKind::AuthorizationCode) => Ok(Grant::AuthorizationCode { return_url }),
            _ if return_url.is_some() => {
                let error = Error::new(ErrorKind::Usage, "nobody signs in who could return");
                Err(error.with_hint("add `--oauth-grant authorization-code`, or leave `--oauth-return-url` out"))
            }
            Some(GrantKind::TokenExchange) => Ok(Grant::TokenExchange),
            None | Some(GrantKind::ClientCredentials) => Ok(Grant::ClientCredentials),
        }
    }

    /// The credential that the flags specify; none if no flag was given.
    async fn named(&self, ctx: &Context) -> Result<Credential, Error> {
        let usage = |problem: &str, remedy: &str| Err(Error::new(ErrorKind::Usage, problem).with_hint(remedy));
        let for_oauth = self.oauth_client_id.is_some() || self.credential_provider.is_some();
        let names_oauth = !self.oauth_scope.is_empty() || !self.oauth_param.is_empty() || self.oauth_grant.is_some();
        if !for_oauth && names_oauth {
            return usage(
                "there is no OAuth client that scopes, parameters and grant are for",
                "add `--oauth-client-id`",
            );
        }
        if self.jwt_passthrough {
            return Ok(Credential::Given(Some(json!([{ "credentialProviderType": "JWT_PASSTHROUGH" }]))));
        }
        if let Some(service) = &self.caller_iam {
            let provider = self.signing(service);
            let credential =
                json!({ "credentialProviderType": "CALLER_IAM_CREDENTIALS", "credentialProvider": provider });
            return Ok(Credential::Given(Some(json!([credential]))));
        }
        let reserved = ["grant_type", "scope", "client_id", "client_secret"];
        if let Some((name, _)) = self.oauth_param.iter().find(|(name, _)| reserved.contains(&name.as_str())) {
            return usage(
                &format!("the parameter {name} is not yours to set"),
                "leave it out; `--oauth-scope` sets scopes",
            );
        }
        if let Some(service) = &self.iam_service {
            if let Some(other) = self.iam_resource.iter().find(|arn| arn.split(':').nth(2) != Some(service.as_str())) {
                return usage(&format!("`{other}` is nothing of {service}"), "leave it out, or name another service");
            }
            let provider = self.signing(service);
            let credential = json!({ "credentialProviderType": "GATEWAY_IAM_ROLE", "credentialProvider": provider });
            return Ok(Credential::Given(Some(json!([credential]))));
        }
        if let Some(arn) = &self.credential_provider {
            return self.existing_provider(arn);
        }
        if let Some(client_id) = &self.oauth_client_id {
            if self.api_key_header.is_some() || self.api_key_query.is_some() {
                return usage("an OAuth token has its place: the header Authorization", "leave out `--api-key-…`");
            }
            let (variable, file) = (&self.oauth_client_secret_env, &self.oauth_client_secret_file);
            let secret = secret(ctx, "OAuth client secret", variable.as_deref(), file.as_deref()).await?;
            let (vendor, member, config) = self.client(client_id)?;
            let provider = ProviderSpec { secret, client: Some((vendor, member, config)) };
            let parameters: BTreeMap<String, String> = self.oauth_param.iter().cloned().collect();
            return Ok(Credential::Oauth {
                provider,
                grant: self.grant()?,
                scopes: self.oauth_scope.clone(),
                parameters,
            });
        }
        if self.api_key_env.is_none() && self.api_key_file.is_none() {
            if self.api_key_header.is_some() || self.api_key_query.is_some() {
                return usage("there is a place for an API key, and no key", "add `--api-key-env` or `--api-key-file`");
            }
            return Ok(Credential::Given(None));
        }
        let (name, in_query) = match (&self.api_key_header, &self.api_key_query) {
            (Some(name), _) => (name.clone(), false),
            (None, Some(name)) => (name.clone(), true),
            (None, None) => {
                return usage("an API key needs a place", "add `--api-key-header NAME` or `--api-key-query NAME`");
            }
        };
        let (variable, file) = (&self.api_key_env, &self.api_key_file);
        let secret = secret(ctx, "API key", variable.as_deref(), file.as_deref()).await?;
        // The key itself is not shown.
        let header = self.prefix().map_or_else(String::new, |prefix| format!("{prefix} ")) + secret.reveal();
        if !in_query && HeaderValue::from_str(&header).is_err() {
            return usage("prefix and key cannot stand in a header", "they are one line of visible characters");
        }
        let provider = ProviderSpec { secret, client: None };
        Ok(Credential::ApiKey { provider, name, prefix: self.prefix().map(str::to_owned), in_query })
    }

    fn signing(&self, service: &str) -> Value {
        let mut provider = json!({ "service": service });
        if let Some(region) = &self.iam_region {
            provider["region"] = json!(region);
        }
        json!({ "iamCredentialProvider": provider })
    }

    /// The prefix without trailing space: the gateway puts one space after it; with a second one, an API rejected
    /// the key (two public runbooks of 2026).
    fn prefix(&self) -> Option<&str> {
        self.api_key_prefix.as_deref().map(str::trim_end).filter(|prefix| !prefix.is_empty())
    }

    fn existing_provider(&self, arn: &str) -> Result<Credential, Error> {
        let (kind, member, provider) = match providers::of_arn(arn).map(|(kind, _)| kind) {
            Some(ProviderKind::ApiKey) => {
                let mut provider = json!({ "providerArn": arn });
                if let Some(name) = self.api_key_header.as_ref().or(self.api_key_query.as_ref()) {
                    provider["credentialParameterName"] = json!(name);
                    let location = if self.api_key_query.is_some() { "QUERY_PARAMETER" } else { "HEADER" };
                    provider["credentialLocation"] = json!(location);
                }
                if let Some(prefix) = self.prefix() {
                    provider["credentialPrefix"] = json!(prefix);
                }
                ("API_KEY", "apiKeyCredentialProvider", provider)
            }
            Some(ProviderKind::Oauth2) => {
                let mut provider = json!({ "providerArn": arn, "scopes": self.oauth_scope });
                self.grant()?.set_in(&mut provider);
                if !self.oauth_param.is_empty() {
                    provider["customParameters"] = self.oauth_param.iter().cloned().collect();
                }
                ("OAUTH", "oauthCredentialProvider", provider)
            }
            None => {
                let message = format!("`{arn}` is no credential provider's ARN");
                return Err(Error::new(ErrorKind::InvalidInput, message).with_hint(
                    "it has `token-vault/default/apikeycredentialprovider/…` or `…/oauth2credentialprovider/…`",
                ));
            }
        };
        let credential = json!({ "credentialProviderType": kind, "credentialProvider": { member: provider } });
        Ok(Credential::Given(Some(json!([credential]))))
    }

    /// The vendor, union member and configuration of an OAuth client.
    fn client(&self, client_id: &str) -> Result<(String, &'static str, Value), Error> {
        let vendor = self.oauth_vendor.clone().unwrap_or_else(|| CUSTOM.to_owned());
        let member = provider::member(&vendor);
        let mut config = json!({ "clientId": client_id });
        let endpoint = |name: &'static str, value: &Option<String>| value.as_ref().map(|value| (name, json!(value)));
        if vendor == CUSTOM {
            config["oauthDiscovery"] = match (&self.oauth_discovery_url, &self.oauth_token_endpoint) {
                (Some(url), _) => json!({ "discoveryUrl": url }),
                (None, Some(token)) => json!({ "authorizationServerMetadata": {
                    // Of these three, the client credentials grant uses only the last.
                    "issuer": self.oauth_issuer.as_ref().unwrap_or(token),
                    "authorizationEndpoint": self.oauth_authorization_endpoint.as_ref().unwrap_or(token),
                    "tokenEndpoint": token,
                } }),
                (None, None) => {
                    let problem = "nobody knows where this client gets its tokens";
                    let remedy = "add `--oauth-vendor`, `--oauth-discovery-url` or `--oauth-token-endpoint`";
                    return Err(Error::new(ErrorKind::Usage, problem).with_hint(remedy));
                }
            };
            return Ok((vendor, member, config));
        }
        let named = [
            endpoint("tenantId", &self.oauth_tenant),
            endpoint("issuer", &self.oauth_issuer),
            endpoint("authorizationEndpoint", &self.oauth_authorization_endpoint),
            endpoint("tokenEndpoint", &self.oauth_token_endpoint),
        ];
        for (name, value) in named.into_iter().flatten() {
            let takes = if name == "tenantId" { vendor == "MicrosoftOauth2" } else { member == INCLUDED };
            if !takes {
                let problem = format!("the vendor {} has its own {name}", provider::short(&vendor));
                return Err(Error::new(ErrorKind::Usage, problem).with_hint("leave the flag out"));
            }
            config[name] = value;
        }
        Ok((vendor, member, config))
    }
}
