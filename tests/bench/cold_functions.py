"""How long callers of a function that is not running yet wait, beside how long its interpreter needs to start.

    python3 tests/bench/cold_functions.py target/release/agentcore-gw [--rounds 9] [--callers 32] [--json FILE]

Each round has a local AWS of its own with the sample. Its interpreter is started by itself: with nothing to do, and with the
modules that the sample's runtime imports. Times are medians, in milliseconds.
"""

import argparse
import ast
import asyncio
import json
import shutil
import subprocess
import time
from urllib.parse import urlsplit

import data_plane
import harness

BODY = data_plane.message("tools/call", data_plane.CALL)


def imports():
    """The import statements of the runtime for Python."""
    tree = ast.parse((harness.ROOT / "templates/runtime/bootstrap.py").read_text(encoding="utf-8"))
    return "\n".join(ast.unparse(line) for line in tree.body if isinstance(line, (ast.Import, ast.ImportFrom)))


def interpreter(path, code):
    """Milliseconds from the start of an interpreter until this code has run. As in Lambda, nothing is compiled into the package."""
    begun = time.perf_counter()
    subprocess.run([path, "-c", code], check=True, env={"PYTHONDONTWRITEBYTECODE": "1"})
    return 1000 * (time.perf_counter() - begun)


async def calls(url, callers):
    """Milliseconds until each of so many callers has its answer, all of whom call at the same time."""
    url = urlsplit(url)
    head = f"POST {url.path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n"
    head += "accept: application/json, text/event-stream\r\nconnection: close\r\n\r\n"
    connections = [await asyncio.open_connection(url.hostname, url.port) for _ in range(callers)]
    begun = time.perf_counter()

    async def one(reader, writer):
        writer.write(head.encode() + BODY)
        said = await reader.read()
        if b"isError\":false" not in said:
            raise RuntimeError(said)
        writer.close()
        return 1000 * (time.perf_counter() - begun)

    return sorted(await asyncio.gather(*(one(*connection) for connection in connections)))


def a_round(program, callers):
    """The first answer, and the last one of so many callers, of a function that was not running; a later answer, and the
    interpreter's own start."""
    found = []
    for count in (1, callers):
        with harness.Local(program) as local:
            local.timed("create", "cold", "--sample", "--authorizer", "none", "--yes", "--no-observability")
            url = json.loads(local.timed("get", "cold", "-o", "json")[1].stdout)["gatewayUrl"]
            found.append(asyncio.run(calls(url, count))[-1])
            warm = asyncio.run(calls(url, 1))[-1]
    return found[0], found[1], warm


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--json")
    args = parser.parse_args()
    named = subprocess.run(["python3", "-c", "import sys; print(sys.executable)"], check=True, capture_output=True, text=True)
    path = shutil.which(named.stdout.strip())
    rounds = [(*a_round(args.program, args.callers), interpreter(path, "pass"), interpreter(path, imports())) for _ in range(args.rounds)]
    first, last, warm, empty, modules = (harness.median(column) for column in zip(*rounds))
    cold = first - warm
    rows = [
        ["the interpreter, which does nothing", f"{empty:.0f}", f"{empty / cold:.2f}"],
        ["the interpreter, with the modules of the runtime", f"{modules:.0f}", f"{modules / cold:.2f}"],
        ["a cold start: a function's first call, less a later one", f"{cold:.0f}", "1"],
        [f"the last of {args.callers} who call at once", f"{last:.0f}", f"{last / cold:.2f}"],
    ]
    harness.table(["ms", "median", "in cold starts"], rows)
    harness.finish({"rounds": rounds, "rows": rows}, args.json)


if __name__ == "__main__":
    main()
