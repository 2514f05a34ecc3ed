"""IAM: roles and policies."""

import json

from calls import ACCOUNT, fail, good, bad, pages, trust, allow


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
