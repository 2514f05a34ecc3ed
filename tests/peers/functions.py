"""Makes each function that a JSON file lists and invokes it; prints what each invocation answered.

A function: name, runtime, handler, files (name -> text), events, and perhaps
timeout (seconds), memory (MB), clientContext, the path of a program that is its bootstrap, or its source,
updatedFiles, with which its events are sent once more, logged, whether it has a log group, mayLog, whether
its role may make it, and log, whether its log is answered as NAME.log, as it is with one of the others; null
if there is none. With raw, the payloads are answered as text.

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


def logging_role():
    """A role with the policy that Lambda's console gives a function."""
    name = iam.create_role(RoleName="logging", AssumeRolePolicyDocument=trust)["Role"]["RoleName"]
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName=name, PolicyArn=basic)
    return iam.get_role(RoleName=name)["Role"]["Arn"]


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


def invoke(name, event, context, raw):
    extra = {"ClientContext": base64.b64encode(json.dumps(context).encode()).decode()} if context else {}
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **extra)
    payload = answer["Payload"].read().decode()
    return {"error": answer.get("FunctionError"), "payload": payload if raw else json.loads(payload)}


def log_of(name, reports):
    """What the function and its runtime wrote, once all of it is there."""
    deadline = time.monotonic() + 20
    group = f"/aws/lambda/{name}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return None
    while True:
        events = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
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
        Role=logging_role() if one.get("mayLog") else role,
        Handler=one["handler"],
        Code={"ZipFile": package(one["files"], one.get("bootstrap"), one.get("source"))},
        Environment={"Variables": {"GREETING": "hello"}},
        Timeout=one.get("timeout", 10),
        MemorySize=one.get("memory", 256),
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=one["name"])
    raw = one.get("raw")
    answers = [invoke(one["name"], event, one.get("clientContext"), raw) for event in one["events"]]
    if "updatedFiles" in one:
        functions.update_function_code(FunctionName=one["name"], ZipFile=package(one["updatedFiles"], None))
        functions.get_waiter("function_updated_v2").wait(FunctionName=one["name"])
        answers += [invoke(one["name"], event, one.get("clientContext"), raw) for event in one["events"]]
    said[one["name"]] = answers
    if any(one.get(how) for how in ("log", "logged", "mayLog")):
        said[one["name"] + ".log"] = log_of(one["name"], len(answers))
json.dump(said, sys.stdout)
