#!/usr/bin/env bash
# Fails if the API server refused an agent something because no Role allows it, and prints what.
#
#   deploy/testbed/cluster-refusals.sh NAMESPACE-PREFIX...    accounts of namespaces that begin so
#
# What the log of the API server says counts since `cluster.sh up`. An existing cluster has no log that could be read: nothing is looked at there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"
# Seconds until an API server that answers, or a Role that is new, allows what it should.
patience=10

[ $# -gt 0 ] || { echo "cluster-refusals: give the beginning of a namespace's name" >&2; exit 2; }
[ "${POLYAXON_E2E_CLUSTER-}" != existing ] || exit 0
[ -s "$audit_log" ] || cluster_fail "\`$audit_log\` is empty: the API server writes no audit log"

# Neither Pod Security nor a namespace that goes away are matters of Roles. What is allowed else may be refused while a server
# starts, while a Role is new, and when it went away with its namespace.
# shellcheck disable=SC2016 # a filter of jq
refused=$(jq --null-input --raw-output -L "$cluster_settings" --argjson patience "$patience" --rawfile starts "$api_server_starts" '
    include "audit";
    def seconds: (.[:19] + "Z" | fromdate) + (.[19:-1] | if . == "" then 0 else tonumber end);
    def what: "\(.user.username): \(.verb) \(.objectRef | [.namespace, .apiGroup, .resource, .subresource] | map(. // empty) | join("/"))";
    # Whether Roles of a namespace change, or go away.
    def changes_rights:
        (.objectRef.resource | IN("roles", "rolebindings")) and (.verb | IN("get", "list", "watch") | not)
        or .objectRef.resource == "namespaces" and .verb == "delete";
    def change($at): {$at, gone: (.verb | startswith("delete"))};

    # Times in words of one form compare as they are.
    ($starts / "\n" | map(select(. != ""))) as $starts
    | reduce inputs as $event ({answered: [], changes: {}, allowed: {}, refused: []};
        $event.requestReceivedTimestamp as $at
        | $event.annotations["authorization.k8s.io/decision"] as $decision
        # The first answer after each start.
        | reduce ($starts | keys[]) as $start (.;
            if $at >= $starts[$start] and $at < (.answered[$start] // "~") then .answered[$start] = $at else . end)
        | if $decision == "allow" and ($event | changes_rights) then
            .changes[$event.objectRef | .namespace // .name // ""] += [$event | change($at | seconds)]
          elif $event | is_of($ARGS.positional) | not then .
          elif $decision == "allow" then .allowed[$event | what] = true
          elif $decision == "forbid" then .refused += [{at: ($at | seconds), what: ($event | what), namespace: ($event.objectRef.namespace // "")}]
          else . end)
    | def server_starts($at): any(range($starts | length) as $start | [$starts[$start], .answered[$start] // $starts[$start] | seconds];
        $at >= .[0] and $at <= .[1] + $patience);
      def rights_change($at; $namespace): .changes[$namespace] // [] | map(select(.at <= $at)) | max_by(.at)
        | . != null and (.gone or $at <= .at + $patience);
      [. as $log | .refused[] | . as {$at, $what, $namespace}
        | select($log | .allowed[$what] and (server_starts($at) or rights_change($at; $namespace)) | not)]
    | group_by(.what)[] | "\(length) times \(.[0].what)"' "$audit_log" --args "$@")
[ -z "$refused" ] || cluster_fail "refused to accounts of ${*@Q}, their Role is too small:"$'\n'"$refused"
