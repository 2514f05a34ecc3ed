"""How many AWS calls follow one another in each command, and how long it takes.

    python3 tests/bench/commands.py target/release/agentcore-gw [--runs 5] [--latency 80] [--chains] [--json FILE]

The commands make, use and delete one stack, again and again, at a local AWS that answers each call LATENCY milliseconds
late. Prints the number of calls, the levels (calls that follow one another), the median time, and that time divided by
levels x latency. `--chains` prints each call of the last run with its level and the call that it waited for.
"""

import argparse
import json

import harness

SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "https://api.example.com"}],
    "paths": {"/a": {"get": {"operationId": "getA", "responses": {"200": {"description": "ok"}}}}},
}
KEY = ["--api-key-env", "KEY", "--api-key-query", "appid"]
ADD = ["target", "add", "openapi", "api", "--gateway", "g", "--spec", "api.json", *KEY]
COMMANDS = {
    "create --sample": ["create", "g", "--sample"],
    "create, nothing to do": ["create", "g", "--sample"],
    "target add openapi, with a key": ADD,
    "target add smithy": ["target", "add", "smithy", "db", "--gateway", "g"],
    "target update": ["target", "update", "db", "--gateway", "g", "--description", "other"],
    "status": ["status", "g"],
    "credentials": ["credentials", "g"],
    "token": ["token", "g"],
    # The first call starts the interpreter of the function.
    "tools call, the first": ["tools", "call", "g", "weather-tool___get_time", '{"timezone": "UTC"}'],
    "tools call": ["tools", "call", "g", "weather-tool___get_time", '{"timezone": "UTC"}'],
    "doctor": ["doctor", "g"],
    "target remove": ["target", "remove", "api", "--gateway", "g", "-y"],
    "cleanup": ["cleanup", "g", "-y"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--latency", type=int, default=80)
    parser.add_argument("--chains", action="store_true")
    parser.add_argument("--json")
    args = parser.parse_args()
    seen = {name: {"seconds": [], "chain": []} for name in COMMANDS}
    with harness.Local(args.program, "--latency", f"{args.latency}ms") as local:
        (local.home / "api.json").write_text(json.dumps(SPEC), encoding="utf-8")
        for number in range(args.runs + 1):
            for name, command in COMMANDS.items():
                took, done = local.timed("-v", *command, KEY="secret")
                if number > 0:
                    seen[name]["seconds"].append(took)
                    seen[name]["chain"] = harness.chain(done.stderr)
    rows = []
    for name, found in seen.items():
        levels, seconds = harness.levels(found["chain"]), harness.median(found["seconds"])
        found |= {"calls": len(found["chain"]), "levels": levels, "median": seconds}
        ratio = seconds / (levels * args.latency / 1000)
        rows.append([name, found["calls"], levels, f"{seconds:.2f} s", f"{ratio:.2f}"])
        if args.chains:
            print(f"{name}:")
            harness.print_chain(found["chain"])
    harness.table(["command", "calls", "levels", "time", "time / levels"], rows)
    harness.finish({"latencyMs": args.latency, "runs": args.runs, "commands": seen}, args.json)


if __name__ == "__main__":
    main()
