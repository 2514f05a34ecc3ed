"""Makes each function that a JSON file lists and invokes it; prints what each invocation answered.

A function: name, runtime, handler, files (name -> text), events, and perhaps
timeout (seconds), clientContext, and the path of a program that is its bootstrap.
"""

import base64
import io
import json
import sys
import zipfile

import boto3

iam = boto3.client("iam")
functions = boto3.client("lambda")

statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
role = iam.create_role(RoleName="functions", AssumeRolePolicyDocument=trust)["Role"]["Arn"]


def package(files, bootstrap):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        if bootstrap:
            archive.write(bootstrap, "bootstrap")
    return buffer.getvalue()


def invoke(name, event, context):
    extra = {"ClientContext": base64.b64encode(json.dumps(context).encode()).decode()} if context else {}
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **extra)
    return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read())}


said = {}
with open(sys.argv[1]) as file:
    wanted = json.load(file)
for one in wanted:
    functions.create_function(
        FunctionName=one["name"],
        Runtime=one["runtime"],
        Role=role,
        Handler=one["handler"],
        Code={"ZipFile": package(one["files"], one.get("bootstrap"))},
        Environment={"Variables": {"GREETING": "hello"}},
        Timeout=one.get("timeout", 10),
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=one["name"])
    said[one["name"]] = [invoke(one["name"], event, one.get("clientContext")) for event in one["events"]]
json.dump(said, sys.stdout)
