"""Compares the service models of two botocores, for the operations that the table of the tests calls.

usage: botocore_models.py dump TABLE       what the installed botocore says of each operation, as JSON
       botocore_models.py compare OLD NEW  what differs between two dumps; ends with 1 if anything does
       botocore_models.py failures TABLE   what boto3_table found; ends with 1 if anything failed

TABLE is what boto3_table prints.
"""

import json
import pathlib
import sys

# What boto3 calls a service that has another name in the scope of a signature.
NAMES = {"bedrock-agentcore": "bedrock-agentcore-control"}
BOUNDS = ("min", "max", "pattern", "enum", "required")


def shape(one, seen=()):
    """A shape as JSON, down to its members; where it comes back to itself, its name."""
    if one is None:
        return None
    if one.name in seen:
        return one.name
    seen += (one.name,)
    said = {"type": one.type_name}
    said |= {bound: one.metadata[bound] for bound in BOUNDS if bound in one.metadata}
    if one.type_name == "structure":
        said["members"] = {name: shape(member, seen) for name, member in one.members.items()}
        said["required"] = sorted(one.required_members)
    if one.type_name == "list":
        said["member"] = shape(one.member, seen)
    if one.type_name == "map":
        said["key"], said["value"] = shape(one.key, seen), shape(one.value, seen)
    return said


def dump(table):
    import botocore
    import botocore.session

    session = botocore.session.get_session()
    said = {"version": botocore.__version__, "operations": {}}
    for scope, name in load(table)["covered"]:
        operation = session.get_service_model(NAMES.get(scope, scope)).operation_model(name)
        said["operations"][f"{scope}:{name}"] = {
            "input": shape(operation.input_shape),
            "output": shape(operation.output_shape),
            "errors": {error.name: {} for error in operation.error_shapes},
        }
    json.dump(said, sys.stdout)


def differences(path, old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in old:
                yield f"{path}.{key} is new"
            elif key not in new:
                yield f"{path}.{key} is gone"
            else:
                yield from differences(f"{path}.{key}", old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        yield from (f"{path}: {value} is new" for value in new if value not in old)
        yield from (f"{path}: {value} is gone" for value in old if value not in new)
    elif old != new:
        yield f"{path} was {old}, is {new}"


def load(file):
    return json.loads(pathlib.Path(file).read_text(encoding="utf-8"))


def compare(old, new):
    old, new = load(old), load(new)
    found = list(differences("", old["operations"], new["operations"]))
    print(f"botocore {old['version']} (locked) and {new['version']}: {len(new['operations'])} operations, {len(found)} differences")
    for line in found:
        print(f"  {line[1:]}")
    return bool(found)


def failures(table):
    said = load(table)
    print(f"the table of the tests: {said['rows']} rows, {len(said['failures'])} failures")
    for failure in said["failures"]:
        print(f"  {failure}")
    return bool(said["failures"])


if __name__ == "__main__":
    verb, *files = sys.argv[1:]
    sys.exit({"dump": dump, "compare": compare, "failures": failures}[verb](*files))
