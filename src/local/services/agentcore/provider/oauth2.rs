//! Credential providers of OAuth clients: vendors and their endpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Discovery, OauthClient, Put, SecretReference, State, Wanted, invalid, keep, refused, without_nulls};
use crate::{
    local::services::{answer::Answer, answer::not_implemented, call::Call},
    model::{provider, provider::CUSTOM_MEMBER},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Oauth2Input {
    name: String,
    credential_provider_vendor: String,
    oauth2_provider_config_input: BTreeMap<String, Oauth2Config>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oauth2Config {
    client_id: Option<String>,
    client_secret: Option<String>,
    client_secret_source: Option<String>,
    client_secret_config: Option<SecretReference>,
    client_authentication_method: Option<String>,
    oauth_discovery: Option<OauthDiscovery>,
    tenant_id: Option<String>,
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum OauthDiscovery {
    DiscoveryUrl(String),
    AuthorizationServerMetadata(Value),
}

/// What is known of a vendor's endpoints: the issuer, if it has a discovery document, else its endpoints.
#[derive(Clone, Copy)]
enum Known {
    Given,
    Tenant,
    Issuer(&'static str),
    Endpoints(&'static str, &'static str),
}

impl Known {
    /// From the vendors' own documentation. What AWS returns for them is not documented.
    fn of(vendor: &str) -> Self {
        match vendor {
            "GoogleOauth2" => Self::Issuer("https://accounts.google.com"),
            "GithubOauth2" => Self::Endpoints(
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
            ),
            "SlackOauth2" => Self::Issuer("https://slack.com"),
            "SalesforceOauth2" => Self::Issuer("https://login.salesforce.com"),
            "MicrosoftOauth2" => Self::Tenant,
            "AtlassianOauth2" => {
                Self::Endpoints("https://auth.atlassian.com/authorize", "https://auth.atlassian.com/oauth/token")
            }
            "LinkedinOauth2" => Self::Issuer("https://www.linkedin.com/oauth"),
            _ => Self::Given,
        }
    }
}

pub(super) fn put_oauth2(state: &mut State, call: &Call, input: Oauth2Input, create: bool) -> Answer {
    let (vendor, name) = (input.credential_provider_vendor, input.name);
    let known = Known::of(&vendor);
    let Some((member, config)) = input.oauth2_provider_config_input.into_iter().next() else {
        return Err(invalid("oauth2ProviderConfigInput", "Member must not be null"));
    };
    if member != provider::member(&vendor) {
        // AWS's message, from badmintoncryer/cdk-preflight, `oauth2-provider-vendor-config`.
        return Err(refused(format!("Provided configuration does not match selected type: {vendor}")));
    }
    if let Some(method) =
        config.client_authentication_method.as_deref().filter(|method| !method.starts_with("CLIENT_SECRET"))
    {
        return Err(not_implemented(format!("the local AWS does not offer clientAuthenticationMethod {method}")));
    }
    let field = format!("oauth2ProviderConfigInput.{member}");
    let Some(client_id) = config.client_id.filter(|id| !id.is_empty()) else {
        return Err(invalid(&format!("{field}.clientId"), "Member must not be null"));
    };
    let discovery = match (known, config.oauth_discovery, &config.token_endpoint) {
        (Known::Given, Some(discovery), _) => discovery,
        (Known::Given, None, Some(token)) => metadata(
            config.issuer.as_deref().unwrap_or_default(),
            config.authorization_endpoint.as_deref().unwrap_or_default(),
            token,
        ),
        (Known::Given, None, None) => match &config.issuer {
            Some(issuer) => well_known(issuer),
            None => return Err(invalid(&field, "This vendor needs issuer or tokenEndpoint")),
        },
        (Known::Tenant, ..) => {
            let tenant = config.tenant_id.as_deref().unwrap_or("common");
            well_known(&format!("https://login.microsoftonline.com/{tenant}/v2.0"))
        }
        (Known::Issuer(issuer), ..) => well_known(issuer),
        (Known::Endpoints(authorize, token), ..) => metadata("", authorize, token),
    };
    let wanted = Wanted::read(
        &state.secrets,
        call,
        &format!("{field}.clientSecret"),
        config.client_secret,
        config.client_secret_source.as_deref(),
        config.client_secret_config,
    )?;
    let mut shown = without_nulls([("oauthDiscovery", json!(discovery)), ("clientId", json!(client_id))]);
    if member == CUSTOM_MEMBER {
        shown.extend(without_nulls([("clientAuthenticationMethod", json!(config.client_authentication_method))]));
    }
    let mut method = config.client_authentication_method;
    let source = match discovery {
        OauthDiscovery::DiscoveryUrl(url) => Discovery::Url(url),
        OauthDiscovery::AuthorizationServerMetadata(document) => {
            let post_only = document["tokenEndpointAuthMethods"] == json!(["client_secret_post"]);
            method = method.or(post_only.then(|| "CLIENT_SECRET_POST".to_owned()));
            Discovery::TokenEndpoint(document["tokenEndpoint"].as_str().unwrap_or_default().to_owned())
        }
    };
    let client = OauthClient { vendor, client_id, member, shown: Value::Object(shown), discovery: source, method };
    keep(state, call, Put { name, wanted, oauth: Some(client), tags: create.then_some(input.tags) })
}

fn well_known(issuer: &str) -> OauthDiscovery {
    OauthDiscovery::DiscoveryUrl(format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
}

fn metadata(issuer: &str, authorize: &str, token: &str) -> OauthDiscovery {
    OauthDiscovery::AuthorizationServerMetadata(
        json!({ "issuer": issuer, "authorizationEndpoint": authorize, "tokenEndpoint": token }),
    )
}
