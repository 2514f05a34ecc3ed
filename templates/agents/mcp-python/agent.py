"""An agent with the tools of an AgentCore gateway, on the MCP Python SDK and Amazon Bedrock's Converse.

    python agent.py                      serve POST /invocations and GET /ping, as AgentCore Runtime asks
    python agent.py ask PROMPT           answer one prompt
    python agent.py tools                list the tools; needs no model
    python agent.py call TOOL ARGUMENTS  call a tool with a JSON object; needs no model

The gateway and the client come from the variables AGENTCORE_GATEWAY_*, the model of Amazon Bedrock from MODEL_ID.
"""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import boto3
import httpx2
from bedrock_agentcore import BedrockAgentCoreApp
from botocore.config import Config
from mcp.client import Client
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

# How many times the model may ask for tools before it must answer.
MOST_ROUNDS = 20
# How long a tool or the model may take, in seconds.
TIMEOUT = 300

app = BedrockAgentCoreApp()


def setting(name, remedy):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"the variable {name} is not set: {remedy}")
    return value


def gateway_setting(name):
    return setting(f"AGENTCORE_GATEWAY_{name}", "README.md says how to set it")


def model_id():
    return setting("MODEL_ID", "name a model that your AWS account may use in Amazon Bedrock")


class InMemory(TokenStorage):
    """Keeps the token from one connection to the next."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


STORAGE = InMemory()


class OwnScope(ClientCredentialsOAuthProvider):
    """Requests the client's own scope. By itself the SDK requests what the OpenID document of the user pool names: the
    scopes of people who sign in, which a program may not have.
    """

    async def _perform_authorization(self):
        self.context.client_metadata.scope = gateway_setting("SCOPE")
        return await super()._perform_authorization()


@asynccontextmanager
async def connect():
    """A connection to the gateway. It requests its token, and a new one when the gateway refuses the old one."""
    url = gateway_setting("URL")
    auth = OwnScope(
        url,
        STORAGE,
        gateway_setting("CLIENT_ID"),
        gateway_setting("CLIENT_SECRET"),
        issuer=gateway_setting("ISSUER"),
    )
    try:
        async with httpx2.AsyncClient(auth=auth, timeout=TIMEOUT) as http:
            async with Client(streamable_http_client(url, http_client=http)) as gateway:
                yield gateway
    except BaseExceptionGroup as group:
        raise cause(group) from None


def cause(error):
    """What went wrong in one of the SDK's tasks, which wrap it once for each level."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def list_tools(gateway):
    """All tools. A gateway lists 30 at a time."""
    tools, page = [], None
    while page is None or page.next_cursor:
        page = await gateway.list_tools(cursor=page and page.next_cursor)
        tools.extend(page.tools)
    return tools


async def call_tool(gateway, name, arguments):
    """A tool's result as text, and whether it succeeded."""
    try:
        result = await gateway.call_tool(name, arguments)
    except MCPError as error:
        return str(error), False
    parts = [part.text if part.type == "text" else part.model_dump_json() for part in result.content]
    return "\n".join(parts), not result.is_error


async def answer_of(gateway, use):
    """The result of the tool that the model asks for, as Converse takes it."""
    text, succeeded = await call_tool(gateway, use["name"], use["input"])
    status = "success" if succeeded else "error"
    return {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": text}], "status": status}}


async def ask(gateway, model, prompt):
    # boto3 itself reads AWS_DEFAULT_REGION and the profile.
    config = Config(read_timeout=TIMEOUT, retries={"total_max_attempts": 2})
    bedrock = boto3.client("bedrock-runtime", region_name=os.environ.get("AWS_REGION"), config=config)
    request = {"modelId": model, "messages": [{"role": "user", "content": [{"text": prompt}]}]}
    tools = await list_tools(gateway)
    if tools:
        specs = [
            {"name": tool.name, "description": tool.description or tool.name, "inputSchema": {"json": tool.input_schema}}
            for tool in tools
        ]
        request["toolConfig"] = {"tools": [{"toolSpec": spec} for spec in specs]}
    for _ in range(MOST_ROUNDS):
        response = await asyncio.to_thread(bedrock.converse, **request)
        message = response["output"]["message"]
        uses = [part["toolUse"] for part in message["content"] if "toolUse" in part]
        if not uses:
            return "\n".join(part["text"] for part in message["content"] if "text" in part).strip()
        results = await asyncio.gather(*(answer_of(gateway, use) for use in uses))
        request["messages"] += [message, {"role": "user", "content": results}]
    raise RuntimeError(f"the model still asks for tools after {MOST_ROUNDS} rounds")


@app.entrypoint
async def invoke(payload):
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError('the payload is to be {"prompt": "..."}')
    async with connect() as gateway:
        return {"response": await ask(gateway, model_id(), prompt)}


async def ask_once(prompt):
    model = model_id()
    async with connect() as gateway:
        print(await ask(gateway, model, prompt))


async def print_tools():
    async with connect() as gateway:
        for tool in await list_tools(gateway):
            print(tool.name)


async def call_once(tool, arguments):
    async with connect() as gateway:
        text, succeeded = await call_tool(gateway, tool, arguments)
        print(text)
        return 0 if succeeded else 1


def main(verb="serve", *arguments):
    match verb, arguments:
        case "serve", ():
            model_id()
            port = int(os.environ.get("PORT", "8080"))
            print(f"serving at http://127.0.0.1:{port}/invocations", file=sys.stderr)
            app.run(port=port)
        case "ask", (prompt,):
            return asyncio.run(ask_once(prompt))
        case "tools", ():
            return asyncio.run(print_tools())
        case "call", (tool, text):
            return asyncio.run(call_once(tool, json.loads(text)))
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
