"""Runs a Python Lambda handler against the Lambda Runtime API (local AWS only).

Started by `agentcore-gw local serve`, one process per execution environment, with the
environment that Lambda gives a function. Standard library only; works on Python 3.8 and newer.
"""

import base64
import http.client
import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace

# Host and port; the local AWS adds a path that nobody else knows.
API, _, PREFIX = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
BASE = f"/{PREFIX}/2018-06-01/runtime" if PREFIX else "/2018-06-01/runtime"


class Context:
    def __init__(self, headers):
        env = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])
        self.function_name = env["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = env["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = env["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = env["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        raw = headers.get("Lambda-Runtime-Client-Context")
        if raw:
            document = json.loads(raw)
            self.client_context = SimpleNamespace(
                custom=document.get("custom"), env=document.get("env"), client=document.get("client")
            )

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))


def describe(error):
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__)[1:],
    }


def request(connection, method, path, body=None, headers=None):
    connection.request(method, BASE + path, body=body, headers=headers or {})
    response = connection.getresponse()
    return response, response.read()


def load(handler):
    module, _, function = handler.rpartition(".")
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    return getattr(importlib.import_module(module.replace("/", ".")), function)


def main():
    connection = http.client.HTTPConnection(API)
    try:
        handler = load(os.environ["_HANDLER"])
    except BaseException as error:
        traceback.print_exc()
        request(connection, "POST", "/init/error", json.dumps(describe(error)).encode())
        sys.exit(1)
    while True:
        response, event = request(connection, "GET", "/invocation/next")
        if response.status != 200:
            return
        context = Context(response.headers)
        path = "/invocation/" + context.aws_request_id
        try:
            answer = json.dumps(handler(json.loads(event), context), default=jsonable).encode()
            request(connection, "POST", path + "/response", answer)
        except BaseException as error:
            traceback.print_exc()
            request(connection, "POST", path + "/error", json.dumps(describe(error)).encode())
            if not isinstance(error, Exception):
                raise


def jsonable(value):
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


main()
