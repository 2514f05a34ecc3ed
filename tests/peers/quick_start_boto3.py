"""The boto3 section of AWS's gateway quick start, its placeholders filled: every call that it shows,
with the members and the region that it shows them with. Prints what each call answered.
"""

import io
import json
import time
import zipfile

import boto3
from botocore.exceptions import ParamValidationError

REGION = "us-east-1"


def placeholders():
    """What the quick start takes as given: a role, a user pool with a client, a function, a schema in S3."""
    iam = boto3.client("iam", region_name=REGION)
    cognito = boto3.client("cognito-idp", region_name=REGION)
    functions = boto3.client("lambda", region_name=REGION)
    s3 = boto3.client("s3", region_name=REGION)

    def role(name, service):
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [statement]}
        return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]

    admin = role("Admin", "bedrock-agentcore.amazonaws.com")
    iam.attach_role_policy(RoleName="Admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    pool = cognito.create_user_pool(PoolName="quick-start")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="quick-start")["UserPoolClient"]["ClientId"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return event\n")
    function = functions.create_function(
        FunctionName="TestLambda",
        Runtime="python3.13",
        Role=role("TestLambdaRole", "lambda.amazonaws.com"),
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": package.getvalue()},
    )["FunctionArn"]
    tools = [{"name": "echo", "description": "Say it again", "inputSchema": {"type": "object"}}]
    s3.create_bucket(Bucket="quick-start")
    s3.put_object(Bucket="quick-start", Key="tools.json", Body=json.dumps(tools))
    discovery = f"https://cognito-idp.{REGION}.amazonaws.com/{pool}/.well-known/openid-configuration"
    return admin, discovery, client, function, "s3://quick-start/tools.json"


ROLE_ARN, DISCOVERY_URL, CLIENT_ID, LAMBDA_ARN, S3_URI = placeholders()
said = {}

# Setup
boto_client = boto3.client("bedrock-agentcore-control", region_name=REGION)

# Creating and updating gateways
authorizer = {"customJWTAuthorizer": {"discoveryUrl": DISCOVERY_URL, "allowedClients": [CLIENT_ID]}}
example_create_gw_request = {
    "name": "TestGateway",
    "roleArn": ROLE_ARN,
    "protocolType": "MCP",
    "authorizerType": "CUSTOM_JWT",
    "authorizerConfiguration": authorizer,
}
gateway = boto_client.create_gateway(**example_create_gw_request)
said["create"] = gateway["status"]
gateway_id = gateway["gatewayId"]

# Listing and getting
gateways = boto_client.list_gateways()
said["listed"] = [item["name"] for item in gateways["items"]]
gateway_details = boto_client.get_gateway(gatewayIdentifier=gateway_id)
said["get"] = gateway_details["status"]

example_update_gw_request = {
    "gatewayIdentifier": gateway_id,
    "name": "TestGateway",
    "roleArn": ROLE_ARN,
    "protocolType": "MCP",
    "authorizerType": "CUSTOM_JWT",
    "authorizerConfiguration": authorizer,
}
gateway = boto_client.update_gateway(**example_update_gw_request)
said["update"] = gateway["status"]
said["updated"] = boto_client.get_gateway(gatewayIdentifier=gateway_id)["status"]

# The whole schema of a request, every optional member in it
create_gw_request = {
    **example_create_gw_request,
    "name": "WholeGateway",
    "description": "All that the quick start shows",
    "clientToken": "0123456789-0123456789-0123456789-0123",
    "protocolConfiguration": {
        "mcp": {"supportedVersions": ["2025-06-18"], "instructions": "Use the tools", "searchType": "SEMANTIC"}
    },
    "kmsKeyArn": f"arn:aws:kms:{REGION}:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    "exceptionLevel": "DEBUG",
}
whole = boto_client.create_gateway(**create_gw_request)
details = boto_client.get_gateway(gatewayIdentifier=whole["gatewayId"])
said["whole"] = {key: details[key] == value for key, value in create_gw_request.items() if key != "clientToken"}
boto_client.delete_gateway(gatewayIdentifier=whole["gatewayId"])

# Creating, listing, getting and updating targets
example_create_target_request = {
    "gatewayIdentifier": gateway_id,
    "name": "TestLambdaTarget",
    "targetConfiguration": {"mcp": {"lambda": {"lambdaArn": LAMBDA_ARN, "toolSchema": {"s3": {"uri": S3_URI}}}}},
    "credentialProvider": [{"credentialProviderType": "GATEWAY_IAM_ROLE"}],
}
try:
    boto_client.create_gateway_target(**example_create_target_request)
except ParamValidationError as error:
    # As it stands the example names a member that no version of the API has; boto3 does not even send it.
    said["misnamed"] = 'Unknown parameter in input: "credentialProvider"' in str(error)


def renamed(request):
    return {"credentialProviderConfigurations" if key == "credentialProvider" else key: value for key, value in request.items()}


target = boto_client.create_gateway_target(**renamed(example_create_target_request))
said["create target"] = target["status"]
gateway_targets = boto_client.list_gateway_targets(gatewayIdentifier=gateway_id)
said["listed targets"] = [item["name"] for item in gateway_targets["items"]]
target_details = boto_client.get_gateway_target(gatewayIdentifier=gateway_id, targetId=target["targetId"])
said["get target"] = target_details["status"]
example_update_target_request = dict(example_create_target_request, targetId=target["targetId"])
target = boto_client.update_gateway_target(**renamed(example_update_target_request))
said["update target"] = target["status"]
boto_client.get_gateway_target(gatewayIdentifier=gateway_id, targetId=target["targetId"])

# Deleting: a target takes a moment to go, and its gateway waits for it
delete_target_response = boto_client.delete_gateway_target(gatewayIdentifier=gateway_id, targetId=target["targetId"])
said["delete target"] = delete_target_response["status"]
deadline = time.monotonic() + 30
while boto_client.list_gateway_targets(gatewayIdentifier=gateway_id)["items"] and time.monotonic() < deadline:
    pass
delete_gateway_response = boto_client.delete_gateway(gatewayIdentifier=gateway_id)
said["delete"] = delete_gateway_response["status"]
said["left"] = len(boto_client.list_gateways()["items"])
print(json.dumps(said))
