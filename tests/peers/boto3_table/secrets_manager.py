"""Secrets Manager, and the credential providers that keep theirs there."""

import json

from calls import ACCOUNT, REGION, fail, good, bad, pages


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
