"""Gives agents of three frameworks a gateway's tools through `agentcore-gw connect`, which renews the token.

    pip install langchain-mcp-adapters openai-agents 'pydantic-ai-slim[mcp]'
    agentcore-gw --local create weather-gateway --sample
    python examples/frameworks.py agentcore-gw --local connect weather-gateway

Prints the names of the tools that each framework has then.
"""

import asyncio
import sys


async def langgraph(command, args):
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    client = MultiServerMCPClient({"gateway": {"transport": "stdio", "command": command, "args": args}})
    async with client.session("gateway") as session:
        tools = await load_mcp_tools(session)
        return [tool.name for tool in tools]


async def openai_agents(command, args):
    from agents import Agent
    from agents.mcp import MCPServerStdio

    async with MCPServerStdio(params={"command": command, "args": args}, client_session_timeout_seconds=60) as gateway:
        agent = Agent(name="weather", mcp_servers=[gateway])
        return [tool.name for server in agent.mcp_servers for tool in await server.list_tools()]


async def pydantic_ai(command, args):
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset

    gateway = MCPToolset(StdioTransport(command, args))
    agent = Agent(toolsets=[gateway])
    async with agent:
        return [tool.name for tool in await gateway.list_tools()]


async def main(command, *args):
    for framework in (langgraph, openai_agents, pydantic_ai):
        print(framework.__name__, *await framework(command, list(args)))


asyncio.run(main(*sys.argv[1:]))
