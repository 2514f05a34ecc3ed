"""An agent of Strands with the tools of an AgentCore gateway.

    python agent.py                      serve POST /invocations and GET /ping, as AgentCore Runtime asks
    python agent.py ask PROMPT           answer one prompt
    python agent.py tools                list the tools; needs no model
    python agent.py call TOOL ARGUMENTS  call a tool with a JSON object; needs no model

The gateway and the client come from the variables AGENTCORE_GATEWAY_*, the model of Amazon Bedrock from MODEL_ID.
"""

import json
import os
import sys

from bedrock_agentcore import BedrockAgentCoreApp
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from strands import Agent
from strands.models import BedrockModel
from strands.tools.mcp import MCPClient

# How many times the model may ask for tools before it must answer.
MOST_ROUNDS = 20

app = BedrockAgentCoreApp()


def setting(name, remedy):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"the variable {name} is not set: {remedy}")
    return value


def gateway_setting(name):
    return setting(f"AGENTCORE_GATEWAY_{name}", "README.md says how to set it")


def model():
    model_id = setting("MODEL_ID", "name a model that your AWS account may use in Amazon Bedrock")
    # An invocation answers as a whole.
    return BedrockModel(model_id=model_id, streaming=False)


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


def connect():
    """A connection to the gateway. It requests its token, and a new one when the gateway refuses the old one.

    Each invocation makes its own: a connection that was lost once is lost.
    """
    url = gateway_setting("URL")
    auth = OwnScope(
        url,
        STORAGE,
        gateway_setting("CLIENT_ID"),
        gateway_setting("CLIENT_SECRET"),
    )
    return MCPClient(url=url, auth_provider=auth)


def list_tools(gateway):
    """All tools. A gateway lists 30 at a time."""
    tools, page = [], None
    while page is None or page.pagination_token:
        page = gateway.list_tools_sync(page and page.pagination_token)
        tools.extend(page)
    return tools


def ask(gateway, model, prompt):
    agent = Agent(model=model, tools=list_tools(gateway), callback_handler=None)
    return str(agent(prompt, limits={"turns": MOST_ROUNDS})).strip()


@app.entrypoint
def invoke(payload):
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError('the payload is to be {"prompt": "..."}')
    chosen = model()
    with connect() as gateway:
        return {"response": ask(gateway, chosen, prompt)}


def serve():
    model()
    port = int(os.environ.get("PORT", "8080"))
    print(f"serving at http://127.0.0.1:{port}/invocations", file=sys.stderr)
    app.run(port=port)


def ask_once(prompt):
    chosen = model()
    with connect() as gateway:
        print(ask(gateway, chosen, prompt))


def print_tools():
    with connect() as gateway:
        for tool in list_tools(gateway):
            print(tool.tool_name)


def call_once(tool, arguments):
    with connect() as gateway:
        result = gateway.call_tool_sync("call", tool, arguments)
    for part in result["content"]:
        print(part.get("text", part))
    return 0 if result["status"] == "success" else 1


def main(verb="serve", *arguments):
    match verb, arguments:
        case "serve", ():
            return serve()
        case "ask", (prompt,):
            return ask_once(prompt)
        case "tools", ():
            return print_tools()
        case "call", (tool, text):
            return call_once(tool, json.loads(text))
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
