//! CloudWatch Logs: log groups, and the deliveries that bring a gateway's logs and traces there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Call, Service, bad_request, number_or_text, page, parse, unknown_operation};
use crate::local::{random, wire::WireError};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logs {
    /// By ARN.
    groups: BTreeMap<String, Group>,
    /// By ARN; so are destinations and deliveries.
    sources: BTreeMap<String, Source>,
    destinations: BTreeMap<String, Destination>,
    deliveries: BTreeMap<String, Delivery>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Group {
    name: String,
    region: String,
    retention_days: Option<u32>,
    tags: BTreeMap<String, String>,
    created: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Source {
    name: String,
    region: String,
    resource_arn: String,
    log_type: String,
    tags: BTreeMap<String, String>,
    written: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Destination {
    name: String,
    region: String,
    kind: String,
    /// The log group that logs go to; none for X-Ray.
    resource_arn: Option<String>,
    tags: BTreeMap<String, String>,
    written: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Delivery {
    id: String,
    region: String,
    source: String,
    destination_arn: String,
    destination_kind: String,
    tags: BTreeMap<String, String>,
    written: i64,
}

pub(crate) fn handle(logs: &mut Logs, call: &Call, input: Value) -> Answer {
    match call.operation.as_str() {
        "CreateLogGroup" => create_group(logs, call, parse(Service::Logs, call, input)?),
        "DescribeLogGroups" => describe_groups(logs, call, &parse(Service::Logs, call, input)?),
        "DeleteLogGroup" => delete_group(logs, call, &parse(Service::Logs, call, input)?),
        "PutRetentionPolicy" => put_retention(logs, call, &parse(Service::Logs, call, input)?),
        "ListTagsForResource" => list_tags(logs, &parse(Service::Logs, call, input)?),
        "PutDeliverySource" => put_source(logs, call, parse(Service::Logs, call, input)?),
        "DescribeDeliverySources" => describe_sources(logs, call, &parse(Service::Logs, call, input)?),
        "DeleteDeliverySource" => delete_source(logs, call, &parse(Service::Logs, call, input)?),
        "PutDeliveryDestination" => put_destination(logs, call, parse(Service::Logs, call, input)?),
        "DescribeDeliveryDestinations" => describe_destinations(logs, call, &parse(Service::Logs, call, input)?),
        "DeleteDeliveryDestination" => delete_destination(logs, call, &parse(Service::Logs, call, input)?),
        "CreateDelivery" => create_delivery(logs, call, parse(Service::Logs, call, input)?),
        "DescribeDeliveries" => describe_deliveries(logs, call, &parse(Service::Logs, call, input)?),
        "DeleteDelivery" => delete_delivery(logs, call, &parse(Service::Logs, call, input)?),
        _ => Err(unknown_operation("logs", call)),
    }
}

fn arn(call: &Call, kind: &str, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:{kind}:{name}", call.region, call.account)
}

fn not_found(what: &str) -> WireError {
    bad_request("ResourceNotFoundException", format!("The specified {what} does not exist."))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateGroup {
    log_group_name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn create_group(logs: &mut Logs, call: &Call, input: CreateGroup) -> Answer {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/#".contains(c);
    let name = input.log_group_name;
    if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
        return Err(bad_request(
            "InvalidParameterException",
            "1 validation error detected: Value at 'logGroupName' failed to satisfy constraint",
        ));
    }
    let key = arn(call, "log-group", &name);
    if logs.groups.contains_key(&key) {
        return Err(bad_request("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let group = Group { name, region: call.region.clone(), retention_days: None, tags: input.tags, created: call.now };
    logs.groups.insert(key, group);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeGroups {
    log_group_name_prefix: Option<String>,
    next_token: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    limit: Option<usize>,
}

fn describe_groups(logs: &Logs, call: &Call, input: &DescribeGroups) -> Answer {
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let shown = logs
        .groups
        .iter()
        .filter(|(_, group)| group.region == call.region && group.name.starts_with(prefix))
        .filter(|(_, group)| call.propagated(group.created))
        .map(|(arn, group)| {
            let mut document = json!({
                "logGroupName": group.name,
                "creationTime": group.created,
                "metricFilterCount": 0,
                "arn": format!("{arn}:*"),
                "logGroupArn": arn,
                "storedBytes": 0,
                "logGroupClass": "STANDARD",
            });
            if let Some(days) = group.retention_days {
                document["retentionInDays"] = json!(days);
            }
            document
        });
    let (groups, next) = page(shown.collect(), input.limit.or(Some(50)), input.next_token.as_deref());
    Ok(json!({ "logGroups": groups, "nextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupName {
    log_group_name: String,
}

fn delete_group(logs: &mut Logs, call: &Call, input: &GroupName) -> Answer {
    let removed = logs.groups.remove(&arn(call, "log-group", &input.log_group_name));
    removed.map(|_| Value::Null).ok_or_else(|| not_found("log group"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutRetention {
    log_group_name: String,
    retention_in_days: u32,
}

fn put_retention(logs: &mut Logs, call: &Call, input: &PutRetention) -> Answer {
    let group = logs.groups.get_mut(&arn(call, "log-group", &input.log_group_name));
    group.ok_or_else(|| not_found("log group"))?.retention_days = Some(input.retention_in_days);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceArn {
    resource_arn: String,
}

fn list_tags(logs: &Logs, input: &ResourceArn) -> Answer {
    let arn = input.resource_arn.trim_end_matches(":*");
    let tags = logs
        .groups
        .get(arn)
        .map(|group| &group.tags)
        .or_else(|| logs.sources.get(arn).map(|source| &source.tags))
        .or_else(|| logs.destinations.get(arn).map(|destination| &destination.tags))
        .or_else(|| logs.deliveries.get(arn).map(|delivery| &delivery.tags));
    Ok(json!({ "tags": tags.ok_or_else(|| not_found("resource"))? }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutSource {
    name: String,
    resource_arn: String,
    log_type: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn put_source(logs: &mut Logs, call: &Call, input: PutSource) -> Answer {
    if !["APPLICATION_LOGS", "TRACES"].contains(&input.log_type.as_str()) {
        return Err(bad_request("ValidationException", "This resource does not support the given log type."));
    }
    if !input.resource_arn.contains(":gateway/") {
        return Err(bad_request("ResourceNotFoundException", "Cannot access provided service."));
    }
    let key = arn(call, "delivery-source", &input.name);
    if logs.sources.get(&key).is_some_and(|source| source.resource_arn != input.resource_arn) {
        return Err(bad_request("ConflictException", "A delivery source of this name exists for another resource."));
    }
    let source = Source {
        name: input.name,
        region: call.region.clone(),
        resource_arn: input.resource_arn,
        log_type: input.log_type,
        tags: input.tags,
        written: call.now,
    };
    let answer = json!({ "deliverySource": describe_source(&key, &source) });
    logs.sources.insert(key, source);
    Ok(answer)
}

fn describe_source(arn: &str, source: &Source) -> Value {
    json!({
        "name": source.name,
        "arn": arn,
        "resourceArns": [source.resource_arn],
        "service": "bedrock-agentcore",
        "logType": source.log_type,
        "tags": source.tags,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeDelivery {
    next_token: Option<String>,
    #[serde(default, deserialize_with = "number_or_text")]
    limit: Option<usize>,
}

fn describe_sources(logs: &Logs, call: &Call, input: &DescribeDelivery) -> Answer {
    let shown =
        logs.sources.iter().filter(|(_, source)| source.region == call.region && call.propagated(source.written));
    let documents = shown.map(|(arn, source)| describe_source(arn, source)).collect();
    let (sources, next) = page(documents, input.limit.or(Some(50)), input.next_token.as_deref());
    Ok(json!({ "deliverySources": sources, "nextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Named {
    name: String,
}

fn delete_source(logs: &mut Logs, call: &Call, input: &Named) -> Answer {
    if logs.deliveries.values().any(|delivery| delivery.region == call.region && delivery.source == input.name) {
        return Err(bad_request("ConflictException", "The delivery source is used by a delivery."));
    }
    let removed = logs.sources.remove(&arn(call, "delivery-source", &input.name));
    removed.map(|_| Value::Null).ok_or_else(|| not_found("delivery source"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutDestination {
    name: String,
    delivery_destination_type: Option<String>,
    delivery_destination_configuration: Option<DestinationConfiguration>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DestinationConfiguration {
    destination_resource_arn: String,
}

fn put_destination(logs: &mut Logs, call: &Call, input: PutDestination) -> Answer {
    let resource_arn = input.delivery_destination_configuration.map(|config| config.destination_resource_arn);
    let kind = match (input.delivery_destination_type.as_deref(), &resource_arn) {
        (Some("XRAY"), None) => "XRAY",
        (None | Some("CWL"), Some(arn)) if arn.contains(":log-group:") => "CWL",
        _ => {
            return Err(super::not_implemented(
                "the local AWS delivers to log groups (CWL) and X-Ray (XRAY, without a configuration) only",
            ));
        }
    };
    let key = arn(call, "delivery-destination", &input.name);
    let destination = Destination {
        name: input.name,
        region: call.region.clone(),
        kind: kind.to_owned(),
        resource_arn,
        tags: input.tags,
        written: call.now,
    };
    let answer = json!({ "deliveryDestination": describe_destination(&key, &destination) });
    logs.destinations.insert(key, destination);
    Ok(answer)
}

fn describe_destination(arn: &str, destination: &Destination) -> Value {
    let mut document = json!({
        "name": destination.name,
        "arn": arn,
        "deliveryDestinationType": destination.kind,
        "tags": destination.tags,
    });
    if let Some(arn) = &destination.resource_arn {
        document["deliveryDestinationConfiguration"] = json!({ "destinationResourceArn": arn });
    }
    document
}

fn describe_destinations(logs: &Logs, call: &Call, input: &DescribeDelivery) -> Answer {
    let shown = logs
        .destinations
        .iter()
        .filter(|(_, destination)| destination.region == call.region && call.propagated(destination.written));
    let documents = shown.map(|(arn, destination)| describe_destination(arn, destination)).collect();
    let (destinations, next) = page(documents, input.limit.or(Some(50)), input.next_token.as_deref());
    Ok(json!({ "deliveryDestinations": destinations, "nextToken": next }))
}

fn delete_destination(logs: &mut Logs, call: &Call, input: &Named) -> Answer {
    let key = arn(call, "delivery-destination", &input.name);
    if logs.deliveries.values().any(|delivery| delivery.destination_arn == key) {
        return Err(bad_request("ConflictException", "The delivery destination is used by a delivery."));
    }
    logs.destinations.remove(&key).map(|_| Value::Null).ok_or_else(|| not_found("delivery destination"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateDelivery {
    delivery_source_name: String,
    delivery_destination_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn create_delivery(logs: &mut Logs, call: &Call, input: CreateDelivery) -> Answer {
    let (source, destination_arn) = (input.delivery_source_name, input.delivery_destination_arn);
    if !logs.sources.contains_key(&arn(call, "delivery-source", &source)) {
        return Err(not_found("delivery source"));
    }
    let Some(destination) = logs.destinations.get(&destination_arn) else {
        return Err(not_found("delivery destination"));
    };
    let same = |delivery: &Delivery| delivery.source == source && delivery.destination_arn == destination_arn;
    if logs.deliveries.values().any(same) {
        return Err(bad_request("ConflictException", "A delivery with this source and destination exists."));
    }
    let delivery = Delivery {
        id: random::upper_alphanumeric(16),
        region: call.region.clone(),
        source,
        destination_kind: destination.kind.clone(),
        destination_arn,
        tags: input.tags,
        written: call.now,
    };
    let key = arn(call, "delivery", &delivery.id);
    let answer = json!({ "delivery": describe_delivery(&key, &delivery) });
    logs.deliveries.insert(key, delivery);
    Ok(answer)
}

fn describe_delivery(arn: &str, delivery: &Delivery) -> Value {
    json!({
        "id": delivery.id,
        "arn": arn,
        "deliverySourceName": delivery.source,
        "deliveryDestinationArn": delivery.destination_arn,
        "deliveryDestinationType": delivery.destination_kind,
        "tags": delivery.tags,
    })
}

fn describe_deliveries(logs: &Logs, call: &Call, input: &DescribeDelivery) -> Answer {
    let shown = logs
        .deliveries
        .iter()
        .filter(|(_, delivery)| delivery.region == call.region && call.propagated(delivery.written));
    let documents = shown.map(|(arn, delivery)| describe_delivery(arn, delivery)).collect();
    let (deliveries, next) = page(documents, input.limit.or(Some(50)), input.next_token.as_deref());
    Ok(json!({ "deliveries": deliveries, "nextToken": next }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryId {
    id: String,
}

fn delete_delivery(logs: &mut Logs, call: &Call, input: &DeliveryId) -> Answer {
    let removed = logs.deliveries.remove(&arn(call, "delivery", &input.id));
    removed.map(|_| Value::Null).ok_or_else(|| not_found("delivery"))
}
