"""A pytest fixture: a gateway of its own for a run of tests, on this machine, or with `--gateway-on aws` in your account."""

import json
import os
import subprocess
import urllib.request
from types import SimpleNamespace

import pytest


def pytest_addoption(parser):
    parser.addoption("--gateway-on", choices=["local", "aws"], default="local", help="where the fixture `gateway` makes one")


@pytest.fixture(scope="session")
def gateway(request):
    """Has `url`, `token()`, and `call(tool, **arguments)`, which returns what the tool answered."""
    name = f"pytest-{os.getpid()}"
    where = ["--local"] if request.config.getoption("--gateway-on") == "local" else []

    def run(*args):
        done = subprocess.run(["agentcore-gw", *where, "--quiet", *args], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.fail(f"agentcore-gw {args[0]}: {done.stderr or done.stdout}", pytrace=False)
        return done.stdout

    def token():
        return run("token", name).strip()

    def call(tool, **arguments):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        headers = {
            "Authorization": f"Bearer {token()}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        asked = urllib.request.Request(url, json.dumps(message).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            said = json.load(answer)
        assert "error" not in said, said
        return said["result"]["content"][0]["text"]

    try:
        run("create", name, "--sample", "--yes")
        url = json.loads(run("get", name, "--output", "json"))["gatewayUrl"]
        yield SimpleNamespace(name=name, url=url, token=token, call=call)
    finally:
        run("cleanup", name, "--yes")
