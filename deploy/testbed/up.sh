#!/usr/bin/env bash
# Builds and starts everything that end-to-end tests need, and prints the variables that they read.
#
#   eval "$(deploy/testbed/up.sh)" && cargo test -p polyaxon-e2e -- --include-ignored
#   deploy/testbed/up.sh down
#
# POLYAXON_KANIKO_IMAGE names a real executor image that takes the place of `kaniko-double`.
# The services and their data are in POLYAXON_TESTBED_DIR (default `.polyaxon/testbed`).
set -euo pipefail
cd "$(dirname "$0")/../.."
here=deploy/testbed
# shellcheck source-path=SCRIPTDIR source=services.sh
source "$here/services.sh"

case ${1-} in
    '') ;;
    down)
        "$here/podman.sh" stop
        "$here/registry.sh" stop
        exit
        ;;
    *)
        echo "up: unknown argument \`$1\`: give none, or \`down\`" >&2
        exit 2
        ;;
esac

"$here/install.sh" build test engine images

export POLYAXON_PROFILE=ci
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
binaries=$("$here/programs.sh")
deploy/images/pack-pod.sh "$target/ci/polyaxon-pod.oci.tar"
[ -n "${POLYAXON_KANIKO_IMAGE-}" ] || "$here/pack-kaniko-double.sh" "$target/images/kaniko-double.oci.tar"

echo "testbed: starting a registry and Podman" >&2
registry=$("$here/registry.sh" start)
socket=$("$here/podman.sh" start)
"$here/base-images.sh" "$registry"
if [ -n "${POLYAXON_KANIKO_IMAGE-}" ]; then
    executor=$POLYAXON_KANIKO_IMAGE
    "$here/engine-image.sh" pull "$socket" "$executor"
else
    executor=$("$here/engine-image.sh" load "$socket" "$target/images/kaniko-double.oci.tar" localhost/kaniko-double)
fi
echo "testbed: registry $registry, engine $socket, executor $executor" >&2

printf 'export %s=%q\n' \
    POLYAXON_TESTBED_DIR "$(testbed_dir)" \
    POLYAXON_E2E_BINARIES "$binaries" \
    POLYAXON_E2E_REGISTRY "$registry" \
    POLYAXON_E2E_EXECUTOR_IMAGE "$executor" \
    POLYAXON_ENGINE_SOCKET "$socket" \
    POLYAXON_POD_IMAGE_TAR "$target/ci/polyaxon-pod.oci.tar"
