"""Runs a Python Lambda handler against the Lambda Runtime API (local AWS only).

Started by `agentcore-gw local serve`, one process per execution environment, with the
environment that Lambda gives a function. Standard library only; works on Python 3.8 and newer.
Answers, errors and records of the root logger are those of AWS's own client (PyPI, awslambdaric
4.2.2).
"""

import decimal
import importlib
import json
import logging
import os
import socket
import sys
import time
import traceback
from types import SimpleNamespace

ENV = os.environ
# Host and port; the local AWS adds a path that nobody else knows.
API, _, PREFIX = ENV["AWS_LAMBDA_RUNTIME_API"].partition("/")
BASE = f"/{PREFIX}/2018-06-01/runtime" if PREFIX else "/2018-06-01/runtime"
# The runtimes up to python3.11 escape what is not ASCII.
ESCAPES = json.JSONEncoder(ensure_ascii=ENV["AWS_EXECUTION_ENV"] in {f"AWS_Lambda_python3.{n}" for n in range(12)})
CONSTANTS = {None: "null", True: "true", False: "false"}


class Fault(Exception):
    """An error with a name of Lambda's own."""

    def __init__(self, name, message, trace=()):
        super().__init__(message)
        self.name = name
        self.trace = list(trace)


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])
        self.function_name = ENV["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = ENV["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = ENV["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = ENV["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = ENV["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.tenant_id = None
        self.client_context = None
        raw = headers.get("lambda-runtime-client-context")
        if raw:
            document = json.loads(raw)
            names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
            client = document.get("client")
            self.client_context = SimpleNamespace(
                custom=document.get("custom"),
                env=document.get("env"),
                client=client and SimpleNamespace(**{name: client.get(name) for name in names}),
            )

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))


def to_json(value, around=frozenset()):
    """A value as JSON: Decimals as they are written, bytes as text, and what has `_asdict` as an object."""
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        return ESCAPES.encode(value)
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return json.dumps(value)
    if isinstance(value, decimal.Decimal):
        return "NaN" if value.is_nan() else str(value)
    if id(value) in around:
        raise ValueError("Circular reference detected")
    around = around | {id(value)}
    as_dict = getattr(value, "_asdict", None)
    if callable(as_dict) and not isinstance(value, list):
        value = as_dict()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([to_json(item, around) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join([f"{key_of(key)}: {to_json(item, around)}" for key, item in value.items()]) + "}"
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def key_of(key):
    if isinstance(key, (str, bytes)):
        return to_json(key)
    if key is None or isinstance(key, (int, float)):
        return f'"{to_json(key)}"'
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


def marshal(result):
    if isinstance(result, bytes):
        return result
    try:
        return to_json(result).encode()
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}")


def describe(error, request_id=""):
    if isinstance(error, Fault):
        name, trace = error.name, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = next((at for at, frame in enumerate(frames) if frame.filename != "<string>"), 0)
        name, trace = type(error).__name__, traceback.format_list(frames[own:])
    return {"errorMessage": str(error), "errorType": name, "requestId": request_id, "stackTrace": trace}


def log_error(said):
    """One event: carriage returns separate its lines, which begin with spaces that do not break."""
    message = f": {said['errorMessage']}" if said["errorMessage"] else ""
    lines = [f"[ERROR] {said['errorType']}{message}", "Traceback (most recent call last):"]
    for line in "".join(said["stackTrace"]).splitlines():
        bare = line.lstrip(" ")
        lines.append("\u00a0" * (len(line) - len(bare)) + bare)
    sys.stdout.write("\r".join(lines) + "\n")


class ToStdout(logging.Handler):
    """Writes records as Lambda's root logger does."""

    request_id = ""

    def emit(self, record):
        record.aws_request_id = self.request_id
        sys.stdout.write(self.format(record))


def set_up_logging():
    handler = ToStdout()
    pattern = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    formatter = logging.Formatter(pattern, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


class RuntimeApi:
    """A connection that is kept alive. The import of `http.client` takes longer than all of this program's."""

    def __init__(self):
        self.connect()

    def connect(self):
        host, _, port = API.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the Runtime API has closed the connection")
        return line[:-2].decode("latin-1")

    def request(self, method, path, body=b""):
        """The status, the headers by their names in lower case, and the body."""
        head = f"{method} {BASE}{path} HTTP/1.1\r\nHost: {API}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        status = int(self.line().split(" ")[1])
        headers = {}
        for line in iter(self.line, ""):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        said = self.file.read(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.connect()
        return status, headers, said


def load(handler):
    try:
        module, name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}")
    sys.path.insert(0, ENV["LAMBDA_TASK_ROOT"])
    if module.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module}': {error}")
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {error}", trace)
    try:
        return getattr(loaded, name)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module}'")


def unmarshal(event):
    try:
        return json.loads(event)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}")


def main():
    api = RuntimeApi()
    set_up_logging()
    # What is no Exception, such as SystemExit, ends the process, here and below.
    try:
        handler = load(ENV["_HANDLER"])
    except Exception as error:
        said = describe(error)
        log_error(said)
        api.request("POST", "/init/error", json.dumps(said).encode())
        sys.exit(1)
    status, headers, event = api.request("GET", "/invocation/next")
    while status == 200:
        request_id = ToStdout.request_id = headers["lambda-runtime-aws-request-id"]
        path = "/invocation/" + request_id
        try:
            answer = marshal(handler(unmarshal(event), Context(headers)))
        except Exception as error:
            said = describe(error, request_id)
            log_error(said)
            api.request("POST", path + "/error", json.dumps(said).encode())
            status, headers, event = api.request("GET", "/invocation/next")
        else:
            # The local AWS's own: one exchange instead of two.
            status, headers, event = api.request("POST", path + "/response/next", answer)


main()
