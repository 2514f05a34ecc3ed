//! Gateways.

use super::{
    CERTIFICATES, DISCOVERY_URL, LAMBDA_ARN, Member, PRIVATE_ENDPOINT, Shape, TEXT, integer, list, map, optional,
    required, text,
};

pub(crate) const GATEWAY_NAME: Member = required("name", TEXT.matching("([0-9a-zA-Z][-]?){1,48}"));
pub(crate) const ROLE_ARN: Member =
    required("roleArn", text(1, 2048).matching("arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+"));
pub(crate) const PROTOCOL_TYPE: Member = optional("protocolType", Shape::Enum(&["MCP"]));
pub(crate) const PROTOCOL: Member = optional(
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
pub(crate) const AUTHORIZER_TYPE: Member =
    required("authorizerType", Shape::Enum(&["CUSTOM_JWT", "AWS_IAM", "NONE", "AUTHENTICATE_ONLY"]));
pub(crate) const AUTHORIZER: Member = optional(
    "authorizerConfiguration",
    Shape::Union(&[optional(
        "customJWTAuthorizer",
        Shape::Structure(&[
            required("discoveryUrl", DISCOVERY_URL),
            optional("allowedAudience", list(&TEXT, 1, usize::MAX)),
            optional("allowedClients", list(&TEXT, 1, usize::MAX)),
            optional("allowedScopes", list(&SCOPE, 1, usize::MAX)),
            optional("advertisedScopeMapping", map(&SCOPE, &SCOPE, 1, 50)),
            optional("customClaims", list(&CUSTOM_CLAIM, 1, usize::MAX)),
            optional("privateEndpoint", PRIVATE_ENDPOINT),
            optional("privateEndpointOverrides", list(&PRIVATE_ENDPOINT_OVERRIDE, 0, 5)),
            CERTIFICATES,
            optional("allowedWorkloadConfiguration", ALLOWED_WORKLOADS),
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
const PRIVATE_ENDPOINT_OVERRIDE: Shape =
    Shape::Structure(&[required("domain", text(1, 253)), required("privateEndpoint", PRIVATE_ENDPOINT)]);
const ALLOWED_WORKLOADS: Shape = Shape::Structure(&[
    optional("hostingEnvironments", list(&Shape::Structure(&[required("arn", text(20, 1011))]), 1, 10)),
    optional("workloadIdentities", list(&text(3, 255).matching("[A-Za-z0-9_.-]+"), 1, 10)),
]);
pub(crate) const INTERCEPTORS: Member = optional("interceptorConfigurations", list(&INTERCEPTOR, 1, 2));
const INTERCEPTOR: Shape = Shape::Structure(&[
    required("interceptor", Shape::Union(&[optional("lambda", Shape::Structure(&[required("arn", LAMBDA_ARN)]))])),
    required("interceptionPoints", list(&Shape::Enum(&["REQUEST", "RESPONSE"]), 1, 2)),
    optional(
        "inputConfiguration",
        Shape::Structure(&[
            required("passRequestHeaders", Shape::Boolean),
            // For HTTP targets only (AgentCore developer guide, "Interceptor configuration").
            optional("payloadFilter", Shape::Structure(&[required("exclude", list(&EXCLUDED, 1, 1))])),
        ]),
    ),
    // Of botocore 1.44.8.
    optional("responseInterceptionMode", Shape::Enum(&["BUFFERED", "STREAM"])),
    optional(
        "responseStreamingConfiguration",
        Shape::Structure(&[optional("maxEventsPerInvocation", integer(1, 8192))]),
    ),
]);
const EXCLUDED: Shape = Shape::Union(&[optional("field", Shape::Enum(&["RESPONSE_BODY"]))]);
pub(crate) const KMS_KEY_ARN: Member = optional(
    "kmsKeyArn",
    text(1, 2048).matching("arn:aws(|-cn|-us-gov):kms:[a-zA-Z0-9-]*:[0-9]{12}:key/[a-zA-Z0-9-]{36}"),
);
pub(crate) const EXCEPTION_LEVEL: Member = optional("exceptionLevel", Shape::Enum(&["DEBUG"]));
pub(crate) const POLICY_ENGINE: Member = optional(
    "policyEngineConfiguration",
    Shape::Structure(&[
        required(
            "arn",
            text(1, 170).matching(
                r"arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:policy-engine\/[a-zA-Z][a-zA-Z0-9-_]{0,99}-[a-zA-Z0-9_]{10}",
            ),
        ),
        required("mode", Shape::Enum(&["LOG_ONLY", "ENFORCE"])),
    ]),
);
pub(crate) const TRANSFORM: Member = optional(
    "customTransformConfiguration",
    Shape::Structure(&[optional("lambda", Shape::Structure(&[optional("arn", LAMBDA_ARN)]))]),
);
pub(crate) const WAF: Member = optional(
    "wafConfiguration",
    Shape::Structure(&[optional("failureMode", Shape::Enum(&["FAIL_CLOSE", "FAIL_OPEN"]))]),
);
pub(crate) const DOMAINS: Member = optional(
    "domainOverride",
    Shape::Structure(&[
        required("defaultDomain", PUBLIC_DOMAIN),
        optional("alternateDomains", list(&PUBLIC_DOMAIN, 1, 10)),
    ]),
);
const PUBLIC_DOMAIN: Shape = text(1, 253).matching(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?:\.(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?))+",
);
