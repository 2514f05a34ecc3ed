"""Connects with the MCP Python SDK 2's client in each of its modes; prints what it agreed on and saw.

usage: mcp_modes.py URL TOKEN-FILE MODE…
"""

import asyncio
import json
import sys

import httpx2
from mcp.client import Client, streamable_http


async def connect(url, token, mode):
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        async with Client(streamable_http.streamable_http_client(url, http_client=http), mode=mode) as client:
            tools = (await client.list_tools()).tools
            answer = await client.call_tool("weather-tool___get_weather", {"location": "Seattle"})
            return {
                "mode": mode,
                "protocol": client.protocol_version,
                "tools": [tool.name for tool in tools],
                "location": json.loads(answer.content[0].text)["location"],
            }


async def main():
    url, file, modes = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(file, encoding="utf-8") as token:
        token = token.read().strip()
    print(json.dumps([await connect(url, token, mode) for mode in modes]))


asyncio.run(main())
