//! A target as a member of `targets`.

use serde_json::{Map, Value, json};

use super::{Exported, is_empty, keep, own_provider, take, variable};
use crate::model::{
    policy,
    provider::{self, CUSTOM, INCLUDED, ProviderKind},
    target::{self, SIGNED_SERVICES, TargetKind},
};

pub(super) fn target_of(exported: &Exported, name: &str, document: &Value, variables: &mut Vec<String>) -> Value {
    let mut rest = document.clone();
    for member in target::READ_ONLY.iter().chain(&["name", "gatewayIdentifier"]) {
        take(&mut rest, &[member]);
    }
    let mut file = Map::new();
    let kind = TargetKind::of(&rest["targetConfiguration"]["mcp"]);
    let mut credential = take(&mut rest, &["credentialProviderConfigurations"]).filter(|all| !is_empty(all));
    let granted = exported.stack.granted(name).filter(|_| kind.is_none() || policy::is_granted_by_name(document));
    source_of(exported, document, &mut rest, granted.as_deref(), &mut file);
    if kind == Some(TargetKind::Lambda) {
        credential = None;
    }
    let settings = [
        ("description", &["description"][..]),
        ("allowRequestHeaders", &["metadataConfiguration", "allowedRequestHeaders"]),
        ("allowResponseHeaders", &["metadataConfiguration", "allowedResponseHeaders"]),
        ("allowQueries", &["metadataConfiguration", "allowedQueryParameters"]),
    ];
    for (member, path) in settings {
        keep(&mut file, member, take(&mut rest, path));
    }
    let by_role = json!([{ "credentialProviderType": "GATEWAY_IAM_ROLE" }]);
    let is_usual = kind == Some(TargetKind::Smithy) && credential.as_ref() == Some(&by_role);
    if let Some(credential) = credential.filter(|_| !is_usual) {
        let resources = granted.filter(|_| !matches!(kind, Some(TargetKind::Smithy) | None));
        let by_address = policy::granted_by_address(exported.names(), &exported.stack.caller.account, document);
        let resources = resources.filter(|resources| *resources != by_address);
        let described = credential_of(exported, name, document, &credential, resources, variables);
        file.insert("credential".to_owned(), described);
    }
    keep(&mut file, "aws", (!is_empty(&rest)).then_some(rest));
    Value::Object(file)
}

/// The address of a document in S3, if the target's configuration has nothing else.
fn only_in_s3(rest: &mut Value, kind: TargetKind) -> Option<Value> {
    let path = ["targetConfiguration", "mcp", kind.member(), "s3"];
    let s3 = rest.pointer(&format!("/{}", path.join("/")))?.as_object()?;
    let uri = s3.get("uri").filter(|_| s3.len() == 1)?.clone();
    take(rest, &path);
    Some(uri)
}

fn credential_of(
    exported: &Exported,
    name: &str,
    target: &Value,
    given: &Value,
    resources: Option<Vec<String>>,
    variables: &mut Vec<String>,
) -> Value {
    let one = &given[0];
    let signing = &one["credentialProvider"]["iamCredentialProvider"];
    if let Some(service) = signing["service"].as_str().filter(|service| SIGNED_SERVICES.contains(service))
        && one["credentialProviderType"] == "GATEWAY_IAM_ROLE"
    {
        let mut file = json!({ "iamService": service });
        if !signing["region"].is_null() {
            file["iamRegion"] = signing["region"].clone();
        }
        if let Some(resources) = resources {
            file["iamResources"] = json!(resources);
        }
        return file;
    }
    match own_provider(exported.names(), target) {
        Some((ProviderKind::ApiKey, _)) => {
            let key = &one["credentialProvider"]["apiKeyCredentialProvider"];
            let variable = variable(name, "API_KEY", variables);
            let is_query = key["credentialLocation"] == "QUERY_PARAMETER";
            let mut file = json!({ "apiKeyEnv": variable });
            file[if is_query { "query" } else { "header" }] = key["credentialParameterName"].clone();
            if !key["credentialPrefix"].is_null() {
                file["prefix"] = key["credentialPrefix"].clone();
            }
            file
        }
        Some((ProviderKind::Oauth2, provider)) => {
            let variable = variable(name, "CLIENT_SECRET", variables);
            let known = exported.oauth.get(provider).cloned().unwrap_or_default();
            let mut file = oauth_client_of(&known);
            file["oauthClientSecretEnv"] = json!(variable);
            let used = &one["credentialProvider"]["oauthCredentialProvider"];
            if !is_empty(&used["scopes"]) {
                file["oauthScopes"] = used["scopes"].clone();
            }
            match used["grantType"].as_str() {
                Some("AUTHORIZATION_CODE") => file["oauthGrant"] = json!("authorization-code"),
                Some("TOKEN_EXCHANGE") => file["oauthGrant"] = json!("token-exchange"),
                _ => {}
            }
            for (member, named) in [("oauthReturnUrl", "defaultReturnUrl"), ("oauthParams", "customParameters")] {
                if !is_empty(&used[named]) {
                    file[member] = used[named].clone();
                }
            }
            file
        }
        None => json!({ "aws": one }),
    }
}

/// An OAuth client, as AWS shows it.
fn oauth_client_of(known: &Value) -> Value {
    let vendor = known["credentialProviderVendor"].as_str().unwrap_or(CUSTOM);
    let shown = known["oauth2ProviderConfigOutput"].as_object().and_then(|output| output.values().next());
    let shown = shown.cloned().unwrap_or_default();
    let mut file = json!({ "oauthClientId": shown["clientId"] });
    let mut put = |name: &str, value: &Value| {
        if !value.is_null() {
            file[name] = value.clone();
        }
    };
    let (url, metadata) =
        (&shown["oauthDiscovery"]["discoveryUrl"], &shown["oauthDiscovery"]["authorizationServerMetadata"]);
    if vendor == CUSTOM {
        put("oauthDiscoveryUrl", url);
    } else {
        put("oauthVendor", &json!(provider::short(vendor)));
        put("oauthTenant", &json!(provider::tenant(url.as_str().unwrap_or_default())));
    }
    if vendor == CUSTOM || provider::member(vendor) == INCLUDED {
        put("oauthTokenEndpoint", &metadata["tokenEndpoint"]);
        put("oauthAuthorizationEndpoint", &metadata["authorizationEndpoint"]);
        put("oauthIssuer", &metadata["issuer"]);
    }
    file
}

/// What a target is: its type, and the members that say all of its configuration.
fn source_of(
    exported: &Exported,
    document: &Value,
    rest: &mut Value,
    granted: Option<&[String]>,
    file: &mut Map<String, Value>,
) {
    let kind = TargetKind::of(&rest["targetConfiguration"]["mcp"]);
    let mut put = |name: &str, value: Value| drop(file.insert(name.to_owned(), value));
    match kind {
        Some(TargetKind::Lambda) if exported.calls_sample(document) => {
            put("type", json!("lambda"));
            put("sample", json!(true));
            take(rest, &["targetConfiguration"]);
        }
        Some(TargetKind::Lambda) => {
            put("type", json!("lambda"));
        }
        Some(TargetKind::OpenApi) => {
            put("type", json!("openapi"));
            if let Some(uri) = only_in_s3(rest, TargetKind::OpenApi) {
                put("spec", uri);
            }
        }
        Some(TargetKind::Smithy) => {
            put("type", json!("smithy"));
            if let Some(uri) = only_in_s3(rest, TargetKind::Smithy) {
                put("model", uri);
            }
            if let Some(actions) = granted {
                put("allowActions", json!(actions));
            }
        }
        Some(TargetKind::McpServer) => {
            put("type", json!("mcp-server"));
            let mut of_server = |member: &str| take(rest, &["targetConfiguration", "mcp", "mcpServer", member]);
            let (endpoint, mode) = (of_server("endpoint"), of_server("listingMode"));
            let is_known = mode.as_ref().is_none_or(|mode| ["DEFAULT", "DYNAMIC"].iter().any(|known| mode == known));
            let priority = of_server("resourcePriority").filter(|priority| *priority != json!(1000));
            if let Some(endpoint) = endpoint {
                put("endpoint", endpoint);
            }
            if mode == Some(json!("DYNAMIC")) {
                put("dynamicListing", json!(true));
            }
            if !is_known {
                rest["targetConfiguration"]["mcp"]["mcpServer"]["listingMode"] = json!(mode);
            }
            if let Some(priority) = priority {
                put("resourcePriority", priority);
            }
        }
        Some(TargetKind::ApiGateway) => put("type", json!("api-gateway")),
        None => {
            put("type", json!("custom"));
            if let Some(actions) = granted {
                put("allowActions", json!(actions));
            }
        }
    }
}
