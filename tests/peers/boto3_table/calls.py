"""What every row of the table is made of: a call that must work, one that must fail, a list in pages."""

import io
import json
import time
import zipfile

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

CLIENTS = {
    "iam": "iam",
    "sts": "sts",
    "cognito-idp": "cognito-idp",
    "lambda": "lambda",
    "logs": "logs",
    "bedrock-agentcore": "bedrock-agentcore-control",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
}
# Retries would hide a second answer; the server's validation is what is looked at, not boto3's.
CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False)

# S3's model gives its errors no status.
S3_STATUS = {
    "404": 404,
    "AccessDenied": 403,
    "BadDigest": 400,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "IllegalLocationConstraintException": 400,
    "InvalidBucketName": 400,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NotImplemented": 501,
}

clients = {scope: boto3.client(name, config=CONFIG) for scope, name in CLIENTS.items()}
rows, failures, called, provoked = 0, [], set(), set()

ACCOUNT = clients["sts"].get_caller_identity()["Account"]
REGION = clients["lambda"].meta.region_name
STRANGER = "123456789012"


def fail(scope, operation, what):
    failures.append(f"{scope}:{operation} (row {rows}): {what}")


def missing_members(shape, value, path=""):
    """Required members of an output shape that the answer lacks."""
    if shape is None:
        return []
    if shape.type_name == "structure" and isinstance(value, dict):
        lacking = [f"{path}.{name}" for name in shape.required_members if name not in value]
        for name, member in shape.members.items():
            if name in value:
                lacking += missing_members(member, value[name], f"{path}.{name}")
        return lacking
    if shape.type_name == "list" and isinstance(value, list):
        return [lack for item in value for lack in missing_members(shape.member, item, f"{path}[]")]
    return []


def good(scope, operation, params, check=None):
    """A call that must work, with what its answer must say."""
    global rows
    rows += 1
    called.add((scope, operation))
    client = clients[scope]
    try:
        answer = getattr(client, xform_name(operation))(**params)
    except Exception as error:  # any failure is a finding
        fail(scope, operation, f"{type(error).__name__}: {error}")
        return {}
    model = client.meta.service_model.operation_model(operation)
    expected = model.http.get("responseCode", 200)
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    if scope != "s3" and status != expected and (operation, status) not in {("DeleteFunction", 204), ("Invoke", 202), ("Invoke", 204)}:
        fail(scope, operation, f"status {status}, the model says {expected}")
    for lacking in missing_members(model.output_shape, answer):
        fail(scope, operation, f"the answer lacks the required member {lacking}")
    if check is not None:
        try:
            held = check(answer)
        except Exception as error:
            held = f"{type(error).__name__}: {error}"
        if held is not True:
            fail(scope, operation, f"the answer is not as it should be ({held}): {answer}")
    return answer


def bad(scope, operation, name, params, says="", reason=None, fields=None):
    """A call that must fail as the error `name`, with this in its message."""
    global rows
    rows += 1
    client = clients[scope]
    try:
        answer = getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        modelled = {shape.name for shape in client.meta.service_model.operation_model(operation).error_shapes}
        kind = getattr(client.exceptions, name) if name in modelled else ClientError
        provoked.add((scope, operation, name))
        response = error.response
        if scope == "s3":
            status = S3_STATUS[name]
            if response["Error"]["Code"] != name:
                fail(scope, operation, f"the code is {response['Error']['Code']}, not {name}: {error}")
        elif name in modelled:
            shape = client.meta.service_model.shape_for(name)
            status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
        else:
            status = 501 if name == "NotImplemented" else 400
            if response["Error"]["Code"] != name:
                fail(scope, operation, f"the code is {response['Error']['Code']}, not {name}: {error}")
        if not isinstance(error, kind):
            fail(scope, operation, f"{type(error).__name__}, not {name}: {error}")
        if response["ResponseMetadata"]["HTTPStatusCode"] != status:
            fail(scope, operation, f"status {response['ResponseMetadata']['HTTPStatusCode']}, not {status}: {error}")
        if says not in str(error):
            fail(scope, operation, f"{says!r} is not in {error}")
        if reason is not None and response.get("reason") != reason:
            fail(scope, operation, f"reason {response.get('reason')}, not {reason}: {error}")
        if fields is not None and [field["name"] for field in response.get("fieldList", [])] != fields:
            fail(scope, operation, f"fields {response.get('fieldList')}, not {fields}: {error}")
    except Exception as error:
        fail(scope, operation, f"{type(error).__name__}, not {name}: {error}")
    else:
        fail(scope, operation, f"no {name}, but {answer}")


def pages(scope, operation, params, member, size, token_in, token_out):
    """Every item of a list that comes in pages of one."""
    global rows
    rows += 1
    found, token = [], None
    for _ in range(100):
        asked = dict(params, **{size: 1}, **({token_in: token} if token else {}))
        answer = getattr(clients[scope], xform_name(operation))(**asked)
        items = answer.get(member, [])
        if len(items) > 1:
            fail(scope, operation, f"a page of more than one: {items}")
        found += items
        token = answer.get(token_out)
        if not token:
            return found
    fail(scope, operation, "the pages do not end")
    return found


def trust(service="bedrock-agentcore.amazonaws.com", **condition):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allow(action, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})


def package(source="def handler(event, context):\n    return {'got': event}\n"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", source)
    return buffer.getvalue()


def until(scope, operation, params, status):
    """The answer, once it has this status."""
    client = clients[scope]
    for _ in range(500):
        answer = getattr(client, xform_name(operation))(**params)
        if answer["status"] == status:
            return answer
        time.sleep(0.02)
    fail(scope, operation, f"never {status}: {answer}")
    return answer
