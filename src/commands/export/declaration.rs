//! A gateway and its targets as a file for `apply`: members of that file where they say all, raw members of the AWS API
//! for the rest.

mod target;

use serde_json::{Map, Value, json};

use self::target::target_of;
use super::{Document, Exported, own_provider, variable};
use crate::{
    error::{Error, ErrorKind},
    model::{
        gateway::{self, LOG_RETENTION_DAYS},
        patch::exclude,
    },
};

pub(super) fn of(exported: &Exported) -> Result<Document, Error> {
    let mut warnings = Vec::new();
    warnings.extend(exported.without_consumers());
    if exported.gateway.delivers_logs && exported.log_retention.is_none() {
        let days = LOG_RETENTION_DAYS;
        warnings.push(format!(
            "the gateway's logs never expire, and those of one that is made from this file do after {days} days"
        ));
    }
    let mut variables = Vec::new();
    let mut targets = Map::new();
    for (name, target) in &exported.targets {
        targets.insert(name.to_string(), target_of(exported, name.as_str(), target, &mut variables));
    }
    let document = json!({ "gateway": gateway_of(exported)?, "targets": targets });
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

fn gateway_of(exported: &Exported) -> Result<Value, Error> {
    let mut rest = exported.gateway.document.0.clone();
    for member in gateway::READ_ONLY.iter().chain(&["name"]) {
        take(&mut rest, &[member]);
    }
    let mut file = Map::new();
    file.insert("name".to_owned(), json!(exported.names().gateway));
    keep(&mut file, "adopt", (!exported.gateway.ours).then_some(Value::Bool(true)));
    keep(&mut file, "description", take(&mut rest, &["description"]));
    file.insert("authorizer".to_owned(), authorizer_of(exported, &mut rest)?);
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
    let retention = exported.log_retention.filter(|days| *days != LOG_RETENTION_DAYS);
    keep(&mut file, "logRetention", retention.map(Value::from));
    keep(&mut file, "kmsKeyArn", take(&mut rest, &["kmsKeyArn"]));
    let tags = exported.tags();
    keep(&mut file, "tags", (!tags.is_empty()).then(|| json!(tags)));
    keep(&mut file, "aws", (!is_empty(&rest)).then_some(rest));
    Ok(Value::Object(file))
}

fn authorizer_of(exported: &Exported, rest: &mut Value) -> Result<Value, Error> {
    let kind = take(rest, &["authorizerType"]);
    let configuration = take(rest, &["authorizerConfiguration"]);
    Ok(match kind.as_ref().and_then(Value::as_str) {
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
        Some("NONE") | None => json!({ "type": "none" }),
        Some(other) => {
            let problem = format!("the authorizer of the gateway, `{other}`, is none that this program knows");
            return Err(Error::new(ErrorKind::Failed, problem).with_hint("a newer version may know it"));
        }
    })
}
