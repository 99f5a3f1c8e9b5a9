#!/usr/bin/env bash
# Runs every test on a testbed of its own, which ends with the tests. One summary at the end.
#
#   deploy/testbed/test.sh                   everything
#   deploy/testbed/test.sh e2e [FILTER...]   only the end-to-end tests
#
# Where CI is set, a test that did not run is a failure. POLYAXON_KANIKO_IMAGE names a real executor
# image that takes the place of `kaniko-double`.
set -euo pipefail
cd "$(dirname "$0")/../.."

part=${1:-all}
[ $# -eq 0 ] || shift

cargo_test() {
    cargo test --profile ci --locked --no-fail-fast "$@"
}
# Tests that need the testbed are marked as ignored, so that `cargo test` passes without it.
tests() {
    local failed=0
    if [ "$part" = all ]; then
        # With the features of up.sh: the programs that it built are not built anew without them.
        cargo_test --workspace --exclude polyaxon-e2e --lib --bins --tests \
            --features polyaxon-agent/failpoints -- --include-ignored || failed=1
        cargo_test --workspace --exclude polyaxon-e2e --doc || failed=1
    fi
    cargo_test --package polyaxon-e2e --lib --tests -- --include-ignored "$@" || failed=1
    return "$failed"
}

case $part in
    all | e2e) ;;
    # The summary calls this script again, for both parts in one.
    tests-of-all | tests-of-e2e)
        part=${part#tests-of-}
        tests "$@"
        exit
        ;;
    *)
        echo "test: unknown part \`$part\`: give none, or \`e2e\`" >&2
        exit 2
        ;;
esac

mkdir -p .polyaxon
POLYAXON_TESTBED_DIR=$(mktemp -d "$PWD/.polyaxon/test.XXXXXX")
export POLYAXON_TESTBED_DIR
stop() {
    local status=$?
    trap - EXIT
    echo "testbed: stopping" >&2
    deploy/testbed/up.sh down || true
    rm -rf "$POLYAXON_TESTBED_DIR" || true
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

variables=$(deploy/testbed/up.sh)
eval "$variables"
[ -z "${CI-}" ] || export TEST_SUMMARY_FAILS_ON_SKIPPED=1
deploy/testbed/test-summary deploy/testbed/test.sh "tests-of-$part" "$@"
