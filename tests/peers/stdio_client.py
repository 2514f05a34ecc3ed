"""Drives a stdio server with the MCP Python SDK, over and over; prints what each round got, as JSON.

usage: stdio_client.py PROGRAM ARGUMENT...

For each line of standard input a round is made in the same session: ping, tools/list and a call of the sample's
weather tool with the line as its location.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def round_of(session, location):
    await session.send_ping()
    tools = sorted(tool.name for tool in (await session.list_tools()).tools)
    answer = await session.call_tool("weather-tool___get_weather", {"location": location})
    return {"tools": tools, "text": answer.content[0].text}


async def main():
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        hello = await session.initialize()
        version = getattr(hello, "protocolVersion", None) or hello.protocol_version
        print(json.dumps({"version": version}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await round_of(session, line.strip())), flush=True)


asyncio.run(main())
