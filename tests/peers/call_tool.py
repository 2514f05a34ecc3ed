"""Calls one tool with the MCP Python SDK 2; prints its answer's text.

usage: call_tool.py URL TOKEN-FILE TOOL JSON
"""

import asyncio
import json
import sys

import httpx2
from mcp.client import Client, streamable_http


async def main():
    url, file, tool, arguments = sys.argv[1:]
    with open(file, encoding="utf-8") as token:
        headers = {"Authorization": f"Bearer {token.read().strip()}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        async with Client(streamable_http.streamable_http_client(url, http_client=http)) as client:
            answer = await client.call_tool(tool, json.loads(arguments))
            print(answer.content[0].text)


asyncio.run(main())
