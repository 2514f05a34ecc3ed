//! The configuration of targets, and its validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{State, check_invocable, invalid, refused};
use crate::{
    local::{
        services::{answer::not_implemented, call::Call},
        wire::WireError,
    },
    model::{
        document::Document,
        finding::{Reading, Severity},
        openapi::Api,
        smithy::{self, Model, SAMPLE_KEY},
        target::{INLINE_SCHEMA_LIMIT, S3_SCHEMA_LIMIT, SIGNED_SERVICES, TargetKind},
        tool,
    },
};

#[derive(Serialize, Deserialize)]
pub(crate) struct Configuration {
    mcp: McpConfiguration,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum McpConfiguration {
    Lambda(LambdaConfiguration),
    OpenApiSchema(TextSchema),
    SmithyModel(TextSchema),
    McpServer(McpServer),
    ApiGateway(Value),
}

impl McpConfiguration {
    fn kind(&self) -> TargetKind {
        match self {
            Self::Lambda(_) => TargetKind::Lambda,
            Self::OpenApiSchema(_) => TargetKind::OpenApi,
            Self::SmithyModel(_) => TargetKind::Smithy,
            Self::McpServer(_) => TargetKind::McpServer,
            Self::ApiGateway(_) => TargetKind::ApiGateway,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct McpServer {
    pub(crate) endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    listing_mode: Option<String>,
    /// Of targets with the same resource, the one with the lowest priority serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource_priority: Option<i64>,
}

impl McpServer {
    /// Whether it is listed for each request.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.listing_mode.as_deref() == Some("DYNAMIC")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum TextSchema {
    S3(S3Object),
    InlinePayload(String),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LambdaConfiguration {
    lambda_arn: String,
    tool_schema: ToolSchema,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ToolSchema {
    S3(S3Object),
    InlinePayload(Value),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
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

impl Configuration {
    pub(crate) fn kind(&self) -> TargetKind {
        self.mcp.kind()
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
        check_outbound(self.kind(), credential)?;
        match &self.mcp {
            McpConfiguration::Lambda(lambda) => {
                let tools = read_tools(state, call, role, name, &lambda.tool_schema)?;
                check_invocable(state, call, role, &lambda.lambda_arn)?;
                Ok(tools)
            }
            McpConfiguration::OpenApiSchema(schema) | McpConfiguration::SmithyModel(schema) => {
                read_document(state, call, role, (self.kind(), name), schema)
            }
            McpConfiguration::McpServer(_) | McpConfiguration::ApiGateway(_) => Ok((Vec::new(), None)),
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
            let grant = grant_type.as_deref().filter(|grant| *grant != "CLIENT_CREDENTIALS" && rules.oauth);
            if let Some(other) = grant {
                return Err(not_implemented(format!("the local AWS does not offer grantType {other}")));
            }
            rules.oauth
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
        ToolSchema::InlinePayload(tools) => {
            let field = format!("{schema_field}.inlinePayload");
            if tools.to_string().len() > INLINE_SCHEMA_LIMIT {
                return Err(invalid(&field, "An inline schema can have at most 1 MB; put it into S3"));
            }
            (tools.clone(), field)
        }
        ToolSchema::S3(object) => {
            let field = format!("{schema_field}.s3.uri");
            let bytes = read_object(state, call, role, object).map_err(|problem| invalid(&field, &problem))?;
            let tools =
                serde_json::from_slice(&bytes).map_err(|error| invalid(&field, &format!("not JSON: {error}")))?;
            (tool::without_unknown_keywords(&tools), field)
        }
    };
    let read = tool::parse_inline(&tools).map_err(|error| match error.problem.as_str() {
        tool::NO_TOOLS => refused(tool::NO_TOOLS),
        _ => invalid(&field, &error.to_string()),
    })?;
    let problem = tool::duplicate(&read, target).map(|(_, problem)| problem);
    Ok((tools.to_string().into_bytes(), problem))
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
        TargetKind::Smithy => ("Smithy model", Model::read(document, reading).findings),
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
