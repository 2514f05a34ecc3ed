"""Drives every operation of the local AWS with boto3, and reports as JSON what did not hold.

usage: boto3_table.py [FILE], where FILE is a JSON list of [service scope, operation] that the
server says it covers; without one, what the table calls. Every one of them must have a good call here, and every error that the
service model declares for it must be provoked here or stand in NOT_HERE with the reason.
"""

import io
import json
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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

# Quoted by deploy scripts of several people.
NOT_ASSUMED = "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry"

# Declared errors that this server cannot come to, by name, or by operation and name.
NOT_HERE = {
    # Inner failures and throttling: `local serve --fault` makes them, see boto3_faults.py.
    "ServiceFailureException": "an inner failure",
    "ServiceException": "an inner failure",
    "InternalErrorException": "an inner failure",
    "InternalServerException": "an inner failure",
    "ServiceUnavailableException": "an inner failure",
    "ThrottlingException": "nothing is throttled",
    "TooManyRequestsException": "nothing is throttled",
    # AWS answers success for the deletion of a provider that is not there.
    ("DeleteApiKeyCredentialProvider", "ResourceNotFoundException"): "never answered",
    ("DeleteOauth2CredentialProvider", "ResourceNotFoundException"): "never answered",
    # Features that are not here.
    "UnmodifiableEntityException": "there are no service-linked roles",
    "PolicyNotAttachableException": "no policy is kept for service-linked roles",
    "ConcurrentModificationException": "requests are handled one after the other",
    "OperationAbortedException": "requests are handled one after the other",
    "NotAuthorizedException": "the one access key may do everything",
    "OperationNotEnabledException": "pools are in one region",
    "FeatureUnavailableInTierException": "pools have no tiers",
    "TierChangeNotAllowedException": "pools have no tiers",
    "InvalidSmsRoleAccessPolicyException": "pools send no messages",
    "InvalidSmsRoleTrustRelationshipException": "pools send no messages",
    "InvalidEmailRoleAccessPolicyException": "pools send no messages",
    "UserImportInProgressException": "pools have no users",
    "InvalidCodeSignatureException": "code is not signed",
    "CodeVerificationFailedException": "code is not signed",
    "CodeSigningConfigNotFoundException": "code is not signed",
    "CodeStorageExceededException": "the code storage quota is not kept",
    "FunctionVersionsPerCapacityProviderLimitExceededException": "there are no capacity providers",
    "PublicPolicyException": "public access is not blocked",
    ("DescribeUserPool", "UserPoolTaggingException"): "a read tags nothing",
    ("CreateUserPool", "LimitExceededException"): "the quota of 1,000 pools is not kept",
    ("CreateUserPoolClient", "LimitExceededException"): "the quota of 1,000 clients is not kept",
    ("CreateUserPoolDomain", "LimitExceededException"): "a pool has one domain, and says so otherwise",
    ("CreateLogGroup", "LimitExceededException"): "the quota of 1,000,000 groups is not kept",
    "DecryptionFailure": "there are no KMS keys",
    "EncryptionFailure": "there are no KMS keys",
    "InternalServiceError": "an inner failure",
    "UnauthorizedException": "the one access key may do everything",
    "ResourceLimitExceededException": "the quota of 50 providers is not kept",
    "MalformedPolicyDocumentException": "secrets have no policies",
    "PreconditionNotMetException": "secrets have one version",
    # S3's own, of features that are not here.
    "BucketAlreadyExists": "there is one account",
    "InvalidObjectState": "nothing is archived",
    "InvalidRequest": "no checks of consistency are asked for",
    "InvalidWriteOffset": "objects are written whole",
    "TooManyParts": "objects are written whole",
    "EncryptionTypeMismatch": "objects are not encrypted",
    ("HeadBucket", "NoSuchBucket"): "a HEAD has no body to say more than 404",
    ("HeadObject", "NoSuchKey"): "a HEAD has no body to say more than 404",
    ("DeleteRolePolicy", "LimitExceededException"): "no quota stands against a deletion",
    ("DeleteDelivery", "ConflictException"): "nothing hangs on a delivery",
    ("DeleteLogGroup", "ValidationException"): "groups have no deletion protection",
    ("DescribeUserPoolDomain", "ResourceNotFoundException"): "an unknown domain is an empty description",
    ("DeleteRole", "LimitExceededException"): "no quota stands against a deletion",
    ("DetachRolePolicy", "LimitExceededException"): "no quota stands against it",
    ("DeletePolicy", "LimitExceededException"): "no quota stands against a deletion",
    ("DeletePolicyVersion", "LimitExceededException"): "no quota stands against a deletion",
    ("SetDefaultPolicyVersion", "LimitExceededException"): "no quota stands against it",
    ("CreateDelivery", "AccessDeniedException"): "the one access key may do everything",
    ("ListGateways", "AccessDeniedException"): "the one access key may do everything",
    ("CreateGateway", "ServiceQuotaExceededException"): "the quota is 1,000 gateways, too many to make here",
    ("UpdateGateway", "ServiceQuotaExceededException"): "an update takes no quota",
    ("UpdateGateway", "ConflictException"): "the states that stand against it are a ValidationException",
    ("DeleteFunction", "ResourceConflictException"): "nothing holds a function",
    ("CreateFunction", "ResourceNotFoundException"): "no layers and no keys are looked up",
    ("TagResource", "ResourceConflictException"): "requests are handled one after the other",
    ("UntagResource", "ResourceConflictException"): "requests are handled one after the other",
}
# Credential providers and secrets: quotas, and what stands against a read.
for _kind in ("ApiKey", "Oauth2"):
    for _verb in ("Create", "Get", "Update", "Delete"):
        NOT_HERE[(f"{_verb}{_kind}CredentialProvider", "AccessDeniedException")] = "the one access key may do everything"
        NOT_HERE[(f"{_verb}{_kind}CredentialProvider", "ServiceQuotaExceededException")] = "the quota is not kept"
    NOT_HERE[(f"Create{_kind}CredentialProvider", "ConflictException")] = "a taken name is a ValidationException"
    NOT_HERE[(f"Update{_kind}CredentialProvider", "ConflictException")] = "requests are handled one after the other"
    NOT_HERE[(f"Delete{_kind}CredentialProvider", "ConflictException")] = "nothing holds a provider"
    NOT_HERE[(f"List{_kind}CredentialProviders", "AccessDeniedException")] = "the one access key may do everything"
    NOT_HERE[(f"List{_kind}CredentialProviders", "ResourceNotFoundException")] = "there is always a vault"
NOT_HERE.update({
    ("CreateSecret", "LimitExceededException"): "the quota of 500,000 secrets is not kept",
    ("CreateSecret", "InvalidRequestException"): "nothing is scheduled for deletion",
    ("CreateSecret", "ResourceNotFoundException"): "no keys are looked up",
    ("PutSecretValue", "LimitExceededException"): "secrets have one version",
    ("PutSecretValue", "ResourceExistsException"): "secrets have one version",
    ("GetSecretValue", "InvalidRequestException"): "nothing is scheduled for deletion",
    ("ListSecrets", "InvalidRequestException"): "nothing is scheduled for deletion",
})
# The quota of deliveries is not kept, and no read takes any.
LOGS_QUOTA = "ServiceQuotaExceededException"
# Of the many that Invoke declares, those that are about plain functions.
INVOKE = {"InvalidParameterValueException", "InvalidRequestContentException", "RequestTooLargeException", "ResourceNotFoundException"}

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


ACCOUNT = clients["sts"].get_caller_identity()["Account"]
REGION = clients["lambda"].meta.region_name
STRANGER = "123456789012"


def sts():
    good("sts", "GetCallerIdentity", {}, lambda a: a["Account"] == ACCOUNT and a["Arn"].startswith("arn:aws:iam::"))


def iam():
    role = {"RoleName": "r"}
    nobody = {"RoleName": "nobody"}
    new = dict(role, AssumeRolePolicyDocument=trust(), Path="/p/", Description="d", Tags=[{"Key": "k", "Value": "v"}])
    good("iam", "CreateRole", new, lambda a: a["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Effect"] == "Allow")
    bad("iam", "CreateRole", "EntityAlreadyExistsException", dict(new, RoleName="R"), "already exists")
    bad("iam", "CreateRole", "MalformedPolicyDocumentException", dict(new, RoleName="x", AssumeRolePolicyDocument="{"))
    bad("iam", "CreateRole", "InvalidInputException", dict(new, RoleName="x", Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]), "Duplicate tag keys")
    bad("iam", "CreateRole", "LimitExceededException", dict(new, RoleName="x", AssumeRolePolicyDocument=trust(StringEquals={"aws:SourceArn": "x" * 2048})), "ACLSizePerRole")
    bad("iam", "CreateRole", "ValidationError", {"RoleName": "a b", "Path": "nope", "MaxSessionDuration": 1}, "4 validation errors detected: Value 'a b' at 'roleName' failed to satisfy constraint")
    bad("iam", "CreateRole", "ValidationError", dict(new, RoleName="x" * 65), "Member must have length less than or equal to 64")
    good("iam", "GetRole", role, lambda a: a["Role"]["Path"] == "/p/" and a["Role"]["Tags"] == [{"Key": "k", "Value": "v"}])
    bad("iam", "GetRole", "NoSuchEntityException", nobody, "The role with name nobody cannot be found.")
    good("iam", "ListRoles", {"PathPrefix": "/p/"}, lambda a: [r["RoleName"] for r in a["Roles"]] == ["r"] and not a["IsTruncated"])
    bad("iam", "ListRoles", "ValidationError", {"MaxItems": 1001}, "Member must have value less than or equal to 1000")
    good("iam", "UpdateRole", dict(role, Description="new", MaxSessionDuration=7200))
    good("iam", "GetRole", role, lambda a: (a["Role"]["Description"], a["Role"]["MaxSessionDuration"]) == ("new", 7200))
    good("iam", "UpdateRole", dict(role, Description="newer"))
    good("iam", "GetRole", role, lambda a: (a["Role"]["Description"], a["Role"]["MaxSessionDuration"]) == ("newer", 3600))
    bad("iam", "UpdateRole", "NoSuchEntityException", nobody)
    good("iam", "UpdateAssumeRolePolicy", dict(role, PolicyDocument=trust("lambda.amazonaws.com")))
    bad("iam", "UpdateAssumeRolePolicy", "NoSuchEntityException", dict(nobody, PolicyDocument=trust()))
    bad("iam", "UpdateAssumeRolePolicy", "MalformedPolicyDocumentException", dict(role, PolicyDocument='{"Statement": [{}]}'))
    bad("iam", "UpdateAssumeRolePolicy", "LimitExceededException", dict(role, PolicyDocument=trust(StringEquals={"aws:SourceArn": "x" * 2048})))

    good("iam", "PutRolePolicy", dict(role, PolicyName="one", PolicyDocument=allow("s3:*")))
    good("iam", "PutRolePolicy", dict(role, PolicyName="two", PolicyDocument=allow("s3:*")))
    bad("iam", "PutRolePolicy", "NoSuchEntityException", dict(nobody, PolicyName="one", PolicyDocument=allow("s3:*")))
    bad("iam", "PutRolePolicy", "MalformedPolicyDocumentException", dict(role, PolicyName="x", PolicyDocument="[]"))
    for statement in (
        {"Effect": "Allow", "Action": "s3:*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*"},
        {"Effect": "Allow", "Action": "foo", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Foo": {"a": "b"}}},
    ):
        bad("iam", "PutRolePolicy", "MalformedPolicyDocumentException", dict(role, PolicyName="x", PolicyDocument=json.dumps({"Statement": statement})))
    bad("iam", "PutRolePolicy", "LimitExceededException", dict(role, PolicyName="x", PolicyDocument=allow("s3:*", "arn:" + "x" * 10240)), "Maximum policy size of 10240 bytes exceeded")
    bad("iam", "PutRolePolicy", "ValidationError", dict(role, PolicyName="a/b", PolicyDocument=allow("s3:*")), "Value 'a/b' at 'policyName'")
    good("iam", "GetRolePolicy", dict(role, PolicyName="one"), lambda a: a["PolicyDocument"]["Statement"][0]["Action"] == "s3:*")
    bad("iam", "GetRolePolicy", "NoSuchEntityException", dict(role, PolicyName="none"), "The role policy with name none cannot be found.")
    good("iam", "ListRolePolicies", role, lambda a: a["PolicyNames"] == ["one", "two"])
    names = pages("iam", "ListRolePolicies", role, "PolicyNames", "MaxItems", "Marker", "Marker")
    if names != ["one", "two"]:
        fail("iam", "ListRolePolicies", f"pages gave {names}")
    bad("iam", "ListRolePolicies", "NoSuchEntityException", nobody)

    good("iam", "TagRole", dict(role, Tags=[{"Key": "k", "Value": "w"}, {"Key": "l", "Value": "ä ö"}]))
    bad("iam", "TagRole", "NoSuchEntityException", dict(nobody, Tags=[]))
    bad("iam", "TagRole", "InvalidInputException", dict(role, Tags=[{"Key": "a", "Value": ""}, {"Key": "a", "Value": ""}]))
    bad("iam", "TagRole", "LimitExceededException", dict(role, Tags=[{"Key": f"t{n}", "Value": ""} for n in range(49)]))
    for key in ("a!", "\ufffe", "\U0001f600", "\x01"):
        bad("iam", "TagRole", "ValidationError", dict(role, Tags=[{"Key": key, "Value": ""}]), "'tags.1.member.key'")
    bad("iam", "TagRole", "InvalidInputException", dict(role, Tags=[{"Key": "aws:x", "Value": ""}]))
    good("iam", "ListRoleTags", role, lambda a: {t["Key"]: t["Value"] for t in a["Tags"]} == {"k": "w", "l": "ä ö"})
    bad("iam", "ListRoleTags", "NoSuchEntityException", nobody)
    good("iam", "UntagRole", dict(role, TagKeys=["k", "none"]))
    good("iam", "ListRoleTags", role, lambda a: [t["Key"] for t in a["Tags"]] == ["l"])
    bad("iam", "UntagRole", "NoSuchEntityException", dict(nobody, TagKeys=["k"]))
    good("iam", "ListInstanceProfilesForRole", role, lambda a: a["InstanceProfiles"] == [])
    bad("iam", "ListInstanceProfilesForRole", "NoSuchEntityException", nobody)

    policy = f"arn:aws:iam::{ACCOUNT}:policy/own/mine"
    own, none, wrong = {"PolicyArn": policy}, {"PolicyArn": policy + "-not"}, {"PolicyArn": "arn:aws:s3:::not-a-policy"}
    made = dict(PolicyName="mine", Path="/own/", PolicyDocument=allow("logs:*"), Description="d", Tags=[{"Key": "k", "Value": "v"}])
    good("iam", "CreatePolicy", made, lambda a: a["Policy"]["Arn"] == policy and a["Policy"]["DefaultVersionId"] == "v1")
    bad("iam", "CreatePolicy", "EntityAlreadyExistsException", dict(made, Path="/"), "A policy called mine already exists")
    bad("iam", "CreatePolicy", "MalformedPolicyDocumentException", dict(made, PolicyName="x", PolicyDocument="x"))
    bad("iam", "CreatePolicy", "LimitExceededException", dict(made, PolicyName="x", PolicyDocument=allow("s3:*", "arn:" + "x" * 6144)), "PolicySize")
    bad("iam", "CreatePolicy", "InvalidInputException", dict(made, PolicyName="x", Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]))
    good("iam", "GetPolicy", own, lambda a: a["Policy"]["Description"] == "d" and a["Policy"]["AttachmentCount"] == 0)
    bad("iam", "GetPolicy", "NoSuchEntityException", none, "was not found")
    bad("iam", "GetPolicy", "InvalidInputException", wrong, "is not valid")
    basic = {"PolicyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"}
    good("iam", "GetPolicy", basic, lambda a: a["Policy"]["Path"] == "/service-role/")
    good("iam", "ListPolicies", {"Scope": "Local"}, lambda a: [p["PolicyName"] for p in a["Policies"]] == ["mine"])
    good("iam", "ListPolicies", {"Scope": "AWS"}, lambda a: "AdministratorAccess" in [p["PolicyName"] for p in a["Policies"]])
    bad("iam", "ListPolicies", "ValidationError", {"Scope": "Mine"}, "enum value set: [All, AWS, Local]")
    good("iam", "ListPolicyTags", own, lambda a: a["Tags"] == [{"Key": "k", "Value": "v"}])
    bad("iam", "ListPolicyTags", "NoSuchEntityException", none)
    bad("iam", "ListPolicyTags", "InvalidInputException", wrong)
    good("iam", "CreatePolicyVersion", dict(own, PolicyDocument=allow("s3:*"), SetAsDefault=True), lambda a: a["PolicyVersion"]["VersionId"] == "v2")
    bad("iam", "CreatePolicyVersion", "NoSuchEntityException", dict(none, PolicyDocument=allow("s3:*")))
    bad("iam", "CreatePolicyVersion", "InvalidInputException", dict(wrong, PolicyDocument=allow("s3:*")))
    bad("iam", "CreatePolicyVersion", "MalformedPolicyDocumentException", dict(own, PolicyDocument="x"))
    for _ in range(3):
        good("iam", "CreatePolicyVersion", dict(own, PolicyDocument=allow("s3:*")))
    bad("iam", "CreatePolicyVersion", "LimitExceededException", dict(own, PolicyDocument=allow("s3:*")), "up to 5 versions")
    good("iam", "GetPolicyVersion", dict(own, VersionId="v2"), lambda a: a["PolicyVersion"]["IsDefaultVersion"] and a["PolicyVersion"]["Document"]["Statement"][0]["Action"] == "s3:*")
    bad("iam", "GetPolicyVersion", "NoSuchEntityException", dict(own, VersionId="v9"))
    bad("iam", "GetPolicyVersion", "InvalidInputException", dict(wrong, VersionId="v1"))
    good("iam", "ListPolicyVersions", own, lambda a: [v["VersionId"] for v in a["Versions"]] == ["v1", "v2", "v3", "v4", "v5"])
    bad("iam", "ListPolicyVersions", "NoSuchEntityException", none)
    bad("iam", "ListPolicyVersions", "InvalidInputException", wrong)
    good("iam", "SetDefaultPolicyVersion", dict(own, VersionId="v1"))
    bad("iam", "SetDefaultPolicyVersion", "NoSuchEntityException", dict(own, VersionId="v9"))
    bad("iam", "SetDefaultPolicyVersion", "InvalidInputException", dict(wrong, VersionId="v1"))
    good("iam", "DeletePolicyVersion", dict(own, VersionId="v2"))
    bad("iam", "DeletePolicyVersion", "NoSuchEntityException", dict(own, VersionId="v2"))
    bad("iam", "DeletePolicyVersion", "InvalidInputException", dict(wrong, VersionId="v1"))
    bad("iam", "DeletePolicyVersion", "DeleteConflictException", dict(own, VersionId="v1"), "default version")
    bad("iam", "DeletePolicy", "DeleteConflictException", own, "more than one version")
    for version in ("v3", "v4", "v5"):
        good("iam", "DeletePolicyVersion", dict(own, VersionId=version))

    good("iam", "AttachRolePolicy", dict(role, **own))
    good("iam", "AttachRolePolicy", dict(role, **basic))
    bad("iam", "AttachRolePolicy", "NoSuchEntityException", dict(nobody, **own))
    bad("iam", "AttachRolePolicy", "NoSuchEntityException", dict(role, **none), "does not exist or is not attachable")
    bad("iam", "AttachRolePolicy", "InvalidInputException", dict(role, **wrong))
    for n in range(9):
        good("iam", "CreatePolicy", dict(PolicyName=f"many{n}", PolicyDocument=allow("s3:*")))
    for n in range(8):
        good("iam", "AttachRolePolicy", dict(role, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/many{n}"))
    bad("iam", "AttachRolePolicy", "LimitExceededException", dict(role, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/many8"), "PoliciesPerRole")
    good("iam", "ListAttachedRolePolicies", dict(role, PathPrefix="/service-role/"), lambda a: [p["PolicyName"] for p in a["AttachedPolicies"]] == ["AWSLambdaBasicExecutionRole"])
    bad("iam", "ListAttachedRolePolicies", "NoSuchEntityException", nobody)
    bad("iam", "ListAttachedRolePolicies", "InvalidInputException", dict(role, Marker="%"), "Invalid Marker")
    good("iam", "ListEntitiesForPolicy", own, lambda a: [r["RoleName"] for r in a["PolicyRoles"]] == ["r"])
    bad("iam", "ListEntitiesForPolicy", "NoSuchEntityException", none)
    bad("iam", "ListEntitiesForPolicy", "InvalidInputException", wrong)
    bad("iam", "DeletePolicy", "DeleteConflictException", own, "attached to entities")
    bad("iam", "DeleteRole", "DeleteConflictException", role, "must detach all policies first")
    good("iam", "DetachRolePolicy", dict(role, **own))
    bad("iam", "DetachRolePolicy", "NoSuchEntityException", dict(role, **own))
    bad("iam", "DetachRolePolicy", "InvalidInputException", dict(role, **wrong))
    good("iam", "PutRolePermissionsBoundary", dict(role, PermissionsBoundary=policy))
    bad("iam", "PutRolePermissionsBoundary", "NoSuchEntityException", dict(nobody, PermissionsBoundary=policy))
    bad("iam", "PutRolePermissionsBoundary", "InvalidInputException", dict(role, PermissionsBoundary=wrong["PolicyArn"]))
    good("iam", "GetRole", role, lambda a: a["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy)
    good("iam", "DeleteRolePermissionsBoundary", role)
    bad("iam", "DeleteRolePermissionsBoundary", "NoSuchEntityException", nobody)
    good("iam", "DeletePolicy", own)
    bad("iam", "DeletePolicy", "NoSuchEntityException", own)
    bad("iam", "DeletePolicy", "InvalidInputException", wrong)

    good("iam", "DetachRolePolicy", dict(role, **basic))
    for n in range(9):
        if n < 8:
            good("iam", "DetachRolePolicy", dict(role, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/many{n}"))
        good("iam", "DeletePolicy", dict(PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/many{n}"))
    bad("iam", "DeleteRole", "DeleteConflictException", role, "must delete policies first")
    good("iam", "DeleteRolePolicy", dict(role, PolicyName="one"))
    good("iam", "DeleteRolePolicy", dict(role, PolicyName="two"))
    bad("iam", "DeleteRolePolicy", "NoSuchEntityException", dict(role, PolicyName="one"))
    good("iam", "DeleteRole", role)
    bad("iam", "DeleteRole", "NoSuchEntityException", role)


def cognito():
    c = "cognito-idp"
    tags = {f"t{n}": "" for n in range(51)}
    made = good(c, "CreateUserPool", dict(PoolName="p", UserPoolTags={"k": "v"}, AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}), lambda a: a["UserPool"]["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"])
    bad(c, "CreateUserPool", "InvalidParameterException", dict(PoolName="a/b", DeletionProtection="ON"), "2 validation errors detected: Value 'a/b' at 'poolName'")
    bad(c, "CreateUserPool", "UserPoolTaggingException", dict(PoolName="p", UserPoolTags=tags))
    pool = {"UserPoolId": made["UserPool"]["Id"]}
    none = {"UserPoolId": f"{REGION}_None00000"}
    wrong = {"UserPoolId": "no pool"}
    arn, no_arn = {"ResourceArn": made["UserPool"]["Arn"]}, {"ResourceArn": made["UserPool"]["Arn"] + "x"}
    good(c, "DescribeUserPool", pool, lambda a: a["UserPool"]["Name"] == "p" and a["UserPool"]["UserPoolTags"] == {"k": "v"})
    bad(c, "DescribeUserPool", "ResourceNotFoundException", none, "does not exist")
    bad(c, "DescribeUserPool", "InvalidParameterException", wrong, "'userPoolId'")
    good(c, "CreateUserPool", dict(PoolName="q"))
    found = pages(c, "ListUserPools", {}, "UserPools", "MaxResults", "NextToken", "NextToken")
    if sorted(p["Name"] for p in found) != ["p", "q"]:
        fail(c, "ListUserPools", f"pages gave {found}")
    good(c, "ListUserPools", dict(MaxResults=60), lambda a: len(a["UserPools"]) == 2)
    bad(c, "ListUserPools", "InvalidParameterException", dict(MaxResults=61), "less than or equal to 60")
    bad(c, "ListUserPools", "InvalidParameterException", dict(MaxResults=1, NextToken="%%"), "pagination token")
    good(c, "UpdateUserPool", dict(pool, DeletionProtection="ACTIVE", PoolName="p2"))
    good(c, "DescribeUserPool", pool, lambda a: (a["UserPool"]["Name"], a["UserPool"]["DeletionProtection"], a["UserPool"]["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"]) == ("p2", "ACTIVE", False))
    bad(c, "UpdateUserPool", "ResourceNotFoundException", none)
    bad(c, "UpdateUserPool", "InvalidParameterException", wrong)
    bad(c, "UpdateUserPool", "UserPoolTaggingException", dict(pool, UserPoolTags=tags))
    good(c, "TagResource", dict(arn, Tags={"l": "w"}))
    bad(c, "TagResource", "ResourceNotFoundException", dict(no_arn, Tags={"l": "w"}))
    bad(c, "TagResource", "InvalidParameterException", dict(arn, Tags=tags), "at most 50 tags")
    good(c, "UntagResource", dict(arn, TagKeys=["k"]))
    bad(c, "UntagResource", "ResourceNotFoundException", dict(no_arn, TagKeys=["k"]))
    bad(c, "UntagResource", "InvalidParameterException", dict(ResourceArn="x", TagKeys=["k"]))
    good(c, "ListTagsForResource", arn, lambda a: a["Tags"] == {"l": "w"})
    bad(c, "ListTagsForResource", "ResourceNotFoundException", no_arn)
    bad(c, "ListTagsForResource", "InvalidParameterException", dict(ResourceArn="x" * 20))

    good(c, "CreateUserPoolDomain", dict(pool, Domain="d-1", ManagedLoginVersion=2), lambda a: a["ManagedLoginVersion"] == 2)
    bad(c, "CreateUserPoolDomain", "InvalidParameterException", dict(pool, Domain="d-2"), "already has a domain")
    bad(c, "CreateUserPoolDomain", "InvalidParameterException", dict(pool, Domain="-d"), "regular expression")
    bad(c, "CreateUserPoolDomain", "InvalidParameterException", dict(pool, Domain="my-cognito"), "reserved word")
    bad(c, "CreateUserPoolDomain", "ResourceNotFoundException", dict(none, Domain="d-2"))
    good(c, "DescribeUserPoolDomain", dict(Domain="d-1"), lambda a: (a["DomainDescription"]["UserPoolId"], a["DomainDescription"]["Status"]) == (pool["UserPoolId"], "ACTIVE"))
    good(c, "DescribeUserPoolDomain", dict(Domain="unknown"), lambda a: a["DomainDescription"] == {})
    bad(c, "DescribeUserPoolDomain", "InvalidParameterException", dict(Domain="A"))

    scopes = [{"ScopeName": "invoke", "ScopeDescription": "d"}]
    server = dict(pool, Identifier="s", Name="s", Scopes=scopes)
    good(c, "CreateResourceServer", server, lambda a: a["ResourceServer"]["Scopes"] == scopes)
    bad(c, "CreateResourceServer", "InvalidParameterException", server, "already exists")
    bad(c, "CreateResourceServer", "ResourceNotFoundException", dict(server, **none))
    good(c, "DescribeResourceServer", dict(pool, Identifier="s"), lambda a: a["ResourceServer"]["Name"] == "s")
    bad(c, "DescribeResourceServer", "ResourceNotFoundException", dict(pool, Identifier="t"))
    bad(c, "DescribeResourceServer", "InvalidParameterException", dict(wrong, Identifier="t"))
    for n in range(24):
        clients[c].create_resource_server(**dict(server, Identifier=f"n{n:02}"))
    bad(c, "CreateResourceServer", "LimitExceededException", dict(server, Identifier="too-many"), "at most 25")
    good(c, "ListResourceServers", dict(pool, MaxResults=50), lambda a: len(a["ResourceServers"]) == 25)
    bad(c, "ListResourceServers", "ResourceNotFoundException", none)
    bad(c, "ListResourceServers", "InvalidParameterException", dict(pool, MaxResults=51))
    more = scopes + [{"ScopeName": "read", "ScopeDescription": "d"}]
    good(c, "UpdateResourceServer", dict(server, Scopes=more), lambda a: len(a["ResourceServer"]["Scopes"]) == 2)
    bad(c, "UpdateResourceServer", "ResourceNotFoundException", dict(server, Identifier="t"))
    bad(c, "UpdateResourceServer", "InvalidParameterException", dict(server, Name="a!"))

    client = dict(pool, ClientName="c", GenerateSecret=True, AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["s/invoke"], AllowedOAuthFlowsUserPoolClient=True, SupportedIdentityProviders=["COGNITO"], ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"])
    made = good(c, "CreateUserPoolClient", client, lambda a: len(a["UserPoolClient"]["ClientSecret"]) > 40 and a["UserPoolClient"]["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"])
    bad(c, "CreateUserPoolClient", "ResourceNotFoundException", dict(client, **none))
    bad(c, "CreateUserPoolClient", "InvalidParameterException", dict(client, AllowedOAuthFlows=["password"]), "enum value set")
    bad(c, "CreateUserPoolClient", "InvalidParameterException", dict(client, AccessTokenValidity=1, TokenValidityUnits={"AccessToken": "seconds"}), "token validity")
    bad(c, "CreateUserPoolClient", "ScopeDoesNotExistException", dict(client, AllowedOAuthScopes=["s/none"]), "s/none")
    bad(c, "CreateUserPoolClient", "InvalidOAuthFlowException", dict(client, GenerateSecret=False), "client secret")
    bad(c, "CreateUserPoolClient", "InvalidOAuthFlowException", dict(client, AllowedOAuthFlows=["client_credentials", "code"]))
    bad(c, "CreateUserPoolClient", "InvalidOAuthFlowException", dict(client, AllowedOAuthFlows=[]))
    one = dict(pool, ClientId=made["UserPoolClient"]["ClientId"])
    other = dict(pool, ClientId="none")
    good(c, "DescribeUserPoolClient", one, lambda a: a["UserPoolClient"]["ClientSecret"] == made["UserPoolClient"]["ClientSecret"])
    bad(c, "DescribeUserPoolClient", "ResourceNotFoundException", other)
    bad(c, "DescribeUserPoolClient", "InvalidParameterException", dict(pool, ClientId="a-b"))
    good(c, "ListUserPoolClients", pool, lambda a: [x["ClientName"] for x in a["UserPoolClients"]] == ["c"])
    bad(c, "ListUserPoolClients", "ResourceNotFoundException", none)
    bad(c, "ListUserPoolClients", "InvalidParameterException", dict(pool, MaxResults=0))
    update = dict(one, AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["s/read"], AllowedOAuthFlowsUserPoolClient=True, AccessTokenValidity=10, TokenValidityUnits={"AccessToken": "minutes"})
    good(c, "UpdateUserPoolClient", update, lambda a: a["UserPoolClient"]["AllowedOAuthScopes"] == ["s/read"] and not a["UserPoolClient"].get("ExplicitAuthFlows") and a["UserPoolClient"]["ClientName"] == "c")
    bad(c, "UpdateUserPoolClient", "ResourceNotFoundException", dict(update, ClientId="none"))
    bad(c, "UpdateUserPoolClient", "InvalidParameterException", dict(update, AccessTokenValidity=0))
    bad(c, "UpdateUserPoolClient", "ScopeDoesNotExistException", dict(update, AllowedOAuthScopes=["s/none"]))
    bad(c, "UpdateUserPoolClient", "InvalidOAuthFlowException", dict(update, AllowedOAuthFlows=["client_credentials", "implicit"]))
    good(c, "DeleteUserPoolClient", one)
    bad(c, "DeleteUserPoolClient", "ResourceNotFoundException", one)
    bad(c, "DeleteUserPoolClient", "InvalidParameterException", dict(pool, ClientId=""))
    good(c, "DeleteResourceServer", dict(pool, Identifier="s"))
    bad(c, "DeleteResourceServer", "ResourceNotFoundException", dict(pool, Identifier="s"))
    bad(c, "DeleteResourceServer", "InvalidParameterException", dict(pool, Identifier="a b"))

    bad(c, "DeleteUserPool", "InvalidParameterException", pool, "domain")
    good(c, "DeleteUserPoolDomain", dict(pool, Domain="d-1"))
    bad(c, "DeleteUserPoolDomain", "InvalidParameterException", dict(pool, Domain="d-1"))
    bad(c, "DeleteUserPoolDomain", "ResourceNotFoundException", dict(none, Domain="d-1"))
    bad(c, "DeleteUserPool", "InvalidParameterException", pool, "deletion protection")
    good(c, "UpdateUserPool", dict(pool, DeletionProtection="INACTIVE"))
    elsewhere = boto3.client("cognito-idp", region_name="eu-west-1", config=CONFIG)
    here, clients[c] = clients[c], elsewhere
    bad(c, "DescribeUserPool", "ResourceNotFoundException", pool)
    bad(c, "DeleteUserPool", "ResourceNotFoundException", pool)
    clients[c] = here
    for left in found:
        good(c, "DeleteUserPool", {"UserPoolId": left["Id"]})
    bad(c, "DeleteUserPool", "ResourceNotFoundException", pool)


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


class McpServer(BaseHTTPRequestHandler):
    """An MCP server with one tool, which can be kept waiting."""

    open = threading.Event()

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.open.wait()
        results = {
            "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}},
            "tools/list": {"tools": [{"name": "a", "description": "d", "inputSchema": {"type": "object"}}]},
        }
        body = b"" if "id" not in message else json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}).encode()
        self.send_response(200 if body else 202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


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


def models_and_servers(c, g, credential, fails):
    """Targets that are Smithy models, MCP servers and stages of API Gateway."""
    vault = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default"
    key, client = {"providerArn": f"{vault}/apikeycredentialprovider/k"}, {"providerArn": f"{vault}/oauth2credentialprovider/k", "scopes": []}
    role = credential("GATEWAY_IAM_ROLE")

    def with_configuration(kind, configuration, credentials, name="m"):
        params = dict(g, name=name, targetConfiguration={"mcp": {kind: configuration}})
        return dict(params, credentialProviderConfigurations=credentials) if credentials else params

    def made_and_deleted(params, listed):
        made = good(c, "CreateGatewayTarget", params, lambda a: a["status"] == "CREATING" and a["targetConfiguration"] == params["targetConfiguration"])
        if not made:
            return
        of = dict(g, targetId=made["targetId"])
        until(c, "GetGatewayTarget", of, "READY")
        good(c, "ListGatewayTargets", g, lambda a: [i["targetType"] for i in a["items"] if i["name"] == "m"] == [listed])
        good(c, "UpdateGatewayTarget", dict(params, **of), lambda a: a["status"] == "UPDATING")
        until(c, "GetGatewayTarget", of, "READY")
        good(c, "DeleteGatewayTarget", of)
        good(c, "ListGatewayTargets", g)

    traits = {
        "aws.auth#sigv4": {"name": "s"},
        "aws.protocols#restJson1": {},
        "smithy.rules#endpointRuleSet": {"version": "1.0", "parameters": {}, "rules": []},
    }
    http = {"smithy.api#http": {"method": "GET", "uri": "/"}}

    def smithy(credentials, service_traits=traits, **members):
        service = {"type": "service", "version": "1", "operations": [{"target": "a#Op"}], "traits": service_traits}
        shapes = {"a#Service": service, "a#Op": {"type": "operation", "traits": http}}
        model = dict({"smithy": "2.0", "shapes": shapes}, **members)
        return with_configuration("smithyModel", {"inlinePayload": json.dumps(model)}, credentials)

    for params, says in (
        (smithy(role, smithy="1.0"), "Smithy version"),
        (smithy(role, shapes={}), "there is no service"),
        (smithy(role, dict(traits, **{"smithy.rules#endpointRuleSet": None})), "no endpoint rule set"),
        (with_configuration("smithyModel", {"inlinePayload": "{"}, role), "not JSON"),
    ):
        fails(params, says)
    for params, says in (
        (with_configuration("smithyModel", {"s3": {"uri": "s3://none/x"}}, role), "s3:GetObject"),
        (with_configuration("smithyModel", {}, role), "targetConfiguration.mcp.smithyModel"),
        (smithy(None), "CredentialProviderConfigurations is required for smithyModel targets"),
        (smithy(credential("API_KEY", apiKeyCredentialProvider=key)), "does not take this API_KEY"),
        (smithy(credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "lambda"})), "does not take this GATEWAY_IAM_ROLE"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", params, says)
    made_and_deleted(smithy(role), "SMITHY_MODEL")
    made_and_deleted(smithy(credential("OAUTH", oauthCredentialProvider=client)), "SMITHY_MODEL")
    sample = "s3://amazonbedrockagentcore-built-sampleschemas455e0815-omxvr7ybq9g8/dynamodb-smithy.json"
    made_and_deleted(with_configuration("smithyModel", {"s3": {"uri": sample}}, role), "SMITHY_MODEL")

    rest = {"restApiId": "abc", "stage": "prod", "apiGatewayToolConfiguration": {"toolFilters": [{"filterPath": "/pets", "methods": ["GET"]}]}}
    overrides = {"toolOverrides": [{"name": "pets", "description": "d", "path": "/pets", "method": "GET"}]}
    full = dict(rest, apiGatewayToolConfiguration=dict(rest["apiGatewayToolConfiguration"], **overrides))
    for configuration, says in (
        ({"restApiId": "abc"}, "targetConfiguration.mcp.apiGateway.stage"),
        (dict(rest, apiGatewayToolConfiguration={"toolFilters": [{"methods": ["GET"]}]}), "filterPath"),
        (dict(rest, apiGatewayToolConfiguration={"toolFilters": [{"filterPath": "/", "methods": ["FETCH"]}]}), "FETCH"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("apiGateway", configuration, role), says)
    bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("apiGateway", rest, credential("OAUTH", oauthCredentialProvider=client)), "does not take this OAUTH")
    for credentials in (None, role, credential("API_KEY", apiKeyCredentialProvider=key)):
        made_and_deleted(with_configuration("apiGateway", full, credentials), "API_GATEWAY")

    server = ThreadingHTTPServer(("127.0.0.1", 0), McpServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = {"endpoint": f"http://127.0.0.1:{server.server_port}/mcp"}
    McpServer.open.set()
    for configuration, says in (
        ({"endpoint": "http://example.com/mcp"}, "targetConfiguration.mcp.mcpServer.endpoint"),
        ({}, "targetConfiguration.mcp.mcpServer.endpoint"),
        (dict(endpoint, listingMode="WORDS"), "listingMode"),
        (dict(endpoint, resourcePriority=1001), "resourcePriority"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("mcpServer", configuration, None), says)
    static = dict(endpoint, mcpToolSchema={"inlinePayload": "{}"})
    bad(c, "CreateGatewayTarget", "NotImplemented", with_configuration("mcpServer", static, None), "mcpToolSchema")
    bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("mcpServer", endpoint, role), "IamCredentialProvider is required")
    signed = credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "bedrock-agentcore"})
    for configuration, credentials in ((endpoint, None), (endpoint, signed), (dict(endpoint, listingMode="DYNAMIC", resourcePriority=3), None)):
        made_and_deleted(with_configuration("mcpServer", configuration, credentials), "MCP_SERVER")

    lost = good(c, "CreateGatewayTarget", with_configuration("mcpServer", {"endpoint": "http://127.0.0.1:1/mcp"}, None))
    lost = until(c, "GetGatewayTarget", dict(g, targetId=lost["targetId"]), "FAILED")
    why = "Failed to connect and fetch tools from the provided MCP target server. Error - Unable to connect to the MCP server"
    if len(lost["statusReasons"]) != 1 or not lost["statusReasons"][0].startswith(why):
        fail(c, "GetGatewayTarget", f"another reason: {lost}")
    good(c, "SynchronizeGatewayTargets", dict(g, targetIdList=[lost["targetId"]]), lambda a: [t["status"] for t in a["targets"]] == ["SYNCHRONIZING"])
    until(c, "GetGatewayTarget", dict(g, targetId=lost["targetId"]), "SYNCHRONIZE_UNSUCCESSFUL")
    good(c, "DeleteGatewayTarget", dict(g, targetId=lost["targetId"]))
    good(c, "ListGatewayTargets", g)

    params = with_configuration("mcpServer", dict(endpoint, resourcePriority=7), None)
    made = dict(g, targetId=good(c, "CreateGatewayTarget", params)["targetId"])
    listed = until(c, "GetGatewayTarget", made, "READY")["lastSynchronizedAt"]
    sync = dict(g, targetIdList=[made["targetId"]])
    McpServer.open.clear()
    good(c, "SynchronizeGatewayTargets", sync, lambda a: [t["status"] for t in a["targets"]] == ["SYNCHRONIZING"])
    bad(c, "SynchronizeGatewayTargets", "ConflictException", sync, "SYNCHRONIZING status")
    bad(c, "SynchronizeGatewayTargets", "ValidationException", dict(g, targetIdList=[made["targetId"]] * 2))
    bad(c, "UpdateGatewayTarget", "ValidationException", dict(params, **made), "SYNCHRONIZING status")
    bad(c, "DeleteGatewayTarget", "ConflictException", made, "SYNCHRONIZING status")
    McpServer.open.set()
    again = until(c, "GetGatewayTarget", made, "READY")
    if not again["lastSynchronizedAt"] > listed:
        fail(c, "SynchronizeGatewayTargets", f"lastSynchronizedAt does not move: {listed}, {again}")
    good(c, "ListGatewayTargets", g, lambda a: [(i["resourcePriority"], i["lastSynchronizedAt"]) for i in a["items"] if i["name"] == "m"] == [(7, again["lastSynchronizedAt"])])
    McpServer.open.clear()
    waiting = [good(c, "CreateGatewayTarget", dict(params, name=f"w{n}"))["targetId"] for n in range(5)]
    bad(c, "SynchronizeGatewayTargets", "ServiceQuotaExceededException", sync, "at most 5 target operations")
    McpServer.open.set()
    for target_id in waiting + [made["targetId"]]:
        until(c, "GetGatewayTarget", dict(g, targetId=target_id), "READY")
        good(c, "DeleteGatewayTarget", dict(g, targetId=target_id))
        good(c, "ListGatewayTargets", g)
    dynamic = good(c, "CreateGatewayTarget", with_configuration("mcpServer", dict(endpoint, listingMode="DYNAMIC"), None))
    until(c, "GetGatewayTarget", dict(g, targetId=dynamic["targetId"]), "READY")
    bad(c, "SynchronizeGatewayTargets", "ValidationException", dict(g, targetIdList=[dynamic["targetId"]]), "DYNAMIC")
    good(c, "DeleteGatewayTarget", dict(g, targetId=dynamic["targetId"]))
    good(c, "ListGatewayTargets", g)
    server.shutdown()


def gateways():
    c = "bedrock-agentcore"
    iam, cognito, functions = clients["iam"], clients["cognito-idp"], clients["lambda"]
    role = iam.create_role(RoleName="table-gateway", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    distrusted = iam.create_role(RoleName="table-distrusted", AssumeRolePolicyDocument=trust("s3.amazonaws.com"))["Role"]["Arn"]
    pool = cognito.create_user_pool(PoolName="table")["UserPool"]["Id"]
    function = functions.create_function(FunctionName="table", Runtime="python3.13", Role=function_role(), Handler="main.handler", Code={"ZipFile": package()})["FunctionArn"]
    jwt = {"discoveryUrl": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}/.well-known/openid-configuration", "allowedClients": ["c"]}
    new = dict(name="Table-1", roleArn=role, protocolType="MCP", authorizerType="CUSTOM_JWT", authorizerConfiguration={"customJWTAuthorizer": jwt}, tags={"k": "v"}, description="d", clientToken="t" * 40)

    made = good(c, "CreateGateway", new, lambda a: a["status"] == "CREATING" and a["gatewayUrl"].endswith("/mcp") and a["gatewayId"].startswith("table-1-"))
    g = {"gatewayIdentifier": made["gatewayId"]}
    none = {"gatewayIdentifier": "none-0123456789"}
    an_arn = {"gatewayIdentifier": made["gatewayArn"]}
    good(c, "CreateGateway", new, lambda a: a["gatewayId"] == made["gatewayId"])
    other = {key: value for key, value in new.items() if key != "clientToken"}
    bad(c, "CreateGateway", "ValidationException", dict(new, description="e"), reason="IdempotentParameterMismatchException")
    bad(c, "CreateGateway", "ConflictException", other, "already exists")
    bad(c, "CreateGateway", "AccessDeniedException", dict(other, name="x", roleArn=role.replace(ACCOUNT, STRANGER)), "Cross-account pass role")
    field = "FieldValidationFailed"

    def claim(operator, value):
        match = {"claimMatchValue": value, "claimMatchOperator": operator}
        return {"inboundTokenClaimName": "c", "inboundTokenClaimValueType": "STRING", "authorizingClaimMatchValue": match}

    for params, fields in (
        (dict(other, name="my_gateway"), ["name"]),
        (dict(other, name="x" * 49), ["name"]),
        (dict(other, name="x", description=""), ["description"]),
        (dict(other, name="x", clientToken="short"), ["clientToken"]),
        (dict(other, name="x", roleArn="arn:aws:s3:::x"), ["roleArn"]),
        (dict(other, name="x", protocolType="HTTP", exceptionLevel="INFO"), ["protocolType", "exceptionLevel"]),
        (dict(other, name="x", authorizerType="OAUTH"), ["authorizerType"]),
        (dict(other, name="x", authorizerConfiguration={}), ["authorizerConfiguration"]),
        (dict(other, name="x", authorizerConfiguration={"customJWTAuthorizer": dict(jwt, discoveryUrl="https://x")}), ["authorizerConfiguration.customJWTAuthorizer.discoveryUrl"]),
        (dict(other, name="x", authorizerConfiguration={"customJWTAuthorizer": dict(jwt, allowedClients=[])}), ["authorizerConfiguration.customJWTAuthorizer.allowedClients"]),
        (dict(other, name="x", authorizerConfiguration={"customJWTAuthorizer": {"discoveryUrl": jwt["discoveryUrl"]}}), ["authorizerConfiguration.customJWTAuthorizer"]),
        (dict(other, name="x", authorizerConfiguration={"customJWTAuthorizer": dict(jwt, allowedScopes=["a b"])}), ["authorizerConfiguration.customJWTAuthorizer.allowedScopes.1.member"]),
        (dict(other, name="x", authorizerConfiguration={"customJWTAuthorizer": dict(jwt, customClaims=[claim("EQUALS", {"matchValueStringList": ["a"]})])}), ["authorizerConfiguration.customJWTAuthorizer.customClaims"]),
        (dict(other, name="x", authorizerConfiguration={"customJWTAuthorizer": dict(jwt, customClaims=[claim("LIKE", {"matchValueString": "a"})])}), ["authorizerConfiguration.customJWTAuthorizer.customClaims.1.member.authorizingClaimMatchValue.claimMatchOperator"]),
        (dict(other, name="x", protocolConfiguration={"mcp": {"searchType": "WORDS", "instructions": ""}}), ["protocolConfiguration.mcp.instructions", "protocolConfiguration.mcp.searchType"]),
        (dict(other, name="x", kmsKeyArn="alias/x"), ["kmsKeyArn"]),
        (dict(other, name="x", tags={"a!": ""}), ["tags.key"]),
        (dict(other, name="x", tags={f"t{n}": "" for n in range(51)}), ["tags"]),
        ({"description": "d"}, ["name", "roleArn", "authorizerType"]),
    ):
        bad(c, "CreateGateway", "ValidationException", params, "validation error", field, fields)
    versions = {"mcp": {"supportedVersions": ["1999-01-01"]}}
    for params, says in (
        (dict(other, name="x", protocolConfiguration=versions), "Unsupported MCP Version(s) are provided in request: [1999-01-01]. Update request with supported version(s) [2025-11-25, 2026-07-28, 2025-03-26, 2025-06-18] and retry."),
        (dict(name="x", roleArn=role, protocolType="MCP", authorizerType="CUSTOM_JWT"), "AuthorizerConfiguration is required for CUSTOM_JWT authorizer type"),
        (dict(other, name="x", authorizerType="AWS_IAM"), "AuthorizerConfiguration should be null for AWS_IAM AuthorizerType"),
    ):
        bad(c, "CreateGateway", "ValidationException", params, says, field)

    def intercepted(*points):
        return [{"interceptor": {"lambda": {"arn": function}}, "interceptionPoints": [point]} for point in points]

    twice = dict(other, name="x", interceptorConfigurations=intercepted("REQUEST", "REQUEST"))
    bad(c, "CreateGateway", "ValidationException", twice, "Only one interceptor configuration per interception point can be defined", field)
    bad(c, "CreateGateway", "ValidationException", dict(other, name="x", interceptorConfigurations=intercepted("RESPONSE")), "lacks permission to invoke Lambda function")
    for member, named in (
        ({"policyEngineConfiguration": {"arn": "x", "mode": "ENFORCE"}}, "`policyEngineConfiguration`"),
        ({"authorizerType": "AUTHENTICATE_ONLY", "authorizerConfiguration": None}, "AUTHENTICATE_ONLY"),
        ({"protocolType": None}, "protocolType MCP"),
    ):
        params = {key: value for key, value in dict(other, name="x", **member).items() if value is not None}
        bad(c, "CreateGateway", "NotImplemented", params, named)
    target = dict(g, name="t", targetConfiguration={"mcp": {"lambda": {"lambdaArn": function, "toolSchema": {"inlinePayload": [{"name": "a", "description": "d", "inputSchema": {"type": "object"}}]}}}}, credentialProviderConfigurations=[{"credentialProviderType": "GATEWAY_IAM_ROLE"}])
    bad(c, "CreateGatewayTarget", "ValidationException", target, "Cannot perform operation CreateGatewayTarget when gateway is in CREATING status", field)
    bad(c, "UpdateGateway", "ValidationException", dict(g, **{k: v for k, v in other.items() if k != "tags"}), "CREATING status")
    bad(c, "DeleteGateway", "ConflictException", g)
    good(c, "GetGateway", g, lambda a: a["status"] == "READY" and a["description"] == "d" and a["authorizerConfiguration"]["customJWTAuthorizer"] == jwt and a["workloadIdentityDetails"]["workloadIdentityArn"].endswith(made["gatewayId"]))
    bad(c, "GetGateway", "ResourceNotFoundException", none)
    bad(c, "GetGateway", "AccessDeniedException", an_arn)
    bad(c, "GetGateway", "ValidationException", {"gatewayIdentifier": "Nope"}, reason=field, fields=["gatewayIdentifier"])
    failed = good(c, "CreateGateway", dict(other, name="failing", roleArn=distrusted), lambda a: a["status"] == "CREATING")
    # A gateway only stores its role; the creation of a target assumes it.
    good(c, "GetGateway", {"gatewayIdentifier": failed["gatewayId"]}, lambda a: a["status"] == "READY")
    bad(c, "CreateGatewayTarget", "ValidationException", dict(target, gatewayIdentifier=failed["gatewayId"]), NOT_ASSUMED, field)
    good(c, "ListGateways", {}, lambda a: sorted((i["name"], i["status"]) for i in a["items"]) == [("Table-1", "READY"), ("failing", "READY")])
    found = pages(c, "ListGateways", {}, "items", "maxResults", "nextToken", "nextToken")
    if len(found) != 2:
        fail(c, "ListGateways", f"pages gave {found}")
    bad(c, "ListGateways", "ValidationException", {"maxResults": 0}, reason=field, fields=["maxResults"])
    bad(c, "ListGateways", "ValidationException", {"nextToken": "%"}, reason=field, fields=["nextToken"])
    good(c, "DeleteGateway", {"gatewayIdentifier": failed["gatewayId"]}, lambda a: a["status"] == "DELETING")
    bad(c, "GetGateway", "ResourceNotFoundException", {"gatewayIdentifier": failed["gatewayId"]})

    update = dict(g, name="Table-1", roleArn=role, protocolType="MCP", authorizerType="CUSTOM_JWT", authorizerConfiguration={"customJWTAuthorizer": dict(jwt, allowedScopes=["a/b"])})
    good(c, "UpdateGateway", update, lambda a: a["status"] == "UPDATING")
    good(c, "GetGateway", g, lambda a: a["status"] == "READY" and "description" not in a and a["authorizerConfiguration"] == update["authorizerConfiguration"])
    unchecked = {k: v for k, v in dict(update, authorizerType="NONE").items() if k != "authorizerConfiguration"}
    bad(c, "UpdateGateway", "ValidationException", unchecked, "Authorizer type cannot be updated for an existing gateway")
    bad(c, "UpdateGateway", "ResourceNotFoundException", dict(update, **none))
    bad(c, "UpdateGateway", "AccessDeniedException", dict(update, roleArn=role.replace(ACCOUNT, STRANGER)))
    bad(c, "UpdateGateway", "ValidationException", dict(update, name="Renamed"), "cannot be changed", field, ["name"])
    good(c, "UpdateGateway", dict(update, roleArn=distrusted))
    good(c, "GetGateway", g, lambda a: a["status"] == "READY")
    good(c, "UpdateGateway", update)
    good(c, "GetGateway", g, lambda a: a["status"] == "READY" and "statusReasons" not in a)

    arn, no_arn = {"resourceArn": made["gatewayArn"]}, {"resourceArn": made["gatewayArn"][:-1] + "!"}
    good(c, "TagResource", dict(arn, tags={"l": "w"}))
    bad(c, "TagResource", "ResourceNotFoundException", dict(no_arn, tags={"l": "w"}))
    bad(c, "TagResource", "AccessDeniedException", dict(resourceArn=made["gatewayArn"].replace(ACCOUNT, STRANGER), tags={}))
    bad(c, "TagResource", "ValidationException", dict(arn, tags={"a!": ""}), reason=field, fields=["tags.key"])
    bad(c, "TagResource", "ServiceQuotaExceededException", dict(arn, tags={f"t{n}": "" for n in range(49)}))
    good(c, "UntagResource", dict(arn, tagKeys=["k"]))
    bad(c, "UntagResource", "ResourceNotFoundException", dict(no_arn, tagKeys=["k"]))
    bad(c, "UntagResource", "AccessDeniedException", dict(resourceArn=made["gatewayArn"].replace(ACCOUNT, STRANGER), tagKeys=["k"]))
    bad(c, "UntagResource", "ValidationException", dict(arn, tagKeys=["a!"]))
    good(c, "ListTagsForResource", arn, lambda a: a["tags"] == {"l": "w"})
    bad(c, "ListTagsForResource", "ResourceNotFoundException", no_arn)
    bad(c, "ListTagsForResource", "AccessDeniedException", dict(resourceArn=made["gatewayArn"].replace(ACCOUNT, STRANGER)))
    bad(c, "ListTagsForResource", "ValidationException", dict(resourceArn="arn:aws:s3:::a-bucket-of-mine"))

    bad(c, "CreateGatewayTarget", "ValidationException", target, "lacks permission to invoke Lambda function", field)
    iam.put_role_policy(RoleName="table-gateway", PolicyName="invoke", PolicyDocument=allow("lambda:InvokeFunction", function))
    configuration = target["targetConfiguration"]["mcp"]["lambda"]

    def with_lambda(**members):
        return dict(target, name="x", targetConfiguration={"mcp": {"lambda": dict(configuration, **members)}})

    schema = "targetConfiguration.mcp.lambda.toolSchema"
    for params, fields in (
        (dict(target, name="a_b"), ["name"]),
        ({k: v for k, v in target.items() if k != "name"}, ["name"]),
        (dict(target, name="x", description="d" * 201), ["description"]),
        (dict(target, name="x", targetConfiguration={}), ["targetConfiguration"]),
        (dict(target, name="x", targetConfiguration={"mcp": {}}), ["targetConfiguration.mcp"]),
        (with_lambda(lambdaArn="f"), ["targetConfiguration.mcp.lambda.lambdaArn"]),
        (with_lambda(toolSchema={}), [schema]),
        (with_lambda(toolSchema={"inlinePayload": [], "s3": {"uri": "s3://b/k"}}), [schema]),
        (with_lambda(toolSchema={"s3": {"uri": "http://x"}}), [schema + ".s3.uri"]),
        (with_lambda(toolSchema={"inlinePayload": [{"name": "a", "inputSchema": {"type": "object"}}]}), [schema + ".inlinePayload"]),
        (with_lambda(toolSchema={"inlinePayload": [{"name": "a", "description": "d", "inputSchema": {"type": "text"}}]}), [schema + ".inlinePayload"]),
        (dict(target, name="x", credentialProviderConfigurations=[]), ["credentialProviderConfigurations"]),
        (dict(target, name="x", credentialProviderConfigurations=[{"credentialProviderType": "MAGIC"}]), ["credentialProviderConfigurations.1.member.credentialProviderType"]),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", params, "validation error", field, fields)
    for configuration_of, named in (
        ({"http": {"agentcoreRuntime": {"arn": "x"}}}, "`targetConfiguration.http`"),
        ({"inference": {"connector": {"source": {"connectorId": "x"}}}}, "`targetConfiguration.inference`"),
        ({"mcp": {"connector": {"source": {"connectorId": "x"}}}}, "`targetConfiguration.mcp.connector`"),
    ):
        bad(c, "CreateGatewayTarget", "NotImplemented", dict(target, name="x", targetConfiguration=configuration_of), named)
    bad(c, "CreateGatewayTarget", "ValidationException", {k: v for k, v in target.items() if k != "credentialProviderConfigurations"}, "CredentialProviderConfigurations is required for Lambda targets")
    bad(c, "CreateGatewayTarget", "ResourceNotFoundException", dict(target, **none))
    bad(c, "CreateGatewayTarget", "AccessDeniedException", dict(target, **an_arn))
    bad(c, "CreateGatewayTarget", "ValidationException", with_lambda(lambdaArn=function + ":alias"), "Lambda function not found: ")
    away = function.replace(REGION, "us-east-1")
    for params, says in (
        (with_lambda(lambdaArn=away), f"Lambda function not found: {away}. Verify the function ARN is correct and retry"),
        (with_lambda(toolSchema={"inlinePayload": []}), "No Lambda tool schema found in target configuration"),
        (dict(target, name="x", credentialProviderConfigurations=[{"credentialProviderType": "API_KEY"}]), "Lambda target only supports GATEWAY_IAM_ROLE credential provider type"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", params, says, field)

    def fails(params, says):
        """A target that is accepted, and FAILED then."""
        accepted = good(c, "CreateGatewayTarget", params, lambda a: a["status"] == "CREATING")
        it = dict(g, targetId=accepted.get("targetId", "0" * 10))
        good(c, "GetGatewayTarget", it, lambda a: a["status"] == "FAILED" and any(says in reason for reason in a["statusReasons"]))
        good(c, "DeleteGatewayTarget", it)
        bad(c, "GetGatewayTarget", "ResourceNotFoundException", it)

    tool = configuration["toolSchema"]["inlinePayload"][0]
    fails(with_lambda(toolSchema={"inlinePayload": [tool, tool]}), "Duplicate tool found in target configuration: x___a")
    operation = {"get": {"operationId": "x", "summary": "s"}}
    document = {"openapi": "3.0.3", "servers": [{"url": "https://api.example.com"}], "paths": {"/x": operation}}

    def with_api(credential, **members):
        payload = {"inlinePayload": json.dumps(dict(document, **members))}
        params = dict(g, name="api", targetConfiguration={"mcp": {"openApiSchema": payload}})
        return dict(params, credentialProviderConfigurations=credential) if credential else params

    def credential(kind, **provider):
        return [dict(credentialProviderType=kind, **({"credentialProvider": provider} if provider else {}))]

    key = {"providerArn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default/apikeycredentialprovider/k"}
    client = {"providerArn": key["providerArn"].replace("apikey", "oauth2"), "scopes": []}
    api = "targetConfiguration.mcp.openApiSchema"
    for params, says in (
        (with_api(credential("OAUTH")), "OAuth credential provider is required for OAUTH credential provider type"),
        (with_api(credential("API_KEY")), "API key credential provider is required for API_KEY credential provider type"),
        (with_api(credential("JWT_PASSTHROUGH")), "does not take this JWT_PASSTHROUGH"),
        (with_api(credential("GATEWAY_IAM_ROLE")), "IamCredentialProvider is required"),
        (with_api(credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "s3"})), "execute-api"),
        (with_api(credential("API_KEY", oauthCredentialProvider=client)), "does not take this API_KEY"),
        (dict(with_api(None), targetConfiguration={"mcp": {"openApiSchema": {"s3": {"uri": "s3://none/x"}}}}), "s3:GetObject"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", params, says)
    two = {"/x": {"get": {}}, "/y": {"post": {"operationId": "y", "responses": {"200": {"description": "d", "content": {"text/html": {}}}}}}}
    for params, says in (
        (with_api(None, servers=[]), "Found 2 validation error(s) in OpenAPI schema: [Server URL must not be empty., Server URL (located at: servers) must use HTTPS protocol.]"),
        (with_api(None, openapi=None, swagger="2.0"), "Invalid OpenAPI schema: attribute openapi is missing"),
        (with_api(None, paths=two), "Operation /x -> GET must have an operationId, MediaType text/html is not supported in response"),
        (with_api(None, paths={}), "no operation becomes a tool"),
        (dict(with_api(None), targetConfiguration={"mcp": {"openApiSchema": {"inlinePayload": "{"}}}), "not JSON"),
    ):
        fails(params, says)
    code = credential("OAUTH", oauthCredentialProvider=dict(client, grantType="AUTHORIZATION_CODE"))
    bad(c, "CreateGatewayTarget", "NotImplemented", with_api(code), "AUTHORIZATION_CODE")
    for one in (None, credential("API_KEY", apiKeyCredentialProvider=key), credential("OAUTH", oauthCredentialProvider=client), credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "lambda"})):
        made_api = good(c, "CreateGatewayTarget", with_api(one), lambda a: a["status"] == "CREATING")
        api_id = dict(g, targetId=made_api["targetId"])
        good(c, "GetGatewayTarget", api_id, lambda a: a["status"] == "READY" and a["credentialProviderConfigurations"] == (one or []))
        good(c, "ListGatewayTargets", g, lambda a: {i["targetType"] for i in a["items"]} == {"OPEN_API_SCHEMA"})
        good(c, "DeleteGatewayTarget", api_id)
        bad(c, "GetGatewayTarget", "ResourceNotFoundException", api_id)
    first = good(c, "CreateGatewayTarget", dict(target, clientToken="u" * 40), lambda a: a["status"] == "CREATING" and a["gatewayArn"] == made["gatewayArn"])
    t = dict(g, targetId=first["targetId"])
    good(c, "CreateGatewayTarget", dict(target, clientToken="u" * 40), lambda a: a["targetId"] == first["targetId"])
    bad(c, "CreateGatewayTarget", "ValidationException", dict(target, clientToken="u" * 40, description="other"), reason="IdempotentParameterMismatchException")
    bad(c, "CreateGatewayTarget", "ConflictException", target, "already exists")
    bad(c, "DeleteGatewayTarget", "ConflictException", t, "CREATING")
    bad(c, "UpdateGatewayTarget", "ValidationException", dict(target, **t), "CREATING status")
    good(c, "GetGatewayTarget", t, lambda a: a["status"] == "READY" and a["targetConfiguration"] == target["targetConfiguration"])
    bad(c, "GetGatewayTarget", "ResourceNotFoundException", dict(g, targetId="0" * 10))
    bad(c, "GetGatewayTarget", "AccessDeniedException", dict(an_arn, targetId=first["targetId"]))
    bad(c, "GetGatewayTarget", "ValidationException", dict(g, targetId="short"), reason=field, fields=["targetId"])
    more = [good(c, "CreateGatewayTarget", dict(target, name=f"n{n}"))["targetId"] for n in range(5)]
    bad(c, "CreateGatewayTarget", "ServiceQuotaExceededException", dict(target, name="n5"), "at most 5 target operations")
    bad(c, "UpdateGatewayTarget", "ServiceQuotaExceededException", dict(target, **t))
    good(c, "ListGatewayTargets", g, lambda a: sorted(i["name"] for i in a["items"]) == ["n0", "n1", "n2", "n3", "n4", "t"] and {i["targetType"] for i in a["items"]} == {"LAMBDA"})
    found = pages(c, "ListGatewayTargets", g, "items", "maxResults", "nextToken", "nextToken")
    if len({item["targetId"] for item in found}) != 6:
        fail(c, "ListGatewayTargets", f"pages gave {found}")
    bad(c, "ListGatewayTargets", "ResourceNotFoundException", none)
    bad(c, "ListGatewayTargets", "AccessDeniedException", an_arn)
    bad(c, "ListGatewayTargets", "ValidationException", dict(g, maxResults=1001))
    changed = dict(target, name="renamed", **t)
    good(c, "UpdateGatewayTarget", dict(changed, description="d"), lambda a: a["status"] == "UPDATING" and a["name"] == "renamed")
    good(c, "GetGatewayTarget", t, lambda a: a["status"] == "READY" and a["description"] == "d")
    good(c, "UpdateGatewayTarget", changed)
    good(c, "GetGatewayTarget", t, lambda a: "description" not in a)
    bad(c, "UpdateGatewayTarget", "ConflictException", dict(changed, name="n0"))
    bad(c, "UpdateGatewayTarget", "ResourceNotFoundException", dict(changed, targetId="0" * 10))
    bad(c, "UpdateGatewayTarget", "AccessDeniedException", dict(changed, **an_arn))
    bad(c, "UpdateGatewayTarget", "ValidationException", dict(changed, targetConfiguration={"mcp": {}}), reason=field)
    iam.update_assume_role_policy(RoleName="table-gateway", PolicyDocument=trust("s3.amazonaws.com"))
    bad(c, "UpdateGatewayTarget", "ValidationException", changed, NOT_ASSUMED, "FieldValidationFailed")
    iam.update_assume_role_policy(RoleName="table-gateway", PolicyDocument=trust())
    s3 = clients["s3"]
    s3.create_bucket(Bucket="table-schemas", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="table-schemas", Key="tools.json", Body=json.dumps(configuration["toolSchema"]["inlinePayload"]))
    s3.put_object(Bucket="table-schemas", Key="broken.json", Body="[")
    in_s3 = with_lambda(toolSchema={"s3": {"uri": "s3://table-schemas/tools.json", "bucketOwnerAccountId": ACCOUNT}})
    uri = [schema + ".s3.uri"]
    bad(c, "CreateGatewayTarget", "ValidationException", dict(in_s3, name="s3"), "s3:GetObject", field, uri)
    iam.put_role_policy(RoleName="table-gateway", PolicyName="read", PolicyDocument=allow("s3:GetObject"))
    made_of_s3 = good(c, "CreateGatewayTarget", dict(in_s3, name="s3"))
    good(c, "GetGatewayTarget", dict(g, targetId=made_of_s3["targetId"]), lambda a: a["status"] == "READY")
    good(c, "DeleteGatewayTarget", dict(g, targetId=made_of_s3["targetId"]))
    for key, says in (("none.json", "there is no object"), ("broken.json", "not JSON")):
        bad(c, "CreateGatewayTarget", "ValidationException", with_lambda(toolSchema={"s3": {"uri": f"s3://table-schemas/{key}"}}), says, field, uri)
    foreign = {"uri": "s3://table-schemas/tools.json", "bucketOwnerAccountId": STRANGER}
    bad(c, "CreateGatewayTarget", "ValidationException", with_lambda(toolSchema={"s3": foreign}), "does not belong", field, uri)
    for key in ("tools.json", "broken.json"):
        s3.delete_object(Bucket="table-schemas", Key=key)
    s3.delete_bucket(Bucket="table-schemas")
    iam.delete_role_policy(RoleName="table-gateway", PolicyName="read")
    sync = dict(g, targetIdList=[first["targetId"]])
    bad(c, "SynchronizeGatewayTargets", "ValidationException", sync, "Target type LAMBDA is not supported for synchronization")
    bad(c, "SynchronizeGatewayTargets", "ResourceNotFoundException", dict(g, targetIdList=["0" * 10]))
    bad(c, "SynchronizeGatewayTargets", "AccessDeniedException", dict(sync, **an_arn))
    for target_id in more:
        good(c, "DeleteGatewayTarget", dict(g, targetId=target_id))
        good(c, "ListGatewayTargets", g)
    more = []
    models_and_servers(c, g, credential, fails)
    bad(c, "DeleteGateway", "ValidationException", g, "Gateway has targets associated with it")
    bad(c, "DeleteGateway", "ResourceNotFoundException", none)
    bad(c, "DeleteGateway", "AccessDeniedException", an_arn)
    bad(c, "DeleteGatewayTarget", "ResourceNotFoundException", dict(g, targetId="0" * 10))
    bad(c, "DeleteGatewayTarget", "AccessDeniedException", dict(an_arn, targetId=first["targetId"]))
    bad(c, "DeleteGatewayTarget", "ValidationException", dict(g, targetId="!"))
    good(c, "DeleteGatewayTarget", t, lambda a: a["status"] == "DELETING")
    good(c, "ListGatewayTargets", g, lambda a: first["targetId"] not in [i["targetId"] for i in a["items"]])
    for target_id in more:
        good(c, "DeleteGatewayTarget", dict(g, targetId=target_id))
    good(c, "ListGatewayTargets", g, lambda a: a["items"] == [])
    good(c, "DeleteGateway", g)
    good(c, "ListGateways", {}, lambda a: a["items"] == [])
    functions.delete_function(FunctionName="table")
    cognito.delete_user_pool(UserPoolId=pool)
    iam.delete_role_policy(RoleName="table-gateway", PolicyName="invoke")
    for name in ("table-gateway", "table-distrusted", "table-function"):
        iam.delete_role(RoleName=name)


def buckets():
    c = "s3"
    b, none = {"Bucket": "a-bucket"}, {"Bucket": "no-bucket"}
    here = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    good(c, "CreateBucket", dict(b, **here))
    bad(c, "CreateBucket", "BucketAlreadyOwnedByYou", dict(b, **here))
    bad(c, "CreateBucket", "InvalidBucketName", dict(Bucket="A_b", **here))
    bad(c, "CreateBucket", "IllegalLocationConstraintException", dict(b, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}))
    good(c, "HeadBucket", b, lambda a: a["BucketRegion"] == REGION)
    bad(c, "HeadBucket", "404", none)
    good(c, "GetBucketLocation", b, lambda a: a["LocationConstraint"] == REGION)
    bad(c, "GetBucketLocation", "NoSuchBucket", none)
    good(c, "ListBuckets", {}, lambda a: [x["Name"] for x in a["Buckets"]] == ["a-bucket"])
    for key in ("a/1", "a/2", "ü b", "z/"):
        good(c, "PutObject", dict(b, Key=key, Body=key.encode(), ContentType="text/plain", Metadata={"m": "1"}), lambda a: a["ETag"].startswith('"'))
    bad(c, "PutObject", "NoSuchBucket", dict(none, Key="k", Body=b""))
    bad(c, "PutObject", "AccessDenied", dict(b, Key="k", Body=b"", ExpectedBucketOwner=STRANGER))
    bad(c, "PutObject", "NotImplemented", dict(b, Key="k", Body=b"", ACL="public-read"), "`Acl`")
    bad(c, "PutObject", "NotImplemented", dict(b, Key="k", Body=b"", CacheControl="no-cache"), "`CacheControl`")
    bad(c, "PutObject", "BadDigest", dict(b, Key="k", Body=b"x", ChecksumCRC32="AAAAAA=="), "crc32")
    for key in (".well-known/jwks.json", "x/mcp"):
        good(c, "PutObject", dict(b, Key=key, Body=b"{}"))
        good(c, "GetObject", dict(b, Key=key), lambda a: a["Body"].read() == b"{}")
        good(c, "DeleteObject", dict(b, Key=key))
    good(c, "GetObject", dict(b, Key="ü b"), lambda a: a["Body"].read().decode() == "ü b" and a["ContentType"] == "text/plain" and a["Metadata"] == {"m": "1"})
    bad(c, "GetObject", "NoSuchKey", dict(b, Key="none"))
    good(c, "HeadObject", dict(b, Key="a/1"), lambda a: a["ContentLength"] == 3 and a["LastModified"].year >= 2026)
    bad(c, "HeadObject", "404", dict(b, Key="none"))
    good(c, "ListObjectsV2", b, lambda a: [o["Key"] for o in a["Contents"]] == ["a/1", "a/2", "z/", "ü b"] and a["KeyCount"] == 4)
    good(c, "ListObjectsV2", dict(b, Delimiter="/"), lambda a: [p["Prefix"] for p in a["CommonPrefixes"]] == ["a/", "z/"] and [o["Key"] for o in a["Contents"]] == ["ü b"])
    good(c, "ListObjectsV2", dict(b, Prefix="a/", StartAfter="a/1"), lambda a: [o["Key"] for o in a["Contents"]] == ["a/2"])
    rolled = pages(c, "ListObjectsV2", dict(b, Delimiter="/"), "CommonPrefixes", "MaxKeys", "ContinuationToken", "NextContinuationToken")
    if [prefix["Prefix"] for prefix in rolled] != ["a/", "z/"]:
        fail(c, "ListObjectsV2", f"rolled up pages gave {rolled}")
    found = pages(c, "ListObjectsV2", b, "Contents", "MaxKeys", "ContinuationToken", "NextContinuationToken")
    if len(found) != 4:
        fail(c, "ListObjectsV2", f"pages gave {found}")
    bad(c, "ListObjectsV2", "NoSuchBucket", none)
    bad(c, "DeleteBucket", "BucketNotEmpty", b)
    for key in ("a/1", "a/2", "ü b", "z/", "none"):
        good(c, "DeleteObject", dict(b, Key=key))
    bad(c, "DeleteObject", "NoSuchBucket", dict(none, Key="k"))
    good(c, "DeleteBucket", b)
    bad(c, "DeleteBucket", "NoSuchBucket", b)


def secrets():
    c = "secretsmanager"
    made = good(c, "CreateSecret", dict(Name="a/b", SecretString='{"k": "v"}', Description="d", Tags=[{"Key": "k", "Value": "v"}]), lambda a: a["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:a/b-"))
    mine, none, nameless = {"SecretId": "a/b"}, {"SecretId": "none"}, {"SecretId": ""}
    bad(c, "CreateSecret", "ResourceExistsException", {"Name": "a/b"}, "already exists")
    bad(c, "CreateSecret", "InvalidParameterException", {"Name": "a b"})
    bad(c, "CreateSecret", "NotImplemented", {"Name": "x", "KmsKeyId": "k"}, "`KmsKeyId`")
    good(c, "GetSecretValue", {"SecretId": made["ARN"]}, lambda a: a["SecretString"] == '{"k": "v"}' and a["VersionStages"] == ["AWSCURRENT"])
    good(c, "PutSecretValue", dict(mine, SecretString="new"))
    good(c, "GetSecretValue", mine, lambda a: a["SecretString"] == "new" and a["VersionId"] != made["VersionId"])
    good(c, "DescribeSecret", mine, lambda a: a["Description"] == "d" and a["Tags"] == [{"Key": "k", "Value": "v"}])
    for operation in ("GetSecretValue", "PutSecretValue", "DescribeSecret", "DeleteSecret"):
        bad(c, operation, "ResourceNotFoundException", none)
        bad(c, operation, "InvalidParameterException", nameless)
    good(c, "CreateSecret", {"Name": "empty"})
    bad(c, "GetSecretValue", "ResourceNotFoundException", {"SecretId": "empty"}, "staging label")
    found = pages(c, "ListSecrets", {}, "SecretList", "MaxResults", "NextToken", "NextToken")
    if sorted(one["Name"] for one in found) != ["a/b", "empty"]:
        fail(c, "ListSecrets", f"pages gave {found}")
    good(c, "ListSecrets", {})
    bad(c, "ListSecrets", "InvalidNextTokenException", {"NextToken": "%"})
    bad(c, "ListSecrets", "InvalidParameterException", {"MaxResults": 0})

    c, field = "bedrock-agentcore", "FieldValidationFailed"
    wrong, absent = {"name": "a b"}, {"name": "none"}
    key = {"name": "table-key"}
    vault = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default"
    made = good(c, "CreateApiKeyCredentialProvider", dict(key, apiKey="k1", tags={"k": "v"}), lambda a: a["credentialProviderArn"] == f"{vault}/apikeycredentialprovider/table-key")
    secret = {"SecretId": made["apiKeySecretArn"]["secretArn"]}
    good("secretsmanager", "GetSecretValue", secret, lambda a: json.loads(a["SecretString"]) == {"api_key_value": "k1"})
    good("secretsmanager", "DescribeSecret", secret, lambda a: a["OwningService"] == "bedrock-agentcore-identity")
    bad("secretsmanager", "PutSecretValue", "InvalidRequestException", dict(secret, SecretString="x"), "managed by")
    bad("secretsmanager", "DeleteSecret", "InvalidRequestException", secret, "managed by")
    good(c, "ListTagsForResource", {"resourceArn": made["credentialProviderArn"]}, lambda a: a["tags"] == {"k": "v"})
    bad(c, "CreateApiKeyCredentialProvider", "ValidationException", dict(key, apiKey="k"), "Credential provider with name: table-key already exists")
    bad(c, "CreateApiKeyCredentialProvider", "ValidationException", dict(wrong, apiKey="k"), reason=field, fields=["name"])
    given = {"apiKeySecretConfig": {"secretId": "none", "jsonKey": "k"}}
    managed, elsewhere = "when secret source is MANAGED or not specified", "when secret source is EXTERNAL"
    for params, says in (
        ({}, f"ApiKey is required {managed}"),
        (dict(given, apiKey="k"), f"ApiKeySecretConfig must not be provided {managed}"),
        ({"apiKeySecretSource": "EXTERNAL"}, f"ApiKeySecretConfig is required {elsewhere}"),
        (dict(given, apiKey="k", apiKeySecretSource="EXTERNAL"), f"ApiKey must not be provided {elsewhere}"),
    ):
        bad(c, "CreateApiKeyCredentialProvider", "ValidationException", dict(params, name="x"), says, field)
    external = dict(apiKeySecretSource="EXTERNAL", apiKeySecretConfig={"secretId": "none", "jsonKey": "k"})
    bad(c, "CreateApiKeyCredentialProvider", "ResourceNotFoundException", dict(external, name="x"), "Secret none")
    good(c, "UpdateApiKeyCredentialProvider", dict(key, apiKey="k2"), lambda a: a["apiKeySecretArn"] == made["apiKeySecretArn"])
    good("secretsmanager", "GetSecretValue", secret, lambda a: json.loads(a["SecretString"]) == {"api_key_value": "k2"})
    external["apiKeySecretConfig"]["secretId"] = "a/b"
    good(c, "UpdateApiKeyCredentialProvider", dict(external, **key), lambda a: a["apiKeySecretSource"] == "EXTERNAL" and a["apiKeySecretJsonKey"] == "k")
    bad("secretsmanager", "GetSecretValue", "ResourceNotFoundException", secret)
    good(c, "GetApiKeyCredentialProvider", key, lambda a: a["name"] == "table-key" and "createdTime" in a and "apiKey" not in a)
    bad(c, "UpdateApiKeyCredentialProvider", "ValidationException", key)
    bad(c, "UpdateApiKeyCredentialProvider", "ResourceNotFoundException", dict(absent, apiKey="k"))

    discovery = {"oauthDiscovery": {"discoveryUrl": "https://idp.example.com/.well-known/openid-configuration"}}
    client = dict(clientId="c", clientSecret="s")
    custom = dict(name="table-client", credentialProviderVendor="CustomOauth2", oauth2ProviderConfigInput={"customOauth2ProviderConfig": dict(client, **discovery)})
    made = good(c, "CreateOauth2CredentialProvider", custom, lambda a: a["status"] == "READY" and a["oauth2ProviderConfigOutput"] == {"customOauth2ProviderConfig": dict(discovery, clientId="c")})
    good("secretsmanager", "GetSecretValue", {"SecretId": made["clientSecretArn"]["secretArn"]}, lambda a: json.loads(a["SecretString"]) == {"client_secret": "s"})
    bad(c, "CreateOauth2CredentialProvider", "ValidationException", custom, "Credential provider with name: table-client already exists")
    for vendor, member, more in (
        ("GoogleOauth2", "googleOauth2ProviderConfig", {}),
        ("GithubOauth2", "githubOauth2ProviderConfig", {}),
        ("SlackOauth2", "slackOauth2ProviderConfig", {}),
        ("SalesforceOauth2", "salesforceOauth2ProviderConfig", {}),
        ("MicrosoftOauth2", "microsoftOauth2ProviderConfig", {"tenantId": "t"}),
        ("AtlassianOauth2", "atlassianOauth2ProviderConfig", {}),
        ("LinkedinOauth2", "linkedinOauth2ProviderConfig", {}),
        ("OktaOauth2", "includedOauth2ProviderConfig", {"issuer": "https://x.okta.com"}),
        ("ZoomOauth2", "includedOauth2ProviderConfig", {"tokenEndpoint": "https://zoom.us/oauth/token"}),
    ):
        config = {"name": "x", "credentialProviderVendor": vendor, "oauth2ProviderConfigInput": {member: dict(client, **more)}}
        good(c, "CreateOauth2CredentialProvider", config, lambda a: a["oauth2ProviderConfigOutput"][member]["clientId"] == "c" and "oauthDiscovery" in a["oauth2ProviderConfigOutput"][member])
        good(c, "DeleteOauth2CredentialProvider", {"name": "x"})
    google = dict(custom, name="x", credentialProviderVendor="GoogleOauth2")
    bad(c, "CreateOauth2CredentialProvider", "ValidationException", google, "Provided configuration does not match selected type: GoogleOauth2", field)
    bad(c, "CreateOauth2CredentialProvider", "ValidationException", dict(custom, name="x", credentialProviderVendor="NobodyOauth2"), reason=field, fields=["credentialProviderVendor"])
    nobody = {"customOauth2ProviderConfig": dict(discovery, clientSecret="s")}
    bad(c, "CreateOauth2CredentialProvider", "ValidationException", dict(custom, name="x", oauth2ProviderConfigInput=nobody), "clientId")
    elsewhere = {"customOauth2ProviderConfig": dict(discovery, clientId="c", clientSecretSource="EXTERNAL", clientSecretConfig={"secretId": "none", "jsonKey": "k"})}
    bad(c, "CreateOauth2CredentialProvider", "ResourceNotFoundException", dict(custom, name="x", oauth2ProviderConfigInput=elsewhere))
    good(c, "UpdateOauth2CredentialProvider", custom, lambda a: a["clientSecretArn"] == made["clientSecretArn"])
    bad(c, "UpdateOauth2CredentialProvider", "ResourceNotFoundException", dict(custom, **absent))
    bad(c, "UpdateOauth2CredentialProvider", "ValidationException", dict(custom, **wrong))
    good(c, "GetOauth2CredentialProvider", {"name": "table-client"}, lambda a: a["credentialProviderVendor"] == "CustomOauth2")
    for kind, name in (("ApiKey", "table-key"), ("Oauth2", "table-client")):
        good(c, f"List{kind}CredentialProviders", {}, lambda a: [one["name"] for one in a["credentialProviders"]] == [name])
        bad(c, f"List{kind}CredentialProviders", "ValidationException", {"maxResults": 0}, reason=field, fields=["maxResults"])
        bad(c, f"Get{kind}CredentialProvider", "ResourceNotFoundException", absent)
        good(c, f"Delete{kind}CredentialProvider", absent)
        for verb in ("Get", "Delete"):
            bad(c, f"{verb}{kind}CredentialProvider", "ValidationException", wrong)
        good(c, f"Delete{kind}CredentialProvider", {"name": name})
    good("secretsmanager", "DeleteSecret", dict(mine, ForceDeleteWithoutRecovery=True))
    good("secretsmanager", "DeleteSecret", {"SecretId": "empty"})


def coverage(covered):
    """What the server covers and this table does not look at."""
    for scope, operation in covered:
        if (scope, operation) not in called:
            fail(scope, operation, "has no good call in the table")
        for shape in clients[scope].meta.service_model.operation_model(operation).error_shapes:
            name = shape.name
            excused = name in NOT_HERE or (operation, name) in NOT_HERE
            excused = excused or (scope == "logs" and name == LOGS_QUOTA)
            excused = excused or (operation == "Invoke" and name not in INVOKE)
            if not excused and (scope, operation, name) not in provoked:
                fail(scope, operation, f"{name} is declared, and neither provoked nor excused")


def main():
    for part in (sts, iam, cognito, functions, logs, gateways, buckets, secrets):
        part()
    covered = sorted(called)
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            covered = [tuple(row) for row in json.load(file)]
    coverage(covered)
    json.dump({"rows": rows, "failures": failures, "covered": covered}, sys.stdout, indent=1)


main()
