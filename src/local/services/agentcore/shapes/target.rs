//! Targets, with the credentials of their calls.

use super::{
    ACCOUNT_ID, CERTIFICATES, LAMBDA_ARN, Member, PRIVATE_ENDPOINT, Shape, TEXT, integer, list, map, optional,
    required, text,
};

pub(crate) const TARGET_ID_TEXT: Shape = TEXT.matching("[0-9a-zA-Z]{10}");
pub(crate) const TARGET_ID: Member = required("targetId", TARGET_ID_TEXT);
pub(crate) const TARGET_NAME: Member = optional("name", TEXT.matching("([0-9a-zA-Z][-]?){1,100}").sensitive());
pub(crate) const TARGET_CONFIGURATION: Member = required(
    "targetConfiguration",
    Shape::Union(&[optional("mcp", MCP), optional("http", HTTP), optional("inference", INFERENCE)]),
);
const S3: Shape =
    Shape::Structure(&[optional("uri", TEXT.matching("s3://.{1,2043}")), optional("bucketOwnerAccountId", ACCOUNT_ID)]);
const DOCUMENT: Shape = Shape::Union(&[optional("s3", S3), optional("inlinePayload", TEXT.sensitive())]);
/// A tool definition. Validated by `model::tool`, which the command line and the data plane share.
const TOOL: Shape = Shape::Any;
const MCP: Shape = Shape::Union(&[
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
    optional(
        "mcpServer",
        Shape::Structure(&[
            required("endpoint", MCP_ENDPOINT),
            optional("mcpToolSchema", DOCUMENT),
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
    optional("connector", CONNECTOR),
]);
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
const CONNECTOR_ID: Member = required("connectorId", text(1, 256));
const CONNECTOR: Shape = Shape::Structure(&[
    required(
        "source",
        Shape::Structure(&[
            CONNECTOR_ID,
            optional("version", text(5, 32).matching(r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)")),
        ]),
    ),
    optional("enabled", list(&TEXT, 1, 50)),
    optional("configurations", list(&CONNECTOR_CONFIGURATION, 0, usize::MAX)),
]);
const CONNECTOR_CONFIGURATION: Shape = Shape::Structure(&[
    required("name", text(0, 64).matching("[a-zA-Z][a-zA-Z0-9_-]*")),
    optional("description", text(0, 2000)),
    optional("parameterValues", Shape::Any),
    optional("parameterOverrides", list(&CONNECTOR_OVERRIDE, 0, usize::MAX)),
]);
const CONNECTOR_OVERRIDE: Shape =
    Shape::Structure(&[required("path", TEXT), optional("description", TEXT), optional("visible", Shape::Boolean)]);
const API_SCHEMA: Member = optional("schema", Shape::Structure(&[required("source", DOCUMENT)]));
const ENDPOINT: Member = required("endpoint", text(1, 2048).matching(r"https://[a-zA-Z0-9\-\.]+(:[0-9]{1,5})?(/.*)?"));
const HTTP: Shape = Shape::Union(&[
    optional(
        "agentcoreRuntime",
        Shape::Structure(&[
            required(
                "arn",
                TEXT.matching(
                    "arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:runtime/[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10}",
                ),
            ),
            optional("qualifier", TEXT.matching(".*([1-9][0-9]{0,4})|([a-zA-Z][a-zA-Z0-9_]{0,47}).*")),
            API_SCHEMA,
        ]),
    ),
    optional(
        "passthrough",
        Shape::Structure(&[
            ENDPOINT,
            required("protocolType", Shape::Enum(&["MCP", "A2A", "INFERENCE", "CUSTOM"])),
            API_SCHEMA,
            optional("stickinessConfiguration", STICKINESS),
            optional("staticQueryParameters", map(&QUERY_NAME, &QUERY_VALUE, 0, usize::MAX)),
            optional("staticQueryParameterConflictResolution", Shape::Enum(&["CLIENT_OVERRIDE", "STATIC_OVERRIDE"])),
        ]),
    ),
    optional(
        "connector",
        Shape::Structure(&[
            required("source", Shape::Structure(&[CONNECTOR_ID])),
            optional("parameters", map(&PARAMETER_NAME, &text(1, 1024), 0, 10)),
        ]),
    ),
]);
const STICKINESS: Shape = Shape::Structure(&[
    required("identifier", text(1, 256)),
    optional("timeout", integer(1, 86_400)),
    optional("compositeIdentifier", list(&text(1, 256), 1, 5)),
]);
const QUERY_NAME: Shape = text(1, 128).matching("[a-zA-Z0-9_.-]+");
const QUERY_VALUE: Shape = TEXT.matching(r"[^\x00-\x1F\x7F]*").sensitive();
const PARAMETER_NAME: Shape = text(1, 128).matching("[a-zA-Z][a-zA-Z0-9_-]*");
const INFERENCE: Shape = Shape::Union(&[
    optional("connector", Shape::Structure(&[required("source", Shape::Structure(&[CONNECTOR_ID]))])),
    optional(
        "provider",
        Shape::Structure(&[
            ENDPOINT,
            optional("modelMapping", MODEL_MAPPING),
            optional("operations", list(&INFERENCE_OPERATION, 1, 10)),
        ]),
    ),
]);
const MODEL_MAPPING: Shape = Shape::Structure(&[optional(
    "providerPrefix",
    Shape::Structure(&[optional("strip", Shape::Boolean), optional("separator", text(1, 1))]),
)]);
const INFERENCE_PATH: Shape = text(1, 256).matching(r"/[a-zA-Z0-9\-\._/{}]+");
const INFERENCE_OPERATION: Shape = Shape::Structure(&[
    required("path", INFERENCE_PATH),
    optional("providerPath", INFERENCE_PATH),
    optional("models", list(&Shape::Structure(&[required("model", MODEL_PATTERN)]), 1, 100)),
]);
const MODEL_PATTERN: Shape = text(1, 2048).matching(r"[a-zA-Z0-9\-\._\*\?@:]+(/[a-zA-Z0-9\-\._\*\?@:]+)*");
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
                    optional("defaultReturnUrl", text(1, 2048).matching(r"\w+:(\/?\/?)[^\s]+")),
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
pub(crate) const CREDENTIALS: Member = optional("credentialProviderConfigurations", list(&CREDENTIAL, 1, 1));
const HEADER_NAME: Shape = text(1, 100);
pub(crate) const METADATA: Member = optional(
    "metadataConfiguration",
    Shape::Structure(&[
        optional("allowedRequestHeaders", list(&HEADER_NAME, 1, 10)),
        optional("allowedQueryParameters", list(&text(1, 40), 1, 10)),
        optional("allowedResponseHeaders", list(&HEADER_NAME, 1, 10)),
    ]),
);
pub(crate) const TARGET_PRIVATE_ENDPOINT: Member = optional("privateEndpoint", PRIVATE_ENDPOINT);
pub(crate) const TARGET_CERTIFICATES: Member = CERTIFICATES;
