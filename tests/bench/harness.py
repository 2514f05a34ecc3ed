"""What the benchmarks share: a local AWS of their own, rivals from lock files, the chain of a command's calls, and tables."""

import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "peers"
LINE = re.compile(r"^(\S+Z)\s+INFO (.+) (\S+) (\d+) ms (\S+) retries=")
APART = re.compile(r"HTTP (POST|GET .*/\.well-known/)")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def python_of(peer):
    """The interpreter of a rival's environment, which is made from its lock file if it is not there."""
    subprocess.run([sys.executable, ROOT / "tests/peers/install.py", PEERS, peer], check=True)
    return PEERS / peer / "bin/python"


class Local:
    """A local AWS with nothing in it, in a HOME of its own."""

    def __init__(self, program, *flags):
        self.program, self.flags = os.path.abspath(program), flags

    def __enter__(self):
        self.home = pathlib.Path(tempfile.mkdtemp())
        port = free_port()
        self.env = {"HOME": str(self.home), "PATH": os.environ["PATH"], "AGENTCORE_GW_LOCAL_PORT": str(port)}
        command = [self.program, "local", "serve", "--ephemeral", *self.flags]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=self.env, stdout=pipe, stderr=subprocess.DEVNULL)
        self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def timed(self, *args, **env):
        """Runs a command: seconds, and what it printed."""
        begun = time.perf_counter()
        done = subprocess.run(
            [self.program, "--local", *args], env=self.env | env, cwd=self.home, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - begun
        if done.returncode != 0:
            sys.exit(f"{args}: {done.returncode}\n{done.stdout}{done.stderr}")
        return took, done

    def aws_env(self):
        """What points another program at this AWS."""
        _, done = self.timed("local", "env", "-o", "json")
        return self.env | json.loads(done.stdout)


def chain(log, slack=0.004):
    """The AWS calls of a run with `-v`: each with its begin and end in seconds, its level, and the call that it waited for.

    A call waits for those that had ended when it began, `slack` seconds of the logged times' rounding apart. Token requests,
    documents and calls of tools are no calls of an AWS API.
    """
    calls = []
    for line in log.splitlines():
        match = LINE.match(line)
        if not match or APART.match(match[2]):
            continue
        end = datetime.datetime.fromisoformat(match[1].replace("Z", "+00:00")).timestamp()
        # Objects in S3 are read without an SDK.
        call = "S3 GetObject" if match[2].startswith("HTTP GET ") else match[2]
        calls.append({"call": call, "begin": end - int(match[4]) / 1000, "end": end})
    calls.sort(key=lambda call: call["begin"])
    for call in calls:
        before = [other for other in calls if other["end"] <= call["begin"] + slack and other is not call]
        last = max(before, key=lambda other: other["end"], default=None)
        call["level"] = last["level"] + 1 if last else 1
        call["after"] = last["call"] if last else "-"
    return calls


def levels(calls):
    return max((call["level"] for call in calls), default=0)


def print_chain(calls):
    begun = min((call["begin"] for call in calls), default=0)
    for call in calls:
        begin, end = (1000 * (call[moment] - begun) for moment in ("begin", "end"))
        print(f"  {call['level']:>3}  {begin:>6.0f} {end:>6.0f} ms  {call['call']}  (after {call['after']})")


def machine():
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(line.split(":")[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"processor": model, "cores": os.cpu_count(), "system": platform.platform(), "load": round(os.getloadavg()[0], 1)}


def median(values):
    return statistics.median(values)


def table(head, rows):
    """Prints a Markdown table."""
    rows = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for place, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if place == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def finish(result, path):
    """Says what machine it was, and writes everything as JSON."""
    result["machine"] = machine()
    print("\n" + ", ".join(f"{name}: {value}" for name, value in result["machine"].items()))
    if path:
        pathlib.Path(path).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
