//! CloudWatch Logs: log groups, and the deliveries of a gateway's logs and traces.

mod delivery;
mod events;
mod operations;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::delivery::{Delivery, Destination, Source};
use super::{Answer, Call, ErrorCodes, Service, bad_request, internal, page};
use crate::local::wire::{Protocol, WireError};

/// The valid retention periods in days (CloudWatch Logs API reference, `PutRetentionPolicy`).
const RETENTION_DAYS: [u32; 23] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, 3654];
/// Most tags of a resource.
const MOST_TAGS: usize = 50;

pub(crate) const SERVICE: Service = Service {
    scope: "logs",
    protocol: Protocol::Json11,
    operations: operations::OPERATIONS,
    errors: ErrorCodes::plain("UnrecognizedClientException", "SerializationException", "InvalidParameterException"),
};

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logs {
    /// By ARN.
    groups: BTreeMap<String, Group>,
    /// By ARN, as are destinations and deliveries.
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

impl Logs {
    /// The ARNs of all groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &String> {
        self.groups.keys()
    }

    /// The ARN of the log group that receives a resource's application logs.
    pub(crate) fn receives_logs_of(&self, resource_arn: &str) -> Option<&str> {
        let source = self.sources.values().find(|source| source.is_of_logs(resource_arn))?;
        let mut ends = self.deliveries.values().filter_map(|delivery| delivery.end_of(source));
        ends.find_map(|end| self.destinations.get(end)?.log_group())
    }

    /// Whether a log group exists.
    pub(crate) fn has_group(&self, call: &Call, name: &str) -> bool {
        self.groups.contains_key(&arn(call, "log-group", name))
    }

    /// Makes the log group of a function.
    ///
    /// # Errors
    /// If it exists, or its events cannot be stored.
    pub(crate) fn make_group(&mut self, call: &Call, name: &str) -> Result<(), WireError> {
        create_group(self, call, CreateGroup { log_group_name: name.to_owned(), tags: BTreeMap::new() }).map(drop)
    }
}

fn arn(call: &Call, kind: &str, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:{kind}:{name}", call.region, call.account)
}

fn not_found(what: &str) -> WireError {
    bad_request("ResourceNotFoundException", format!("The specified {what} does not exist."))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateGroup {
    log_group_name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn create_group(logs: &mut Logs, call: &Call, input: CreateGroup) -> Answer {
    let name = input.log_group_name;
    let key = arn(call, "log-group", &name);
    if logs.groups.contains_key(&key) {
        return Err(bad_request("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    call.journal.open(&key).map_err(|error| internal(format!("the local AWS cannot keep logs: {error}")))?;
    let group = Group { name, region: call.region.clone(), retention_days: None, tags: input.tags, created: call.now };
    logs.groups.insert(key, group);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeGroups {
    log_group_name_prefix: Option<String>,
    /// A substring of the name, case-sensitive.
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

fn describe_groups(logs: &mut Logs, call: &Call, input: DescribeGroups) -> Answer {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let shown = logs
        .groups
        .iter()
        .filter(|(_, group)| group.region == call.region && group.name.starts_with(prefix))
        .filter(|(_, group)| input.log_group_name_pattern.as_deref().is_none_or(|part| group.name.contains(part)))
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
            (arn, document)
        });
    let (groups, next) = page(shown, input.limit.or(Some(50)), input.next_token.as_deref())
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    Ok(json!({ "logGroups": groups, "nextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupName {
    log_group_name: String,
}

fn delete_group(logs: &mut Logs, call: &Call, input: GroupName) -> Answer {
    let key = arn(call, "log-group", &input.log_group_name);
    logs.groups.remove(&key).ok_or_else(|| not_found("log group"))?;
    call.journal.close(&key);
    Ok(Value::Null)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutRetention {
    log_group_name: String,
    retention_in_days: u32,
}

fn put_retention(logs: &mut Logs, call: &Call, input: PutRetention) -> Answer {
    let group = logs.groups.get_mut(&arn(call, "log-group", &input.log_group_name));
    let group = group.ok_or_else(|| not_found("log group"))?;
    if !RETENTION_DAYS.contains(&input.retention_in_days) {
        let days = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
        return Err(invalid(format!("Invalid value for retentionInDays; it must be one of {days}.")));
    }
    group.retention_days = Some(input.retention_in_days);
    Ok(Value::Null)
}

fn delete_retention(logs: &mut Logs, call: &Call, input: GroupName) -> Answer {
    let group = logs.groups.get_mut(&arn(call, "log-group", &input.log_group_name));
    group.ok_or_else(|| not_found("log group"))?.retention_days = None;
    Ok(Value::Null)
}

fn invalid(message: impl Into<String>) -> WireError {
    bad_request("InvalidParameterException", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceArn {
    resource_arn: String,
}

impl ResourceArn {
    fn tags<'a>(&self, logs: &'a mut Logs) -> Result<&'a mut BTreeMap<String, String>, WireError> {
        let arn = self.resource_arn.as_str();
        let Logs { groups, sources, destinations, deliveries } = logs;
        let tags = groups
            .get_mut(arn)
            .map(|group| &mut group.tags)
            .or_else(|| sources.get_mut(arn).map(Source::tags))
            .or_else(|| destinations.get_mut(arn).map(Destination::tags))
            .or_else(|| deliveries.get_mut(arn).map(Delivery::tags));
        tags.ok_or_else(|| not_found("resource"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tagging {
    #[serde(flatten)]
    resource: ResourceArn,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

fn list_tags(logs: &mut Logs, _: &Call, input: ResourceArn) -> Answer {
    Ok(json!({ "tags": input.tags(logs)? }))
}

fn tag(logs: &mut Logs, _: &Call, input: Tagging) -> Answer {
    let tags = input.resource.tags(logs)?;
    let mut all = tags.clone();
    all.extend(input.tags);
    if all.len() > MOST_TAGS {
        return Err(bad_request("TooManyTagsException", format!("A resource can have no more than {MOST_TAGS} tags.")));
    }
    *tags = all;
    Ok(Value::Null)
}

fn untag(logs: &mut Logs, _: &Call, input: Tagging) -> Answer {
    input.resource.tags(logs)?.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Value::Null)
}
