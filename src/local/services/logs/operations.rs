//! The supported operations of CloudWatch Logs, with their input shapes (botocore's model `logs/2014-03-28`).

use super::{
    create_group, delete_group, delete_retention, delivery, describe_groups, events, list_tags, put_retention, tag,
    untag,
};
use crate::local::services::{
    operation::{Operation, handler, of_events, operation},
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
const TAGS: Shape = map(&TAG_KEY, &TAG_VALUE, 1, 50);
const ARN: Member = required("resourceArn", text(1, 1011).matching(r"[\w+=/:,.@-]*"));
const NAME: Member = required("name", text(1, 60).matching(r"[\w-]*"));
const ID: Member = required("id", text(1, 64).matching("^[0-9A-Za-z]+$"));

pub(super) const OPERATIONS: &[Operation] = &[
    operation("CreateLogGroup", &[GROUP, optional("tags", TAGS)], handler!(create_group)),
    operation(
        "DescribeLogGroups",
        &[
            optional("logGroupNamePrefix", GROUP_NAME),
            optional("logGroupNamePattern", text(0, 512).matching(r"[\.\-_/#A-Za-z0-9]*")),
            TOKEN,
            LIMIT,
        ],
        handler!(describe_groups),
    ),
    operation("DeleteLogGroup", &[GROUP], handler!(delete_group)),
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
        of_events!(events::describe_streams),
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
            // Accepted without effect: events of several streams are always ordered by time.
            optional("interleaved", Shape::Boolean),
            TOKEN,
            EVENTS_LIMIT,
        ],
        of_events!(events::filter),
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
        of_events!(events::get),
    ),
    operation(
        "PutRetentionPolicy",
        &[GROUP, required("retentionInDays", integer(0, i32::MAX as i64))],
        handler!(put_retention),
    ),
    operation("DeleteRetentionPolicy", &[GROUP], handler!(delete_retention)),
    operation("TagResource", &[ARN, required("tags", TAGS)], handler!(tag)),
    operation("UntagResource", &[ARN, required("tagKeys", list(&TAG_KEY, 0, 50))], handler!(untag)),
    operation("ListTagsForResource", &[ARN], handler!(list_tags)),
    operation(
        "PutDeliverySource",
        &[
            NAME,
            required("resourceArn", TEXT),
            required("logType", text(1, 255).matching(r"[\w]*")),
            optional("tags", TAGS),
        ],
        handler!(delivery::put_source),
    )
    .violation("ValidationException"),
    operation("GetDeliverySource", &[NAME], handler!(delivery::get_source)).violation("ValidationException"),
    operation("DescribeDeliverySources", &[TOKEN, LIMIT], handler!(delivery::describe_sources))
        .violation("ValidationException"),
    operation("DeleteDeliverySource", &[NAME], handler!(delivery::delete_source)).violation("ValidationException"),
    operation(
        "PutDeliveryDestination",
        &[
            NAME,
            optional("deliveryDestinationType", Shape::Enum(&["S3", "CWL", "FH", "XRAY"])),
            optional("deliveryDestinationConfiguration", Shape::Structure(&[required("destinationResourceArn", TEXT)])),
            optional("tags", TAGS),
        ],
        handler!(delivery::put_destination),
    )
    .violation("ValidationException"),
    operation("GetDeliveryDestination", &[NAME], handler!(delivery::get_destination)).violation("ValidationException"),
    operation("DescribeDeliveryDestinations", &[TOKEN, LIMIT], handler!(delivery::describe_destinations))
        .violation("ValidationException"),
    operation("DeleteDeliveryDestination", &[NAME], handler!(delivery::delete_destination))
        .violation("ValidationException"),
    operation(
        "CreateDelivery",
        &[
            required("deliverySourceName", text(1, 60).matching(r"[\w-]*")),
            required("deliveryDestinationArn", TEXT),
            optional("tags", TAGS),
        ],
        handler!(delivery::create_delivery),
    )
    .violation("ValidationException"),
    operation("GetDelivery", &[ID], handler!(delivery::get_delivery)).violation("ValidationException"),
    operation("DescribeDeliveries", &[TOKEN, LIMIT], handler!(delivery::describe_deliveries))
        .violation("ValidationException"),
    operation("DeleteDelivery", &[ID], handler!(delivery::delete_delivery)).violation("ValidationException"),
];
