"""Compares the requests that a gateway's Smithy targets come to with those of botocore, for every operation.

usage: smithy_requests.py PORT GATEWAY-URL TARGET=SERVICE...

The gateway checks nobody, and its local AWS calls the services at PORT of this machine, where this script listens.
For each tool of each target, arguments are made from botocore's own model of the service, all members of them once,
and the two requests are compared: method, path, query, headers and body. Prints a JSON object: how many operations
were compared, those that cannot be, each with the reason, and what differs.
"""

import base64
import datetime
import json
import random
import sys
import threading
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from botocore.config import Config

CONFIG = Config(
    retries={"total_max_attempts": 1},
    parameter_validation=False,
    request_checksum_calculation="when_required",
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
)
# Headers of the connection, of signatures, and of checksums, which botocore counts by itself.
NOT_COMPARED = ("host", "authorization", "user-agent", "content-length", "content-md5", "accept", "connection", "expect")
NOT_COMPARED_BEGIN = ("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-checksum", "x-amz-sdk", "x-amz-user-agent", "amz-sdk", "accept-", "transfer-", "x-amzn-query-mode", "x-amz-api-version")
# Members that botocore changes, or adds others to.
LEFT_OUT = ("Checksum", "SSECustomer", "ContentLength", "ContentMD5", "CopySourceSSE", "MD5")
# Parameters that one of the two adds by itself.
ADDED = ("x-id", "encoding-type")
recorded = []


class Echo(BaseHTTPRequestHandler):
    """Writes down what it is asked, and answers nothing."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        recorded.append((self.command, self.path, dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = answer

    def log_message(self, *_):
        pass


def value_of(shape, schema, depth, name):
    """A value for botocore and the same for a tool; None where there is none."""
    if depth > 9:
        return None
    kind = shape.type_name
    if kind == "structure":
        properties = schema.get("properties")
        if properties is None:
            return None
        members = [(key, member) for key, member in shape.members.items() if key in properties and not key.startswith(LEFT_OUT)]
        if schema.get("maxProperties") == 1 or getattr(shape, "is_tagged_union", False):
            members = members[:1] if depth else members
        made = {key: value_of(member, properties[key], depth + 1, key) for key, member in members}
        made = {key: pair for key, pair in made.items() if pair is not None}
        return {key: pair[0] for key, pair in made.items()}, {key: pair[1] for key, pair in made.items()}
    if kind == "list":
        items = [value_of(shape.member, schema.get("items", {}), depth + 1, name) for _ in range(2)]
        items = [item for item in items if item is not None]
        return ([item[0] for item in items], [item[1] for item in items]) if items else None
    if kind == "map":
        one = value_of(shape.value, schema.get("additionalProperties", {}), depth + 1, name)
        key = (schema.get("propertyNames", {}).get("enum") or shape.key.enum or ["key-1"])[0]
        return ({key: one[0]}, {key: one[1]}) if one else None
    if kind == "blob":
        data = bytes([0, 255, 10, random.randrange(256)])
        return data, base64.b64encode(data).decode()
    if kind == "timestamp":
        at = datetime.datetime(2026, 11, random.randrange(1, 28), 10, 0, 1, tzinfo=datetime.timezone.utc)
        return at, at.isoformat().replace("+00:00", "Z")
    if kind == "boolean":
        return True, True
    if kind in ("integer", "long"):
        number = random.randrange(1, 100)
        return number, str(number) if schema.get("type") == "string" else number
    if kind in ("float", "double"):
        return 2.5, 2.5
    if "enum" in schema:
        return schema["enum"][0], schema["enum"][0]
    if name == "Bucket":
        return "bucket", "bucket"
    if name == "QueueUrl":
        return f"{ENDPOINT}/1/q", f"{ENDPOINT}/1/q"
    text = random.choice(["a b", "ü/&=?", "plain", "<x>\"'%41"]) if name in FREE else f"t{random.randrange(100)}"
    return text, text


# Texts that may be anything.
FREE = ("Key", "Prefix", "MessageBody", "Description", "Comment", "Marker", "Delimiter", "Value", "SecretString", "S", "Policy")


def headers_of(headers):
    kept = {}
    for name, value in headers.items():
        name = name.lower()
        if name not in NOT_COMPARED and not name.startswith(NOT_COMPARED_BEGIN):
            # Items of a list may have a space between them.
            kept[name] = value.replace(", ", ",")
    return kept


def tree(element):
    children = sorted((tree(child) for child in element), key=repr)
    return element.tag, sorted(element.attrib.items()), (element.text or "").strip(), children


def body_of(body, kind):
    if not body:
        return None
    if "json" in kind:
        return json.loads(body)
    if "urlencoded" in kind:
        return sorted(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    if body.lstrip().startswith(b"<"):
        return tree(ElementTree.fromstring(body))
    return body


def normal(request):
    """A request without what need not be the same."""
    method, path, headers, body = request
    path, _, query = path.partition("?")
    pairs = [pair.split("=") + [""] * (1 - pair.count("=")) for pair in query.split("&") if pair]
    pairs = sorted(tuple(urllib.parse.unquote(part) for part in pair) for pair in pairs if pair[0] not in ADDED)
    headers = headers_of(headers)
    kind = headers.pop("content-type", "").lower()
    payload = body_of(body, kind)
    # Without a body its type says nothing; an empty object is none; XML, bytes and texts need none.
    if payload in (None, {}) or "xml" in kind or kind in ("application/octet-stream", "text/plain"):
        kind = ""
    payload = None if payload == {} else payload
    return {"method": method, "path": path, "query": pairs, "headers": headers, "type": kind.split(";")[0], "body": payload}


def ask(url, method, params):
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def tools(url):
    listed, params = [], {}
    while True:
        page = ask(url, "tools/list", params)["result"]
        listed += page["tools"]
        if "nextCursor" not in page:
            return listed
        params = {"cursor": page["nextCursor"]}


def taken():
    """The one request that was made since the last time; None if there was none."""
    made = recorded[:]
    recorded.clear()
    return made[-1] if made else None


def main(url, targets):
    listed = tools(url)
    compared, skipped, differences = 0, {}, []
    for target, service in (pair.split("=") for pair in targets):
        client = boto3.client(service, endpoint_url=ENDPOINT, region_name="us-west-2", aws_access_key_id="k", aws_secret_access_key="s", config=CONFIG)
        methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
        for tool in (tool for tool in listed if tool["name"].startswith(f"{target}___")):
            operation = tool["name"].split("___")[1]
            if operation not in methods:
                skipped[tool["name"]] = "botocore does not have it"
                continue
            shape = client.meta.service_model.operation_model(operation).input_shape
            pair = ({}, {}) if shape is None else value_of(shape, tool["inputSchema"], 0, "")
            taken()
            try:
                getattr(client, methods[operation])(**pair[0])
            except Exception as error:  # the answer is none that it can read
                failed = error
            theirs = taken()
            answer = ask(url, "tools/call", {"name": tool["name"], "arguments": pair[1]})
            ours = taken()
            if theirs is None:
                skipped[tool["name"]] = f"botocore makes no request: {failed}"
            elif ours is None:
                skipped[tool["name"]] = f"we make no request: {json.dumps(answer)[:300]}"
            else:
                compared += 1
                theirs, ours = normal(theirs), normal(ours)
                differs = {part: (repr(theirs[part])[:900], repr(ours[part])[:900]) for part in theirs if theirs[part] != ours[part]}
                if differs:
                    differences.append({"tool": tool["name"], "botocore and ours": differs})
    print(json.dumps({"compared": compared, "skipped": skipped, "differences": differences}, indent=1))


random.seed(1)
ENDPOINT = f"http://127.0.0.1:{sys.argv[1]}"
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
main(sys.argv[2], sys.argv[3:])
