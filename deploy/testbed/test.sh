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
# shellcheck source-path=SCRIPTDIR source=own-testbed.sh
source deploy/testbed/own-testbed.sh

part=${1:-all}
[ $# -eq 0 ] || shift

# Histories of the simulation.
export POLYAXON_SIM_SEEDS=${POLYAXON_SIM_SEEDS:-2000}

cargo_test() {
    cargo test --profile ci --locked --no-fail-fast "$@"
}
# One set of features for all of it: with another one the programs would be built anew.
workspace=(--workspace --exclude polyaxon-e2e --features polyaxon-agent/failpoints)
# Tests that need the testbed are marked as ignored, so that `cargo test` passes without it.
tests() {
    local failed=0
    if [ "$part" = cluster ]; then
        [ $# -gt 0 ] || deploy/testbed/charts-test.sh || failed=1
        [ $# -gt 0 ] || deploy/testbed/charts-cluster-test.sh || failed=1
        cargo_test --package polyaxon-agent --features failpoints,cluster-tests --test kubernetes \
            -- --include-ignored "$@" || failed=1
        cargo_test --package polyaxon-e2e --test cluster -- --include-ignored "$@" || failed=1
        deploy/testbed/cluster-refusals.sh plx-e2e plx-agent || failed=1
        return "$failed"
    fi
    if [ "$part" = all ]; then
        cargo_test "${workspace[@]}" --lib --bins --tests -- --include-ignored || failed=1
        cargo_test "${workspace[@]}" --doc || failed=1
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

if [ "$part" = cluster ]; then
    own_testbed test deploy/testbed/cluster.sh
    variables=$(deploy/testbed/cluster.sh up)
    eval "$variables"
    variables=$(deploy/testbed/cluster-programs.sh)
else
    own_testbed test deploy/testbed/up.sh
    if [ "$part" = all ]; then
        # The programs come with the tests that need them; built alone, with fewer features of what
        # they depend on, they would compile half of it a second time.
        deploy/testbed/install.sh build
        echo "test: building programs and tests" >&2
        cargo_test --quiet "${workspace[@]}" --lib --bins --tests --no-run
        POLYAXON_BUILT_PROGRAMS=$(realpath "${CARGO_TARGET_DIR:-target}/ci")
        export POLYAXON_BUILT_PROGRAMS
    fi
    variables=$(deploy/testbed/up.sh)
fi
eval "$variables"
[ -z "${CI-}" ] || export TEST_SUMMARY_FAILS_ON_SKIPPED=1
deploy/testbed/test-summary deploy/testbed/test.sh "tests-of-$part" "$@"
