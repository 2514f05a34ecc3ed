"""Calls a gateway's tool with the MCP SDK's own OAuth provider, which renews the token by itself.

    pip install mcp
    agentcore-gw --local create weather-gateway --sample
    eval "$(agentcore-gw --local credentials weather-gateway -o env)"
    python examples/oauth_client.py weather-tool___get_weather '{"location": "Seattle"}'

For each further line of standard input, the tool is called again with it as its arguments.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp.client import Client
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client

OF = {name: os.environ[f"AGENTCORE_GATEWAY_{name}"] for name in ("URL", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "ISSUER")}


class InMemory(TokenStorage):
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class OwnScope(ClientCredentialsOAuthProvider):
    """Requests the client's own scope. By itself the SDK requests what the OpenID document of the user pool names: the
    scopes of people who sign in, which a program may not have.
    """

    async def _perform_authorization(self):
        self.context.client_metadata.scope = OF["SCOPE"]
        return await super()._perform_authorization()


async def main(tool, arguments):
    auth = OwnScope(OF["URL"], InMemory(), OF["CLIENT_ID"], OF["CLIENT_SECRET"], issuer=OF["ISSUER"])
    async with httpx2.AsyncClient(auth=auth, timeout=30) as http:
        async with Client(streamable_http_client(OF["URL"], http_client=http)) as client:
            while arguments:
                answer = await client.call_tool(tool, json.loads(arguments))
                print(answer.content[0].text, flush=True)
                arguments = (await asyncio.to_thread(sys.stdin.readline)).strip()


asyncio.run(main(*sys.argv[1:]))
