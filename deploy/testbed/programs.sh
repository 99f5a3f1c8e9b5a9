#!/usr/bin/env bash
# Builds the programs for end-to-end tests, the agent with its failpoints, and prints their folder.
# With POLYAXON_BUILT_PROGRAMS, the folder of programs that are built already, it builds nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${POLYAXON_BUILT_PROGRAMS-}" ]; then
    echo "testbed: building the programs" >&2
    cargo build --quiet --locked --profile ci --bins --features polyaxon-agent/failpoints \
        --package polyaxon-hub --package polyaxon-agent --package polyaxon-cli >&2
    POLYAXON_BUILT_PROGRAMS=${CARGO_TARGET_DIR:-target}/ci
fi
realpath "$POLYAXON_BUILT_PROGRAMS"
