"""CPU time of the local gateway per request, beside a bare HTTP server that answers the same bytes and localcore-gateway.

    python3 tests/bench/data_plane.py target/release/agentcore-gw [--seconds 1] [--connections 1 32 256] [--json FILE]

Builds the bare server (tests/bench/floor, which needs Rust), installs localcore-gateway 0.3.0 from its lock file, and loads
them in turn, each request on one of so many connections that are kept alive, five times; every figure is the median. CPU time
and memory are the server's own process's; those of the processes that run functions are not counted. Needs Linux.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import urllib.request
from urllib.parse import urlsplit

import harness

TOOLS = [10, 100, 1000]
ROUNDS = 5
PER_TARGET = 250
CALL = {"name": "weather-tool___get_weather", "arguments": {"location": "Oslo"}}


def message(method, params=None):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}).encode()


def tools(count, first=0):
    schema = {"type": "object", "properties": {"location": {"type": "string", "description": "A city"}}, "required": ["location"]}
    return [
        {"name": f"tool_{number}", "description": f"Reports the number {number} of orders for a city", "inputSchema": schema}
        for number in range(first, first + count)
    ]


class Process:
    """A server, by the id of its process."""

    def __init__(self, pid):
        self.pid = pid

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as stat:
            ticks = sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


async def one_connection(url, request, until, times):
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    while time.perf_counter() < until:
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise RuntimeError(head.decode() + (await reader.read(1000)).decode(errors="replace"))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        times.append(time.perf_counter() - begun)
    writer.close()


def load(process, url, body, headers, connections, seconds):
    """Milliseconds of CPU per request, and the 50th and 99th percentile of how long a request takes, in milliseconds."""
    url = urlsplit(url)
    lines = {"host": url.netloc, "content-type": "application/json", "accept": "application/json, text/event-stream"} | headers
    lines["content-length"] = len(body)
    path = url.path or "/"
    request = f"POST {path} HTTP/1.1\r\n".encode() + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines.items())

    async def all_connections(seconds):
        times, until = [], time.perf_counter() + seconds
        await asyncio.gather(*(one_connection(url, request + b"\r\n" + body, until, times) for _ in range(connections)))
        return times

    asyncio.run(all_connections(seconds / 4))
    cpu = process.cpu_seconds()
    times = sorted(asyncio.run(all_connections(seconds)))
    cpu = process.cpu_seconds() - cpu
    percentile = lambda share: 1000 * times[int(len(times) * share)]  # noqa: E731
    return {"cpu_ms": 1000 * cpu / len(times), "p50": percentile(0.5), "p99": percentile(0.99), "requests": len(times)}


def in_turn(seconds, connections, *loads):
    """The medians of what `load` returns for each of these, which are loaded one after another, again and again."""
    rounds = [[load(*one, connections, seconds) for one in loads] for _ in range(ROUNDS)]
    return [{key: statistics.median(one[key] for one in of_one) for key in of_one[0]} for of_one in zip(*rounds)]


def answer(url, body, headers):
    all_headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"} | headers
    request = urllib.request.Request(url, body, all_headers)
    with urllib.request.urlopen(request) as response:
        return response.read()


class Floor:
    """The bare server."""

    def __init__(self):
        target = harness.PEERS.parent / "floor"
        manifest = harness.ROOT / "tests/bench/floor/Cargo.toml"
        build = ["cargo", "build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target]
        subprocess.run(build, check=True, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen([target / "release/floor"], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.of = Process(self.process.pid)

    def put(self, path, body):
        urllib.request.urlopen(urllib.request.Request(self.url + path, body, method="PUT")).read()

    def end(self):
        self.process.terminate()
        self.process.wait()


class Localcore:
    """localcore-gateway with one function in Python that has these tools."""

    def __init__(self, folder, count):
        folder = pathlib.Path(folder)
        handler = "def handler(event, context):\n    return {'location': event['location'], 'temperature': '72F'}\n"
        (folder / "code.py").write_text(handler, encoding="utf-8")
        (folder / "tools.json").write_text(json.dumps(tools(count)), encoding="utf-8")
        function = {"backend": "native", "handler": "code.handler", "code_root": str(folder)}
        target = {"type": "lambda", "name": "t", "lambda": function, "tool_schema_file": str(folder / "tools.json")}
        port = harness.free_port()
        config = {"server": {"host": "127.0.0.1", "port": port, "stateless": True}, "targets": [target]}
        (folder / "gateway.yaml").write_text(json.dumps(config), encoding="utf-8")
        program = harness.python_of("localcore").parent / "lcgw"
        quiet = subprocess.DEVNULL
        command = [program, "serve", "-c", folder / "gateway.yaml", "--port", str(port)]
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=folder)
        self.url, self.of = f"http://127.0.0.1:{port}/mcp", Process(self.process.pid)
        for _ in range(300):
            try:
                answer(self.url, message("tools/list"), {})
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("localcore-gateway does not answer")

    def end(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, args, local, floor):
        self.args, self.local, self.floor = args, local, floor
        self.rows, self.of = [], Process(local.process.pid)

    def run(self, *args, **env):
        return self.local.timed(*args, **env)[1].stdout

    def gateway(self, kind, count):
        """The address of a gateway with so many tools besides the sample's, and the headers for it."""
        name = f"{kind}-{count}"
        flags = ["--authorizer", "none", "--yes"] if kind == "open" else []
        self.run("create", name, "--no-observability", "--sample", *flags)
        target = json.loads(self.run("target", "get", "weather-tool", "--gateway", name, "-o", "json"))
        function = target["targetConfiguration"]["mcp"]["lambda"]["lambdaArn"]
        for first in range(0, count, PER_TARGET):
            file = self.local.home / "tools.json"
            file.write_text(json.dumps(tools(min(PER_TARGET, count - first), first)), encoding="utf-8")
            target = ["target", "add", "lambda", f"t{first}", "--gateway", name, "--lambda-arn", function]
            self.run(*target, "--tools", str(file))
        headers = {"authorization": "Bearer " + self.run("token", name).strip()} if kind == "token" else {}
        return json.loads(self.run("get", name, "-o", "json"))["gatewayUrl"], headers

    def api(self, upstream, url, headers):
        """A call of another server's API, which the bare server passes through."""
        operation = {"operationId": "order", "responses": {"200": {"description": "ok"}}}
        document = {"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "servers": [{"url": upstream.url}]}
        document["paths"] = {"/": {"post": operation}}
        (self.local.home / "api.json").write_text(json.dumps(document), encoding="utf-8")
        gateway = url.split("/gateways/")[1].split("/")[0].rpartition("-")[0]
        self.run("target", "add", "openapi", "api", "--gateway", gateway, "--spec", "api.json")
        upstream.put("/", b'{"order":1}')
        self.floor.put("/set-through", upstream.url.encode() + b"/")
        return url, headers, message("tools/call", {"name": "api___order", "arguments": {}})

    def compare(self, what, url, headers, body, floor_path="/"):
        """A row for each number of connections."""
        if floor_path == "/":
            self.floor.put("/", answer(url, body, headers))
        for connections in self.args.connections:
            of_floor = (self.floor.of, self.floor.url + floor_path, body, headers)
            own, floor = in_turn(self.args.seconds, connections, (self.of, url, body, headers), of_floor)
            row = {"what": what, "connections": connections, "own": own, "floor": floor, "ratio": own["cpu_ms"] / floor["cpu_ms"]}
            self.rows.append(row)
            print(
                f"{what:32} {connections:>4} {own['cpu_ms']:>8.3f} {floor['cpu_ms']:>8.3f} {row['ratio']:>6.2f}"
                f" {own['p50']:>8.2f} {own['p99']:>8.2f}",
                flush=True,
            )


def against_localcore(args, count):
    """The same calls of both, of servers that have only these tools."""
    with harness.Local(args.program) as local, tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, local, None)
        url, headers = bench.gateway("open", count)
        rival = Localcore(folder, count)
        try:
            rows = []
            called = {"name": "t___tool_1", "arguments": CALL["arguments"]}
            for what, theirs, own in [
                ("tools/list", message("tools/list"), message("tools/list")),
                ("tools/call, warm", message("tools/call", called), message("tools/call", CALL)),
            ]:
                theirs, own = in_turn(args.seconds, 1, (rival.of, rival.url, theirs, {}), (bench.of, url, own, headers))
                theirs, own = theirs["cpu_ms"], own["cpu_ms"]
                rows.append([f"{what}, {count} tools", f"{theirs:.2f} ms", f"{own:.3f} ms", f"{theirs / own:.1f}"])
            theirs, own = rival.of.resident_mb(), bench.of.resident_mb()
            rows.append([f"memory, {count} tools", f"{theirs:.0f} MB", f"{own:.0f} MB", f"{theirs / own:.1f}"])
            return rows
        finally:
            rival.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--only", default="", help="run only what has this in its name")
    parser.add_argument("--json")
    args = parser.parse_args()
    floor, upstream = Floor(), Floor()
    try:
        with harness.Local(args.program) as local:
            bench = Bench(args, local, floor)
            found = {(kind, count): bench.gateway(kind, count) for kind in ("open", "token") for count in TOOLS}
            print(f"{'':32} {'conn':>4} {'CPU ms':>8} {'floor':>8} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}")
            search = message("tools/call", {"name": "x_amz_bedrock_agentcore_search", "arguments": {"query": "orders of a city"}})
            loads = {}
            for kind in ("open", "token"):
                loads[f"ping, {kind}"] = (*found[kind, TOOLS[0]], message("ping"))
                for count in TOOLS:
                    loads[f"tools/list, {count} tools, {kind}"] = (*found[kind, count], message("tools/list"))
                loads[f"search in {TOOLS[-1]} tools, {kind}"] = (*found[kind, TOOLS[-1]], search)
                loads[f"tools/call, {kind}"] = (*found[kind, TOOLS[0]], message("tools/call", CALL))
            for name, (url, headers, body) in loads.items():
                if args.only in name:
                    bench.compare(name, url, headers, body)
            for kind in ("open", "token"):
                name = f"tools/call of an API, {kind}"
                if args.only in name:
                    url, headers, body = bench.api(upstream, *found[kind, TOOLS[0]])
                    bench.compare(name, url, headers, body, "/through")
    finally:
        floor.end()
        upstream.end()
    rows = [] if args.only else [row for count in TOOLS for row in against_localcore(args, count)]
    if rows:
        print()
        harness.table(["CPU per request, 1 connection", "localcore-gateway", "agentcore-gw", "ratio"], rows)
    harness.finish({"seconds": args.seconds, "rows": bench.rows, "localcore": rows}, args.json)


if __name__ == "__main__":
    main()
