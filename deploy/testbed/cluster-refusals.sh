#!/usr/bin/env bash
# Fails if the API server refused an agent something because no Role allows it, and prints what.
#
#   deploy/testbed/cluster-refusals.sh NAMESPACE-PREFIX...    accounts of namespaces that begin so
#
# What the log of the API server says counts since `cluster.sh up`. Requests of curl are those of tests that want to be
# refused. An existing cluster has no log that could be read: nothing is looked at there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"

[ $# -gt 0 ] || { echo "cluster-refusals: give the beginning of a namespace's name" >&2; exit 2; }
[ "${POLYAXON_E2E_CLUSTER-}" != existing ] || exit 0
log=$cluster_dir/audit.log
[ -s "$log" ] || cluster_fail "\`$log\` is empty: the API server writes no audit log"

# A namespace that goes away refuses creations, too, and so does Pod Security; neither is a matter of Roles.
# shellcheck disable=SC2016 # a filter of jq
refused=$(jq --raw-output '
    select((.user.username | split(":")) as $name | $name[1] == "serviceaccount" and any($ARGS.positional[]; . as $prefix | $name[2] | startswith($prefix)))
    | select(.responseStatus.code == 403 and .annotations["authorization.k8s.io/decision"] == "forbid")
    | select(.userAgent // "" | startswith("curl/") | not)
    | "\(.user.username): \(.verb) \(.requestURI)"' "$log" --args "$@" | sort | uniq --count)
[ -z "$refused" ] || cluster_fail "refused to accounts of ${*@Q}, their Role is too small:"$'\n'"$refused"
