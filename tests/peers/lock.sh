#!/bin/sh
# Makes the lock files of the tests' peers anew: from locks/*.in for Python, from node/package.json for Node.js.
# Needs uv (`pip install uv`) and npm. What is named in an .in file stays at its version; the rest is as new as it fits.
set -eu
cd "$(dirname "$0")"
compile() {
  name=$1
  shift
  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras \
    --custom-compile-command tests/peers/lock.sh "$@" --output-file "locks/$name.txt" "locks/$name.in"
}
for source in locks/*.in; do
  name=$(basename "$source" .in)
  case $name in
    openapi-documents) compile "$name" --only-binary :all: --no-deps ;;
    openapi-documents-source) compile "$name" --no-binary :all: --no-deps ;;
    *) compile "$name" --only-binary :all: ;;
  esac
done
(cd node && npm install --package-lock-only --ignore-scripts --no-audit --no-fund)
