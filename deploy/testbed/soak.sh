#!/usr/bin/env bash
# Kills hub and agent again and again while builds run, on a testbed of its own, and prints a table of what was lost.
#
#   SOAK_MINUTES=10 deploy/testbed/soak.sh
#   POLYAXON_KILLS=200 deploy/testbed/soak.sh
#   POLYAXON_E2E_CLUSTER=testbed deploy/testbed/soak.sh    builds on Kubernetes, see cluster.sh, not on a container engine
#
# SOAK_SEED repeats an order of kills. The exit status is not 0 when anything was lost.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source-path=SCRIPTDIR source=own-testbed.sh
source deploy/testbed/own-testbed.sh

if [ $# -gt 0 ]; then
    echo "soak: unknown argument \`$1\`: set SOAK_MINUTES, POLYAXON_KILLS or SOAK_SEED" >&2
    exit 2
fi

if [ -n "${POLYAXON_E2E_CLUSTER-}" ]; then
    own_testbed soak deploy/testbed/cluster.sh
    variables=$(deploy/testbed/cluster.sh up)
    eval "$variables"
    variables=$(deploy/testbed/cluster-programs.sh)
else
    own_testbed soak deploy/testbed/up.sh
    variables=$(deploy/testbed/up.sh)
fi
eval "$variables"
failed=0
cargo run --quiet --profile ci --locked --package polyaxon-e2e --bin soak || failed=1
[ -z "${POLYAXON_E2E_CLUSTER-}" ] || deploy/testbed/cluster-refusals.sh plx-e2e || failed=1
exit "$failed"
