//! The operations of CloudWatch Logs that are covered, with what they let in (botocore's model
//! `logs/2014-03-28`).

use super::{
    create_group, delete_group, delete_retention, delivery, describe_groups, events, list_tags, put_retention, tag,
    untag,
};
use crate::local::services::{
    Operation, operation, read,
    shape::{Member, Shape, TEXT, integer, list, map, optional, required, text},
};

const GROUP: Member = required("logGroupName", GROUP_NAME);
const GROUP_NAME: Shape = text(1, 512).matching(r"[\.\-_/#A-Za-z0-9]+");
const GROUP_OR_NONE: Member = optional("logGroupName", GROUP_NAME);
const GROUP_ID: Member = optional("logGroupIdentifier", text(1, 2048).matching(r"[\w#+=/:,.@-]*"));
const STREAM_NAME: Shape = text(1, 512).matching("[^:*]*");
const START_TIME: Member = optional("startTime", integer(0, i64::MAX));
const END_TIME: Member = optional("endTime", integer(0, i64::MAX));
const EVENTS_LIMIT: Member = optional("limit", integer(1, 10_000));
const TOKEN: Member = optional("nextToken", text(1, usize::MAX));
const LIMIT: Member = optional("limit", integer(1, 50));
const TAG_KEY: Shape = text(1, 128).matching(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]+)");
const TAG_VALUE: Shape = text(0, 256).matching(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, 50);
const ARN: Member = required("resourceArn", text(1, 1011).matching(r"[\w+=/:,.@*-]*"));
const NAME: Member = required("name", text(1, 60).matching(r"[\w-]*"));
const ID: Member = required("id", text(1, 64).matching("^[0-9A-Za-z]+$"));

pub(crate) const OPERATIONS: &[Operation] = &[
    operation("CreateLogGroup", &[GROUP, optional("tags", TAGS)], |state, call, input| {
        create_group(&mut state.logs, call, read(input)?)
    }),
    operation(
        "DescribeLogGroups",
        &[
            optional("logGroupNamePrefix", GROUP_NAME),
            optional("logGroupNamePattern", text(0, 512).matching(r"[\.\-_/#A-Za-z0-9]*")),
            TOKEN,
            LIMIT,
        ],
        |state, call, input| describe_groups(&state.logs, call, &read(input)?),
    ),
    operation("DeleteLogGroup", &[GROUP], |state, call, input| delete_group(&mut state.logs, call, &read(input)?)),
    operation(
        "DescribeLogStreams",
        &[
            GROUP_OR_NONE,
            GROUP_ID,
            optional("logStreamNamePrefix", STREAM_NAME),
            optional("orderBy", Shape::Enum(&["LogStreamName", "LastEventTime"])),
            optional("descending", Shape::Boolean),
            TOKEN,
            LIMIT,
        ],
        |state, call, input| events::describe_streams(&state.logs, call, &read(input)?),
    ),
    operation(
        "FilterLogEvents",
        &[
            GROUP_OR_NONE,
            GROUP_ID,
            optional("logStreamNames", list(&STREAM_NAME, 1, 100)),
            optional("logStreamNamePrefix", STREAM_NAME),
            START_TIME,
            END_TIME,
            optional("filterPattern", text(0, 1024)),
            // Events of several streams always come in the order of their times.
            optional("interleaved", Shape::Boolean),
            TOKEN,
            EVENTS_LIMIT,
        ],
        |state, call, input| events::filter(&state.logs, call, &read(input)?),
    ),
    operation(
        "GetLogEvents",
        &[
            GROUP_OR_NONE,
            GROUP_ID,
            required("logStreamName", STREAM_NAME),
            START_TIME,
            END_TIME,
            optional("startFromHead", Shape::Boolean),
            TOKEN,
            EVENTS_LIMIT,
        ],
        |state, call, input| events::get(&state.logs, call, &read(input)?),
    ),
    operation(
        "PutRetentionPolicy",
        &[GROUP, required("retentionInDays", integer(0, i32::MAX as i64))],
        |state, call, input| put_retention(&mut state.logs, call, &read(input)?),
    ),
    operation("DeleteRetentionPolicy", &[GROUP], |state, call, input| {
        delete_retention(&mut state.logs, call, &read(input)?)
    }),
    operation("TagResource", &[ARN, required("tags", map(&TAG_KEY, &TAG_VALUE, 50))], |state, _, input| {
        tag(&mut state.logs, read(input)?)
    }),
    operation("UntagResource", &[ARN, required("tagKeys", list(&TAG_KEY, 0, 50))], |state, _, input| {
        untag(&mut state.logs, &read(input)?)
    }),
    operation("ListTagsForResource", &[ARN], |state, _, input| list_tags(&mut state.logs, &read(input)?)),
    operation(
        "PutDeliverySource",
        &[
            NAME,
            required("resourceArn", TEXT),
            required("logType", text(1, 255).matching(r"[\w]*")),
            optional("tags", TAGS),
        ],
        |state, call, input| delivery::put_source(&mut state.logs, call, read(input)?),
    ),
    operation("GetDeliverySource", &[NAME], |state, call, input| {
        delivery::get_source(&state.logs, call, &read(input)?)
    }),
    operation("DescribeDeliverySources", &[TOKEN, LIMIT], |state, call, input| {
        delivery::describe_sources(&state.logs, call, &read(input)?)
    }),
    operation("DeleteDeliverySource", &[NAME], |state, call, input| {
        delivery::delete_source(&mut state.logs, call, &read(input)?)
    }),
    operation(
        "PutDeliveryDestination",
        &[
            NAME,
            optional("deliveryDestinationType", Shape::Enum(&["S3", "CWL", "FH", "XRAY"])),
            optional("deliveryDestinationConfiguration", Shape::Structure(&[required("destinationResourceArn", TEXT)])),
            optional("tags", TAGS),
        ],
        |state, call, input| delivery::put_destination(&mut state.logs, call, read(input)?),
    ),
    operation("GetDeliveryDestination", &[NAME], |state, call, input| {
        delivery::get_destination(&state.logs, call, &read(input)?)
    }),
    operation("DescribeDeliveryDestinations", &[TOKEN, LIMIT], |state, call, input| {
        delivery::describe_destinations(&state.logs, call, &read(input)?)
    }),
    operation("DeleteDeliveryDestination", &[NAME], |state, call, input| {
        delivery::delete_destination(&mut state.logs, call, &read(input)?)
    }),
    operation(
        "CreateDelivery",
        &[
            required("deliverySourceName", text(1, 60).matching(r"[\w-]*")),
            required("deliveryDestinationArn", TEXT),
            optional("tags", TAGS),
        ],
        |state, call, input| delivery::create_delivery(&mut state.logs, call, read(input)?),
    ),
    operation("GetDelivery", &[ID], |state, call, input| delivery::get_delivery(&state.logs, call, &read(input)?)),
    operation("DescribeDeliveries", &[TOKEN, LIMIT], |state, call, input| {
        delivery::describe_deliveries(&state.logs, call, &read(input)?)
    }),
    operation("DeleteDelivery", &[ID], |state, call, input| {
        delivery::delete_delivery(&mut state.logs, call, &read(input)?)
    }),
];
