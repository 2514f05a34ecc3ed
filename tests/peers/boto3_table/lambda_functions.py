"""Lambda functions."""

import json

from calls import ACCOUNT, clients, good, bad, trust, package


def function_role():
    """A role that Lambda may assume."""
    role = clients["iam"].create_role(RoleName="table-function", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    return role["Role"]["Arn"]


def functions():
    c = "lambda"
    role = function_role()
    new = dict(FunctionName="f", Runtime="python3.13", Role=role, Handler="main.handler", Code={"ZipFile": package()}, Tags={"k": "v"}, Environment={"Variables": {"AB": "c"}})
    f, none = {"FunctionName": "f"}, {"FunctionName": "none"}
    made = good(c, "CreateFunction", new, lambda a: a["State"] == "Pending" and a["Environment"]["Variables"] == {"AB": "c"})
    arn = made["FunctionArn"]
    bad(c, "CreateFunction", "ResourceConflictException", new, "Function already exist: f")
    bad(c, "CreateFunction", "InvalidParameterValueException", dict(new, FunctionName="g", Role=role + "x"), "cannot be assumed by Lambda")
    bad(c, "CreateFunction", "InvalidParameterValueException", dict(new, FunctionName="g", Code={"ZipFile": b"not a zip"}), "Could not unzip")
    bad(c, "CreateFunction", "InvalidParameterValueException", dict(new, FunctionName="g" * 65), "64 characters")
    bad(c, "CreateFunction", "ValidationException", dict(new, FunctionName="g", MemorySize=64, Timeout=901), "2 validation errors detected: Value '901' at 'timeout'")
    bad(c, "CreateFunction", "ValidationException", dict(new, FunctionName="a b"), "'functionName'")
    bad(c, "CreateFunction", "NotImplemented", dict(new, FunctionName="g", Layers=["arn:aws:lambda:us-west-2:0:layer:l:1"]), "`Layers`")
    for variables in ({"AWS_REGION": "x"}, {"AB": "x" * 5000}, {"AB": "\0"}):
        bad(c, "CreateFunction", "InvalidParameterValueException", dict(new, FunctionName="g", Environment={"Variables": variables}), "environment variables")
    bad(c, "UpdateFunctionCode", "ResourceConflictException", dict(f, ZipFile=package()), "Pending")
    good(c, "GetFunction", f, lambda a: a["Configuration"]["State"] == "Active" and a["Tags"] == {"k": "v"})
    good(c, "GetFunction", {"FunctionName": arn}, lambda a: a["Configuration"]["FunctionArn"] == arn)
    good(c, "GetFunction", {"FunctionName": f"{ACCOUNT}:function:f"})
    bad(c, "GetFunction", "ResourceNotFoundException", none, "Function not found")
    bad(c, "GetFunction", "InvalidParameterValueException", {"FunctionName": "g" * 65})
    good(c, "GetFunctionConfiguration", f, lambda a: a["Handler"] == "main.handler")
    bad(c, "GetFunctionConfiguration", "ResourceNotFoundException", none)
    bad(c, "GetFunctionConfiguration", "InvalidParameterValueException", {"FunctionName": "g" * 65})
    good(c, "ListFunctions", {}, lambda a: [x["FunctionName"] for x in a["Functions"]] == ["f"])
    bad(c, "ListFunctions", "InvalidParameterValueException", dict(Marker="%"), "Marker")
    good(c, "Invoke", dict(f, Payload=b'{"a": 1}'), lambda a: json.load(a["Payload"]) == {"got": {"a": 1}})
    good(c, "Invoke", dict(f, InvocationType="DryRun"), lambda a: a["StatusCode"] == 204)
    good(c, "Invoke", dict(f, InvocationType="Event", Payload=b"{}"), lambda a: a["StatusCode"] == 202)
    bad(c, "Invoke", "ResourceNotFoundException", none)
    bad(c, "Invoke", "ValidationException", dict(f, InvocationType="Foo"), "'invocationType'")
    bad(c, "Invoke", "InvalidRequestContentException", dict(f, ClientContext="!!!"), "Client context")
    bad(c, "Invoke", "InvalidRequestContentException", dict(f, Payload=b"{"), "Could not parse request body into json")
    bad(c, "Invoke", "RequestTooLargeException", dict(f, Payload=b'"' + b"x" * 6291456 + b'"'))
    bad(c, "Invoke", "InvalidParameterValueException", {"FunctionName": "g" * 65})
    update = dict(f, ZipFile=package("def handler(event, context):\n    raise ValueError(event)\n"))
    good(c, "UpdateFunctionCode", update, lambda a: a["CodeSha256"] != made["CodeSha256"] and a["LastUpdateStatus"] == "InProgress")
    bad(c, "UpdateFunctionConfiguration", "ResourceConflictException", dict(f, Timeout=7), "An update is in progress")
    good(c, "Invoke", dict(f, Payload=b"1"), lambda a: a["FunctionError"] == "Unhandled" and json.load(a["Payload"])["errorType"] == "ValueError")
    bad(c, "UpdateFunctionCode", "ResourceNotFoundException", dict(update, **none))
    bad(c, "UpdateFunctionCode", "PreconditionFailedException", dict(update, RevisionId="old"), "RevisionId")
    good(c, "GetFunction", f, lambda a: a["Configuration"]["LastUpdateStatus"] == "Successful")
    bad(c, "UpdateFunctionCode", "InvalidParameterValueException", dict(f, ZipFile=b"PK"))
    good(c, "UpdateFunctionConfiguration", dict(f, Timeout=7, Description="d"), lambda a: (a["Timeout"], a["Description"], a["Handler"]) == (7, "d", "main.handler"))
    good(c, "GetFunctionConfiguration", f)
    bad(c, "UpdateFunctionConfiguration", "ResourceNotFoundException", dict(none, Timeout=7))
    bad(c, "UpdateFunctionConfiguration", "InvalidParameterValueException", dict(f, Role=role + "x"))
    bad(c, "UpdateFunctionConfiguration", "PreconditionFailedException", dict(f, Timeout=7, RevisionId="old"))
    bad(c, "UpdateFunctionConfiguration", "ValidationException", dict(f, Timeout=0), "'timeout'")

    permission = dict(f, StatementId="s", Action="lambda:InvokeFunction", Principal=role)
    good(c, "AddPermission", permission, lambda a: json.loads(a["Statement"])["Principal"] == {"AWS": role})
    bad(c, "AddPermission", "ResourceConflictException", permission, "already exists")
    bad(c, "AddPermission", "ResourceNotFoundException", dict(permission, **none))
    bad(c, "AddPermission", "InvalidParameterValueException", dict(permission, StatementId="t", Principal="nobody"))
    bad(c, "AddPermission", "PreconditionFailedException", dict(permission, StatementId="t", RevisionId="old"))
    service = dict(permission, StatementId="long", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::" + "x" * 9900)
    good(c, "AddPermission", service)
    bad(c, "AddPermission", "PolicyLengthExceededException", dict(service, StatementId="longer", SourceArn="arn:aws:s3:::" + "x" * 9980, Principal="s3.amazonaws.com" + ".x" * 400 + ".amazonaws.com"))
    good(c, "GetPolicy", f, lambda a: [s["Sid"] for s in json.loads(a["Policy"])["Statement"]] == ["long", "s"])
    bad(c, "GetPolicy", "ResourceNotFoundException", none)
    bad(c, "GetPolicy", "InvalidParameterValueException", {"FunctionName": "g" * 65})
    bad(c, "RemovePermission", "PreconditionFailedException", dict(f, StatementId="s", RevisionId="old"))
    bad(c, "RemovePermission", "InvalidParameterValueException", dict(FunctionName="g" * 65, StatementId="s"))
    good(c, "RemovePermission", dict(f, StatementId="s"))
    bad(c, "RemovePermission", "ResourceNotFoundException", dict(f, StatementId="s"))

    resource, nowhere = {"Resource": arn}, {"Resource": arn + "x"}
    good(c, "TagResource", dict(resource, Tags={"l": "w"}))
    bad(c, "TagResource", "ResourceNotFoundException", dict(nowhere, Tags={"l": "w"}))
    bad(c, "TagResource", "InvalidParameterValueException", dict(resource, Tags={f"t{n}": "" for n in range(51)}))
    good(c, "UntagResource", dict(resource, TagKeys=["k", "none"]))
    bad(c, "UntagResource", "ResourceNotFoundException", dict(nowhere, TagKeys=["k"]))
    qualified = {"Resource": arn + ":1"}
    bad(c, "UntagResource", "InvalidParameterValueException", dict(qualified, TagKeys=["k"]))
    bad(c, "ListTags", "InvalidParameterValueException", qualified, "aliases and versions")
    good(c, "ListTags", resource, lambda a: a["Tags"] == {"l": "w"})
    bad(c, "ListTags", "ResourceNotFoundException", nowhere)
    good(c, "DeleteFunction", f)
    bad(c, "DeleteFunction", "ResourceNotFoundException", f)
    bad(c, "DeleteFunction", "InvalidParameterValueException", {"FunctionName": "g" * 65})
    clients["iam"].delete_role(RoleName="table-function")
