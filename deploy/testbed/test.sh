#!/usr/bin/env bash
# Runs every test on a testbed of its own, which ends with the tests. One summary at the end.
#
#   deploy/testbed/test.sh                       everything; what needs Kubernetes only as root
#   deploy/testbed/test.sh e2e [FILTER...]       only the end-to-end tests on a container engine
#   deploy/testbed/test.sh cluster [FILTER...]   only those on Kubernetes, see cluster.sh; needs root
#
# Where CI is set, a test that did not run is a failure. POLYAXON_E2E_CLUSTER is `testbed` for a cluster that is started
# and ended here (what root gets), `existing`, see cluster.sh, or empty for none. POLYAXON_E2E_PLACE is where hub and agent of the
# tests on a cluster run: `processes` beside it or, as the charts install them, in it (`charts`); without it, once each.
# POLYAXON_KANIKO_IMAGE names a real executor image that takes the place of `kaniko-double`.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source-path=SCRIPTDIR source=own-testbed.sh
source deploy/testbed/own-testbed.sh

# The summary calls this script again, as `tests-of-PART`, for all that it counts in one.
step=${1:-all}
[ $# -eq 0 ] || shift
part=${step#tests-of-}
case $part in
    all | e2e | cluster) ;;
    *)
        echo "test: unknown part \`$part\`: give none, \`e2e\` or \`cluster\`" >&2
        exit 2
        ;;
esac

if [ -z "${POLYAXON_E2E_CLUSTER+is set}" ] && [ "$(id -u)" -eq 0 ]; then
    export POLYAXON_E2E_CLUSTER=testbed
fi

# Histories of the simulation.
export POLYAXON_SIM_SEEDS=${POLYAXON_SIM_SEEDS:-2000}

cargo_test() {
    cargo test --profile ci --locked --no-fail-fast "$@"
}
with_engine() {
    [ "$part" != cluster ]
}
with_cluster() {
    [ "$part" = cluster ] || { [ "$part" = all ] && [ -n "${POLYAXON_E2E_CLUSTER-}" ]; }
}
# One set of features for all of it: with another one the programs would be built anew.
workspace=(--workspace --exclude polyaxon-e2e --features polyaxon-agent/failpoints)
! with_cluster || workspace+=(--features polyaxon-agent/cluster-tests)
# Of a cluster that is not the testbed's own nothing is stopped.
theirs=()
[ "${POLYAXON_E2E_CLUSTER-}" != existing ] || theirs=(--skip outages::)
# Tests that need the testbed are marked as ignored, so that `cargo test` passes without it.
workspace_tests() {
    local failed=0
    cargo_test "${workspace[@]}" --lib --bins --tests -- --include-ignored "${theirs[@]}" || failed=1
    cargo_test "${workspace[@]}" --doc || failed=1
    return "$failed"
}
engine_tests() {
    cargo_test --package polyaxon-e2e --lib --test engine -- --include-ignored "$@"
}
# cluster_tests_in PLACE [FILTER...]: with hub and agent as processes beside the cluster (`processes`), or as the charts install
# them in it (`charts`).
cluster_tests_in() {
    local place=$1 left_out=()
    shift
    # Agents of the charts, of which two run at once: charts-cluster-builds.sh.
    [ "$place" != charts ] || left_out=(--skip agents::)
    # They wait for the cluster most of their time.
    POLYAXON_E2E_PLACE=$place RUST_TEST_THREADS=${RUST_TEST_THREADS:-5} \
        cargo_test --package polyaxon-e2e --test cluster -- --include-ignored "${left_out[@]}" "$@"
}
# outages_in PLACE [FILTER...]: what is killed is the cluster itself, and with its node hub and agent where they are in it.
outages_in() {
    local place=$1 left_out=()
    shift
    # Nobody is there to be asked while the first two last; the others are the same to an agent beside the cluster.
    [ "$place" != charts ] || left_out=(--skip stays_away --skip lost_its_lease --skip kubelet_is_restarted --skip rotated_away)
    POLYAXON_E2E_PLACE=$place cargo_test --package polyaxon-e2e --test cluster_outages -- --include-ignored "${left_out[@]}" "$@"
}
cluster_tests() {
    local failed=0 place
    if [ $# -eq 0 ]; then
        deploy/testbed/charts-test.sh || failed=1
        deploy/testbed/charts-cluster-test.sh || failed=1
        [ "${POLYAXON_E2E_CLUSTER-}" = existing ] || deploy/testbed/first-hour-test.sh || failed=1
    fi
    for place in ${POLYAXON_E2E_PLACE:-processes charts}; do
        cluster_tests_in "$place" "$@" || failed=1
    done
    for place in ${POLYAXON_E2E_PLACE:-processes charts}; do
        [ "${POLYAXON_E2E_CLUSTER-}" = existing ] || outages_in "$place" "$@" || failed=1
    done
    deploy/testbed/cluster-refusals.sh plx-e2e plx-agent || failed=1
    [ $# -gt 0 ] || deploy/testbed/cluster-rights.sh plx-e2e plx-agent || failed=1
    return "$failed"
}
# At once, because both wait most of their time. What the first says is shown when the second has ended.
cluster_and_engine_tests() {
    local failed=0 output
    output=$(mktemp "$POLYAXON_TESTBED_DIR/cluster-tests.XXXXXX")
    # A process group of its own, which can be ended whole.
    set -m
    cluster_tests >"$output" 2>&1 &
    set +m
    # shellcheck disable=SC2064 # The number of now.
    trap "kill -- -$! 2>/dev/null" EXIT
    engine_tests || failed=1
    wait $! || failed=1
    trap - EXIT
    cat "$output"
    return "$failed"
}
# It wants a machine without a cluster, so it comes before all others; the summary reads what it said.
test_cluster_itself() {
    local output=$POLYAXON_TESTBED_DIR/cluster-test
    deploy/testbed/cluster-test.sh 2>&1 | tee "$output" || grep --quiet '^test result: FAILED' "$output" ||
        echo "test result: FAILED. 0 passed; 1 failed" >>"$output"
}
tests() {
    local failed=0
    if [ -e "$POLYAXON_TESTBED_DIR/cluster-test" ]; then
        echo "test: the cluster itself was tested before"
        grep '^test result: ' "$POLYAXON_TESTBED_DIR/cluster-test"
    fi
    case $part in
        all)
            workspace_tests || failed=1
            if with_cluster; then
                cluster_and_engine_tests || failed=1
            else
                engine_tests || failed=1
                echo "test: the tests on Kubernetes need root, or a cluster with POLYAXON_E2E_CLUSTER=existing" >&2
                echo "test result: ok. 0 passed; 0 failed; 1 ignored"
            fi
            ;;
        e2e) engine_tests "$@" || failed=1 ;;
        cluster)
            cargo_test "${workspace[@]}" --test kubernetes -- --include-ignored "${theirs[@]}" "$@" || failed=1
            cluster_tests "$@" || failed=1
            ;;
    esac
    return "$failed"
}

if [ "$step" != "$part" ]; then
    tests "$@"
    exit
fi

testbeds=()
! with_engine || testbeds+=(deploy/testbed/up.sh)
! with_cluster || testbeds+=(deploy/testbed/cluster.sh)
own_testbed test "${testbeds[@]}"
# Each prints the variables of what it started.
start() {
    local variables
    variables=$("$@")
    eval "$variables"
}
if [ "$part" = all ]; then
    # The programs come with the tests that need them; built alone, with fewer features of what
    # they depend on, they would compile half of it a second time.
    deploy/testbed/install.sh build test
    echo "test: building programs and tests" >&2
    cargo_test --quiet "${workspace[@]}" --lib --bins --tests --no-run
    POLYAXON_BUILT_PROGRAMS=$(realpath "${CARGO_TARGET_DIR:-target}/ci")
    export POLYAXON_BUILT_PROGRAMS
    start deploy/testbed/pyyaml.sh
fi
! with_cluster || [ "${POLYAXON_E2E_CLUSTER-}" != testbed ] || [ $# -gt 0 ] || test_cluster_itself
! with_engine || start deploy/testbed/up.sh
if with_cluster; then
    start deploy/testbed/cluster.sh up
    # Before the present ones, whose place they take while they are built.
    [ $# -gt 0 ] || [ "$POLYAXON_E2E_CLUSTER" = existing ] || start deploy/testbed/older-programs.sh
    start deploy/testbed/cluster-programs.sh
fi
[ -z "${CI-}" ] || export TEST_SUMMARY_FAILS_ON_SKIPPED=1
deploy/testbed/test-summary deploy/testbed/test.sh "tests-of-$part" "$@"
