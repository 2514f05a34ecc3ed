"""AWS's own starter toolkit makes, uses and cleans up a gateway on the local AWS. Prints what it saw."""

import asyncio
import json
import os
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
from bedrock_agentcore_starter_toolkit.operations.gateway import GatewayClient
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

# Its fixed sleeps wait for a real AWS; here nothing is worth a minute.
time.sleep = lambda _: None


def token(client_info):
    """A token from the local endpoint: the toolkit's own address is Amazon's."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_info["client_id"],
        "client_secret": client_info["client_secret"],
        "scope": client_info["scope"],
    }
    url = os.environ["AWS_ENDPOINT_URL"] + "/oauth2/token"
    with urllib.request.urlopen(url, data=urllib.parse.urlencode(form).encode()) as response:
        return json.load(response)["access_token"]


class Api(BaseHTTPRequestHandler):
    """Somebody's API, which answers what it was asked."""

    def do_GET(self):
        body = json.dumps({"path": self.path, "bearer": self.headers.get("Authorization", "")[:10]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def api():
    """An OpenAPI document of such an API."""
    server = HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    query = {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}
    document = {
        "openapi": "3.0.0",
        "info": {"title": "OpenWeatherMap", "version": "1"},
        "servers": [{"url": f"http://127.0.0.1:{server.server_port}"}],
        "paths": {"/weather": {"get": {"operationId": "getWeather", "summary": "Weather", "parameters": [query], "responses": {"200": {"description": "Success"}}}}},
    }
    return {"inlinePayload": json.dumps(document)}


def add_apis(client, gateway, cognito):
    """The quick start's "Adding Real API Tools": one with an API key, one with an OAuth client."""
    key = {"api_key": "toolkit-key", "credential_location": "QUERY_PARAMETER", "credential_parameter_name": "appid"}
    info = cognito["client_info"]
    discovery = cognito["authorizer_config"]["customJWTAuthorizer"]["discoveryUrl"]
    config = {
        "customOauth2ProviderConfig": {
            "oauthDiscovery": {"discoveryUrl": discovery},
            "clientId": info["client_id"],
            "clientSecret": info["client_secret"],
        }
    }
    oauth = {"oauth2_provider_config": config, "scopes": [info["scope"]]}
    for name, credentials in (("by-key", key), ("by-token", oauth)):
        client.create_mcp_gateway_target(
            gateway=gateway, name=name, target_type="openApiSchema", target_payload=api(), credentials=credentials
        )


TABLE = {
    "TableName": "cities",
    "AttributeDefinitions": [{"AttributeName": "name", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def add_dynamodb(client, gateway):
    """Its Smithy target, which is DynamoDB unless told otherwise; it leaves the role's permission to its users."""
    client.create_mcp_gateway_target(gateway=gateway, name="dynamo", target_type="smithyModel")
    statement = {"Effect": "Allow", "Action": ["dynamodb:CreateTable", "dynamodb:ListTables"], "Resource": "*"}
    boto3.client("iam").put_role_policy(
        RoleName=gateway["roleArn"].split("/")[-1],
        PolicyName="dynamodb",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


async def use(url, bearer):
    async with streamablehttp_client(url, headers={"Authorization": f"Bearer {bearer}"}) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            answer = await session.call_tool("weather-tool___get_weather", {"location": "Seattle"})
            apis = {}
            for name in ("by-key", "by-token"):
                called = await session.call_tool(f"{name}___getWeather", {"q": "Oslo"})
                apis[name] = called.content[0].text
            await session.call_tool("dynamo___CreateTable", TABLE)
            listed = await session.call_tool("dynamo___ListTables", {})
            return tools, answer.isError, answer.content[0].text, apis, listed.content[0].text


def main():
    client = GatewayClient(region_name=os.environ["AWS_DEFAULT_REGION"])
    cognito = client.create_oauth_authorizer_with_cognito("weather-gateway")
    gateway = client.create_mcp_gateway(name="weather-gateway", authorizer_config=cognito["authorizer_config"])
    client.fix_iam_permissions(gateway)
    target = client.create_mcp_gateway_target(gateway=gateway, name="weather-tool", target_type="lambda")
    add_apis(client, gateway, cognito)
    add_dynamodb(client, gateway)
    tools, failed, text, apis, tables = asyncio.run(use(gateway["gatewayUrl"], token(cognito["client_info"])))
    listed = client.list_gateway_targets(name="weather-gateway")
    client.cleanup_gateway(gateway["gatewayId"], cognito["client_info"])
    print(
        json.dumps(
            {
                "observability": gateway["observability"]["status"],
                "log_group": gateway["observability"]["log_group"],
                "target": target["targetId"],
                "listed": [item["targetId"] for item in listed["items"]],
                "tools": tools,
                "failed": failed,
                "text": text,
                "apis": apis,
                "tables": tables,
                "gateways": client.list_gateways()["count"],
                "pools": len(boto3.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]),
            }
        )
    )


if __name__ == "__main__":
    main()
