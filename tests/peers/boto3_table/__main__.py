"""Drives every operation of the local AWS with boto3, and reports as JSON what did not hold.

usage: boto3_table [FILE], where FILE is a JSON list of [service scope, operation] that the
server says it covers; without one, what the table calls. Every one of them must have a good call here, and every error that the
service model declares for it must be provoked here or stand in NOT_HERE with the reason.
"""

import json
import sys

import calls
from agentcore import gateways
from cognito import cognito
from iam import iam
from lambda_functions import functions
from logs import logs
from not_here import INVOKE, LOGS_QUOTA, NOT_HERE
from s3 import buckets
from secrets_manager import secrets
from sts import sts


def coverage(covered):
    """What the server covers and this table does not look at."""
    for scope, operation in covered:
        if (scope, operation) not in calls.called:
            calls.fail(scope, operation, "has no good call in the table")
        for shape in calls.clients[scope].meta.service_model.operation_model(operation).error_shapes:
            name = shape.name
            excused = name in NOT_HERE or (operation, name) in NOT_HERE
            excused = excused or (scope == "logs" and name == LOGS_QUOTA)
            excused = excused or (operation == "Invoke" and name not in INVOKE)
            if not excused and (scope, operation, name) not in calls.provoked:
                calls.fail(scope, operation, f"{name} is declared, and neither provoked nor excused")


def main():
    for part in (sts, iam, cognito, functions, logs, gateways, buckets, secrets):
        part()
    covered = sorted(calls.called)
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as file:
            covered = [tuple(row) for row in json.load(file)]
    coverage(covered)
    json.dump({"rows": calls.rows, "failures": calls.failures, "covered": covered}, sys.stdout, indent=1)


main()
