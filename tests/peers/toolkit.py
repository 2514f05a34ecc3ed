"""AWS's own starter toolkit makes, uses and cleans up a gateway on the local AWS. Prints what it saw."""

import asyncio
import json
import os
import time
import urllib.parse
import urllib.request

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


async def use(url, bearer):
    async with streamablehttp_client(url, headers={"Authorization": f"Bearer {bearer}"}) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            answer = await session.call_tool("weather-tool___get_weather", {"location": "Seattle"})
            return tools, answer.isError, answer.content[0].text


def main():
    client = GatewayClient(region_name=os.environ["AWS_DEFAULT_REGION"])
    cognito = client.create_oauth_authorizer_with_cognito("weather-gateway")
    gateway = client.create_mcp_gateway(name="weather-gateway", authorizer_config=cognito["authorizer_config"])
    client.fix_iam_permissions(gateway)
    target = client.create_mcp_gateway_target(gateway=gateway, name="weather-tool", target_type="lambda")
    tools, failed, text = asyncio.run(use(gateway["gatewayUrl"], token(cognito["client_info"])))
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
                "gateways": client.list_gateways()["count"],
                "pools": len(boto3.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]),
            }
        )
    )


main()
