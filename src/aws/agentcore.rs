//! Gateways and targets, as the JSON documents that AWS returns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Aws, Error,
    denied::Denied,
    error::{absent, deleted, of},
    random_hex,
    raw::exchange,
};
use crate::model::{gateway, name::Region, target};

const SERVICE: &str = "AgentCore";
/// Limit on the pages of a list: an account has at most 1,000 gateways, and a gateway 100 targets (AgentCore
/// developer guide, "Quotas for Amazon Bedrock AgentCore").
const MOST_PAGES: usize = 1000;

/// An AWS document, with accessors for the members that decisions need.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiDocument(pub Value);

impl ApiDocument {
    fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.text("name")
    }

    pub fn status(&self) -> &str {
        self.text("status")
    }

    pub fn is_ready(&self) -> bool {
        self.status() == "READY"
    }

    /// Whether it, or its last change, failed.
    pub fn is_broken(&self) -> bool {
        self.status() == "FAILED" || self.status().ends_with("_UNSUCCESSFUL")
    }

    /// Whether AWS is still working on it.
    pub fn is_moving(&self) -> bool {
        matches!(self.status(), "CREATING" | "UPDATING" | "DELETING" | "SYNCHRONIZING")
    }

    pub fn status_reasons(&self) -> impl Iterator<Item = &str> {
        self.0["statusReasons"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    pub fn gateway_id(&self) -> &str {
        self.text("gatewayId")
    }

    pub fn gateway_arn(&self) -> &str {
        self.text("gatewayArn")
    }

    pub fn gateway_url(&self) -> &str {
        self.text("gatewayUrl")
    }

    /// Whether it is a gateway for MCP, not for HTTP and inference targets.
    pub fn serves_mcp(&self) -> bool {
        self.text("protocolType") == "MCP"
    }

    pub fn role_arn(&self) -> &str {
        self.text("roleArn")
    }

    pub fn target_id(&self) -> &str {
        self.text("targetId")
    }

    /// The function's ARN of a Lambda target.
    pub fn lambda_arn(&self) -> Option<&str> {
        self.0["targetConfiguration"]["mcp"]["lambda"]["lambdaArn"].as_str()
    }

    /// Whether a user has to sign in before AWS can go on with it.
    pub fn awaits_user(&self) -> bool {
        self.status().ends_with("_PENDING_AUTH")
    }

    /// The address at which a user signs in to a target, if one has to.
    pub fn sign_in_url(&self) -> Option<&str> {
        self.0["authorizationData"]["oauth2"]["authorizationUrl"].as_str()
    }

    /// The JWT authorizer's configuration; null where there is none.
    pub fn jwt_authorizer(&self) -> &Value {
        &self.0["authorizerConfiguration"]["customJWTAuthorizer"]
    }
}

/// The id of the gateway of this exact name.
pub async fn find_gateway_id(aws: &Aws, name: &str) -> Result<Option<String>, Error> {
    let gateways = list_gateways(aws).await?;
    Ok(gateways.into_iter().find(|(_, listed)| listed == name).map(|(id, _)| id))
}

/// The ARN of a gateway (service model, `GatewayArn`).
pub fn arn(region: &Region, account: &str, id: &str) -> String {
    format!("arn:{}:bedrock-agentcore:{region}:{account}:gateway/{id}", region.partition().name)
}

/// All gateways of the region, as AWS lists them.
pub async fn listed_gateways(aws: &Aws) -> Result<Vec<Value>, Error> {
    all_pages("ListGateways", async |token| {
        exchange!("ListGateways", aws.agentcore.list_gateways().set_next_token(token), None)
    })
    .await
}

/// All targets of a gateway, as AWS lists them.
pub async fn listed_targets(aws: &Aws, gateway_id: &str) -> Result<Vec<Value>, Error> {
    all_pages("ListGatewayTargets", async |token| {
        let call = aws.agentcore.list_gateway_targets().gateway_identifier(gateway_id).set_next_token(token);
        exchange!("ListGatewayTargets", call, None)
    })
    .await
}

/// The items of all pages of a list.
async fn all_pages(
    operation: &'static str,
    mut page: impl AsyncFnMut(Option<String>) -> Result<Value, Error>,
) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let mut answer = page(token.clone()).await?;
        if let Value::Array(found) = answer["items"].take() {
            items.extend(found);
        }
        let next = answer["nextToken"].as_str().map(str::to_owned);
        if next.is_none() {
            return Ok(items);
        }
        // A token that leads to the same page again would never end.
        if next == token {
            break;
        }
        token = next;
    }
    Err(Error::unexpected(SERVICE, operation, "the list has no end"))
}

/// Ids and names of all gateways in the region.
pub async fn list_gateways(aws: &Aws) -> Result<Vec<(String, String)>, Error> {
    let pages = aws.agentcore.list_gateways().into_paginator().items().send();
    let gateways = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListGateways"))?;
    Ok(gateways.into_iter().map(|gateway| (gateway.gateway_id, gateway.name)).collect())
}

pub async fn find_gateway(aws: &Aws, id: &str) -> Result<Option<ApiDocument>, Error> {
    aws.turn("GetGateway").await;
    let found = exchange!("GetGateway", aws.agentcore.get_gateway().gateway_identifier(id), None);
    Ok(absent(found)?.map(ApiDocument))
}

/// Creates a gateway from `CreateGateway`'s members. The idempotency token covers the SDK's own retries; across
/// runs, the unique name prevents duplicates.
pub async fn create_gateway(aws: &Aws, request: &Value) -> Result<ApiDocument, Error> {
    let body = with_token(request);
    aws.turn("CreateGateway").await;
    exchange!("CreateGateway", aws.agentcore.create_gateway(), Some(&body)).map(ApiDocument)
}

/// Replaces a gateway's configuration; `request` is its changed document.
pub async fn update_gateway(aws: &Aws, id: &str, request: &Value) -> Result<ApiDocument, Error> {
    aws.turn("UpdateGateway").await;
    let call = aws.agentcore.update_gateway().gateway_identifier(id);
    exchange!("UpdateGateway", call, Some(&without(request, &gateway::READ_ONLY))).map(ApiDocument)
}

pub async fn delete_gateway(aws: &Aws, id: &str) -> Result<bool, Error> {
    aws.turn("DeleteGateway").await;
    let call = aws.agentcore.delete_gateway().gateway_identifier(id);
    let answer = deleted(call.send().await.map_err(of(SERVICE, "DeleteGateway")));
    unless_on_its_way(answer, async || find_gateway(aws, id).await).await
}

/// The error for a gateway or target whose deletion failed.
pub fn not_deleted(document: &ApiDocument) -> Error {
    let operation = if document.target_id().is_empty() { "DeleteGateway" } else { "DeleteGatewayTarget" };
    let reasons = document.status_reasons().collect::<Vec<_>>().join("; ");
    let remedy = Denied::read(&reasons).map(|denied| format!(" ({})", denied.remedy())).unwrap_or_default();
    Error::unexpected(SERVICE, operation, &format!("AWS gave up, and it is FAILED: {reasons}{remedy}"))
}

/// Treats a refused deletion as successful if the resource is already being deleted (the response to an earlier
/// request was lost, or another run is deleting it).
async fn unless_on_its_way(
    answer: Result<bool, Error>,
    find: impl AsyncFnOnce() -> Result<Option<ApiDocument>, Error>,
) -> Result<bool, Error> {
    match answer {
        Err(error) if error.refuses_for_now() => match find().await? {
            Some(document) if document.status() != "DELETING" => Err(error),
            _ => Ok(true),
        },
        answer => answer,
    }
}

pub async fn tags(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, Error> {
    let answer = aws.agentcore.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = absent(answer.map_err(of(SERVICE, "ListTagsForResource")))?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// Ids, names and states of a gateway's targets; empty if the gateway is gone.
pub async fn list_targets(aws: &Aws, gateway_id: &str) -> Result<Vec<ListedTarget>, Error> {
    let pages = aws.agentcore.list_gateway_targets().gateway_identifier(gateway_id).into_paginator().items().send();
    let listed = absent(pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "ListGatewayTargets")))?;
    let read = |target: aws_sdk_bedrockagentcorecontrol::types::TargetSummary| ListedTarget {
        id: target.target_id,
        name: target.name,
        status: target.status.as_str().to_owned(),
    };
    Ok(listed.unwrap_or_default().into_iter().map(read).collect())
}

/// A target as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTarget {
    pub id: String,
    pub name: String,
    pub status: String,
}

pub async fn find_target(aws: &Aws, gateway_id: &str, target_id: &str) -> Result<Option<ApiDocument>, Error> {
    aws.turn("GetGatewayTarget").await;
    let call = aws.agentcore.get_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    Ok(absent(exchange!("GetGatewayTarget", call, None))?.map(ApiDocument))
}

pub async fn create_target(aws: &Aws, gateway_id: &str, request: &Value) -> Result<ApiDocument, Error> {
    aws.turn("CreateGatewayTarget").await;
    let body = with_token(request);
    let call = aws.agentcore.create_gateway_target().gateway_identifier(gateway_id);
    exchange!("CreateGatewayTarget", call, Some(&body)).map(ApiDocument)
}

pub async fn update_target(
    aws: &Aws,
    gateway_id: &str,
    target_id: &str,
    request: &Value,
) -> Result<ApiDocument, Error> {
    aws.turn("UpdateGatewayTarget").await;
    let call = aws.agentcore.update_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    exchange!("UpdateGatewayTarget", call, Some(&without(request, &target::READ_ONLY))).map(ApiDocument)
}

pub async fn delete_target(aws: &Aws, gateway_id: &str, target_id: &str) -> Result<bool, Error> {
    aws.turn("DeleteGatewayTarget").await;
    let call = aws.agentcore.delete_gateway_target().gateway_identifier(gateway_id).target_id(target_id);
    let answer = deleted(call.send().await.map_err(of(SERVICE, "DeleteGatewayTarget")));
    unless_on_its_way(answer, async || find_target(aws, gateway_id, target_id).await).await
}

/// Starts the synchronization of a target with its MCP server.
pub async fn synchronize_target(aws: &Aws, gateway_id: &str, target_id: &str) -> Result<ApiDocument, Error> {
    let call = aws.agentcore.synchronize_gateway_targets().gateway_identifier(gateway_id).target_id_list(target_id);
    let mut answer = exchange!("SynchronizeGatewayTargets", call, None)?;
    Ok(ApiDocument(answer["targets"][0].take()))
}

/// The update request for a target: all of its members, known here or not, overridden by those of `request`. An
/// update replaces the whole target (AWS's own CLI merges likewise, aws/agentcore-cli#1900), so omitted members
/// would be lost. The credential always comes from `request`: if that has none, the target is to have none.
pub fn updated_target(existing: &ApiDocument, request: &Value) -> Value {
    let mut members = existing.0.as_object().cloned().unwrap_or_default();
    members.shift_remove("credentialProviderConfigurations");
    members.extend(request.as_object().cloned().unwrap_or_default());
    Value::Object(members)
}

/// Whether a part of a target is as wanted. AWS does not document exactly what GetGatewayTarget returns: it was
/// seen to add `grantType`, and may add empty members and reorder lists (a public deployer compares `scopes`,
/// headers and a schema's `required` as sets). Any other addition counts as a difference, which costs one
/// update that changes nothing.
pub fn is_same(wanted: &Value, existing: &Value) -> bool {
    match (wanted, existing) {
        (Value::Object(wanted), Value::Object(existing)) => {
            let names: BTreeSet<&String> = wanted.keys().chain(existing.keys()).collect();
            let of = |members: &Map<String, Value>, name: &str| members.get(name).cloned().unwrap_or_default();
            let is_added = |name: &str| name == "grantType" && !wanted.contains_key(name);
            names.into_iter().all(|name| is_added(name) || is_same(&of(wanted, name), &of(existing, name)))
        }
        (Value::Array(wanted), Value::Array(existing)) if !wanted.is_empty() => {
            let has = |all: &[Value], one: &Value| all.iter().any(|other| is_same(one, other));
            wanted.len() == existing.len()
                && wanted.iter().all(|one| has(existing, one))
                && existing.iter().all(|one| has(wanted, one))
        }
        // Documents are passed as text.
        (Value::String(wanted), Value::String(existing)) if wanted != existing => {
            let [wanted, existing] = [wanted, existing].map(|text| serde_json::from_str::<Value>(text).ok());
            wanted.is_some_and(|wanted| wanted.is_object() && Some(wanted) == existing)
        }
        (wanted, existing) => wanted == existing || (is_empty(wanted) && is_empty(existing)),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

fn with_token(request: &Value) -> Value {
    let mut body = request.clone();
    // The API requires 33 to 256 characters.
    body["clientToken"] = json!(random_hex(18));
    body
}

/// A document without these members, which are read-only.
fn without(document: &Value, read_only: &[&str]) -> Value {
    let mut body = document.clone();
    if let Value::Object(members) = &mut body {
        members.retain(|member, _| !read_only.contains(&member.as_str()));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_of_a_target_keeps_what_it_does_not_name() {
        let existing = json!({
            "targetId": "T", "gatewayArn": "arn", "status": "READY", "createdAt": 1, "name": "t", "description": "theirs",
            "targetConfiguration": {"mcp": {"openApiSchema": {"inlinePayload": "old"}}},
            "credentialProviderConfigurations": [{"credentialProviderType": "API_KEY"}],
            "metadataConfiguration": {"allowedRequestHeaders": ["x"]},
            "privateEndpoint": {"of": "theirs"}, "privateEndpointManagedResources": [1], "ofTheFuture": [2],
        });
        let request = json!({"name": "t", "targetConfiguration": {"mcp": {"openApiSchema": {"inlinePayload": "new"}}}});
        let sent = without(&updated_target(&ApiDocument(existing), &request), &target::READ_ONLY);
        let expected = json!({
            "name": "t", "description": "theirs",
            "targetConfiguration": {"mcp": {"openApiSchema": {"inlinePayload": "new"}}},
            "metadataConfiguration": {"allowedRequestHeaders": ["x"]}, "privateEndpoint": {"of": "theirs"},
            "ofTheFuture": [2],
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_aws_adds_or_orders_its_own_way_is_no_difference() {
        let wanted = json!({
            "scopes": ["a", "b"], "schema": {"type": "object", "required": ["x", "y"]}, "document": "{\"a\": 1}",
        });
        let same = json!({
            "scopes": ["b", "a"], "grantType": "CLIENT_CREDENTIALS", "customParameters": {}, "metadata": {"x": []},
            "schema": {"required": ["y", "x"], "type": "object"}, "document": "{ \"a\":1 }",
        });
        assert!(is_same(&wanted, &same));
        assert!(is_same(&json!(null), &json!([])) && is_same(&json!({}), &json!(null)));
        let differ = |pointer: &str, value: Value| {
            let mut other = same.clone();
            *other.pointer_mut(pointer).unwrap() = value;
            !is_same(&wanted, &other)
        };
        assert!(differ("/scopes", json!(["a", "b", "c"])) && differ("/scopes", json!(["a", "a"])));
        assert!(differ("/customParameters", json!({"x": "y"})) && differ("/document", json!("{\"a\": 2}")));
        assert!(differ("/schema/required", json!([])) && differ("/schema/type", json!("string")));
        assert!(is_same(&json!({"grantType": "X"}), &json!({"grantType": "X"})));
        assert!(!is_same(&json!({"grantType": "X"}), &json!({"grantType": "Y"})));
    }

    #[tokio::test]
    async fn a_list_without_an_end_is_an_error() {
        let pages = async |tokens: &[&str]| {
            let mut asked = 0;
            let all = all_pages("List", async |_| {
                let token = tokens.get(asked % tokens.len().max(1)).copied();
                asked += 1;
                Ok(json!({ "items": [asked], "nextToken": token.filter(|token| !token.is_empty()) }))
            });
            (all.await.map(|items| items.len()).map_err(|error| error.message), asked)
        };
        assert_eq!(pages(&["a", "b", ""]).await, (Ok(3), 3));
        let endless = || Err("the list has no end".to_owned());
        assert_eq!(pages(&["again"]).await, (endless(), 2));
        assert_eq!(pages(&["there", "back"]).await, (endless(), MOST_PAGES));
    }
}
