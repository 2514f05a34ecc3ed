//! What the user asked for, completely resolved.
//!
//! `None` means "not specified": a new gateway gets the default value, and an existing gateway keeps its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    finding::Filled,
    name::{GatewayName, PolicyArn, Region, RoleArn, TargetName},
    patch::Patch,
    provider::{ProviderKind, filled_by},
    sample,
    secret::Secret,
    target::TargetKind,
};

/// The gateway that `create` is to make.
#[derive(Debug, Clone)]
pub struct GatewaySpec {
    pub name: GatewayName,
    pub region: Region,
    pub authorizer: Option<AuthorizerSpec>,
    /// Whether an `authorizer` that names the stack's own pool, as `get` prints it, leaves the pool's clients as they are.
    pub keeps_own_pool: bool,
    /// Clients that may call the gateway besides the stack's own, if it has one.
    pub allowed_clients: Vec<String>,
    pub role: RoleSpec,
    /// The settings that the user named.
    pub patch: Patch,
    /// Can be chosen at creation only.
    pub semantic_search: bool,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
    /// Whether to deliver the gateway's logs and traces to CloudWatch.
    pub observability: bool,
    /// Whether to deliver traces as well; `None`: unless AWS refused them before.
    pub traces: Option<bool>,
    /// Retention of the gateway's log group, in days.
    pub log_retention: Option<i32>,
    /// Whether to wait until the token endpoint of its user pool has issued a token.
    pub prove_tokens: bool,
    pub targets: Vec<TargetSpec>,
    /// Whether to use a gateway of this name that the stack did not create; it is never deleted.
    pub adopt: bool,
    /// Whether nothing but the settings of an existing gateway is to change, and what its role needs for them.
    pub settings_only: bool,
}

/// How the gateway authorizes its callers.
#[derive(Debug, Clone, PartialEq)]
pub enum AuthorizerSpec {
    /// A Cognito user pool that the stack creates.
    Cognito,
    /// Any OpenID provider; the value is the API's `authorizerConfiguration`.
    Jwt(Value),
    Iam,
    /// A good AWS signature of anybody; who may do what is decided elsewhere.
    AuthenticateOnly,
    None,
    /// One that the gateway has, and that this program does not know: it stays as it is.
    Other(String),
}

/// The role under which the gateway calls its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSpec {
    /// Created and owned by the stack.
    Managed { permissions_boundary: Option<PolicyArn> },
    /// Supplied by the user: never changed, never deleted.
    Existing(RoleArn),
}

/// A target of the gateway.
#[derive(Debug, Clone)]
pub struct TargetSpec {
    pub name: TargetName,
    pub source: TargetSource,
    /// The settings besides source and credential that the user named.
    pub patch: Patch,
}

#[derive(Debug, Clone)]
pub enum TargetSource {
    /// The sample function, which the stack creates.
    Sample,
    /// Any kind of target that this program knows.
    Configured(Box<Configured>),
    /// A kind that it passes on as the user described it.
    Other(Box<Other>),
}

impl TargetSource {
    /// A target of this kind; for `allowed`, see [`Configured::allowed`].
    pub fn configured(kind: TargetKind, configuration: Value, credential: Credential, allowed: Vec<String>) -> Self {
        Self::Configured(Box::new(Configured { kind, configuration, credential, allowed }))
    }

    pub fn kind(&self) -> Option<TargetKind> {
        match self {
            Self::Sample => Some(TargetKind::Lambda),
            Self::Configured(target) => Some(target.kind),
            Self::Other(_) => None,
        }
    }

    fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Sample => None,
            Self::Configured(target) => Some(&target.credential),
            Self::Other(target) => Some(&target.credential),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Other {
    /// The API's `targetConfiguration`.
    pub configuration: Value,
    pub credential: Credential,
    /// The IAM actions that the gateway's role is to be allowed for it, as `service:Action`, on any resource.
    pub allowed: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Configured {
    pub kind: TargetKind,
    /// The content of the kind's member of the API's `targetConfiguration.mcp`.
    pub configuration: Value,
    pub credential: Credential,
    /// What the gateway's role is to be allowed for it: for an AWS service the IAM actions, as `service:Action`, on
    /// any resource; for an address that requests are signed for, the ARNs of its resources, if the address does
    /// not identify them.
    pub allowed: Vec<String>,
}

/// How requests to a target are authenticated.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The API's `credentialProviderConfigurations`, for which nothing has to be created; `None`: no credential.
    Given(Option<Value>),
    /// An API key, in a provider that the stack creates.
    ApiKey { provider: ProviderSpec, name: String, prefix: Option<String>, in_query: bool },
    /// An OAuth client, in a provider that the stack creates.
    Oauth { provider: ProviderSpec, grant: Grant, scopes: Vec<String>, parameters: BTreeMap<String, String> },
}

/// How an OAuth client gets tokens (AgentCore developer guide, gateway-outbound-auth).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Grant {
    /// With its own secret.
    #[default]
    ClientCredentials,
    /// With the consent of the user, who then returns to this address, if one is named.
    AuthorizationCode { return_url: Option<String> },
    /// In exchange for the token of the gateway's caller.
    TokenExchange,
}

impl Grant {
    /// The members `grantType` and `defaultReturnUrl` of the API's `oauthCredentialProvider`.
    pub fn set_in(&self, provider: &mut Value) {
        provider["grantType"] = json!(match self {
            Self::ClientCredentials => "CLIENT_CREDENTIALS",
            Self::AuthorizationCode { .. } => "AUTHORIZATION_CODE",
            Self::TokenExchange => "TOKEN_EXCHANGE",
        });
        if let Self::AuthorizationCode { return_url: Some(url) } = self {
            provider["defaultReturnUrl"] = json!(url);
        }
    }
}

/// A credential provider that the stack creates.
#[derive(Debug, Clone)]
pub struct ProviderSpec {
    pub secret: Secret,
    /// For OAuth: the vendor, the member of `oauth2ProviderConfigInput`, and its content without the secret.
    pub client: Option<(String, &'static str, Value)>,
}

impl ProviderSpec {
    pub fn kind(&self) -> ProviderKind {
        if self.client.is_some() { ProviderKind::Oauth2 } else { ProviderKind::ApiKey }
    }

    /// The members of the API's create and update requests, including the secret.
    pub fn request(&self, name: &str) -> Value {
        match &self.client {
            None => json!({ "name": name, "apiKey": self.secret.reveal() }),
            Some((vendor, member, config)) => {
                let mut config = config.clone();
                config["clientSecret"] = json!(self.secret.reveal());
                let input = json!({ *member: config });
                json!({ "name": name, "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": input })
            }
        }
    }
}

impl Credential {
    /// The gateway's own role.
    pub fn role() -> Self {
        Self::Given(Some(json!([{ "credentialProviderType": "GATEWAY_IAM_ROLE" }])))
    }

    /// The parameter of the API that it fills.
    pub fn fills(&self) -> Option<Filled<'_>> {
        match self {
            Self::ApiKey { name, in_query, .. } => Some(Filled { in_query: *in_query, name }),
            Self::Given(given) => given.as_ref().and_then(filled_by),
            Self::Oauth { .. } => None,
        }
    }

    /// The provider that the stack is to create for it.
    pub fn provider(&self) -> Option<&ProviderSpec> {
        match self {
            Self::Given(_) => None,
            Self::ApiKey { provider, .. } | Self::Oauth { provider, .. } => Some(provider),
        }
    }

    /// The API's `credentialProviderConfigurations`; `arn` is that of the created provider.
    fn request(&self, arn: &str) -> Option<Value> {
        match self {
            Self::Given(given) => given.clone(),
            Self::ApiKey { name, prefix, in_query, .. } => {
                let location = if *in_query { "QUERY_PARAMETER" } else { "HEADER" };
                let mut provider = json!({
                    "providerArn": arn,
                    "credentialParameterName": name,
                    "credentialLocation": location,
                });
                if let Some(prefix) = prefix {
                    provider["credentialPrefix"] = json!(prefix);
                }
                let provider = json!({ "apiKeyCredentialProvider": provider });
                Some(json!([{ "credentialProviderType": "API_KEY", "credentialProvider": provider }]))
            }
            Self::Oauth { scopes, parameters, grant, .. } => {
                let mut provider = json!({ "providerArn": arn, "scopes": scopes });
                grant.set_in(&mut provider);
                if !parameters.is_empty() {
                    provider["customParameters"] = json!(parameters);
                }
                let provider = json!({ "oauthCredentialProvider": provider });
                Some(json!([{ "credentialProviderType": "OAUTH", "credentialProvider": provider }]))
            }
        }
    }
}

impl TargetSpec {
    /// The sample with its own name, `weather-tool`.
    pub fn sample() -> Self {
        let name = sample::TARGET.parse().expect("the sample's target name is a valid one");
        let mut patch = Patch::default();
        patch.set_default(&["description"], "Sample tools of agentcore-gw");
        Self { name, source: TargetSource::Sample, patch }
    }

    /// The credential provider that the stack is to create for it.
    pub fn provider(&self) -> Option<&ProviderSpec> {
        self.source.credential().and_then(Credential::provider)
    }

    /// What the gateway's role is to be allowed for it ([`Configured::allowed`]).
    pub fn allowed(&self) -> &[String] {
        match &self.source {
            TargetSource::Configured(target) => &target.allowed,
            TargetSource::Other(target) => &target.allowed,
            TargetSource::Sample => &[],
        }
    }

    /// Name, source and credential as members of `CreateGatewayTarget`; `function_arn` is the sample function's,
    /// `provider_arn` that of the provider that the stack created for the target.
    pub fn request(&self, function_arn: &str, provider_arn: &str) -> Value {
        let (configuration, credential) = match &self.source {
            TargetSource::Sample => {
                let schema = json!({ "inlinePayload": sample::tools() });
                (
                    json!({ "mcp": { "lambda": { "lambdaArn": function_arn, "toolSchema": schema } } }),
                    Credential::role().request(""),
                )
            }
            TargetSource::Configured(target) => {
                let mcp = json!({ target.kind.member(): target.configuration });
                (json!({ "mcp": mcp }), target.credential.request(provider_arn))
            }
            TargetSource::Other(target) => (target.configuration.clone(), target.credential.request(provider_arn)),
        };
        let mut request = json!({ "name": self.name, "targetConfiguration": configuration });
        if let Some(credential) = credential {
            request["credentialProviderConfigurations"] = credential;
        }
        request
    }
}

impl AuthorizerSpec {
    /// The API's `authorizerType`.
    pub fn api_type(&self) -> &str {
        match self {
            Self::Cognito | Self::Jwt(_) => "CUSTOM_JWT",
            Self::Iam => "AWS_IAM",
            Self::AuthenticateOnly => "AUTHENTICATE_ONLY",
            Self::None => "NONE",
            Self::Other(kind) => kind,
        }
    }
}

impl GatewaySpec {
    /// A gateway of which nothing is to change; targets may be added.
    pub fn unchanged(name: GatewayName, region: Region) -> Self {
        Self {
            name,
            region,
            authorizer: None,
            keeps_own_pool: false,
            allowed_clients: Vec::new(),
            role: RoleSpec::Managed { permissions_boundary: None },
            patch: Patch::default(),
            semantic_search: true,
            tags: BTreeMap::new(),
            observability: false,
            traces: None,
            log_retention: None,
            prove_tokens: false,
            targets: Vec::new(),
            adopt: false,
            settings_only: false,
        }
    }

    pub fn wants_sample(&self) -> bool {
        self.targets.iter().any(|target| matches!(target.source, TargetSource::Sample))
    }

    /// `CreateGateway`'s members, except for the authorizer, the role and the tags, which are known only while the
    /// stack is being created.
    pub fn request(&self) -> Value {
        let mut mcp = json!({});
        if self.semantic_search {
            mcp["searchType"] = json!("SEMANTIC");
        }
        let mut request = json!({ "name": self.name, "protocolType": "MCP" });
        request["protocolConfiguration"] = json!({ "mcp": mcp });
        self.patch.apply_to(&mut request);
        request
    }

    /// The gateway's document with the settings that the user named; that of a new gateway, if there is none.
    pub fn wanted(&self, existing: Option<&Value>) -> Value {
        existing.map_or_else(|| self.request(), |existing| self.patch.applied(existing))
    }
}
