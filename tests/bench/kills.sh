#!/bin/sh
# Kills create, target add (each kind), target update, target remove and cleanup 200 times at random, and checks that
# whoever goes on has one of everything and whoever cleans up has nothing. Takes about ten minutes.
# AGENTCORE_GW_KILLS is how many; AGENTCORE_GW_KILLS_SEED, which a failure names, repeats a run.
set -eu
cd "$(dirname "$0")/../.."
AGENTCORE_GW_KILLS="${AGENTCORE_GW_KILLS:-200}" cargo test --locked --test it -- kills:: --nocapture
