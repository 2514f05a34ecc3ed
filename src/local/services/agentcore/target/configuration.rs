//! The configuration of targets, and its validation.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{Listing, State, check_invocable, invalid, refused};
use crate::{
    local::{services::call::Call, wire::WireError},
    model::{
        document::Document,
        finding::{Reading, Severity},
        openapi::Api,
        smithy::{self, Model, SAMPLE_KEY},
        target::{INLINE_SCHEMA_LIMIT, S3_SCHEMA_LIMIT, SIGNED_SERVICES, TargetKind},
        tool,
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Configuration {
    Mcp(McpConfiguration),
    /// Kept, and not served.
    Http(IgnoredAny),
    Inference(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum McpConfiguration {
    Lambda(LambdaConfiguration),
    OpenApiSchema(TextSchema),
    SmithyModel(TextSchema),
    McpServer(McpServer),
    /// Kept, and not served.
    ApiGateway(IgnoredAny),
    Connector(IgnoredAny),
}

impl McpConfiguration {
    fn kind(&self) -> Option<TargetKind> {
        Some(match self {
            Self::Lambda(_) => TargetKind::Lambda,
            Self::OpenApiSchema(_) => TargetKind::OpenApi,
            Self::SmithyModel(_) => TargetKind::Smithy,
            Self::McpServer(_) => TargetKind::McpServer,
            Self::ApiGateway(_) => TargetKind::ApiGateway,
            Self::Connector(_) => return None,
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct McpServer {
    pub(crate) endpoint: String,
    listing_mode: Option<String>,
    /// A list of its tools that is given, and never asked for.
    mcp_tool_schema: Option<TextSchema>,
    /// Of targets with the same resource, the one with the lowest priority serves it.
    pub(crate) resource_priority: Option<i64>,
}

impl McpServer {
    /// Whether it is listed for each request.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.listing_mode.as_deref() == Some("DYNAMIC")
    }

    /// Whether its list of tools is given.
    pub(crate) fn is_static(&self) -> bool {
        self.mcp_tool_schema.is_some()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TextSchema {
    S3(S3Object),
    InlinePayload(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LambdaConfiguration {
    lambda_arn: String,
    tool_schema: ToolSchema,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ToolSchema {
    S3(S3Object),
    InlinePayload(Value),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct S3Object {
    uri: Option<String>,
    bucket_owner_account_id: Option<String>,
}

/// The credential of a target's calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    #[serde(rename = "credentialProviderType")]
    pub(crate) kind: String,
    #[serde(rename = "credentialProvider", skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<CredentialProvider>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum CredentialProvider {
    #[serde(rename = "oauthCredentialProvider", rename_all = "camelCase")]
    Oauth {
        provider_arn: String,
        scopes: Vec<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        custom_parameters: BTreeMap<String, String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        grant_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        default_return_url: Option<String>,
    },
    #[serde(rename = "apiKeyCredentialProvider", rename_all = "camelCase")]
    ApiKey {
        provider_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        credential_parameter_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        credential_prefix: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        credential_location: Option<String>,
    },
    #[serde(rename = "iamCredentialProvider")]
    Iam {
        service: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        region: Option<String>,
    },
}

impl Credential {
    /// Whether a user has to sign in before the target can be called.
    pub(crate) fn needs_user(&self) -> bool {
        self.grant() == Some("AUTHORIZATION_CODE")
    }

    fn grant(&self) -> Option<&str> {
        match &self.provider {
            Some(CredentialProvider::Oauth { grant_type, .. }) => grant_type.as_deref(),
            _ => None,
        }
    }

    /// Which credential the local AWS cannot get, if it is one of these.
    pub(crate) fn not_served(&self) -> Option<&'static str> {
        match self.grant() {
            Some("AUTHORIZATION_CODE") => Some("targets that a user signs in to (AUTHORIZATION_CODE)"),
            Some("TOKEN_EXCHANGE") => Some("targets with tokens that are exchanged (TOKEN_EXCHANGE)"),
            _ => None,
        }
    }
}

impl Configuration {
    /// Checks that a gateway of this protocol takes the kind. AWS's message, from badmintoncryer/cdk-preflight,
    /// `http-unsupported`; that for inference is formed by analogy.
    pub(crate) fn check_protocol(&self, is_mcp: bool) -> Result<(), WireError> {
        let what = match self {
            Self::Http(_) if is_mcp => "HTTP",
            Self::Inference(_) if is_mcp => "Inference",
            _ => return Ok(()),
        };
        Err(refused(format!("{what} target configuration is not supported for gateways with MCP protocol type")))
    }

    /// Checks the rules beyond the service model, such as the function and its permission. Returns the tool
    /// definitions or the document (empty if they come from elsewhere), and the reason why their content will make
    /// the target fail: CreateGatewayTarget accepts them, and the target ends in FAILED
    /// (badmintoncryer/cdk-preflight, `target-openapi-schema`).
    pub(crate) fn checked_schema(
        &self,
        state: &State,
        call: &Call,
        role: &str,
        name: &str,
        credential: Option<&Credential>,
    ) -> Result<(Vec<u8>, Option<String>), WireError> {
        let Self::Mcp(mcp) = self else { return Ok((Vec::new(), None)) };
        let Some(kind) = mcp.kind() else {
            // AWS's message (two public files).
            let lacking = || refused("Credential provider configurations is not defined");
            return credential.map(|_| (Vec::new(), None)).ok_or_else(lacking);
        };
        check_outbound(kind, credential)?;
        match mcp {
            McpConfiguration::Lambda(lambda) => {
                let tools = read_tools(state, call, role, name, &lambda.tool_schema)?;
                check_invocable(state, call, role, &lambda.lambda_arn)?;
                Ok(tools)
            }
            McpConfiguration::OpenApiSchema(schema) | McpConfiguration::SmithyModel(schema) => {
                read_document(state, call, role, (kind, name), schema)
            }
            McpConfiguration::McpServer(server) => {
                // Nobody has said what AWS answers.
                if server.is_dynamic() && credential.is_some_and(Credential::needs_user) {
                    return Err(refused(
                        "Targets with listingMode DYNAMIC do not support the grant AUTHORIZATION_CODE",
                    ));
                }
                let listing = server.mcp_tool_schema.as_ref().map(|schema| read_listing(state, call, role, schema));
                Ok((listing.transpose()?.unwrap_or_default(), None))
            }
            McpConfiguration::ApiGateway(_) | McpConfiguration::Connector(_) => Ok((Vec::new(), None)),
        }
    }
}

pub(crate) const CREDENTIALS: &str = "credentialProviderConfigurations";

/// Checks that a target of this kind supports this credential.
fn check_outbound(kind: TargetKind, credential: Option<&Credential>) -> Result<(), WireError> {
    let (rules, what) = (kind.credentials(), kind.member());
    let what = if kind == TargetKind::Lambda { "Lambda" } else { what };
    // AWS's messages, from badmintoncryer/cdk-preflight, `lambda-credential-type` and
    // `credential-provider-required`.
    if let Some(credential) = credential.filter(|credential| credential.provider.is_none()) {
        let lacking = match credential.kind.as_str() {
            "OAUTH" => "OAuth credential provider is required for OAUTH credential provider type",
            "API_KEY" => "API key credential provider is required for API_KEY credential provider type",
            _ => "",
        };
        if !lacking.is_empty() && kind != TargetKind::Lambda {
            return Err(refused(lacking));
        }
    }
    let Some(credential) = credential else {
        if rules.none {
            return Ok(());
        }
        return Err(refused(format!("CredentialProviderConfigurations is required for {what} targets")));
    };
    let fits = match (credential.kind.as_str(), &credential.provider) {
        ("API_KEY", Some(CredentialProvider::ApiKey { .. })) => rules.api_key,
        ("OAUTH", Some(CredentialProvider::Oauth { grant_type, .. })) => {
            // The developer guide's table (gateway-outbound-auth).
            let of_user = grant_type.as_deref().is_some_and(|grant| grant != "CLIENT_CREDENTIALS");
            rules.oauth && (!of_user || matches!(kind, TargetKind::OpenApi | TargetKind::McpServer))
        }
        ("GATEWAY_IAM_ROLE", Some(CredentialProvider::Iam { service, .. })) => {
            if rules.role_for_service && !SIGNED_SERVICES.contains(&service.as_str()) {
                let services = SIGNED_SERVICES.join(", ");
                return Err(invalid(
                    CREDENTIALS,
                    &format!("IamCredentialProvider takes one of the services {services}"),
                ));
            }
            rules.role_for_service
        }
        ("GATEWAY_IAM_ROLE", None) if rules.role_for_service => {
            let message = format!("IamCredentialProvider is required for {what} targets using IAM authentication");
            return Err(refused(message));
        }
        ("GATEWAY_IAM_ROLE", None) => rules.role,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let unsupported = |what: &str| {
        Err(refused(format!("{what} target does not support {} credential provider type", credential.kind)))
    };
    if ["CALLER_IAM_CREDENTIALS", "JWT_PASSTHROUGH"].contains(&credential.kind.as_str()) {
        // AWS's messages for the first two (a test on an account, us-west-2; three further reports of the second). Those for
        // the others are formed by analogy.
        match kind {
            TargetKind::OpenApi => return unsupported("Open api schema"),
            TargetKind::McpServer => return unsupported("MCP server"),
            TargetKind::Smithy => return unsupported("Smithy model"),
            TargetKind::ApiGateway => return unsupported("Api gateway"),
            TargetKind::Lambda => {}
        }
    }
    if kind == TargetKind::Lambda {
        return Err(refused("Lambda target only supports GATEWAY_IAM_ROLE credential provider type"));
    }
    Err(invalid(CREDENTIALS, &format!("The target type {what} does not take this {}", credential.kind)))
}

/// Reads the tool definitions, inline or from S3.
fn read_tools(
    state: &State,
    call: &Call,
    role: &str,
    target: &str,
    schema: &ToolSchema,
) -> Result<(Vec<u8>, Option<String>), WireError> {
    let schema_field = "targetConfiguration.mcp.lambda.toolSchema";
    let (tools, field) = match schema {
        ToolSchema::InlinePayload(tools) => (Cow::Borrowed(tools), format!("{schema_field}.inlinePayload")),
        ToolSchema::S3(object) => {
            let field = format!("{schema_field}.s3.uri");
            let bytes = read_object(state, call, role, object).map_err(|problem| invalid(&field, &problem))?;
            let tools =
                serde_json::from_slice(&bytes).map_err(|error| invalid(&field, &format!("not JSON: {error}")))?;
            (Cow::Owned(tool::without_unknown_keywords(&tools)), field)
        }
    };
    let text = tools.to_string();
    if matches!(schema, ToolSchema::InlinePayload(_)) && text.len() > INLINE_SCHEMA_LIMIT {
        return Err(invalid(&field, "An inline schema can have at most 1 MB; put it into S3"));
    }
    let read = tool::parse_inline(&tools).map_err(|error| match error.problem.as_str() {
        tool::NO_TOOLS => refused(tool::NO_TOOLS),
        _ => invalid(&field, &error.to_string()),
    })?;
    let problem = tool::duplicate(&read, target).map(|(_, problem)| problem);
    Ok((text.into_bytes(), problem))
}

/// Reads the list of an MCP server's tools that is given with its target, as a [`Listing`].
fn read_listing(state: &State, call: &Call, role: &str, schema: &TextSchema) -> Result<Vec<u8>, WireError> {
    let field = "targetConfiguration.mcp.mcpServer.mcpToolSchema";
    let bytes = match schema {
        TextSchema::InlinePayload(text) => text.clone().into_bytes(),
        TextSchema::S3(object) => {
            read_object(state, call, role, object).map_err(|problem| invalid(&format!("{field}.s3.uri"), &problem))?
        }
    };
    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // AWS's message (one project's notes).
    let Value::Array(tools) = &document["tools"] else {
        return Err(refused("mcpToolSchema must be an object with 'tools' array"));
    };
    let listing = Listing { tools: tools.clone(), ..Listing::default() };
    serde_json::to_vec(&listing).map_err(|error| invalid(field, &error.to_string()))
}

/// Reads an OpenAPI document or a Smithy model, inline or from S3.
fn read_document(
    state: &State,
    call: &Call,
    role: &str,
    (kind, target): (TargetKind, &str),
    schema: &TextSchema,
) -> Result<(Vec<u8>, Option<String>), WireError> {
    let schema_field = format!("targetConfiguration.mcp.{}", kind.member());
    let (bytes, field) = match schema {
        TextSchema::InlinePayload(text) => {
            let field = format!("{schema_field}.inlinePayload");
            if text.len() > INLINE_SCHEMA_LIMIT {
                return Err(invalid(&field, "An inline schema can have at most 1 MB; put it into S3"));
            }
            (text.clone().into_bytes(), field)
        }
        TextSchema::S3(object) => {
            let field = format!("{schema_field}.s3.uri");
            let bytes = read_object(state, call, role, object).map_err(|problem| invalid(&field, &problem))?;
            (bytes, field)
        }
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid(&field, "The schema is no text"))?;
    let problem = match Document::parse(text) {
        Err(error) => Some(error.to_string()),
        Ok(document) => fault_of(kind, &document, target),
    };
    Ok((bytes, problem))
}

/// Why a document makes its target fail: all errors, in one reason. AWS words errors of its parser differently
/// from later ones: "Invalid OpenAPI schema: attribute openapi is missing", but "Found 1 validation error(s) in
/// OpenAPI schema: [Server URL (located at: servers) must use HTTPS protocol.]" (badmintoncryer/cdk-preflight;
/// other public files). AWS does not document the messages for Smithy models; we chose the same form.
fn fault_of(kind: TargetKind, document: &Document, target: &str) -> Option<String> {
    let reading = Reading::of(target, true);
    let (what, findings) = match kind {
        TargetKind::Smithy => ("Smithy model", Model::outline(document, reading).findings),
        _ => ("OpenAPI schema", Api::read(document, reading).findings),
    };
    let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
    let problems: Vec<String> = errors.map(|finding| finding.problem).collect();
    let missing: Vec<&str> = problems.iter().map(String::as_str).filter(|it| it.ends_with(" is missing")).collect();
    match (problems.as_slice(), missing.as_slice()) {
        ([], _) => None,
        (_, []) => Some(format!("Found {} validation error(s) in {what}: [{}]", problems.len(), problems.join(", "))),
        (_, missing) => Some(format!("Invalid {what}: {}", missing.join(", "))),
    }
}

/// Reads an object, if the gateway's role may.
fn read_object(state: &State, call: &Call, role: &str, object: &S3Object) -> Result<Vec<u8>, String> {
    let uri = object.uri.as_deref().ok_or("Member must not be null")?;
    if object.bucket_owner_account_id.as_ref().is_some_and(|owner| *owner != call.account) {
        return Err(format!("{uri} does not belong to the account that bucketOwnerAccountId names"));
    }
    let arn = format!("arn:aws:s3:::{}", uri.trim_start_matches("s3://"));
    // Every gateway may read AWS's sample models: the starter toolkit's roles have no permission for them.
    let is_sample =
        smithy::SAMPLE_BUCKETS.iter().any(|(_, bucket)| arn == format!("arn:aws:s3:::{bucket}/{SAMPLE_KEY}"));
    if !is_sample && !state.iam.allows(role, "s3:GetObject", Some(&arn), None, call) {
        return Err(format!("Gateway execution role lacks permission to read {uri} (s3:GetObject)"));
    }
    let bytes = state.s3.content(call, uri).map_err(|error| error.message)?;
    let bytes = bytes.ok_or_else(|| format!("there is no object {uri}"))?;
    if bytes.len() > S3_SCHEMA_LIMIT {
        return Err("The provided S3 object exceeds the maximum allowed size of 10 MB".to_owned());
    }
    Ok(bytes)
}
