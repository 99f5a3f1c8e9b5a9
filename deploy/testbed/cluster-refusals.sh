#!/usr/bin/env bash
# Fails if the API server refused an agent something because no Role allows it, and prints what.
#
#   deploy/testbed/cluster-refusals.sh NAMESPACE-PREFIX...    accounts of namespaces that begin so
#
# What the log of the API server says counts since `cluster.sh up`. Requests of curl and kubectl are those of tests that want
# to be refused. An existing cluster has no log that could be read: nothing is looked at there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"

[ $# -gt 0 ] || { echo "cluster-refusals: give the beginning of a namespace's name" >&2; exit 2; }
[ "${POLYAXON_E2E_CLUSTER-}" != existing ] || exit 0
log=$cluster_dir/audit.log
[ -s "$log" ] || cluster_fail "\`$log\` is empty: the API server writes no audit log"

# Neither Pod Security nor a namespace that goes away are matters of Roles. While a server starts, or the Role goes away with its
# namespace, it refuses what it allows else.
# shellcheck disable=SC2016 # a filter of jq
refused=$(jq --null-input --raw-output '
    def what: "\(.user.username): \(.verb) \(.objectRef | [.namespace, .apiGroup, .resource, .subresource] | map(. // empty) | join("/"))";
    reduce (inputs
        | select((.user.username | split(":")) as $name | $name[1] == "serviceaccount" and any($ARGS.positional[]; . as $prefix | $name[2] | startswith($prefix)))
        | select(.userAgent // "" | test("^(curl|kubectl)/") | not)) as $event ({};
        ($event | what) as $key | $event.annotations["authorization.k8s.io/decision"] as $decision |
        if $decision == "allow" then .[$key] = 0 elif $decision == "forbid" and .[$key] != 0 then .[$key] += 1 else . end)
    | to_entries[] | select(.value > 0) | "\(.value) times \(.key)"' "$log" --args "$@")
[ -z "$refused" ] || cluster_fail "refused to accounts of ${*@Q}, their Role is too small:"$'\n'"$refused"
