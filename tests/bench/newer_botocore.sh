#!/bin/sh
# Tells what the newest botocore knows that the locked one does not, of the operations that the local AWS offers: new
# operations and members, errors, values and bounds. Then drives the local AWS with it, as the tests do with the
# locked one. Ends with 1 if anything differs or fails. Needs Python 3.11 and the package registry.
set -eu
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
cargo test --locked --quiet --no-run --test it
python3 tests/peers/install.py "$target/peers" boto3
newest="$target/peers/boto3-newest"
rm -rf "$newest"
python3 -m venv "$newest"
"$newest/bin/python" -m pip install --quiet --disable-pip-version-check boto3

folder=$(mktemp -d)
trap 'AGENTCORE_GW_LOCAL_DIR="$folder/local" "$target/debug/agentcore-gw" -q local stop > /dev/null; rm -rf "$folder"' EXIT
eval "$(AGENTCORE_GW_LOCAL_DIR="$folder/local" AGENTCORE_GW_LOCAL_PORT=0 "$target/debug/agentcore-gw" -q local env)"
"$newest/bin/python" -B tests/peers/boto3_table > "$folder/table.json"
result=0
for peer in boto3 boto3-newest; do
  "$target/peers/$peer/bin/python" tests/bench/botocore_models.py dump "$folder/table.json" > "$folder/$peer.json"
done
python3 tests/bench/botocore_models.py compare "$folder/boto3.json" "$folder/boto3-newest.json" || result=1
python3 tests/bench/botocore_models.py failures "$folder/table.json" || result=1
exit "$result"
