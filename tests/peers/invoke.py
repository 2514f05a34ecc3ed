"""Invokes a function by its name with an event, and prints what it answered.

usage: invoke.py NAME EVENT [CALLERS]

With CALLERS, so many call it at once, and what they were answered is printed as a list.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

name, event, *callers = sys.argv[1:]
functions = boto3.client("lambda", config=Config(max_pool_connections=100))


def invoke(_):
    return functions.invoke(FunctionName=name, Payload=event)["Payload"].read().decode()


if callers:
    count = int(callers[0])
    with ThreadPoolExecutor(count) as pool:
        print("[" + ",".join(pool.map(invoke, range(count))) + "]")
else:
    sys.stdout.write(invoke(None))
