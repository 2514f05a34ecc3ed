"""Cognito user pools."""

import boto3

from calls import CONFIG, REGION, clients, fail, good, bad, pages


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
    first = good(c, "ListUserPoolClientSecrets", one, lambda a: len(a["ClientSecrets"]) == 1 and "ClientSecretValue" not in a["ClientSecrets"][0])["ClientSecrets"][0]
    added = good(c, "AddUserPoolClientSecret", one, lambda a: len(a["ClientSecretDescriptor"]["ClientSecretValue"]) > 40)["ClientSecretDescriptor"]
    good(c, "ListUserPoolClientSecrets", one, lambda a: [x["ClientSecretId"] for x in a["ClientSecrets"]] == [first["ClientSecretId"], added["ClientSecretId"]])
    bad(c, "AddUserPoolClientSecret", "LimitExceededException", dict(one, ClientSecret="s" * 24))
    good(c, "DeleteUserPoolClientSecret", dict(one, ClientSecretId=first["ClientSecretId"]))
    good(c, "DescribeUserPoolClient", one, lambda a: "ClientSecret" not in a["UserPoolClient"])
    own = good(c, "AddUserPoolClientSecret", dict(one, ClientSecret="s" * 24), lambda a: "ClientSecretValue" not in a["ClientSecretDescriptor"])["ClientSecretDescriptor"]
    good(c, "DeleteUserPoolClientSecret", dict(one, ClientSecretId=own["ClientSecretId"]))
    bad(c, "DeleteUserPoolClientSecret", "ResourceNotFoundException", dict(one, ClientSecretId=own["ClientSecretId"]))
    bad(c, "DeleteUserPoolClientSecret", "InvalidParameterException", dict(one, ClientSecretId=added["ClientSecretId"]), "last secret")
    for operation, members in (("AddUserPoolClientSecret", {}), ("ListUserPoolClientSecrets", {}), ("DeleteUserPoolClientSecret", {"ClientSecretId": "x--1"})):
        bad(c, operation, "ResourceNotFoundException", dict(one, ClientId="none", **members))
        bad(c, operation, "InvalidParameterException", dict(one, ClientId="a-b", **members))
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
