"""CloudWatch Logs: groups, events and deliveries."""

import time

from calls import ACCOUNT, REGION, clients, fail, good, bad, pages, package
from lambda_functions import function_role


def logs():
    c = "logs"
    group, none, wrong = {"logGroupName": "/g/1"}, {"logGroupName": "/none"}, {"logGroupName": "a b"}
    good(c, "CreateLogGroup", dict(group, tags={"k": "v"}))
    good(c, "CreateLogGroup", {"logGroupName": "/g/2"})
    bad(c, "CreateLogGroup", "ResourceAlreadyExistsException", group)
    bad(c, "CreateLogGroup", "InvalidParameterException", wrong, "'logGroupName'")
    good(c, "PutRetentionPolicy", dict(group, retentionInDays=14))
    bad(c, "PutRetentionPolicy", "ResourceNotFoundException", dict(none, retentionInDays=14))
    bad(c, "PutRetentionPolicy", "InvalidParameterException", dict(group, retentionInDays=8), "retentionInDays")
    good(c, "DescribeLogGroups", {"logGroupNamePrefix": "/g"}, lambda a: [(g["logGroupName"], g.get("retentionInDays")) for g in a["logGroups"]] == [("/g/1", 14), ("/g/2", None)])
    good(c, "DescribeLogGroups", {"logGroupNamePattern": "2"}, lambda a: len(a["logGroups"]) == 1)
    bad(c, "DescribeLogGroups", "InvalidParameterException", {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}, "mutually exclusive")
    found = pages(c, "DescribeLogGroups", {}, "logGroups", "limit", "nextToken", "nextToken")
    if [g["logGroupName"] for g in found] != ["/g/1", "/g/2"]:
        fail(c, "DescribeLogGroups", f"pages gave {found}")
    bad(c, "DescribeLogStreams", "ResourceNotFoundException", none)
    bad(c, "DescribeLogStreams", "InvalidParameterException", dict(group, orderBy="LastEventTime", logStreamNamePrefix="x"))
    bad(c, "FilterLogEvents", "ResourceNotFoundException", none)
    bad(c, "FilterLogEvents", "InvalidParameterException", {})
    bad(c, "FilterLogEvents", "NotImplemented", dict(group, filterPattern="{ $.a = 1 }"))
    bad(c, "GetLogEvents", "ResourceNotFoundException", dict(group, logStreamName="none"))
    bad(c, "GetLogEvents", "InvalidParameterException", dict(group, logStreamName="a:b"))
    functions, invoked = clients["lambda"], {"logGroupName": "/aws/lambda/logged"}
    clients["logs"].create_log_group(**invoked)
    source = "def handler(event, context):\n    print('said', event)\n"
    functions.create_function(FunctionName="logged", Runtime="python3.13", Role=function_role(), Handler="main.handler", Code={"ZipFile": package(source)})
    functions.get_waiter("function_active_v2").wait(FunctionName="logged")
    for n in (1, 2):
        functions.invoke(FunctionName="logged", Payload=str(n))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and len(clients["logs"].filter_log_events(filterPattern="said", **invoked)["events"]) < 2:
        time.sleep(0.05)
    good(c, "FilterLogEvents", dict(invoked, filterPattern="said 2"), lambda a: [e["message"] for e in a["events"]] == ["said 2"])
    good(c, "FilterLogEvents", dict(invoked, startTime=2**41), lambda a: a["events"] == [])
    events = pages(c, "FilterLogEvents", invoked, "events", "limit", "nextToken", "nextToken")
    if sum(event["message"].startswith("REPORT") for event in events) != 2:
        fail(c, "FilterLogEvents", f"pages gave {events}")
    streams = good(c, "DescribeLogStreams", dict(invoked, orderBy="LastEventTime", descending=True), lambda a: len(a["logStreams"]) == 1)
    stream = dict(invoked, logStreamName=streams["logStreams"][0]["logStreamName"])
    last = good(c, "GetLogEvents", dict(stream, limit=2), lambda a: len(a["events"]) == 2)
    good(c, "GetLogEvents", dict(stream, nextToken=last["nextForwardToken"]), lambda a: a["events"] == [] and a["nextForwardToken"] == last["nextForwardToken"])
    good(c, "GetLogEvents", dict(stream, limit=2, nextToken=last["nextBackwardToken"]), lambda a: len(a["events"]) == 2)
    good(c, "GetLogEvents", dict(stream, limit=1, startFromHead=True), lambda a: a["events"][0]["message"].startswith("START"))
    functions.delete_function(FunctionName="logged")
    clients["iam"].delete_role(RoleName="table-function")
    clients["logs"].delete_log_group(**invoked)
    good(c, "DeleteRetentionPolicy", group)
    bad(c, "DeleteRetentionPolicy", "ResourceNotFoundException", none)
    bad(c, "DeleteRetentionPolicy", "InvalidParameterException", wrong)
    arn = {"resourceArn": found[0]["logGroupArn"]}
    no_arn = {"resourceArn": found[0]["logGroupArn"] + "x"}
    good(c, "TagResource", dict(arn, tags={"l": "w"}))
    bad(c, "TagResource", "ResourceNotFoundException", dict(no_arn, tags={"l": "w"}))
    bad(c, "TagResource", "InvalidParameterException", dict(arn, tags={"a!": ""}))
    bad(c, "TagResource", "TooManyTagsException", dict(arn, tags={f"t{n}": "" for n in range(50)}))
    good(c, "UntagResource", dict(arn, tagKeys=["k"]))
    bad(c, "UntagResource", "ResourceNotFoundException", dict(no_arn, tagKeys=["k"]))
    bad(c, "UntagResource", "InvalidParameterException", dict(arn, tagKeys=["a!"]))
    good(c, "ListTagsForResource", arn, lambda a: a["tags"] == {"l": "w"})
    bad(c, "ListTagsForResource", "ResourceNotFoundException", no_arn)
    bad(c, "ListTagsForResource", "InvalidParameterException", {"resourceArn": "a b"})

    gateway = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:gateway/g-0123456789"
    source = dict(name="s", resourceArn=gateway, logType="APPLICATION_LOGS")
    good(c, "PutDeliverySource", source, lambda a: a["deliverySource"]["service"] == "bedrock-agentcore")
    bad(c, "PutDeliverySource", "ConflictException", dict(source, resourceArn=gateway.replace("g-", "h-")), "Update to existing Delivery Source with new ResourceId is not allowed. Please create a new Delivery Source instead.")
    bad(c, "PutDeliverySource", "ConflictException", dict(source, name="another"), "This ResourceId has already been used in another Delivery Source in this account.")
    bad(c, "PutDeliverySource", "ValidationException", dict(source, name="a b"), "'name'")
    bad(c, "PutDeliverySource", "ValidationException", dict(source, logType="NOPE"))
    bad(c, "PutDeliverySource", "ResourceNotFoundException", dict(source, name="t", resourceArn="arn:aws:s3:::bucket"))
    good(c, "GetDeliverySource", {"name": "s"}, lambda a: a["deliverySource"]["resourceArns"] == [gateway])
    bad(c, "GetDeliverySource", "ResourceNotFoundException", {"name": "none"})
    bad(c, "GetDeliverySource", "ValidationException", {"name": "a b"})
    good(c, "DescribeDeliverySources", {}, lambda a: [s["name"] for s in a["deliverySources"]] == ["s"])
    bad(c, "DescribeDeliverySources", "ValidationException", {"limit": 51})
    log_group = found[1]["logGroupArn"]
    destination = dict(name="d", deliveryDestinationType="CWL", deliveryDestinationConfiguration={"destinationResourceArn": log_group})
    made = good(c, "PutDeliveryDestination", destination, lambda a: a["deliveryDestination"]["deliveryDestinationType"] == "CWL")
    bad(c, "PutDeliveryDestination", "ResourceNotFoundException", dict(destination, name="e", deliveryDestinationConfiguration={"destinationResourceArn": log_group + "x"}))
    bad(c, "PutDeliveryDestination", "ValidationException", dict(destination, deliveryDestinationType="FILE"))
    bad(c, "PutDeliveryDestination", "ConflictException", dict(name="d", deliveryDestinationType="XRAY"))
    good(c, "PutDeliveryDestination", dict(name="x", deliveryDestinationType="XRAY"))
    good(c, "GetDeliveryDestination", {"name": "d"}, lambda a: a["deliveryDestination"]["deliveryDestinationConfiguration"]["destinationResourceArn"] == log_group)
    bad(c, "GetDeliveryDestination", "ResourceNotFoundException", {"name": "none"})
    bad(c, "GetDeliveryDestination", "ValidationException", {"name": ""})
    good(c, "DescribeDeliveryDestinations", {"limit": 50}, lambda a: len(a["deliveryDestinations"]) == 2)
    bad(c, "DescribeDeliveryDestinations", "ValidationException", {"nextToken": "%"})
    delivery = dict(deliverySourceName="s", deliveryDestinationArn=made["deliveryDestination"]["arn"])
    joined = good(c, "CreateDelivery", delivery, lambda a: a["delivery"]["deliveryDestinationType"] == "CWL")
    bad(c, "CreateDelivery", "ConflictException", delivery)
    bad(c, "CreateDelivery", "ResourceNotFoundException", dict(delivery, deliverySourceName="none"))
    bad(c, "CreateDelivery", "ValidationException", dict(delivery, deliverySourceName="a b"))
    one = {"id": joined["delivery"]["id"]}
    good(c, "GetDelivery", one, lambda a: a["delivery"]["deliverySourceName"] == "s")
    bad(c, "GetDelivery", "ResourceNotFoundException", {"id": "none"})
    bad(c, "GetDelivery", "ValidationException", {"id": "a-b"})
    good(c, "DescribeDeliveries", {}, lambda a: len(a["deliveries"]) == 1)
    bad(c, "DescribeDeliveries", "ValidationException", {"limit": 0})
    bad(c, "DeleteDeliverySource", "ConflictException", {"name": "s"})
    bad(c, "DeleteDeliveryDestination", "ConflictException", {"name": "d"})
    good(c, "DeleteDelivery", one)
    bad(c, "DeleteDelivery", "ResourceNotFoundException", one)
    bad(c, "DeleteDelivery", "ValidationException", {"id": ""})
    good(c, "DeleteDeliverySource", {"name": "s"})
    bad(c, "DeleteDeliverySource", "ResourceNotFoundException", {"name": "s"})
    bad(c, "DeleteDeliverySource", "ValidationException", {"name": "a b"})
    for name in ("d", "x"):
        good(c, "DeleteDeliveryDestination", {"name": name})
    bad(c, "DeleteDeliveryDestination", "ResourceNotFoundException", {"name": "d"})
    bad(c, "DeleteDeliveryDestination", "ValidationException", {"name": "a b"})
    for name in ("/g/1", "/g/2"):
        good(c, "DeleteLogGroup", {"logGroupName": name})
    bad(c, "DeleteLogGroup", "ResourceNotFoundException", group)
    bad(c, "DeleteLogGroup", "InvalidParameterException", wrong)
