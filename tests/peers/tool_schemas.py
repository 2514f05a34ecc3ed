"""Checks input schemas of tools: JSON Schema 2020-12, and what the APIs of models ask beyond it.

usage: tool_schemas.py FILE

FILE has a line of JSON for each document: its name, and a list of the input schemas of its tools. Prints the number of schemas; ends with 1 if
one is not right, and names it.
"""

import json
import sys
from concurrent.futures import ProcessPoolExecutor

from jsonschema import Draft202012Validator

LARGEST = 100_000
COMBINED = ("oneOf", "anyOf", "allOf")
META = Draft202012Validator(Draft202012Validator.META_SCHEMA)


def nodes(value):
    """All objects in a value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def is_list(schema):
    kind = schema.get("type")
    return kind == "array" or (isinstance(kind, list) and "array" in kind)


def faults(schema):
    for error in META.iter_errors(schema):
        yield f"{error.json_path}: {error.message[:200]}"
    if schema.get("type") != "object":
        yield "the root is no object"
    yield from (f"the root has {keyword}" for keyword in COMBINED if keyword in schema)
    size = len(json.dumps(schema, separators=(",", ":"), ensure_ascii=False).encode())
    if size > LARGEST:
        yield f"{size} bytes"
    for node in nodes(schema):
        if "$ref" in node and isinstance(node["$ref"], str):
            yield f"a reference to {node['$ref']}"
        if is_list(node) and "items" not in node:
            yield "a list without items"


def check(line):
    """The number of schemas of a document, and what is wrong with them."""
    name, schemas = json.loads(line)
    wrong = [f"{name}, tool {index}: {fault}" for index, schema in enumerate(schemas) for fault in faults(schema)]
    return len(schemas), wrong


def main():
    count, failed = 0, False
    with open(sys.argv[1], encoding="utf-8") as lines, ProcessPoolExecutor() as pool:
        for schemas, wrong in pool.map(check, lines):
            count += schemas
            failed |= bool(wrong)
            for fault in wrong:
                print(fault, file=sys.stderr)
    print(f"{count} input schemas checked")
    sys.exit(failed)


if __name__ == "__main__":
    main()
