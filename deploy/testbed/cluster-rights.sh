#!/usr/bin/env bash
# Fails if agents changed what exists in a way that they promise not to, or if they never used a right that the shipped Role gives
# them, and prints what.
#
#   deploy/testbed/cluster-rights.sh NAMESPACE-PREFIX...    accounts of namespaces that begin so
#
# What the log of the API server says counts since `cluster.sh up`, so every test has to have run. An existing cluster has no log that
# could be read: nothing is looked at there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"
agent=$(realpath "$(dirname "$0")/../kustomize/agent")

[ $# -gt 0 ] || { echo "cluster-rights: give the beginning of a namespace's name" >&2; exit 2; }
[ "${POLYAXON_E2E_CLUSTER-}" != existing ] || exit 0
[ -s "$audit_log" ] || cluster_fail "\`$audit_log\` is empty: the API server writes no audit log"

# shellcheck disable=SC2016 # a filter of jq
given=$("$POLYAXON_KUBECTL" kustomize "$agent" | "$POLYAXON_KUBECTL" create --dry-run=client --filename=- --output=json | jq --slurp '
    [.[] | if .kind == "List" then .items[] else . end | select(.kind == "Role") | .rules[]
        | .verbs[] as $verb | .apiGroups[] as $group | .resources[] as $resource | [$verb, ($group, $resource | select(. != ""))]
        | join(" ")]
    | unique')
[ "$given" != '[]' ] || cluster_fail "\`$agent\` holds no Role"

# Deleted is only this very object. What else is changed of Jobs and pods is our finalizer and the time that a Job is kept, by
# a patch that tests whether it is this very version. A Lease is the agent's own.
# shellcheck disable=SC2016 # a filter of jq
found=$(jq --null-input --raw-output -L "$cluster_settings" --argjson given "$given" '
    include "audit";
    def right: [.verb, (.objectRef | .apiGroup // "", ([.resource, .subresource // empty] | join("/")) | select(. != ""))] | join(" ");
    def is_precise:
        if .verb == "delete" then .requestObject.preconditions.uid != null
        elif .verb == "patch" then
            ["test /metadata/uid", "test /metadata/resourceVersion"] as $tests
            | (.requestObject | type) == "array"
            and ([.requestObject[] | "\(.op) \(.path | tostring | sub("/[0-9]+$"; ""))"]
                | $tests - . == []
                and . - $tests - ["add /spec/ttlSecondsAfterFinished", "remove /metadata/finalizers"] == [])
        else .objectRef.resource == "leases" end;
    reduce inputs as $event ({used: {}, wrong: []};
        if $event | (.annotations["authorization.k8s.io/decision"] == "allow" and .objectRef.resource != null and is_of($ARGS.positional)) | not
        then .
        else .used[$event | right] = true
            | if $event | .verb | IN("get", "list", "watch", "create") then .
              elif $event | is_precise then .
              else .wrong += [$event | "changed without care: \(.user.username): \(right) \(.requestObject)"] end
        end)
    | .wrong[:5][], ($given - (.used | keys) | .[] | "given and never used: \(.)")' "$audit_log" --args "$@")
[ -z "$found" ] || cluster_fail "rights of accounts of ${*@Q}:"$'\n'"$found"
