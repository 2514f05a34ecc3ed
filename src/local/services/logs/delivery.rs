//! Log delivery: sources (a gateway's logs or traces), destinations, and the deliveries that connect them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Logs, arn, not_found};
use crate::local::{
    random,
    services::{
        answer::Answer,
        answer::{bad_request, not_implemented, page},
        call::Call,
    },
};

/// The log type of application logs.
const LOGS: &str = "APPLICATION_LOGS";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Delivery {
    id: String,
    region: String,
    source: String,
    destination_arn: String,
    destination_kind: String,
    tags: BTreeMap<String, String>,
    written: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Destination {
    name: String,
    region: String,
    kind: String,
    /// The log group that receives the logs; `None` for X-Ray.
    resource_arn: Option<String>,
    tags: BTreeMap<String, String>,
    written: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Source {
    name: String,
    region: String,
    resource_arn: String,
    log_type: String,
    tags: BTreeMap<String, String>,
    written: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutSource {
    name: String,
    resource_arn: String,
    log_type: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

pub(super) fn put_source(logs: &mut Logs, call: &Call, input: PutSource) -> Answer {
    if ![LOGS, "TRACES"].contains(&input.log_type.as_str()) {
        return Err(bad_request("ValidationException", "This resource does not support the given log type."));
    }
    if !(input.resource_arn.starts_with("arn:") && input.resource_arn.contains(":gateway/")) {
        return Err(bad_request("ResourceNotFoundException", "Cannot access provided service."));
    }
    let key = arn(call, "delivery-source", &input.name);
    if logs.sources.get(&key).is_some_and(|source| source.resource_arn != input.resource_arn) {
        // aws-cloudformation/cloudformation-coverage-roadmap#2513.
        let message = "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new \
                       Delivery Source instead.";
        return Err(bad_request("ConflictException", message));
    }
    let same = |source: &Source| source.resource_arn == input.resource_arn && source.log_type == input.log_type;
    if logs.sources.iter().any(|(other, source)| *other != key && same(source)) {
        // aws-samples/sample-autonomous-cloud-coding-agents#662, and the issue cited above.
        let message = "This ResourceId has already been used in another Delivery Source in this account.";
        return Err(bad_request("ConflictException", message));
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
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeDelivery {
    next_token: Option<String>,
    limit: Option<usize>,
}

impl DescribeDelivery {
    /// Builds a page of a list.
    fn answer(&self, member: &str, items: impl Iterator<Item = (impl AsRef<str>, Value)>) -> Answer {
        let (items, next) = page(items, self.limit.or(Some(50)), self.next_token.as_deref())
            .map_err(|_| bad_request("ValidationException", "The specified nextToken is invalid."))?;
        Ok(json!({ member: items, "nextToken": next }))
    }
}

pub(super) fn describe_sources(logs: &mut Logs, call: &Call, input: DescribeDelivery) -> Answer {
    let shown =
        logs.sources.iter().filter(|(_, source)| source.region == call.region && call.propagated(source.written));
    input.answer("deliverySources", shown.map(|(arn, source)| (arn, describe_source(arn, source))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    name: String,
}

pub(super) fn delete_source(logs: &mut Logs, call: &Call, input: Named) -> Answer {
    if logs.deliveries.values().any(|delivery| delivery.region == call.region && delivery.source == input.name) {
        return Err(bad_request("ConflictException", "The delivery source is used by a delivery."));
    }
    let removed = logs.sources.remove(&arn(call, "delivery-source", &input.name));
    removed.map(|_| Value::Null).ok_or_else(|| not_found("delivery source"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutDestination {
    name: String,
    delivery_destination_type: Option<String>,
    delivery_destination_configuration: Option<DestinationConfiguration>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DestinationConfiguration {
    destination_resource_arn: String,
}

pub(super) fn put_destination(logs: &mut Logs, call: &Call, input: PutDestination) -> Answer {
    let resource_arn = input.delivery_destination_configuration.map(|config| config.destination_resource_arn);
    let kind = match (input.delivery_destination_type.as_deref(), &resource_arn) {
        (Some("XRAY"), None) => "XRAY",
        (None | Some("CWL"), Some(arn)) if arn.contains(":log-group:") => "CWL",
        _ => {
            return Err(not_implemented(
                "the local AWS delivers to log groups (CWL) and X-Ray (XRAY, without a configuration) only",
            ));
        }
    };
    if resource_arn.as_ref().is_some_and(|group| !logs.groups.contains_key(group.trim_end_matches(":*"))) {
        return Err(not_found("log group"));
    }
    let key = arn(call, "delivery-destination", &input.name);
    if logs.destinations.get(&key).is_some_and(|destination| destination.kind != kind) {
        return Err(bad_request("ConflictException", "A delivery destination of this name exists with another type."));
    }
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

pub(super) fn describe_destinations(logs: &mut Logs, call: &Call, input: DescribeDelivery) -> Answer {
    let shown = logs
        .destinations
        .iter()
        .filter(|(_, destination)| destination.region == call.region && call.propagated(destination.written));
    input.answer("deliveryDestinations", shown.map(|(arn, one)| (arn, describe_destination(arn, one))))
}

pub(super) fn delete_destination(logs: &mut Logs, call: &Call, input: Named) -> Answer {
    let key = arn(call, "delivery-destination", &input.name);
    if logs.deliveries.values().any(|delivery| delivery.destination_arn == key) {
        return Err(bad_request("ConflictException", "The delivery destination is used by a delivery."));
    }
    logs.destinations.remove(&key).map(|_| Value::Null).ok_or_else(|| not_found("delivery destination"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateDelivery {
    delivery_source_name: String,
    delivery_destination_arn: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

pub(super) fn create_delivery(logs: &mut Logs, call: &Call, input: CreateDelivery) -> Answer {
    let (source, destination_arn) = (input.delivery_source_name, input.delivery_destination_arn);
    if !logs.sources.contains_key(&arn(call, "delivery-source", &source)) {
        return Err(not_found("delivery source"));
    }
    let Some(destination) = logs.destinations.get(&destination_arn) else {
        return Err(not_found("delivery destination"));
    };
    if destination.kind == "XRAY" && !call.transaction_search {
        // aws/aws-cdk#38372, and many public reports.
        let message = "X-Ray Delivery Destination is supported with CloudWatch Logs as a Trace Segment Destination. \
                       Please enable the CloudWatch Logs destination for your traces using the \
                       UpdateTraceSegmentDestination API";
        return Err(bad_request("ValidationException", message));
    }
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

pub(super) fn describe_deliveries(logs: &mut Logs, call: &Call, input: DescribeDelivery) -> Answer {
    let shown = logs
        .deliveries
        .iter()
        .filter(|(_, delivery)| delivery.region == call.region && call.propagated(delivery.written));
    input.answer("deliveries", shown.map(|(arn, delivery)| (arn, describe_delivery(arn, delivery))))
}

#[derive(Deserialize)]
pub(super) struct DeliveryId {
    id: String,
}

pub(super) fn delete_delivery(logs: &mut Logs, call: &Call, input: DeliveryId) -> Answer {
    let removed = logs.deliveries.remove(&arn(call, "delivery", &input.id));
    removed.map(|_| Value::Null).ok_or_else(|| not_found("delivery"))
}

pub(super) fn get_source(logs: &mut Logs, call: &Call, input: Named) -> Answer {
    let key = arn(call, "delivery-source", &input.name);
    let source = logs.sources.get(&key).ok_or_else(|| not_found("delivery source"))?;
    Ok(json!({ "deliverySource": describe_source(&key, source) }))
}

pub(super) fn get_destination(logs: &mut Logs, call: &Call, input: Named) -> Answer {
    let key = arn(call, "delivery-destination", &input.name);
    let destination = logs.destinations.get(&key).ok_or_else(|| not_found("delivery destination"))?;
    Ok(json!({ "deliveryDestination": describe_destination(&key, destination) }))
}

pub(super) fn get_delivery(logs: &mut Logs, call: &Call, input: DeliveryId) -> Answer {
    let key = arn(call, "delivery", &input.id);
    let delivery = logs.deliveries.get(&key).ok_or_else(|| not_found("delivery"))?;
    Ok(json!({ "delivery": describe_delivery(&key, delivery) }))
}

impl Source {
    /// Whether it takes a resource's application logs.
    pub(super) fn is_of_logs(&self, resource_arn: &str) -> bool {
        self.resource_arn == resource_arn && self.log_type == LOGS
    }

    pub(super) fn tags(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.tags
    }
}

impl Destination {
    /// The ARN of its log group, if it has one.
    pub(super) fn log_group(&self) -> Option<&str> {
        self.resource_arn.as_deref().map(|arn| arn.trim_end_matches(":*"))
    }

    pub(super) fn tags(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.tags
    }
}

impl Delivery {
    /// The ARN of its destination, if it delivers from this source.
    pub(super) fn end_of(&self, source: &Source) -> Option<&str> {
        (self.source == source.name && self.region == source.region).then_some(&self.destination_arn)
    }

    pub(super) fn tags(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.tags
    }
}
