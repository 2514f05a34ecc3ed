//! A gateway and its targets as a file for `apply`: members of that file where they say all, raw members of the AWS API
//! for the rest.

use serde_json::{Map, Value, json};

use super::{Document, Exported, own_provider, variable};
use crate::{
    error::Error,
    model::{
        gateway,
        naming::consumer_of,
        patch::exclude,
        policy,
        provider::{self, CUSTOM, INCLUDED, ProviderKind},
        target::{self, TargetKind},
    },
};

/// Log retention of a gateway that names none, in days.
const USUAL_RETENTION: i32 = 30;

pub(super) fn of(exported: &Exported) -> Result<Document, Error> {
    let mut warnings = Vec::new();
    let consumers = exported.clients.iter().filter_map(|(_, name)| consumer_of(name));
    let consumers: Vec<&str> = consumers.collect();
    if !consumers.is_empty() {
        let names = consumers.join(", ");
        warnings.push(format!("consumers are not exported, as their secrets are not: {names}"));
    }
    let mut variables = Vec::new();
    let mut targets = Map::new();
    for (name, target) in &exported.targets {
        targets.insert(name.to_string(), target_of(exported, name.as_str(), target, &mut variables));
    }
    let document = json!({ "gateway": gateway_of(exported), "targets": targets });
    let name = &exported.names().gateway;
    let mut comments = vec![format!("`agentcore-gw export {name}` wrote this, `agentcore-gw apply -f FILE` makes it")];
    if !variables.is_empty() {
        comments.push(format!("These variables are to hold the secrets: {}", variables.join(", ")));
    }
    Document::yaml(document, &comments, warnings)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Takes a member out of a document.
fn take(document: &mut Value, path: &[&str]) -> Option<Value> {
    let (name, parents) = path.split_last()?;
    let place = parents.iter().try_fold(&mut *document, |place, name| place.get_mut(*name))?;
    let taken = place.as_object_mut()?.shift_remove(*name).filter(|value| !value.is_null());
    if !parents.is_empty() && is_empty(place) {
        take(document, parents);
    }
    taken
}

/// Moves a member into the file under its own name.
fn keep(file: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    file.extend(value.map(|value| (name.to_owned(), value)));
}

fn gateway_of(exported: &Exported) -> Value {
    let mut rest = exported.gateway.document.0.clone();
    for member in gateway::READ_ONLY.iter().chain(&["name"]) {
        take(&mut rest, &[member]);
    }
    let mut file = Map::new();
    file.insert("name".to_owned(), json!(exported.names().gateway));
    keep(&mut file, "description", take(&mut rest, &["description"]));
    file.insert("authorizer".to_owned(), authorizer_of(exported, &mut rest));
    let role = take(&mut rest, &["roleArn"]);
    if exported.has_own_role() {
        let boundary = exported.stack.role.as_ref().and_then(|role| role.boundary.clone());
        keep(&mut file, "permissionsBoundary", boundary.map(Value::from));
    } else {
        keep(&mut file, "roleArn", role);
    }
    let mut switch = |name: &str, is_on: bool| keep(&mut file, name, is_on.then_some(Value::Bool(true)));
    let serves_mcp = take(&mut rest, &["protocolType"]).is_some();
    switch("noProtocolType", !serves_mcp);
    let search = take(&mut rest, &["protocolConfiguration", "mcp", "searchType"]);
    switch("noSemanticSearch", serves_mcp && search != Some(json!("SEMANTIC")));
    let delivers = &exported.gateway;
    switch("noObservability", !delivers.delivers_logs && !delivers.delivers_traces);
    let has_refused = exported.stack.refuses_traces();
    switch("noTraces", delivers.delivers_logs && !delivers.delivers_traces && !has_refused);
    let retention = exported.log_retention.filter(|days| *days != USUAL_RETENTION);
    keep(&mut file, "logRetention", retention.map(Value::from));
    keep(&mut file, "kmsKeyArn", take(&mut rest, &["kmsKeyArn"]));
    let tags = exported.tags();
    keep(&mut file, "tags", (!tags.is_empty()).then(|| json!(tags)));
    keep(&mut file, "aws", (!is_empty(&rest)).then_some(rest));
    Value::Object(file)
}

fn authorizer_of(exported: &Exported, rest: &mut Value) -> Value {
    let kind = take(rest, &["authorizerType"]);
    let configuration = take(rest, &["authorizerConfiguration"]);
    match kind.as_ref().and_then(Value::as_str) {
        Some("CUSTOM_JWT") if exported.has_pool => {
            let mut configuration = configuration.unwrap_or_default();
            take(&mut configuration, &["customJWTAuthorizer", "discoveryUrl"]);
            // The pool's clients get other ids when they are made again.
            let is_of_pool = |id: &Value| exported.clients.iter().any(|(own, _)| id == own);
            exclude(&mut configuration, &["customJWTAuthorizer", "allowedClients"], is_of_pool);
            let mut file = json!({ "type": "cognito" });
            if let Some(clients) = take(&mut configuration, &["customJWTAuthorizer", "allowedClients"]) {
                file["allowedClients"] = clients;
            }
            if !is_empty(&configuration["customJWTAuthorizer"]) {
                file["aws"] = configuration;
            }
            file
        }
        Some("CUSTOM_JWT") => json!({ "type": "jwt", "aws": configuration }),
        Some("AWS_IAM") => json!({ "type": "iam" }),
        Some("AUTHENTICATE_ONLY") => json!({ "type": "authenticate-only" }),
        _ => json!({ "type": "none" }),
    }
}

fn target_of(exported: &Exported, name: &str, document: &Value, variables: &mut Vec<String>) -> Value {
    let mut rest = document.clone();
    for member in target::READ_ONLY.iter().chain(&["name", "gatewayIdentifier"]) {
        take(&mut rest, &[member]);
    }
    let mut file = Map::new();
    let kind = TargetKind::of(&rest["targetConfiguration"]["mcp"]);
    let mut credential = take(&mut rest, &["credentialProviderConfigurations"]).filter(|all| !is_empty(all));
    let granted = exported.stack.granted(name).filter(|_| policy::is_granted_by_name(document));
    let mut put = |name: &str, value: Value| drop(file.insert(name.to_owned(), value));
    match kind {
        Some(TargetKind::Lambda) if exported.calls_sample(document) => {
            put("type", json!("lambda"));
            put("sample", json!(true));
            take(&mut rest, &["targetConfiguration"]);
            credential = None;
        }
        Some(TargetKind::Lambda) => {
            put("type", json!("lambda"));
            credential = None;
        }
        Some(TargetKind::OpenApi) => {
            put("type", json!("openapi"));
            if let Some(uri) = only_in_s3(&mut rest, TargetKind::OpenApi) {
                put("spec", uri);
            }
        }
        Some(TargetKind::Smithy) => {
            put("type", json!("smithy"));
            if let Some(uri) = only_in_s3(&mut rest, TargetKind::Smithy) {
                put("model", uri);
            }
            if let Some(actions) = &granted {
                put("allowActions", json!(actions));
            }
        }
        Some(TargetKind::McpServer) => {
            put("type", json!("mcp-server"));
            let mut of_server = |member: &str| take(&mut rest, &["targetConfiguration", "mcp", "mcpServer", member]);
            let (endpoint, mode) = (of_server("endpoint"), of_server("listingMode"));
            let priority = of_server("resourcePriority").filter(|priority| *priority != json!(1000));
            if let Some(endpoint) = endpoint {
                put("endpoint", endpoint);
            }
            if mode == Some(json!("DYNAMIC")) {
                put("dynamicListing", json!(true));
            }
            if let Some(priority) = priority {
                put("resourcePriority", priority);
            }
        }
        Some(TargetKind::ApiGateway) => put("type", json!("api-gateway")),
        None => {
            put("type", json!("custom"));
            if let Some(actions) = &granted {
                put("allowActions", json!(actions));
            }
        }
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
    if let Some(service) = signing["service"].as_str()
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
            let variable = variable(name, "API_KEY");
            variables.push(variable.clone());
            let is_query = key["credentialLocation"] == "QUERY_PARAMETER";
            let mut file = json!({ "apiKeyEnv": variable });
            file[if is_query { "query" } else { "header" }] = key["credentialParameterName"].clone();
            if !key["credentialPrefix"].is_null() {
                file["prefix"] = key["credentialPrefix"].clone();
            }
            file
        }
        Some((ProviderKind::Oauth2, provider)) => {
            let variable = variable(name, "CLIENT_SECRET");
            variables.push(variable.clone());
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
