//! The events of log groups, written by functions and gateways.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Logs, arn, invalid, not_found};
use crate::local::{
    services::{
        answer::Answer,
        answer::{not_implemented, page, page_within},
        call::Call,
    },
    storage::journal::Event,
    wire::WireError,
};

/// Most events in a response, and most bytes of their messages (CloudWatch Logs API reference, `FilterLogEvents` and
/// `GetLogEvents`: "as many log events as can fit in a response size of 1MB (up to 10,000 log events)").
const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1024 * 1024;

impl Logs {
    /// The ARN of the group that an input names, by its name or its ARN.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn group_of(&self, call: &Call, input: &Value) -> Result<String, WireError> {
        let named = match (input["logGroupName"].as_str(), input["logGroupIdentifier"].as_str()) {
            (None, Some(identifier)) if identifier.starts_with("arn:") => identifier.trim_end_matches(":*").to_owned(),
            (Some(name), None) | (None, Some(name)) => arn(call, "log-group", name),
            _ => return Err(invalid("Exactly one of logGroupName and logGroupIdentifier is required.")),
        };
        if self.groups.contains_key(&named) { Ok(named) } else { Err(not_found("log group")) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeStreams {
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<usize>,
}

pub(super) fn describe_streams(events: Vec<Event>, input: DescribeStreams) -> Answer {
    let by_time = input.order_by.as_deref() == Some("LastEventTime");
    if by_time && input.log_stream_name_prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let mut streams: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for event in events {
        if event.stream.starts_with(input.log_stream_name_prefix.as_deref().unwrap_or_default()) {
            streams.entry(event.stream).or_insert((event.time, event.time)).1 = event.time;
        }
    }
    let mut streams: Vec<_> = streams.into_iter().collect();
    if by_time {
        streams.sort_by_key(|(_, (_, last))| *last);
    }
    if input.descending == Some(true) {
        streams.reverse();
    }
    let shown = streams.into_iter().enumerate().map(|(place, (name, (first, last)))| {
        let document = json!({
            "logStreamName": name,
            "creationTime": first,
            "firstEventTimestamp": first,
            "lastEventTimestamp": last,
            "lastIngestionTime": last,
        });
        // The page token is the index, whatever the order.
        (format!("{place:010}"), document)
    });
    let (streams, next) = page(shown, input.limit.or(Some(50)), input.next_token.as_deref())
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    Ok(json!({ "logStreams": streams, "nextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(rename = "filterPattern")]
    pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

pub(super) fn filter(events: Vec<Event>, input: Filter) -> Answer {
    if !input.log_stream_names.is_empty() && input.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
    }
    let terms = terms(input.pattern.as_deref().unwrap_or_default())?;
    let events = events.into_iter().filter(|event| {
        (input.log_stream_names.is_empty() || input.log_stream_names.contains(&event.stream))
            && event.stream.starts_with(input.log_stream_name_prefix.as_deref().unwrap_or_default())
            && within(event, input.start_time, input.end_time)
            && terms.iter().all(|term| event.message.contains(term))
    });
    let shown = events.enumerate().map(|(place, event)| {
        let document = json!({
            "logStreamName": event.stream,
            "timestamp": event.time,
            "message": event.message,
            "ingestionTime": event.time,
            "eventId": event.id,
        });
        // The page token is the index.
        (format!("{place:020}"), document)
    });
    let size = |event: &Value| event["message"].as_str().map_or(0, str::len);
    let most = (input.limit.or(Some(MOST_EVENTS)), MOST_BYTES, size);
    let (events, next) = page_within(shown, most, input.next_token.as_deref())
        .map_err(|_| invalid("The specified nextToken is invalid."))?;
    Ok(json!({ "events": events, "searchedLogStreams": [], "nextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Get {
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    start_from_head: Option<bool>,
    next_token: Option<String>,
    limit: Option<usize>,
}

/// Pages forward (`f/…`) and backward (`b/…`). The end is reached when a request returns the token that it was
/// given.
pub(super) fn get(events: Vec<Event>, input: Get) -> Answer {
    let events: Vec<Event> = events
        .into_iter()
        .filter(|event| event.stream == input.log_stream_name && within(event, input.start_time, input.end_time))
        .collect();
    if events.is_empty() && input.start_time.is_none() && input.end_time.is_none() {
        return Err(not_found("log stream"));
    }
    let limit = |events: &mut dyn Iterator<Item = &Event>| fitting(events, input.limit.unwrap_or(MOST_EVENTS));
    let place = |text: &str| text.parse::<usize>().ok().filter(|place| *place <= events.len());
    let bad_token = || invalid("The specified nextToken is invalid.");
    let (start, end) = match input.next_token.as_deref().map(|token| token.split_once('/')) {
        None if input.start_from_head == Some(true) => (0, limit(&mut events.iter())),
        None => (events.len() - limit(&mut events.iter().rev()), events.len()),
        Some(Some(("f", start))) => {
            let start = place(start).ok_or_else(bad_token)?;
            (start, start + limit(&mut events[start..].iter()))
        }
        Some(Some(("b", end))) => {
            let end = place(end).ok_or_else(bad_token)?;
            (end - limit(&mut events[..end].iter().rev()), end)
        }
        Some(_) => return Err(bad_token()),
    };
    let show =
        |event: &Event| json!({ "timestamp": event.time, "message": event.message, "ingestionTime": event.time });
    Ok(json!({
        "events": events[start..end].iter().map(show).collect::<Vec<Value>>(),
        "nextForwardToken": format!("f/{end}"),
        "nextBackwardToken": format!("b/{start}"),
    }))
}

/// How many of these events fit into a response.
fn fitting(events: &mut dyn Iterator<Item = &Event>, most: usize) -> usize {
    let mut left = MOST_BYTES;
    let fits = |(place, event): &(usize, &Event)| {
        let is_first = *place == 0;
        let fits = is_first || event.message.len() <= left;
        left = left.saturating_sub(event.message.len());
        fits
    };
    events.take(most).enumerate().take_while(fits).count()
}

/// Start is inclusive, end exclusive (CloudWatch Logs API reference, `GetLogEvents`).
fn within(event: &Event, start: Option<i64>, end: Option<i64>) -> bool {
    start.is_none_or(|start| event.time >= start) && end.is_none_or(|end| event.time < end)
}

/// Parses a filter pattern into its terms, words or quoted phrases; a message must contain all of them.
fn terms(pattern: &str) -> Result<Vec<String>, WireError> {
    if pattern.trim_start().starts_with(['{', '[', '%']) || pattern.contains(['?', '-', '*']) && !pattern.contains('"')
    {
        return Err(not_implemented("the local AWS filters log events by words and quoted phrases only"));
    }
    let mut terms = Vec::new();
    for (n, part) in pattern.split('"').enumerate() {
        if n % 2 == 1 {
            terms.push(part.to_owned());
        } else {
            terms.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    Ok(terms)
}
