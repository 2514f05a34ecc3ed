"""Prints the events of a gateway's log group, found by its delivery as the console finds it: stream and message each.

With --redeliver, the delivery is made anew under other names first, as the console makes them, to another log group.
With --forget, the log group is deleted.
"""

import json
import sys

import boto3

logs = boto3.client("logs")
gateway = sys.argv[1]


def of_gateway():
    sources = logs.describe_delivery_sources()["deliverySources"]
    return next(s for s in sources if gateway in s["resourceArns"] and s["logType"] == "APPLICATION_LOGS")


source = of_gateway()
delivery = next(d for d in logs.describe_deliveries()["deliveries"] if d["deliverySourceName"] == source["name"])
if "--redeliver" in sys.argv:
    logs.delete_delivery(id=delivery["id"])
    logs.delete_delivery_source(name=source["name"])
    logs.create_log_group(logGroupName="/mine/of-gateway")
    group = logs.describe_log_groups(logGroupNamePrefix="/mine/")["logGroups"][0]["arn"]
    logs.put_delivery_source(name="WdDeliverySource-1", resourceArn=gateway, logType="APPLICATION_LOGS")
    end = logs.put_delivery_destination(
        name="WdDeliveryDestination-1", deliveryDestinationConfiguration={"destinationResourceArn": group}
    )["deliveryDestination"]["arn"]
    logs.create_delivery(deliverySourceName="WdDeliverySource-1", deliveryDestinationArn=end)
else:
    ends = logs.describe_delivery_destinations()["deliveryDestinations"]
    end = next(e for e in ends if e["arn"] == delivery["deliveryDestinationArn"])
    group = end["deliveryDestinationConfiguration"]["destinationResourceArn"].removesuffix(":*")
    if "--forget" in sys.argv:
        logs.delete_log_group(logGroupName=group.split(":log-group:")[1])
        sys.exit()
    pages = logs.get_paginator("filter_log_events").paginate(logGroupIdentifier=group)
    events = [event for page in pages for event in page["events"]]
    ids = {event["eventId"] for event in events}
    assert len(ids) == len(events), "ids are unique"
    print(json.dumps([[event["logStreamName"], json.loads(event["message"])] for event in events]))
