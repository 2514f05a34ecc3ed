"""Calls one tool many times at once with the MCP Python SDK; prints each number sent and the one got.

usage: concurrent_calls.py URL TOKEN-FILE TOOL COUNT
"""

import asyncio
import json
import sys

import httpx2
from mcp.client import Client, streamable_http


async def main():
    url, file, tool, count = sys.argv[1:]
    with open(file, encoding="utf-8") as token:
        headers = {"Authorization": f"Bearer {token.read().strip()}"}
    every_one = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(headers=headers, timeout=120, limits=every_one) as http:
        async with Client(streamable_http.streamable_http_client(url, http_client=http)) as client:

            async def call(n):
                answer = await client.call_tool(tool, {"n": n})
                return [n, json.loads(answer.content[0].text)]

            print(json.dumps(await asyncio.gather(*(call(n) for n in range(int(count))))))


asyncio.run(main())
