"""Makes each function that a JSON file lists and invokes it; prints what each invocation answered.

A function: name, runtime, handler, files (name -> text), events, and perhaps
timeout (seconds), memory (MB), clientContext, the path of a program that is its bootstrap, or its source,
updatedFiles, with which its events are sent once more, and logged, whether it has a log group;
its log is then answered as NAME.log.

With --delete, the functions that are named are deleted.
"""

import base64
import io
import json
import sys
import time
import zipfile

import boto3

iam = boto3.client("iam")
functions = boto3.client("lambda")
logs = boto3.client("logs")

if sys.argv[1] == "--delete":
    for name in sys.argv[2:]:
        functions.delete_function(FunctionName=name)
    sys.exit()

statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
try:
    role = iam.create_role(RoleName="functions", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
except iam.exceptions.EntityAlreadyExistsException:
    role = iam.get_role(RoleName="functions")["Role"]["Arn"]


def package(files, bootstrap, source=None):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        if bootstrap:
            archive.write(bootstrap, "bootstrap")
        if source:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, source)
    return buffer.getvalue()


def invoke(name, event, context):
    extra = {"ClientContext": base64.b64encode(json.dumps(context).encode()).decode()} if context else {}
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **extra)
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}


def log_of(name, reports):
    """What the function and its runtime wrote, once all of it is there."""
    deadline = time.monotonic() + 20
    while True:
        events = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        messages = [event["message"] for page in events for event in page["events"]]
        if sum(message.startswith("REPORT") for message in messages) >= reports or time.monotonic() > deadline:
            return messages
        time.sleep(0.05)


said = {}
with open(sys.argv[1]) as file:
    wanted = json.load(file)
for one in wanted:
    if one.get("logged"):
        logs.create_log_group(logGroupName=f"/aws/lambda/{one['name']}")
    functions.create_function(
        FunctionName=one["name"],
        Runtime=one["runtime"],
        Role=role,
        Handler=one["handler"],
        Code={"ZipFile": package(one["files"], one.get("bootstrap"), one.get("source"))},
        Environment={"Variables": {"GREETING": "hello"}},
        Timeout=one.get("timeout", 10),
        MemorySize=one.get("memory", 256),
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=one["name"])
    answers = [invoke(one["name"], event, one.get("clientContext")) for event in one["events"]]
    if "updatedFiles" in one:
        functions.update_function_code(FunctionName=one["name"], ZipFile=package(one["updatedFiles"], None))
        functions.get_waiter("function_updated_v2").wait(FunctionName=one["name"])
        answers += [invoke(one["name"], event, one.get("clientContext")) for event in one["events"]]
    said[one["name"]] = answers
    if one.get("logged"):
        said[one["name"] + ".log"] = log_of(one["name"], len(answers))
json.dump(said, sys.stdout)
