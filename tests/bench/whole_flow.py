"""The whole flow of AWS's starter toolkit, and the same with `apply` and `cleanup`, in turn, on the same local AWS.

    python3 tests/bench/whole_flow.py target/release/agentcore-gw [--runs 5] [--latency 80] [--json FILE]

A gateway with its authorizer and four targets (a function that comes with it, an API with a key, an API with an OAuth
client, a Smithy model) is made and deleted again. The toolkit's fixed sleeps are added up, not slept. That it leaves its
roles and its function behind, and that we ask for a token, is not counted.
"""

import argparse
import json
import subprocess
import sys

import harness

API = {
    "openapi": "3.0.0",
    "info": {"title": "OpenWeatherMap", "version": "1"},
    "servers": [{"url": "http://127.0.0.1:9"}],
    "paths": {"/weather": {"get": {"operationId": "getWeather", "responses": {"200": {"description": "Success"}}}}},
}
FILE = {
    "gateway": {"name": "weather-gateway"},
    "targets": {
        "weather-tool": {"type": "lambda", "sample": True},
        "by-key": {"type": "openapi", "spec": "api.json", "credential": {"apiKeyEnv": "KEY", "query": "appid"}},
        "by-token": {
            "type": "openapi",
            "spec": "api.json",
            "credential": {"oauthClientId": "id", "oauthClientSecretEnv": "KEY", "oauthTokenEndpoint": "https://idp.example.com/t"},
        },
        "dynamo": {"type": "smithy", "allowActions": ["dynamodb:CreateTable", "dynamodb:ListTables"]},
    },
}


def ours(local):
    made, _ = local.timed("apply", "-f", "gateway.json", KEY="secret")
    deleted, _ = local.timed("cleanup", "weather-gateway", "-y")
    return {"make": made, "delete": deleted, "slept": 0}


def theirs(local, python):
    script = harness.ROOT / "tests/bench/whole_flow_toolkit.py"
    done = subprocess.run([python, script], env=local.aws_env(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"the toolkit failed:\n{done.stdout}{done.stderr}")
    flow = json.loads(done.stdout.splitlines()[-1])
    parts = flow["seconds"]
    deleted = parts.pop("cleanup")
    return {"make": sum(parts.values()), "delete": deleted, "slept": flow["slept"], "import": parts["import"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--latency", type=int, default=80)
    parser.add_argument("--json")
    args = parser.parse_args()
    python = harness.python_of("toolkit")
    runs = {"toolkit": [], "agentcore-gw": []}
    # The first run of each warms the caches. Each begins with an empty account: the toolkit cannot use again what it leaves.
    for number in range(args.runs + 1):
        with harness.Local(args.program, "--latency", f"{args.latency}ms") as local:
            (local.home / "api.json").write_text(json.dumps(API), encoding="utf-8")
            (local.home / "gateway.json").write_text(json.dumps(FILE), encoding="utf-8")
            both = {"toolkit": theirs(local, python), "agentcore-gw": ours(local)}
        if number > 0:
            for name, run in both.items():
                runs[name].append(run)
    medians = {}
    for name, all_runs in runs.items():
        medians[name] = {part: harness.median([run[part] for run in all_runs]) for part in all_runs[0]}
        medians[name]["both"] = medians[name]["make"] + medians[name]["delete"]
        medians[name]["both, with its sleeps"] = medians[name]["both"] + medians[name]["slept"]
    toolkit, own = medians["toolkit"], medians["agentcore-gw"]
    parts = ["make", "delete", "both", "both, with its sleeps"]
    rows = [[part, f"{toolkit[part]:.2f} s", f"{own[part]:.2f} s", f"{toolkit[part] / own[part]:.1f}"] for part in parts]
    harness.table(["", "toolkit", "agentcore-gw", "ratio"], rows)
    print(f"\nof the toolkit's time, {toolkit['import']:.2f} s is its import")
    harness.finish({"latencyMs": args.latency, "runs": runs, "medians": medians}, args.json)


if __name__ == "__main__":
    main()
