"""Two minutes of 64 clients over a function, an API and an MCP server, with a SIGKILL of the local AWS in the middle.

    python3 tests/bench/load.py target/release/agentcore-gw [seconds]

Ends with 1 if any call fails or answers something else, if anything that was acknowledged before the kill is not there
after it, if memory or open files grow, or if `cleanup` leaves something. Needs Linux for the figures of the server.
"""

import asyncio
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict

PROGRAM = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 120
CLIENTS = 64
KINDS = {
    "tools/list": 30,
    "function": 20,
    "api": 25,
    "mcp server": 25,
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """The local AWS, in a HOME of its own."""

    def __init__(self, home):
        self.port = free_port()
        self.env = {"HOME": home, "PATH": os.environ["PATH"], "AGENTCORE_GW_LOCAL_PORT": str(self.port)}
        self.start()

    def start(self):
        command = [PROGRAM, "local", "serve"]
        self.process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def run(self, *args):
        done = subprocess.run([PROGRAM, "--local", *args], env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{args}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def figures(self):
        """Resident megabytes, open files and CPU seconds."""
        root = f"/proc/{self.process.pid}"
        with open(f"{root}/status") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        with open(f"{root}/stat") as stat:
            ticks = sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))
        return resident / 1024, len(os.listdir(f"{root}/fd")), ticks / os.sysconf("SC_CLK_TCK")


async def read_message(reader):
    """A request's or an answer's first line, headers and body; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):  # the last one at the end of the program
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return first, headers, await reader.readexactly(int(headers.get("content-length", 0)))


def written(first, headers, body):
    headers = {**headers, "content-length": len(body)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{first}\r\n{head}\r\n".encode() + body


async def stand_in(reader, writer):
    """An API that answers its query, and an MCP server with one tool that answers its arguments."""
    while (message := await read_message(reader)) is not None:
        first, _, body = message
        status, answer = "200 OK", None
        if first.startswith("GET /echo?"):
            answer = {"query": first.split()[1].partition("?")[2]}
        elif first.startswith("POST /mcp"):
            request = json.loads(body)
            method, params = request.get("method"), request.get("params", {})
            result = {
                "initialize": {
                    "protocolVersion": params.get("protocolVersion"),
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "stand-in", "version": "1"},
                },
                "tools/list": {"tools": [{"name": "say", "inputSchema": {"type": "object"}}]},
                "tools/call": {"content": [{"type": "text", "text": json.dumps(params.get("arguments"))}]},
            }.get(method)
            if result is None:
                status = "202 Accepted"
            else:
                answer = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        else:
            status = "405 Method Not Allowed"
        body = b"" if answer is None else json.dumps(answer).encode()
        writer.write(written(f"HTTP/1.1 {status}", {"content-type": "application/json"}, body))
        await writer.drain()
    writer.close()


class Load:
    def __init__(self, server, path, token):
        self.server, self.path, self.token = server, path, token
        self.took = defaultdict(list)
        self.errors = []
        self.running = True

    async def client(self):
        reader = writer = None
        number = 0
        while self.running:
            kind = random.choices(list(KINDS), list(KINDS.values()))[0]
            number += 1
            mark = f"{id(self) % 10000}-{number}"
            method, params, expected = {
                "tools/list": ("tools/list", {}, "mcp___say"),
                "function": ("tools/call", {"name": "weather-tool___get_weather", "arguments": {"location": mark}}, mark),
                "api": ("tools/call", {"name": "api___echo", "arguments": {"q": mark}}, f"q={mark}"),
                "mcp server": ("tools/call", {"name": "mcp___say", "arguments": {"q": mark}}, mark),
            }[kind]
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            headers = {
                "host": f"127.0.0.1:{self.server.port}",
                "authorization": f"Bearer {self.token}",
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": "2025-11-25",
            }
            begun = time.monotonic()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
                writer.write(written(f"POST {self.path} HTTP/1.1", headers, json.dumps(request).encode()))
                message = await read_message(reader)
                answer = json.loads(message[2])
                text = json.dumps(answer["result"])
                if expected not in text or answer["result"].get("isError"):
                    raise ValueError(text)
                self.took[kind].append(time.monotonic() - begun)
            except (OSError, ValueError, KeyError, TypeError) as error:
                if self.running:
                    self.errors.append(f"{kind}: {error!r}")
                writer = None
        if writer:
            writer.close()

    async def run(self, seconds, meanwhile):
        clients = [asyncio.create_task(self.client()) for _ in range(CLIENTS)]
        figures = []
        begun, end = time.monotonic(), time.monotonic() + seconds
        side = asyncio.create_task(meanwhile(end)) if meanwhile else None
        cpu = self.server.figures()[2]
        while time.monotonic() < end:
            await asyncio.sleep(1)
            figures.append(self.server.figures())
        cpu = figures[-1][2] - cpu
        done = sum(map(len, self.took.values()))
        print(f"{done} calls, {done / (time.monotonic() - begun):.0f} a second, {1000 * cpu / done:.2f} ms CPU each")
        return clients, figures, side


def report(load, figures):
    for kind, took in sorted(load.took.items()):
        took.sort()
        print(f"  {kind:<11} {len(took):>7}  p50 {1000 * took[len(took) // 2]:6.1f} ms"
              f"  p99 {1000 * took[int(len(took) * 0.99)]:6.1f} ms  max {1000 * took[-1]:6.1f} ms")
    problems = load.errors[:5]
    third = max(1, len(figures) // 3)
    for name, column in [("memory (MB)", 0), ("open files", 1)]:
        early = max(figure[column] for figure in figures[third:2 * third] or figures)
        late = max(figure[column] for figure in figures[2 * third:] or figures)
        print(f"  {name}: {early:.0f}, then {late:.0f}")
        if late > 1.25 * early + 8:
            problems.append(f"{name} grows: {early:.0f}, then {late:.0f}")
    return problems


async def main(home):
    # Each client, and each call of it, is a file or two.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stand = await asyncio.start_server(stand_in, "127.0.0.1", 0)
    outside = f"http://127.0.0.1:{stand.sockets[0].getsockname()[1]}"
    spec = os.path.join(home, "api.json")
    parameter = {"name": "q", "in": "query", "schema": {"type": "string"}}
    operation = {"operationId": "echo", "parameters": [parameter], "responses": {"200": {"description": "ok"}}}
    with open(spec, "w") as file:
        json.dump({"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "servers": [{"url": outside}],
                   "paths": {"/echo": {"get": operation}}}, file)
    server = Server(home)
    in_thread = asyncio.to_thread
    await in_thread(server.run, "create", "g", "--sample")
    add = ["target", "add"]
    await in_thread(server.run, *add, "openapi", "api", "--gateway", "g", "--spec", spec)
    await in_thread(server.run, *add, "mcp-server", "mcp", "--gateway", "g", "--endpoint", f"{outside}/mcp")
    token = (await in_thread(server.run, "token", "g")).strip()
    sample = json.loads(await in_thread(server.run, "target", "list", "--gateway", "g", "-o", "json"))
    names = {item["name"] for item in sample["items"]}
    path = "/" + json.loads(await in_thread(server.run, "get", "g", "-o", "json"))["gatewayUrl"].split("/", 3)[3]
    acknowledged = []

    async def add_targets(end):
        while time.monotonic() < end - 2:
            name = f"more{len(acknowledged)}"
            await in_thread(server.run, *add, "openapi", name, "--gateway", "g", "--spec", spec)
            acknowledged.append(name)
            await asyncio.sleep(SECONDS / 30)

    problems = []
    first = Load(server, path, token)
    clients, figures, side = await first.run(SECONDS / 2, add_targets)
    await side
    problems += report(first, figures)
    first.running = False
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    await asyncio.gather(*clients)
    server.start()
    listed = json.loads(await in_thread(server.run, "target", "list", "--gateway", "g", "-o", "json"))["items"]
    lost = names.union(acknowledged) - {item["name"] for item in listed if item["status"] == "READY"}
    problems += [f"lost by the kill: {sorted(lost)}"] if lost else []
    print(f"killed; {len(acknowledged)} targets were added under load, lost: {len(lost)}")
    second = Load(server, path, token)
    clients, figures, _ = await second.run(SECONDS / 2, None)
    second.running = False
    await asyncio.gather(*clients)
    problems += report(second, figures)
    await in_thread(server.run, "cleanup", "g", "--yes", "--settle", "1")
    server.kill()
    stand.close()
    if problems:
        sys.exit("\n".join(problems))


with tempfile.TemporaryDirectory() as home:
    asyncio.run(main(home))
