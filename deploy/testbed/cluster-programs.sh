#!/usr/bin/env bash
# Builds the programs and the images of hub and agent for the tests on a cluster, puts the images on
# the node, and prints the variables that the tests read.
#
#   eval "$(deploy/testbed/cluster.sh up)" && eval "$(deploy/testbed/cluster-programs.sh)"
#
# On an existing cluster no image is made: these variables name images that its nodes can pull.
#
# POLYAXON_E2E_BINARIES                folder of the programs, for those that run outside of the cluster
# POLYAXON_CLI                         the program `polyaxon`
# POLYAXON_E2E_CLUSTER_HUB_IMAGE       image of the hub
# POLYAXON_E2E_CLUSTER_AGENT_IMAGE     image of the agent, with the failpoints of tests
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
export POLYAXON_PROFILE=ci
binaries=$("$here/programs.sh")
if [ "${POLYAXON_E2E_CLUSTER-}" = existing ]; then
    for name in POLYAXON_E2E_CLUSTER_{HUB,AGENT}_IMAGE; do
        [ -n "${!name-}" ] || { echo "cluster: POLYAXON_E2E_CLUSTER=existing needs \`$name\`, see \`$0\` for what it is" >&2; exit 1; }
    done
    hub=$POLYAXON_E2E_CLUSTER_HUB_IMAGE agent=$POLYAXON_E2E_CLUSTER_AGENT_IMAGE
else
    deploy/images/pack-program.sh hub "$target/images/polyaxon-hub.oci.tar"
    deploy/images/pack-program.sh agent "$target/images/polyaxon-agent.oci.tar"
    hub=$("$here/cluster-images.sh" load "$target/images/polyaxon-hub.oci.tar" localhost/polyaxon-hub)
    agent=$("$here/cluster-images.sh" load "$target/images/polyaxon-agent.oci.tar" localhost/polyaxon-agent)
fi
printf 'export %s=%q\n' \
    POLYAXON_E2E_BINARIES "$binaries" \
    POLYAXON_CLI "$binaries/polyaxon" \
    POLYAXON_E2E_CLUSTER_HUB_IMAGE "$hub" \
    POLYAXON_E2E_CLUSTER_AGENT_IMAGE "$agent"
