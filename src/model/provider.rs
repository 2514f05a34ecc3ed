//! Credential providers: their kinds, and the vendors of OAuth clients. The command line and the local AWS share them.

use serde_json::Value;

use super::finding::Filled;

/// What a credential provider keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProviderKind {
    ApiKey,
    Oauth2,
}

impl ProviderKind {
    /// The kind that an ARN's part, or a tag's value, names.
    pub fn of(path: &str) -> Option<Self> {
        [Self::ApiKey, Self::Oauth2].into_iter().find(|kind| kind.path() == path)
    }

    /// The part of an ARN that names the kind.
    pub const fn path(self) -> &'static str {
        match self {
            Self::ApiKey => "apikeycredentialprovider",
            Self::Oauth2 => "oauth2credentialprovider",
        }
    }
}

/// The parameter that an API key fills if its target names none.
pub const fn default_parameter(in_query: bool) -> &'static str {
    if in_query { "api_key" } else { "Authorization" }
}

/// The parameter of an API that a target's `credentialProviderConfigurations` fill.
pub fn filled_by(configurations: &Value) -> Option<Filled<'_>> {
    let provider = configurations[0]["credentialProvider"].get("apiKeyCredentialProvider")?;
    let in_query = provider["credentialLocation"] == "QUERY_PARAMETER";
    let name = provider["credentialParameterName"].as_str().unwrap_or(default_parameter(in_query));
    Some(Filled { in_query, name })
}

/// The vendor of any OpenID provider that has no row of its own.
pub const CUSTOM: &str = "CustomOauth2";
pub const CUSTOM_MEMBER: &str = "customOauth2ProviderConfig";
/// The member of vendors whose endpoints AWS knows, but for those that are given.
pub const INCLUDED: &str = "includedOauth2ProviderConfig";

/// The vendors that the API knows (service model bedrock-agentcore-control, `CredentialProviderVendorType`), and the
/// member of `oauth2ProviderConfigInput` that each one's client goes into.
pub const VENDORS: [(&str, &str); 25] = [
    ("GoogleOauth2", "googleOauth2ProviderConfig"),
    ("GithubOauth2", "githubOauth2ProviderConfig"),
    ("SlackOauth2", "slackOauth2ProviderConfig"),
    ("SalesforceOauth2", "salesforceOauth2ProviderConfig"),
    ("MicrosoftOauth2", "microsoftOauth2ProviderConfig"),
    (CUSTOM, CUSTOM_MEMBER),
    ("AtlassianOauth2", "atlassianOauth2ProviderConfig"),
    ("LinkedinOauth2", "linkedinOauth2ProviderConfig"),
    ("XOauth2", INCLUDED),
    ("OktaOauth2", INCLUDED),
    ("OneLoginOauth2", INCLUDED),
    ("PingOneOauth2", INCLUDED),
    ("FacebookOauth2", INCLUDED),
    ("YandexOauth2", INCLUDED),
    ("RedditOauth2", INCLUDED),
    ("ZoomOauth2", INCLUDED),
    ("TwitchOauth2", INCLUDED),
    ("SpotifyOauth2", INCLUDED),
    ("DropboxOauth2", INCLUDED),
    ("NotionOauth2", INCLUDED),
    ("HubspotOauth2", INCLUDED),
    ("CyberArkOauth2", INCLUDED),
    ("FusionAuthOauth2", INCLUDED),
    ("Auth0Oauth2", INCLUDED),
    ("CognitoOauth2", INCLUDED),
];

/// The names of [`VENDORS`].
pub const VENDOR_NAMES: [&str; VENDORS.len()] = {
    let mut names = [""; VENDORS.len()];
    let mut index = 0;
    while index < VENDORS.len() {
        names[index] = VENDORS[index].0;
        index += 1;
    }
    names
};

/// The member of a vendor's client.
pub fn member(vendor: &str) -> &'static str {
    VENDORS.iter().find(|(name, _)| *name == vendor).map_or(INCLUDED, |(_, member)| member)
}

/// The vendor that a text names, with or without the API's `Oauth2` at its end.
pub fn vendor(text: &str) -> Option<&'static str> {
    let wanted = text.to_ascii_lowercase();
    let named = |name: &str| short(name).to_ascii_lowercase() == wanted || name.to_ascii_lowercase() == wanted;
    VENDOR_NAMES.into_iter().find(|name| named(name))
}

/// The tenant that a discovery document of Microsoft's is for, if it is for one.
pub fn tenant(discovery_url: &str) -> Option<&str> {
    let tenant = discovery_url.strip_prefix("https://login.microsoftonline.com/")?.split('/').next()?;
    Some(tenant).filter(|tenant| !["common", "organizations", "consumers"].contains(tenant))
}

/// A vendor's name without the API's `Oauth2` at its end.
pub fn short(vendor: &str) -> &str {
    vendor.trim_end_matches("Oauth2")
}
