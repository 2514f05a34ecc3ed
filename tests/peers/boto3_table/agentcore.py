"""Bedrock AgentCore gateways and their targets."""

import json

from calls import ACCOUNT, REGION, STRANGER, clients, fail, good, bad, pages, trust, allow, package
from lambda_functions import function_role
from agentcore_targets import models_and_servers


# Quoted by deploy scripts of several people.
NOT_ASSUMED = "Gateway service is not authorized to perform AssumeRole on Gateway role. Update trust policy and retry"


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
    engine = {"arn": f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:policy-engine/e-abcdefghij", "mode": "ENFORCE"}
    bad(c, "CreateGateway", "ValidationException", dict(other, name="x", policyEngineConfiguration=dict(engine, arn="x")), "policyEngineConfiguration.arn")
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
    runtime = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:runtime/agent-abcdefghij"
    for configuration_of, says in (
        ({"http": {"agentcoreRuntime": {"arn": runtime}}}, "HTTP target configuration is not supported for gateways with MCP protocol type"),
        ({"inference": {"connector": {"source": {"connectorId": "x"}}}}, "nference target configuration is not supported for gateways with MCP protocol type"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", dict(target, name="x", targetConfiguration=configuration_of), says)
    connector = {k: v for k, v in dict(target, name="x", targetConfiguration={"mcp": {"connector": {"source": {"connectorId": "x"}}}}).items() if k != "credentialProviderConfigurations"}
    bad(c, "CreateGatewayTarget", "ValidationException", connector, "Credential provider configurations is not defined")
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
    operation = {"get": {"operationId": "x", "summary": "s", "responses": {"200": {"description": "ok"}}}}
    document = {"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "servers": [{"url": "https://api.example.com"}], "paths": {"/x": operation}}

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
        (with_api(credential("JWT_PASSTHROUGH")), "does not support JWT_PASSTHROUGH credential provider type"),
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
        (with_api(None, info=None), "Invalid OpenAPI schema: attribute info is missing"),
        (with_api(None, paths={"/x": {"get": {"operationId": "x"}}}), "Invalid OpenAPI schema: attribute paths.'/x'(get).responses is missing"),
        (with_api(None, paths={}), "no operation becomes a tool"),
        (dict(with_api(None), targetConfiguration={"mcp": {"openApiSchema": {"inlinePayload": "{"}}}), "not JSON"),
    ):
        fails(params, says)
    code = credential("OAUTH", oauthCredentialProvider=dict(client, grantType="AUTHORIZATION_CODE"))
    for one in (None, credential("API_KEY", apiKeyCredentialProvider=key), credential("OAUTH", oauthCredentialProvider=client), code, credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "lambda"})):
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
    for changes in ({"policyEngineConfiguration": engine}, {"authorizerType": "AUTHENTICATE_ONLY"}, {"protocolType": None}):
        params = {key: value for key, value in dict(other, name="x", **changes).items() if value is not None}
        x = good(c, "CreateGateway", params, lambda a: all(a.get(name) == value for name, value in changes.items()))
        it = {"gatewayIdentifier": x.get("gatewayId", "none-0000000000")}
        good(c, "GetGateway", it, lambda a: a["status"] == "READY" and all(a.get(name) == value for name, value in changes.items()))
        good(c, "DeleteGateway", it)
        bad(c, "GetGateway", "ResourceNotFoundException", it)
    # The last of all: nothing but a sign-in or ten minutes ends its state.
    waiting = good(c, "CreateGateway", dict(other, name="waiting"))
    g = {"gatewayIdentifier": waiting["gatewayId"]}
    good(c, "GetGateway", g, lambda a: a["status"] == "READY")
    server = dict(g, name="server", targetConfiguration={"mcp": {"mcpServer": {"endpoint": "https://example.com/mcp"}}}, credentialProviderConfigurations=code)
    pending = good(c, "CreateGatewayTarget", server, lambda a: a["status"] == "CREATING")
    pending = dict(g, targetId=pending["targetId"])
    good(c, "GetGatewayTarget", pending, lambda a: a["status"] == "CREATE_PENDING_AUTH" and a["authorizationData"]["oauth2"]["authorizationUrl"].startswith("http"))
    bad(c, "DeleteGatewayTarget", "ConflictException", pending, "CREATE_PENDING_AUTH")
    bad(c, "UpdateGatewayTarget", "ValidationException", dict(server, **pending), "CREATE_PENDING_AUTH")
    functions.delete_function(FunctionName="table")
    cognito.delete_user_pool(UserPoolId=pool)
    iam.delete_role_policy(RoleName="table-gateway", PolicyName="invoke")
    for name in ("table-gateway", "table-distrusted", "table-function"):
        iam.delete_role(RoleName=name)
