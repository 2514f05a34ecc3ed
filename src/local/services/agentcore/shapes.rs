//! The shapes of AgentCore's inputs (service model bedrock-agentcore-control, 2023-06-05).

use crate::{
    local::services::shape::{Member, Shape, TEXT, integer, list, map, optional, required, text},
    model::provider::VENDOR_NAMES,
};

/// An ARN is accepted here too, so that it can be denied as AWS does.
pub(super) const GATEWAY_ID: Member =
    required("gatewayIdentifier", TEXT.matching(r"([0-9a-z][-]?){1,100}-[0-9a-z]{10}|arn:.*"));
pub(super) const TARGET_ID: Member = required("targetId", TEXT.matching("[0-9a-zA-Z]{10}"));
pub(super) const GATEWAY_NAME: Member = required("name", TEXT.matching("([0-9a-zA-Z][-]?){1,48}"));
pub(super) const TARGET_NAME: Member = optional("name", TEXT.matching("([0-9a-zA-Z][-]?){1,100}").sensitive());
pub(super) const DESCRIPTION: Member = optional("description", text(1, 200).sensitive());
pub(super) const CLIENT_TOKEN: Member =
    optional("clientToken", text(33, 256).matching("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}"));
pub(super) const ROLE_ARN: Member =
    required("roleArn", text(1, 2048).matching("arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+"));
pub(super) const PROTOCOL_TYPE: Member = optional("protocolType", Shape::Enum(&["MCP"]));
pub(super) const PROTOCOL: Member = optional(
    "protocolConfiguration",
    Shape::Union(&[optional(
        "mcp",
        Shape::Structure(&[
            optional("supportedVersions", list(&TEXT, 0, usize::MAX)),
            optional("instructions", text(1, 2048).sensitive()),
            optional("searchType", Shape::Enum(&["SEMANTIC"])),
            optional(
                "sessionConfiguration",
                Shape::Structure(&[optional("sessionTimeoutInSeconds", integer(900, 28800))]),
            ),
            optional(
                "streamingConfiguration",
                Shape::Structure(&[optional("enableResponseStreaming", Shape::Boolean)]),
            ),
            optional("disableMcpListToolsPagination", Shape::Boolean),
        ]),
    )]),
);
pub(super) const AUTHORIZER_TYPE: Member =
    required("authorizerType", Shape::Enum(&["CUSTOM_JWT", "AWS_IAM", "NONE", "AUTHENTICATE_ONLY"]));
pub(super) const AUTHORIZER: Member = optional(
    "authorizerConfiguration",
    Shape::Union(&[optional(
        "customJWTAuthorizer",
        Shape::Structure(&[
            required("discoveryUrl", DISCOVERY_URL),
            optional("allowedAudience", list(&TEXT, 1, usize::MAX)),
            optional("allowedClients", list(&TEXT, 1, usize::MAX)),
            optional("allowedScopes", list(&SCOPE, 1, usize::MAX)),
            optional("customClaims", list(&CUSTOM_CLAIM, 1, usize::MAX)),
        ]),
    )]),
);
const SCOPE: Shape = text(1, 255).matching(r"[\x21\x23-\x5B\x5D-\x7E]+");
const CUSTOM_CLAIM: Shape = Shape::Structure(&[
    required("inboundTokenClaimName", text(1, 255).matching(r"[A-Za-z0-9_.-:]+")),
    required("inboundTokenClaimValueType", Shape::Enum(&["STRING", "STRING_ARRAY"])),
    required(
        "authorizingClaimMatchValue",
        Shape::Structure(&[
            required(
                "claimMatchValue",
                Shape::Union(&[
                    optional("matchValueString", CLAIM_VALUE),
                    optional("matchValueStringList", list(&CLAIM_VALUE, 1, usize::MAX)),
                ]),
            ),
            required("claimMatchOperator", Shape::Enum(&["EQUALS", "CONTAINS", "CONTAINS_ANY"])),
        ]),
    ),
]);
const CLAIM_VALUE: Shape = text(1, 255).matching("[A-Za-z0-9_.-]+");
/// `payloadFilter` is for HTTP targets only (AgentCore developer guide, "Interceptor configuration").
pub(super) const INTERCEPTORS: Member = optional("interceptorConfigurations", list(&INTERCEPTOR, 1, 2));
const INTERCEPTOR: Shape = Shape::Structure(&[
    required("interceptor", Shape::Union(&[optional("lambda", Shape::Structure(&[required("arn", LAMBDA_ARN)]))])),
    required("interceptionPoints", list(&Shape::Enum(&["REQUEST", "RESPONSE"]), 1, 2)),
    optional("inputConfiguration", Shape::Structure(&[required("passRequestHeaders", Shape::Boolean)])),
]);
const LAMBDA_ARN: Shape = text(1, 170).matching(
    r"arn:(aws[a-zA-Z-]*)?:lambda:([a-z]{2}(-gov)?-[a-z]+-\d{1}):(\d{12}):function:([a-zA-Z0-9-_.]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
);
pub(super) const KMS_KEY_ARN: Member = optional(
    "kmsKeyArn",
    text(1, 2048).matching("arn:aws(|-cn|-us-gov):kms:[a-zA-Z0-9-]*:[0-9]{12}:key/[a-zA-Z0-9-]{36}"),
);
pub(super) const EXCEPTION_LEVEL: Member = optional("exceptionLevel", Shape::Enum(&["DEBUG"]));
pub(super) const TAG_KEY: Shape = text(1, 128).matching(r"[a-zA-Z0-9\s._:/=+@-]*");
const TAG_VALUE: Shape = text(0, 256).matching(r"[a-zA-Z0-9\s._:/=+@-]*");
pub(super) const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, 0, 50);
const S3: Shape = Shape::Structure(&[
    optional("uri", TEXT.matching("s3://.{1,2043}")),
    optional("bucketOwnerAccountId", TEXT.matching("[0-9]{12}")),
]);
/// A tool definition. Validated by `model::tool`, which the command line and the data plane share.
const TOOL: Shape = Shape::Any;
pub(super) const TARGET_CONFIGURATION: Member = required(
    "targetConfiguration",
    Shape::Union(&[optional(
        "mcp",
        Shape::Union(&[
            optional(
                "lambda",
                Shape::Structure(&[
                    required("lambdaArn", LAMBDA_ARN),
                    required(
                        "toolSchema",
                        Shape::Union(&[optional("s3", S3), optional("inlinePayload", list(&TOOL, 0, usize::MAX))]),
                    ),
                ]),
            ),
            optional("openApiSchema", DOCUMENT),
            optional("smithyModel", DOCUMENT),
            // No `mcpToolSchema`: AWS is reported to accept it only with the grant AUTHORIZATION_CODE, which needs a
            // user (hashicorp/terraform-provider-aws#48703).
            optional(
                "mcpServer",
                Shape::Structure(&[
                    required("endpoint", MCP_ENDPOINT),
                    optional("listingMode", Shape::Enum(&["DEFAULT", "DYNAMIC"])),
                    optional("resourcePriority", integer(0, 1000)),
                ]),
            ),
            optional(
                "apiGateway",
                Shape::Structure(&[
                    required("restApiId", TEXT),
                    required("stage", TEXT),
                    required("apiGatewayToolConfiguration", REST_TOOLS),
                ]),
            ),
        ]),
    )]),
);
const DOCUMENT: Shape = Shape::Union(&[optional("s3", S3), optional("inlinePayload", TEXT.sensitive())]);
/// AWS accepts https only; servers on this machine have no certificates.
const MCP_ENDPOINT: Shape = TEXT.matching(r"https://.*|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/.*)?");
const METHOD: Shape = Shape::Enum(&["GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "POST"]);
const REST_TOOLS: Shape = Shape::Structure(&[
    required("toolFilters", list(&REST_FILTER, 0, usize::MAX)),
    optional("toolOverrides", list(&REST_OVERRIDE, 0, usize::MAX)),
]);
const REST_FILTER: Shape =
    Shape::Structure(&[required("filterPath", TEXT), required("methods", list(&METHOD, 0, usize::MAX))]);
const REST_OVERRIDE: Shape = Shape::Structure(&[
    required("name", TEXT),
    optional("description", TEXT),
    required("path", TEXT),
    required("method", METHOD),
]);
const PROVIDER_ARN: Member = required("providerArn", TEXT.matching("arn:([^:]*):([^:]*):([^:]*):([0-9]{12})?:(.+)"));
const CREDENTIAL: Shape = Shape::Structure(&[
    required(
        "credentialProviderType",
        Shape::Enum(&["GATEWAY_IAM_ROLE", "OAUTH", "API_KEY", "CALLER_IAM_CREDENTIALS", "JWT_PASSTHROUGH"]),
    ),
    optional(
        "credentialProvider",
        Shape::Union(&[
            optional(
                "oauthCredentialProvider",
                Shape::Structure(&[
                    PROVIDER_ARN,
                    required("scopes", list(&text(1, 64), 0, 100)),
                    optional("customParameters", map(&text(1, 256), &text(1, 2048).sensitive(), 1, 10)),
                    optional("grantType", Shape::Enum(&["CLIENT_CREDENTIALS", "AUTHORIZATION_CODE", "TOKEN_EXCHANGE"])),
                ]),
            ),
            optional(
                "apiKeyCredentialProvider",
                Shape::Structure(&[
                    PROVIDER_ARN,
                    optional("credentialParameterName", text(1, 64)),
                    optional("credentialPrefix", text(1, 64)),
                    optional("credentialLocation", Shape::Enum(&["HEADER", "QUERY_PARAMETER"])),
                ]),
            ),
            optional(
                "iamCredentialProvider",
                Shape::Structure(&[
                    required("service", text(1, 64).matching("[a-zA-Z0-9._-]+")),
                    optional("region", text(1, 32).matching("[a-zA-Z0-9-]+")),
                ]),
            ),
        ]),
    ),
]);
pub(super) const CREDENTIALS: Member = optional("credentialProviderConfigurations", list(&CREDENTIAL, 1, 1));
pub(super) const PROVIDER_NAME: Member = required("name", text(1, 128).matching(r"[a-zA-Z0-9\-_]+"));
const SECRET_REFERENCE: Shape =
    Shape::Structure(&[required("secretId", text(1, 2048)), required("jsonKey", text(1, 128))]);
const SECRET_SOURCE: Shape = Shape::Enum(&["MANAGED", "EXTERNAL"]);
pub(super) const PROVIDER_KEY: [Member; 3] = [
    optional("apiKey", text(0, 65_536).sensitive()),
    optional("apiKeySecretConfig", SECRET_REFERENCE),
    optional("apiKeySecretSource", SECRET_SOURCE),
];
pub(super) const VENDOR: Member = required("credentialProviderVendor", Shape::Enum(&VENDOR_NAMES));
const CLIENT_ID: Member = required("clientId", text(1, 256));
const CUSTOM_CLIENT_ID: Member = optional("clientId", text(0, 256));
const CLIENT_SECRET: Member = optional("clientSecret", text(0, 2048).sensitive());
const CLIENT_SECRET_CONFIG: Member = optional("clientSecretConfig", SECRET_REFERENCE);
const CLIENT_SECRET_SOURCE: Member = optional("clientSecretSource", SECRET_SOURCE);
const PLAIN_CLIENT: Shape = Shape::Structure(&[CLIENT_ID, CLIENT_SECRET, CLIENT_SECRET_CONFIG, CLIENT_SECRET_SOURCE]);
pub(super) const OAUTH_CONFIG: Member = required(
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
const DISCOVERY_URL: Shape =
    TEXT.matching(r"[^\s?#]+/\.well-known/(openid-configuration|oauth-authorization-server)(/[^\s?#]+)?");
pub(super) const MAX_RESULTS: Member = optional("maxResults", integer(1, 1000));
pub(super) const NEXT_TOKEN: Member = optional("nextToken", text(1, 2048).matching(r"\S*"));
pub(super) const RESOURCE_ARN: Member = required(
    "resourceArn",
    text(20, 1011).matching("arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z-]+/[^/]+)*"),
);

pub(super) const TARGET_ID_TEXT: Shape = TEXT.matching("[0-9a-zA-Z]{10}");
