#!/bin/sh
# Makes the lock files of the tests' and benchmarks' peers and of the projects that `init` makes anew: from locks/*.in and requirements.in
# for Python, from package.json for Node.js.
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
(cd ../bench && for source in locks/*.in; do compile "$(basename "$source" .in)" --only-binary :all:; done)
agents=../../templates/agents
for agent in "$agents"/*/requirements.in; do
  (cd "$(dirname "$agent")" && uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-annotate --no-strip-extras --only-binary :all: --no-header requirements.in --output-file requirements.txt)
done
for folder in node "$agents/mcp-typescript"; do
  (cd "$folder" && npm install --package-lock-only --ignore-scripts --no-audit --no-fund)
done
