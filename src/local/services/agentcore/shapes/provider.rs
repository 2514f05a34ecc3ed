//! Credential providers.

use super::{DISCOVERY_URL, Member, Shape, TEXT, VENDOR_NAMES, list, optional, required, text};

pub(crate) const PROVIDER_NAME: Member = required("name", text(1, 128).matching(r"[a-zA-Z0-9\-_]+"));
const SECRET_REFERENCE: Shape =
    Shape::Structure(&[required("secretId", text(1, 2048)), required("jsonKey", text(1, 128))]);
const SECRET_SOURCE: Shape = Shape::Enum(&["MANAGED", "EXTERNAL"]);
pub(crate) const PROVIDER_KEY: [Member; 3] = [
    optional("apiKey", text(0, 65_536).sensitive()),
    optional("apiKeySecretConfig", SECRET_REFERENCE),
    optional("apiKeySecretSource", SECRET_SOURCE),
];
pub(crate) const VENDOR: Member = required("credentialProviderVendor", Shape::Enum(&VENDOR_NAMES));
const CLIENT_ID: Member = required("clientId", text(1, 256));
const CUSTOM_CLIENT_ID: Member = optional("clientId", text(0, 256));
const CLIENT_SECRET: Member = optional("clientSecret", text(0, 2048).sensitive());
const CLIENT_SECRET_CONFIG: Member = optional("clientSecretConfig", SECRET_REFERENCE);
const CLIENT_SECRET_SOURCE: Member = optional("clientSecretSource", SECRET_SOURCE);
const PLAIN_CLIENT: Shape = Shape::Structure(&[CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET_CONFIG, CLIENT_SECRET_SOURCE]);
pub(crate) const OAUTH_CONFIG: Member = required(
    "oauth2ProviderConfigInput",
    Shape::Union(&[
        optional(
            "customOauth2ProviderConfig",
            Shape::Structure(&[
                required(
                    "oauthDiscovery",
                    Shape::Union(&[
                        optional("discoveryUrl", DISCOVERY_URL),
                        optional(
                            "authorizationServerMetadata",
                            Shape::Structure(&[
                                required("issuer", TEXT),
                                required("authorizationEndpoint", TEXT),
                                required("tokenEndpoint", TEXT),
                                optional("responseTypes", list(&TEXT, 0, usize::MAX)),
                                optional(
                                    "tokenEndpointAuthMethods",
                                    list(&TEXT.matching("(client_secret_post|client_secret_basic)"), 1, 2),
                                ),
                            ]),
                        ),
                    ]),
                ),
                CUSTOM_CLIENT_ID,
                CLIENT_SECRET,
                CLIENT_SECRET_CONFIG,
                CLIENT_SECRET_SOURCE,
                optional(
                    "clientAuthenticationMethod",
                    Shape::Enum(&[
                        "CLIENT_SECRET_BASIC",
                        "CLIENT_SECRET_POST",
                        "AWS_IAM_ID_TOKEN_JWT",
                        "PRIVATE_KEY_JWT",
                    ]),
                ),
            ]),
        ),
        optional("googleOauth2ProviderConfig", PLAIN_CLIENT),
        optional("githubOauth2ProviderConfig", PLAIN_CLIENT),
        optional("slackOauth2ProviderConfig", PLAIN_CLIENT),
        optional("salesforceOauth2ProviderConfig", PLAIN_CLIENT),
        optional("atlassianOauth2ProviderConfig", PLAIN_CLIENT),
        optional("linkedinOauth2ProviderConfig", PLAIN_CLIENT),
        optional(
            "microsoftOauth2ProviderConfig",
            Shape::Structure(&[
                CLIENT_ID,
                CLIENT_SECRET,
                CLIENT_SECRET_CONFIG,
                CLIENT_SECRET_SOURCE,
                optional("tenantId", text(1, 2048)),
            ]),
        ),
        optional(
            "includedOauth2ProviderConfig",
            Shape::Structure(&[
                CLIENT_ID,
                CLIENT_SECRET,
                CLIENT_SECRET_CONFIG,
                CLIENT_SECRET_SOURCE,
                optional("issuer", TEXT),
                optional("authorizationEndpoint", TEXT),
                optional("tokenEndpoint", TEXT),
            ]),
        ),
    ]),
);
