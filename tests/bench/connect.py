"""How long `connect` adds to a tool call: calls over HTTP and through `connect`, in turn, in one run.

    python3 tests/bench/connect.py target/release/agentcore-gw [calls]

Prints the median and the 95th percentile of both, and the CPU time of `connect` per call. Ends with 1 if its median adds
more than 5 ms. The CPU time needs Linux.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

PROGRAM = os.path.abspath(sys.argv[1])
CALLS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
MOST_MS = 5


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def call(number):
    params = {"name": "weather-tool___get_weather", "arguments": {"location": "Oslo"}}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


class Direct:
    """The gateway over HTTP, on one connection."""

    def __init__(self, url, token):
        parts = urlsplit(url)
        self.path, self.connection = parts.path, http.client.HTTPConnection(parts.netloc)
        self.headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {token}",
        }

    def call(self, number):
        self.connection.request("POST", self.path, call(number), self.headers)
        return self.connection.getresponse().read()


class Bridged:
    """The gateway through `connect`."""

    def __init__(self, env):
        command = [PROGRAM, "--local", "connect", "g"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe)

    def call(self, number):
        self.process.stdin.write(call(number).encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def cpu_ms(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def timed_ms(client, number):
    begun = time.perf_counter()
    answer = json.loads(client.call(number))
    assert "Oslo" in answer["result"]["content"][0]["text"], answer
    return (time.perf_counter() - begun) * 1000


def at(times, share):
    return sorted(times)[int(len(times) * share)]


def measure(env):
    def run(*args):
        return subprocess.run([PROGRAM, "--local", *args], env=env, check=True, capture_output=True, text=True).stdout

    run("create", "g", "--sample", "--no-observability")
    direct = Direct(json.loads(run("get", "g", "-o", "json"))["gatewayUrl"], run("token", "g").strip())
    bridged = Bridged(env)
    for number in range(20):
        timed_ms(direct, number), timed_ms(bridged, number)
    cpu = bridged.cpu_ms()
    times = [(timed_ms(direct, number), timed_ms(bridged, number)) for number in range(CALLS)]
    cpu = (bridged.cpu_ms() - cpu) / CALLS
    bridged.process.stdin.close()
    bridged.process.wait()
    return *zip(*times), cpu


def main():
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "PATH": os.environ["PATH"], "AGENTCORE_GW_LOCAL_PORT": str(free_port())}
        server = subprocess.Popen([PROGRAM, "local", "serve"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            server.stdout.readline()
            direct, bridged, cpu = measure(env)
        finally:
            server.terminate()
            server.wait()
    for name, times in [("direct", direct), ("connect", bridged)]:
        print(f"{name:8} median {at(times, 0.5):.2f} ms, 95th percentile {at(times, 0.95):.2f} ms")
    added = at(bridged, 0.5) - at(direct, 0.5)
    print(f"added    median {added:.2f} ms, CPU {cpu:.2f} ms per call")
    sys.exit(1 if added > MOST_MS else 0)


if __name__ == "__main__":
    main()
