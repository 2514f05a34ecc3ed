#!/bin/sh
# Tests that need a gateway, in any CI: makes one, calls a tool, and deletes it however this ends.
# Works on this machine alone; with AGENTCORE_GW_ON=aws it works in the account that the environment names.
set -eu

name="ci-${CI_JOB_ID:-$$}"
case "${AGENTCORE_GW_ON:-local}" in
  aws) set -- ;;
  *) set -- --local ;;
esac

cleanup() {
  status=$?
  trap - EXIT
  agentcore-gw "$@" --quiet cleanup "$name" --yes >&2 || status=$?
  exit "$status"
}
trap 'cleanup "$@"' EXIT
trap 'exit 130' INT TERM

agentcore-gw "$@" --quiet create "$name" --sample --yes > /dev/null
# The URL and the client's credentials, as variables: nothing of them is printed.
eval "$(agentcore-gw "$@" credentials "$name" --output env)"

# Here go the tests. This one asks a tool for the weather.
said=$(agentcore-gw "$@" tools call "$name" weather-tool___get_weather '{"location":"Seattle"}' --output json)
case $said in
  *Seattle*) echo "the tool answered" ;;
  *) echo "unexpected: $said" >&2; exit 1 ;;
esac
