#!/usr/bin/env bash
# Builds hub, agent and command line of this very commit as those of version 0.0.1, puts the images on the node of
# `cluster.sh`, and prints the variables that tests of upgrades read.
#
#   eval "$(deploy/testbed/older-programs.sh)"
#
# Until the next build without a version they are where those of the present version are.
#
# POLYAXON_OLDER_HUB_IMAGE, POLYAXON_OLDER_AGENT_IMAGE    images
# POLYAXON_OLDER_CLI                                      a command line that a hub of 0.0.1 serves
set -euo pipefail
here=$(realpath "$(dirname "$0")")
images=$(realpath "$here/../images")
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$here/../../target}")
export POLYAXON_PROFILE=ci POLYAXON_BUILD_VERSION=0.0.1

mkdir -p "$target/images/older"
cli=$("$images/build-static.sh" polyaxon-cli)
install "$cli" "$target/images/older/polyaxon"
for name in hub agent; do
    "$images/pack-program.sh" "$name" "$target/images/older/polyaxon-$name.oci.tar"
    image=$("$here/cluster-images.sh" load "$target/images/older/polyaxon-$name.oci.tar" "localhost/polyaxon-$name")
    printf 'export POLYAXON_OLDER_%s_IMAGE=%q\n' "${name^^}" "$image"
done
printf 'export POLYAXON_OLDER_CLI=%q\n' "$target/images/older/polyaxon"
