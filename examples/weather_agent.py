"""An agent's way to a gateway's tools, without its model: token, session, tools, two calls.

    pip install mcp requests
    agentcore-gw --local create weather-gateway --sample
    eval "$(agentcore-gw --local credentials weather-gateway -o env)"
    python examples/weather_agent.py

Works with the MCP SDK's major versions 1 and 2, which name and configure the transport differently.
"""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from importlib.metadata import version

import requests
from mcp import ClientSession
from mcp.client import streamable_http


def get_access_token():
    response = requests.post(
        os.environ["AGENTCORE_GATEWAY_TOKEN_ENDPOINT"],
        data={
            "grant_type": "client_credentials",
            "client_id": os.environ["AGENTCORE_GATEWAY_CLIENT_ID"],
            "client_secret": os.environ["AGENTCORE_GATEWAY_CLIENT_SECRET"],
            "scope": os.environ["AGENTCORE_GATEWAY_SCOPE"],
        },
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=30,
    )
    return response.json()["access_token"]


@asynccontextmanager
async def transport(url, headers):
    if hasattr(streamable_http, "streamablehttp_client"):
        async with streamable_http.streamablehttp_client(url, headers=headers) as streams:
            yield streams[0], streams[1]
    else:
        import httpx2

        async with httpx2.AsyncClient(headers=headers, timeout=30) as client:
            async with streamable_http.streamable_http_client(url, http_client=client) as streams:
                yield streams[0], streams[1]


def text(result):
    return json.loads(result.content[0].text)


async def main():
    headers = {"Authorization": f"Bearer {get_access_token()}"}
    async with transport(os.environ["AGENTCORE_GATEWAY_URL"], headers) as (read, write):
        async with ClientSession(read, write) as session:
            hello = await session.initialize()
            tools = await session.list_tools()
            weather = await session.call_tool("weather-tool___get_weather", {"location": "Seattle"})
            time = await session.call_tool("weather-tool___get_time", {"timezone": "Asia/Tokyo"})
            await session.send_ping()
    protocol = getattr(hello, "protocolVersion", None) or hello.protocol_version
    print(json.dumps({
        "sdk": version("mcp"),
        "protocol": protocol,
        "tools": [tool.name for tool in tools.tools],
        "weather": text(weather),
        "time": text(time),
    }))


asyncio.run(main())
