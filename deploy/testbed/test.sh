#!/usr/bin/env bash
# Runs every test on a testbed of its own, which ends with the tests. One summary at the end.
#
#   deploy/testbed/test.sh                       everything but the tests on a cluster
#   deploy/testbed/test.sh e2e [FILTER...]       only the end-to-end tests on a container engine
#   deploy/testbed/test.sh cluster [FILTER...]   only those on Kubernetes, see cluster.sh; needs root
#
# Where CI is set, a test that did not run is a failure. POLYAXON_KANIKO_IMAGE names a real executor
# image that takes the place of `kaniko-double`.
set -euo pipefail
cd "$(dirname "$0")/../.."

part=${1:-all}
[ $# -eq 0 ] || shift

# Histories of the simulation.
export POLYAXON_SIM_SEEDS=${POLYAXON_SIM_SEEDS:-2000}

cargo_test() {
    cargo test --profile ci --locked --no-fail-fast "$@"
}
# Tests that need the testbed are marked as ignored, so that `cargo test` passes without it.
tests() {
    local failed=0
    if [ "$part" = cluster ]; then
        [ $# -gt 0 ] || deploy/testbed/charts-test.sh || failed=1
        [ $# -gt 0 ] || deploy/testbed/charts-cluster-test.sh || failed=1
        cargo_test --package polyaxon-agent --features failpoints,cluster-tests --test kubernetes \
            -- --include-ignored "$@" || failed=1
        cargo_test --package polyaxon-e2e --test cluster -- --include-ignored "$@" || failed=1
        return "$failed"
    fi
    if [ "$part" = all ]; then
        # With the features of up.sh: the programs that it built are not built anew without them.
        cargo_test --workspace --exclude polyaxon-e2e --lib --bins --tests \
            --features polyaxon-agent/failpoints -- --include-ignored || failed=1
        cargo_test --workspace --exclude polyaxon-e2e --doc --features polyaxon-agent/failpoints || failed=1
    fi
    cargo_test --package polyaxon-e2e --lib --test engine -- --include-ignored "$@" || failed=1
    return "$failed"
}

case $part in
    all | e2e | cluster) ;;
    # The summary calls this script again, for all that it counts in one.
    tests-of-all | tests-of-e2e | tests-of-cluster)
        part=${part#tests-of-}
        tests "$@"
        exit
        ;;
    *)
        echo "test: unknown part \`$part\`: give none, \`e2e\` or \`cluster\`" >&2
        exit 2
        ;;
esac

testbed=deploy/testbed/up.sh
[ "$part" != cluster ] || testbed=deploy/testbed/cluster.sh
mkdir -p .polyaxon
POLYAXON_TESTBED_DIR=$(mktemp -d "$PWD/.polyaxon/test.XXXXXX")
export POLYAXON_TESTBED_DIR
stop() {
    local status=$?
    trap - EXIT
    echo "testbed: stopping" >&2
    "$testbed" down || true
    rm -rf --one-file-system "$POLYAXON_TESTBED_DIR" || true
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ "$part" = cluster ]; then
    variables=$("$testbed" up)
    eval "$variables"
    variables=$(deploy/testbed/cluster-programs.sh)
else
    variables=$("$testbed")
fi
eval "$variables"
[ -z "${CI-}" ] || export TEST_SUMMARY_FAILS_ON_SKIPPED=1
deploy/testbed/test-summary deploy/testbed/test.sh "tests-of-$part" "$@"
