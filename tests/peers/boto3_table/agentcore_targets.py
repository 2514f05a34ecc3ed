"""Targets of Bedrock AgentCore gateways that are documents, models or servers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from calls import ACCOUNT, REGION, fail, good, bad, until


class McpServer(BaseHTTPRequestHandler):
    """An MCP server with one tool, which can be kept waiting."""

    open = threading.Event()

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.open.wait()
        results = {
            "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}},
            "tools/list": {"tools": [{"name": "a", "description": "d", "inputSchema": {"type": "object"}}]},
        }
        body = b"" if "id" not in message else json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}).encode()
        self.send_response(200 if body else 202)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def models_and_servers(c, g, credential, fails):
    """Targets that are Smithy models, MCP servers and stages of API Gateway."""
    vault = f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:token-vault/default"
    key, client = {"providerArn": f"{vault}/apikeycredentialprovider/k"}, {"providerArn": f"{vault}/oauth2credentialprovider/k", "scopes": []}
    role = credential("GATEWAY_IAM_ROLE")

    def with_configuration(kind, configuration, credentials, name="m"):
        params = dict(g, name=name, targetConfiguration={"mcp": {kind: configuration}})
        return dict(params, credentialProviderConfigurations=credentials) if credentials else params

    def made_and_deleted(params, listed):
        made = good(c, "CreateGatewayTarget", params, lambda a: a["status"] == "CREATING" and a["targetConfiguration"] == params["targetConfiguration"])
        if not made:
            return
        of = dict(g, targetId=made["targetId"])
        until(c, "GetGatewayTarget", of, "READY")
        good(c, "ListGatewayTargets", g, lambda a: [i["targetType"] for i in a["items"] if i["name"] == "m"] == [listed])
        good(c, "UpdateGatewayTarget", dict(params, **of), lambda a: a["status"] == "UPDATING")
        until(c, "GetGatewayTarget", of, "READY")
        good(c, "DeleteGatewayTarget", of)
        good(c, "ListGatewayTargets", g)

    traits = {
        "aws.auth#sigv4": {"name": "s"},
        "aws.protocols#restJson1": {},
        "smithy.rules#endpointRuleSet": {"version": "1.0", "parameters": {}, "rules": []},
    }
    http = {"smithy.api#http": {"method": "GET", "uri": "/"}}

    def smithy(credentials, service_traits=traits, **members):
        service = {"type": "service", "version": "1", "operations": [{"target": "a#Op"}], "traits": service_traits}
        shapes = {"a#Service": service, "a#Op": {"type": "operation", "traits": http}}
        model = dict({"smithy": "2.0", "shapes": shapes}, **members)
        return with_configuration("smithyModel", {"inlinePayload": json.dumps(model)}, credentials)

    for params, says in (
        (smithy(role, smithy="1.0"), "Smithy version"),
        (smithy(role, shapes={}), "there is no service"),
        (with_configuration("smithyModel", {"inlinePayload": "{"}, role), "not JSON"),
    ):
        fails(params, says)
    for params, says in (
        (with_configuration("smithyModel", {"s3": {"uri": "s3://none/x"}}, role), "s3:GetObject"),
        (with_configuration("smithyModel", {}, role), "targetConfiguration.mcp.smithyModel"),
        (smithy(None), "CredentialProviderConfigurations is required for smithyModel targets"),
        (smithy(credential("API_KEY", apiKeyCredentialProvider=key)), "does not take this API_KEY"),
        (smithy(credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "lambda"})), "does not take this GATEWAY_IAM_ROLE"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", params, says)
    made_and_deleted(smithy(role), "SMITHY_MODEL")
    made_and_deleted(smithy(credential("OAUTH", oauthCredentialProvider=client)), "SMITHY_MODEL")
    sample = "s3://amazonbedrockagentcore-built-sampleschemas455e0815-omxvr7ybq9g8/dynamodb-smithy.json"
    made_and_deleted(with_configuration("smithyModel", {"s3": {"uri": sample}}, role), "SMITHY_MODEL")

    rest = {"restApiId": "abc", "stage": "prod", "apiGatewayToolConfiguration": {"toolFilters": [{"filterPath": "/pets", "methods": ["GET"]}]}}
    overrides = {"toolOverrides": [{"name": "pets", "description": "d", "path": "/pets", "method": "GET"}]}
    full = dict(rest, apiGatewayToolConfiguration=dict(rest["apiGatewayToolConfiguration"], **overrides))
    for configuration, says in (
        ({"restApiId": "abc"}, "targetConfiguration.mcp.apiGateway.stage"),
        (dict(rest, apiGatewayToolConfiguration={"toolFilters": [{"methods": ["GET"]}]}), "filterPath"),
        (dict(rest, apiGatewayToolConfiguration={"toolFilters": [{"filterPath": "/", "methods": ["FETCH"]}]}), "FETCH"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("apiGateway", configuration, role), says)
    bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("apiGateway", rest, credential("OAUTH", oauthCredentialProvider=client)), "does not take this OAUTH")
    for credentials in (None, role, credential("API_KEY", apiKeyCredentialProvider=key)):
        made_and_deleted(with_configuration("apiGateway", full, credentials), "API_GATEWAY")

    no_filters = dict(rest, apiGatewayToolConfiguration={"toolFilters": []})
    made_and_deleted(with_configuration("apiGateway", no_filters, role), "API_GATEWAY")

    server = ThreadingHTTPServer(("127.0.0.1", 0), McpServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = {"endpoint": f"http://127.0.0.1:{server.server_port}/mcp"}
    McpServer.open.set()
    for configuration, says in (
        ({"endpoint": "http://example.com/mcp"}, "targetConfiguration.mcp.mcpServer.endpoint"),
        ({}, "targetConfiguration.mcp.mcpServer.endpoint"),
        (dict(endpoint, listingMode="WORDS"), "listingMode"),
        (dict(endpoint, resourcePriority=1001), "resourcePriority"),
    ):
        bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("mcpServer", configuration, None), says)
    static = dict(endpoint, mcpToolSchema={"inlinePayload": json.dumps({"tools": [{"name": "a", "description": "d", "inputSchema": {"type": "object"}}]})})
    made_and_deleted(with_configuration("mcpServer", static, None), "MCP_SERVER")
    bad(c, "CreateGatewayTarget", "ValidationException", with_configuration("mcpServer", endpoint, role), "IamCredentialProvider is required")
    signed = credential("GATEWAY_IAM_ROLE", iamCredentialProvider={"service": "bedrock-agentcore"})
    for configuration, credentials in ((endpoint, None), (endpoint, signed), (dict(endpoint, listingMode="DYNAMIC", resourcePriority=3), None)):
        made_and_deleted(with_configuration("mcpServer", configuration, credentials), "MCP_SERVER")

    lost = good(c, "CreateGatewayTarget", with_configuration("mcpServer", {"endpoint": "http://127.0.0.1:1/mcp"}, None))
    lost = until(c, "GetGatewayTarget", dict(g, targetId=lost["targetId"]), "FAILED")
    why = "Failed to connect and fetch tools from the provided MCP target server. Error - Unable to connect to the MCP server"
    if len(lost["statusReasons"]) != 1 or not lost["statusReasons"][0].startswith(why):
        fail(c, "GetGatewayTarget", f"another reason: {lost}")
    good(c, "SynchronizeGatewayTargets", dict(g, targetIdList=[lost["targetId"]]), lambda a: [t["status"] for t in a["targets"]] == ["SYNCHRONIZING"])
    until(c, "GetGatewayTarget", dict(g, targetId=lost["targetId"]), "SYNCHRONIZE_UNSUCCESSFUL")
    good(c, "DeleteGatewayTarget", dict(g, targetId=lost["targetId"]))
    good(c, "ListGatewayTargets", g)

    params = with_configuration("mcpServer", dict(endpoint, resourcePriority=7), None)
    made = dict(g, targetId=good(c, "CreateGatewayTarget", params)["targetId"])
    listed = until(c, "GetGatewayTarget", made, "READY")["lastSynchronizedAt"]
    sync = dict(g, targetIdList=[made["targetId"]])
    McpServer.open.clear()
    good(c, "SynchronizeGatewayTargets", sync, lambda a: [t["status"] for t in a["targets"]] == ["SYNCHRONIZING"])
    bad(c, "SynchronizeGatewayTargets", "ConflictException", sync, "SYNCHRONIZING status")
    bad(c, "SynchronizeGatewayTargets", "ValidationException", dict(g, targetIdList=[made["targetId"]] * 2))
    bad(c, "UpdateGatewayTarget", "ValidationException", dict(params, **made), "SYNCHRONIZING status")
    bad(c, "DeleteGatewayTarget", "ConflictException", made, "SYNCHRONIZING status")
    McpServer.open.set()
    again = until(c, "GetGatewayTarget", made, "READY")
    if not again["lastSynchronizedAt"] > listed:
        fail(c, "SynchronizeGatewayTargets", f"lastSynchronizedAt does not move: {listed}, {again}")
    good(c, "ListGatewayTargets", g, lambda a: [(i["resourcePriority"], i["lastSynchronizedAt"]) for i in a["items"] if i["name"] == "m"] == [(7, again["lastSynchronizedAt"])])
    McpServer.open.clear()
    waiting = [good(c, "CreateGatewayTarget", dict(params, name=f"w{n}"))["targetId"] for n in range(5)]
    bad(c, "SynchronizeGatewayTargets", "ServiceQuotaExceededException", sync, "at most 5 target operations")
    McpServer.open.set()
    for target_id in waiting + [made["targetId"]]:
        until(c, "GetGatewayTarget", dict(g, targetId=target_id), "READY")
        good(c, "DeleteGatewayTarget", dict(g, targetId=target_id))
        good(c, "ListGatewayTargets", g)
    dynamic = good(c, "CreateGatewayTarget", with_configuration("mcpServer", dict(endpoint, listingMode="DYNAMIC"), None))
    until(c, "GetGatewayTarget", dict(g, targetId=dynamic["targetId"]), "READY")
    bad(c, "SynchronizeGatewayTargets", "ValidationException", dict(g, targetIdList=[dynamic["targetId"]]), "DYNAMIC")
    good(c, "DeleteGatewayTarget", dict(g, targetId=dynamic["targetId"]))
    good(c, "ListGatewayTargets", g)
    server.shutdown()
