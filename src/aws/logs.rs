//! Log groups, and the deliveries that bring a gateway's logs and traces to CloudWatch.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aws_sdk_cloudwatchlogs::{
    config::Builder,
    operation::create_delivery::CreateDeliveryError,
    types::{DeliveryDestinationConfiguration, DeliveryDestinationType, DeliverySource},
};
use futures_util::future::{join, try_join, try_join_all};

use super::{
    Aws, Error, ThrottlingOnly,
    error::{absent, deleted, of},
};

const SERVICE: &str = "CloudWatch Logs";
/// Most pages of events; one has up to 10,000 events or 1 MB (CloudWatch Logs API reference, `FilterLogEvents`).
const MOST_PAGES: usize = 1000;
/// The first time that is looked through for the newest events, in milliseconds.
const FIRST_WINDOW: i64 = 600_000;

/// Creates a log group with its owner's tags; an error of class `Exists` if it is there.
pub async fn create_group(aws: &Aws, name: &str, tags: &BTreeMap<String, String>) -> Result<(), Error> {
    let call = aws.logs.create_log_group().log_group_name(name).set_tags(Some(tags.clone().into_iter().collect()));
    call.send().await.map(drop).map_err(of(SERVICE, "CreateLogGroup"))
}

pub async fn set_retention(aws: &Aws, name: &str, days: i32) -> Result<(), Error> {
    let call = aws.logs.put_retention_policy().log_group_name(name).retention_in_days(days);
    call.send().await.map(drop).map_err(of(SERVICE, "PutRetentionPolicy"))
}

/// An existing log group.
#[derive(Debug, Clone)]
pub struct Group {
    pub retention_days: Option<i32>,
    pub tags: BTreeMap<String, String>,
}

/// A log group by its exact name.
pub async fn find_group(aws: &Aws, name: &str) -> Result<Option<Group>, Error> {
    let pages = aws.logs.describe_log_groups().log_group_name_prefix(name).into_paginator().items().send();
    let groups = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeLogGroups"))?;
    let Some(group) = groups.into_iter().find(|group| group.log_group_name.as_deref() == Some(name)) else {
        return Ok(None);
    };
    let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
    let tags = tags(aws, arn.trim_end_matches(":*")).await?;
    Ok(Some(Group { retention_days: group.retention_in_days, tags }))
}

/// The log groups below a prefix whose name matches `wanted`, with their tags.
pub async fn groups_below(aws: &Aws, prefix: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Tagged>, Error> {
    let pages = aws.logs.describe_log_groups().log_group_name_prefix(prefix).into_paginator().items().send();
    let groups = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeLogGroups"))?;
    let looks = groups.into_iter().filter_map(|group| {
        let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
        Some((group.log_group_name?, arn.trim_end_matches(":*").to_owned()))
    });
    let looks = looks
        .filter(|(name, _)| wanted(name))
        .map(async |(name, arn): (String, String)| Ok(Tagged { name, tags: tags(aws, &arn).await? }));
    try_join_all(looks).await
}

/// Something with a name and tags.
#[derive(Debug, Clone)]
pub struct Tagged {
    pub name: String,
    pub tags: BTreeMap<String, String>,
}

async fn tags(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, Error> {
    let answer = aws.logs.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = absent(answer.map_err(of(SERVICE, "ListTagsForResource")))?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// The delivery sources and destinations whose name matches `wanted`, with their tags.
pub async fn delivery_ends(aws: &Aws, wanted: impl Fn(&str) -> bool) -> Result<Vec<Tagged>, Error> {
    let sources = async {
        let pages = aws.logs.describe_delivery_sources().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeDeliverySources"))
    };
    let destinations = async {
        let pages = aws.logs.describe_delivery_destinations().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeDeliveryDestinations"))
    };
    let (sources, destinations) = try_join(sources, destinations).await?;
    let sources = sources.into_iter().filter_map(|source| Some((source.name?, source.arn?)));
    let destinations = destinations.into_iter().filter_map(|destination| Some((destination.name?, destination.arn?)));
    let found = sources.chain(destinations).filter(|(name, _)| wanted(name));
    // The descriptions have tags, too, but AWS does not document whether they are filled in.
    let looks = found.map(async |(name, arn): (String, String)| Ok(Tagged { name, tags: tags(aws, &arn).await? }));
    try_join_all(looks).await
}

pub async fn delete_group(aws: &Aws, name: &str) -> Result<bool, Error> {
    deleted(aws.logs.delete_log_group().log_group_name(name).send().await.map_err(of(SERVICE, "DeleteLogGroup")))
}

/// What a delivery carries, and where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries<'a> {
    /// Application logs, to the log group of this ARN.
    Logs { group_arn: &'a str },
    /// Traces, to X-Ray.
    Traces,
}

impl Carries<'_> {
    fn log_type(self) -> &'static str {
        match self {
            Self::Logs { .. } => "APPLICATION_LOGS",
            Self::Traces => "TRACES",
        }
    }
}

/// A source other than `own` that takes the same log type from a resource: there is only one per resource and
/// type, whoever created it (the console calls its own `WdDeliverySource-…`;
/// aws-cloudformation/cloudformation-coverage-roadmap#2513).
pub async fn other_source(
    aws: &Aws,
    own: &str,
    resource_arn: &str,
    carries: Carries<'_>,
) -> Result<Option<String>, Error> {
    let pages = aws.logs.describe_delivery_sources().into_paginator().items().send();
    let sources = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeDeliverySources"))?;
    let takes_it = |source: &DeliverySource| {
        source.log_type.as_deref() == Some(carries.log_type())
            && source.resource_arns.iter().flatten().any(|arn| arn == resource_arn)
    };
    Ok(sources.into_iter().filter(takes_it).filter_map(|source| source.name).find(|name| name != own))
}

/// Whether traces are refused until the account lets X-Ray send them to CloudWatch Logs. The message is "X-Ray
/// Delivery Destination is supported with CloudWatch Logs as a Trace Segment Destination. Please enable the
/// CloudWatch Logs destination …" (aws/aws-cdk#38372, and many public files).
pub fn needs_transaction_search(error: &Error) -> bool {
    error.operation == "CreateDelivery" && error.message.contains("Trace Segment Destination")
}

/// The log group, by its ARN, that receives a resource's application logs, whoever made the delivery.
pub async fn log_group_of(aws: &Aws, resource_arn: &str) -> Result<Option<String>, Error> {
    let carries = Carries::Logs { group_arn: "" };
    let Some(source) = other_source(aws, "", resource_arn, carries).await? else { return Ok(None) };
    let pages = aws.logs.describe_deliveries().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeDeliveries"))?;
    let ends: BTreeSet<String> = found
        .into_iter()
        .filter(|delivery| delivery.delivery_source_name.as_ref() == Some(&source))
        .filter_map(|delivery| delivery.delivery_destination_arn)
        .collect();
    let pages = aws.logs.describe_delivery_destinations().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeDeliveryDestinations"))?;
    let groups = found.into_iter().filter(|end| end.arn.as_ref().is_some_and(|arn| ends.contains(arn)));
    let mut groups = groups
        .filter_map(|end| Some(end.delivery_destination_configuration?.destination_resource_arn))
        .filter(|arn| arn.contains(":log-group:"));
    Ok(groups.next().map(|arn| arn.trim_end_matches(":*").to_owned()))
}

/// An event of a log group.
#[derive(Debug, Clone)]
pub struct LogEvent {
    pub id: String,
    /// Unix milliseconds.
    pub time: i64,
    pub message: String,
}

/// The newest events of a log group, and whether older ones since the begin are left out.
#[derive(Debug, Default)]
pub struct LogEvents {
    pub events: VecDeque<LogEvent>,
    pub is_cut: bool,
}

/// The last `most` events of a log group since `begin` (Unix milliseconds), oldest first; `None` if there is no such
/// group. `group` is its name or ARN. A response has the oldest first, so the time is gone through backwards.
pub async fn newest_events(
    aws: &Aws,
    group: &str,
    begin: i64,
    now: i64,
    most: usize,
) -> Result<Option<LogEvents>, Error> {
    let mut newest = LogEvents::default();
    let (mut from, mut end, mut window) = (now, None, FIRST_WINDOW);
    while from > begin && newest.events.len() < most {
        from = from.saturating_sub(window).max(begin);
        let Some(found) = events(aws, group, (from, end), most).await? else { return Ok(None) };
        newest.is_cut |= found.is_cut;
        for event in found.events.into_iter().rev() {
            newest.events.push_front(event);
        }
        end = Some(from);
        window = window.saturating_mul(4);
    }
    newest.is_cut |= from > begin || newest.events.len() > most;
    while newest.events.len() > most {
        newest.events.pop_front();
    }
    Ok(Some(newest))
}

/// The last `most` events between two times (Unix milliseconds), oldest first; `None` if there is no such group.
pub async fn events(
    aws: &Aws,
    group: &str,
    (begin, end): (i64, Option<i64>),
    most: usize,
) -> Result<Option<LogEvents>, Error> {
    let call = aws.logs.filter_log_events().log_group_identifier(group).start_time(begin).set_end_time(end);
    // Pages may be empty before the last one (CloudWatch Logs API reference, `FilterLogEvents`).
    let mut pages = call.into_paginator().send();
    let mut found = LogEvents::default();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { return Ok(Some(found)) };
        let Some(page) = absent(page.map_err(of(SERVICE, "FilterLogEvents")))? else { return Ok(None) };
        for event in page.events.unwrap_or_default() {
            found.events.push_back(LogEvent {
                id: event.event_id.unwrap_or_default(),
                time: event.timestamp.unwrap_or_default(),
                message: event.message.unwrap_or_default(),
            });
            if found.events.len() > most {
                found.events.pop_front();
                found.is_cut = true;
            }
        }
    }
    found.is_cut = true;
    Ok(Some(found))
}

/// Creates a resource's delivery with its source and destination, which are both called `name`; existing parts
/// are kept.
///
/// # Errors
/// Class `Exists` if another source takes the same from the resource; nothing that was created here is left
/// then.
pub async fn ensure_delivery(
    aws: &Aws,
    name: &str,
    resource_arn: &str,
    carries: Carries<'_>,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let source = aws
        .logs
        .put_delivery_source()
        .name(name)
        .resource_arn(resource_arn)
        .log_type(carries.log_type())
        .set_tags(Some(tags.clone().into_iter().collect()));
    let destination = aws.logs.put_delivery_destination().name(name).set_tags(Some(tags.clone().into_iter().collect()));
    let destination = match carries {
        Carries::Traces => destination.delivery_destination_type(DeliveryDestinationType::Xray),
        Carries::Logs { group_arn } => {
            let configuration = DeliveryDestinationConfiguration::builder()
                .destination_resource_arn(group_arn)
                .build()
                .map_err(|error| Error::unexpected(SERVICE, "PutDeliveryDestination", &error.to_string()))?;
            destination.delivery_destination_configuration(configuration)
        }
    };
    let (source, destination) = join(async { source.send().await.map_err(of(SERVICE, "PutDeliverySource")) }, async {
        destination.send().await.map_err(of(SERVICE, "PutDeliveryDestination"))
    })
    .await;
    if let Err(error) = source {
        // "This ResourceId has already been used in another Delivery Source in this account."
        if error.exists() && !error.is_transient() && destination.is_ok() {
            let call = aws.logs.delete_delivery_destination().name(name);
            deleted(call.send().await.map_err(of(SERVICE, "DeleteDeliveryDestination")))?;
        }
        return Err(error);
    }
    let destination = destination?;
    let arn = destination.delivery_destination.and_then(|destination| destination.arn).unwrap_or_default();
    // A conflict may mean that the delivery exists, or something else; after a lost response the outcome is
    // unknown: look.
    match create_delivery(aws, name, &arn, tags).await {
        Err(error) if error.exists() || error.outcome_unknown => {
            match deliveries(aws).await?.iter().any(|(source, _)| source == name) {
                true => Ok(()),
                false if error.exists() => Err(error),
                false => create_delivery(aws, name, &arn, tags).await,
            }
        }
        created => created,
    }
}

async fn create_delivery(
    aws: &Aws,
    source: &str,
    destination_arn: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let call = aws
        .logs
        .create_delivery()
        .delivery_source_name(source)
        .delivery_destination_arn(destination_arn)
        .set_tags(Some(tags.clone().into_iter().collect()));
    let retry = Builder::new().retry_classifier(ThrottlingOnly::<CreateDeliveryError>::new());
    call.customize().config_override(retry).send().await.map(drop).map_err(of(SERVICE, "CreateDelivery"))
}

/// Source and id of each delivery in the region.
pub async fn deliveries(aws: &Aws) -> Result<Vec<(String, String)>, Error> {
    let pages = aws.logs.describe_deliveries().into_paginator().items().send();
    let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(of(SERVICE, "DescribeDeliveries"))?;
    Ok(found.into_iter().filter_map(|delivery| Some((delivery.delivery_source_name?, delivery.id?))).collect())
}

/// Deletes the deliveries of a name, with their source and destination; false if none of them existed. `known` are
/// the deliveries as they were seen.
pub async fn delete_delivery(aws: &Aws, name: &str, known: &[(String, String)]) -> Result<bool, Error> {
    let own = known.iter().filter(|(source, _)| source == name).map(async |(_, id): &(String, String)| {
        deleted(aws.logs.delete_delivery().id(id).send().await.map_err(of(SERVICE, "DeleteDelivery")))
    });
    let found = try_join_all(own).await?.contains(&true);
    let source = async {
        let call = aws.logs.delete_delivery_source().name(name);
        deleted(call.send().await.map_err(of(SERVICE, "DeleteDeliverySource")))
    };
    let destination = async {
        let call = aws.logs.delete_delivery_destination().name(name);
        deleted(call.send().await.map_err(of(SERVICE, "DeleteDeliveryDestination")))
    };
    let (source, destination) = try_join(source, destination).await?;
    Ok(found | source | destination)
}
