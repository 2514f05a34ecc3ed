"""Checks configuration files of MCP clients against what their makers publish.

usage: client_configs.py CLIENT FILE

Ends with 1, and says what is wrong, if the client would not take the file so.
"""

import json
import sys

from jsonschema import Draft202012Validator

TEXTS = {"type": "array", "items": {"type": "string"}}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
ADDRESS = {"type": "string", "pattern": "^https?://.+"}


def server(required, **properties):
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def servers(*forms):
    named = {"type": "object", "additionalProperties": {"oneOf": list(forms)}}
    return server(["mcpServers"], mcpServers=named)


TEXT = {"type": "string"}
PROGRAM = {"command": TEXT, "args": TEXTS, "env": MAP}
# An input that VS Code asks for: the schema `inputs` of its configurationResolverSchema.ts.
PROMPT = server(
    ["id", "type", "description"], id=TEXT, type={"const": "promptString"}, description=TEXT, password={"type": "boolean"}
)
SCHEMAS = {
    # modelcontextprotocol.io/docs/develop/connect-local-servers; entries of another form are skipped with a message
    # (anthropics/claude-ai-mcp, issue 120).
    "claude-desktop": servers(server(["command"], **PROGRAM)),
    # cursor.com/docs/mcp, and the members that the npm package @cursor/sdk 1.0.32 reads.
    "cursor": servers(
        server(["command"], type={"const": "stdio"}, envFile=TEXT, **PROGRAM), server(["url"], url=ADDRESS, headers=MAP)
    ),
    # microsoft/vscode, src/vs/workbench/contrib/mcp/common/mcpConfiguration.ts.
    "vscode": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "inputs": {"type": "array", "items": PROMPT},
            "servers": {
                "type": "object",
                "additionalProperties": {
                    "oneOf": [
                        server(["command"], type={"const": "stdio"}, cwd=TEXT, envFile=TEXT, **PROGRAM),
                        server(["url"], type={"enum": ["http", "sse"]}, url=ADDRESS, headers=MAP),
                    ]
                },
            },
        },
        "required": ["servers"],
    },
    # kiro.dev/docs/mcp/configuration: `args` is required there.
    "kiro": servers(
        server(["command", "args"], disabled={"type": "boolean"}, autoApprove=TEXTS, disabledTools=TEXTS, **PROGRAM),
        server(["url"], url=ADDRESS, headers=MAP, env=MAP, disabled={"type": "boolean"}, disabledTools=TEXTS),
    ),
}


def main():
    client, file = sys.argv[1:]
    with open(file, encoding="utf-8") as opened:
        document = json.load(opened)
    faults = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMAS[client]).iter_errors(document)]
    if faults:
        sys.exit("\n".join(faults))


main()
