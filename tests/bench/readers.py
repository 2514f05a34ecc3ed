"""Time and memory of `validate` for growing documents, beside the size of the document.

    python3 tests/bench/readers.py target/release/agentcore-gw [--openapi FILE ...] [--smithy FILE ...] [--json FILE]

Writes OpenAPI documents and Smithy models of growing size, without errors, with some, and such where every schema refers to
another one that does ("a chain"), for which tools would have no end without a limit; and reads files that are named: public
ones, such as `sagemaker-2017-07-24.json` of github.com/aws/api-models-aws, the largest model there that is not ec2's. The last
columns are the most memory of the process in multiples of the document, and the slope: how many milliseconds the last megabyte
needed. Needs Linux.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import harness

SIZES = [1, 2.5, 5, 10]
ROUNDS = 5


def schema(number, to):
    properties = {
        f"field{at}": {"type": "string", "description": f"What the field {at} of the order {number} is for", "maxLength": 64}
        for at in range(12)
    }
    properties["next"] = {"$ref": f"#/components/schemas/{to}"}
    properties["lines"] = {"type": "array", "items": {"type": "object", "properties": {"count": {"type": "integer"}}}}
    return {"type": "object", "required": ["field0"], "properties": properties}


def openapi(count, kind):
    """A document with one schema and perhaps one operation for each number; there are at most 900 operations."""
    paths = {}
    for number in range(min(count, 900)):
        body = {"$ref": f"#/components/schemas/Order{number}"}
        if kind == "with errors" and number % 10 == 0:
            body = {"oneOf": [body, {"type": "string"}]}
        paths[f"/orders/{number}/{{id}}"] = {
            "post": {
                "operationId": f"order{number}",
                "description": f"Orders number {number}",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {"content": {"application/json": {"schema": body}}},
                "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": body}}}},
            }
        }
    document = {"openapi": "3.0.3", "info": {"title": "orders", "version": "1"}, "servers": [{"url": "https://api.example.com"}]}
    document["paths"] = paths
    to = {number: f"Order{max(0, number - 1)}" if kind == "a chain" else "Money" for number in range(count)}
    document["components"] = {"schemas": {f"Order{number}": schema(number, to[number]) for number in range(count)}}
    document["components"]["schemas"]["Money"] = {"type": "object", "properties": {"amount": {"type": "number"}}}
    return document


def smithy(count, kind):
    shapes, operations = {}, []
    string = {"target": "smithy.api#String"}
    for number in range(count):
        members = {f"field{at}": string | {"traits": {"smithy.api#documentation": f"The field {at}"}} for at in range(12)}
        members["next"] = {"target": f"a.b#In{max(0, number - 1)}" if kind == "a chain" else "a.b#Money"}
        shapes[f"a.b#In{number}"] = {"type": "structure", "members": members}
        if number < 900:
            target = "a.b#Nowhere" if kind == "with errors" and number % 10 == 0 else f"a.b#In{number}"
            shapes[f"a.b#Get{number}"] = {"type": "operation", "input": {"target": target}}
            operations.append({"target": f"a.b#Get{number}"})
    traits = {"aws.protocols#awsJson1_0": {}, "aws.auth#sigv4": {"name": "ab"}, "aws.api#service": {"sdkId": "A B"}}
    shapes["a.b#Money"] = {"type": "structure", "members": {"amount": {"target": "smithy.api#Double"}}}
    shapes["a.b#Service"] = {"type": "service", "version": "1", "operations": operations, "traits": traits}
    return {"smithy": "2.0", "shapes": shapes}


def of_size(make, megabytes, kind):
    """A document of about this size."""
    count = 1000
    for _ in range(5):
        count = int(count * megabytes * 1e6 / len(json.dumps(make(count, kind), indent=1)))
    return json.dumps(make(count, kind), indent=1)


def write(file, *args):
    """In a process of its own: a program that is started has at least the memory of its parent, as Linux counts it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(write_here, str(file), *args).result()


def write_here(file, *args):
    pathlib.Path(file).write_text(of_size(*args), encoding="utf-8")


def measured(program, kind, file):
    """Seconds, and megabytes of memory, of a run: the least of several."""
    seconds, memory = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        child = os.posix_spawn(
            program,
            [program, "validate", kind, str(file)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)],
        )
        _, status, usage = os.wait4(child, 0)
        seconds.append(time.perf_counter() - begun)
        memory.append(usage.ru_maxrss / 1024 * 1.048576)
        if os.waitstatus_to_exitcode(status) not in (0, 2):
            sys.exit(f"{file}: {status}")
    return min(seconds), min(memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--openapi", nargs="*", default=[])
    parser.add_argument("--smithy", nargs="*", default=[])
    parser.add_argument("--json")
    args = parser.parse_args()
    program, rows = os.path.abspath(args.program), []

    def add(what, kind, file, before=None):
        size = file.stat().st_size / 1e6
        seconds, memory = measured(program, kind, file)
        slope = 1000 * (seconds - before[1]) / (size - before[0]) if before else 1000 * seconds / size
        rows.append([what, f"{size:.1f} MB", f"{seconds:.2f} s", f"{memory:.0f} MB", f"{memory / size:.1f}", f"{slope:.0f} ms/MB"])
        return size, seconds

    with tempfile.TemporaryDirectory() as folder:
        for kind, make in (("openapi", openapi), ("smithy", smithy)):
            for what in ("without errors", "with errors", "a chain"):
                before = None
                for megabytes in SIZES:
                    file = pathlib.Path(folder) / f"{kind}.json"
                    write(file, make, megabytes, what)
                    before = add(f"{kind}, {what}", kind, file, before)
        for kind in ("openapi", "smithy"):
            for name in getattr(args, kind):
                add(pathlib.Path(name).name, kind, pathlib.Path(name))
    harness.table(["document", "size", "time", "memory", "in documents", "slope"], rows)
    harness.finish({"rows": rows}, args.json)


if __name__ == "__main__":
    main()
