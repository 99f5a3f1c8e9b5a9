#!/usr/bin/env bash
# Tests the Helm charts and the Kustomize bases.
#
#   deploy/testbed/charts-test.sh            lints, renders, compares, and looks at what is refused
# shellcheck disable=SC2016 # filters of jq, and names in backticks
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
charts=deploy/helm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source-path=SCRIPTDIR source=checks.sh
source "$here/checks.sh"

HELM=${HELM:-$("$here/cluster-binaries.sh" helm)/helm}
export HELM
kubectl=${POLYAXON_KUBECTL:-$("$here/cluster-binaries.sh")/kubectl}

# render CHART VALUES-FILE [FLAG...]
render() {
    "$HELM" template "$1" "$charts/$1" --namespace polyaxon --values "$2" "${@:3}"
}
# refused CHART WORDS FLAG...: rendering it fails, and with these words.
refused() {
    local chart=$1 words=$2
    shift 2
    ! "$HELM" template x "$charts/$chart" --values "$charts/$chart/ci/$first" "$@" >"$work/output" 2>&1 ||
        fail "$chart takes $*"
    grep --quiet --fixed-strings -- "$words" "$work/output" || fail "$chart refuses $* with other words: $(cat "$work/output")"
    ok "$chart refuses $*"
}
# objects FILE: what was rendered, as a JSON list.
objects() {
    "$kubectl" annotate --local --filename "$1" --output json polyaxon-test=rendered |
        jq --slurp 'map(if .kind == "List" then .items[] else . end)'
}
# holds WORDS FILE FILTER: a jq filter is true for what was rendered.
holds() {
    objects "$2" | jq --exit-status "$3" >/dev/null || fail "$(basename "$2" .yaml): $1"
}

version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
for chart in polyaxon-hub polyaxon-agent; do
    [ "$(grep --count --extended-regexp "^(version|appVersion): $version\$" "$charts/$chart/Chart.yaml")" = 2 ] ||
        fail "$chart and its program are of version $version, as the workspace is"
    for values in "$charts/$chart"/ci/*.yaml; do
        "$HELM" lint --quiet --strict "$charts/$chart" --values "$values" >"$work/output" || fail "$values: $(cat "$work/output")"
        render "$chart" "$values" >"$work/$chart-$(basename "$values")"
        ok "$chart with $(basename "$values" -values.yaml) values"
    done
done

# notes CHART VALUES WORDS...: its notes are commands, of which a line is so. The cluster runs them, with other values.
notes() {
    "$HELM" install "$1" "$charts/$1" --dry-run=client --namespace polyaxon --values "$charts/$1/ci/$2-values.yaml" >"$work/notes"
    "$here/shown-commands.py" "$work/notes" "$work" >"$work/commands"
    bash -n "$work/commands" || fail "the notes of $1 with $2 values are commands: $(cat "$work/notes")"
    grep --quiet --line-regexp --fixed-strings -- "$3" "$work/commands" || fail "the notes of $1 with $2 values say \`$3\`: $(cat "$work/notes")"
    ok "the notes of $1 with $2 values"
}
notes polyaxon-hub proxy 'HOST=https://hub.example.org'
notes polyaxon-hub tls 'kubectl -n polyaxon port-forward service/components 8000:443 &'
notes polyaxon-hub operators 'HOST=https://localhost:8000'
notes polyaxon-agent minimal 'kubectl -n polyaxon rollout status deployment/polyaxon-agent'
notes polyaxon-agent namespaces 'kubectl -n builds create secret generic docker-config --from-file=config.json=$HOME/.docker/config.json'

first=proxy-values.yaml
refused polyaxon-hub "additional properties 'replicas' not allowed" --set replicas=2
refused polyaxon-hub '`image.repository` is empty' --set image.repository=
refused polyaxon-hub 'tokens would cross the network in the clear' --set tls.insecureBehindProxy=false
refused polyaxon-hub 'exclude each other' --set tls.secretName=x
refused polyaxon-hub "at '/service/port': maximum" --set service.port=70000
refused polyaxon-hub "at '/image/digest'" --set image.digest=latest
refused polyaxon-hub "at '/persistence/whenDeleted'" --set persistence.whenDeleted=Keep
refused polyaxon-hub '`ingress.enabled` wants `ingress.host`' --set ingress.host=
refused polyaxon-hub 'wants `httpRoute.parentRefs`' --set httpRoute.enabled=true
first=minimal-values.yaml
refused polyaxon-agent '`hub.url` is empty' --set hub.url=
refused polyaxon-agent "at '/hub/url'" --set hub.url=hub.example.org
refused polyaxon-agent '`podImage` is empty' --set podImage=
refused polyaxon-agent '`config.engine` is for agents beside a container engine' --set config.engine.network=host
refused polyaxon-agent "at '/config/executor'" --set config.executor.docker.socket=x
refused polyaxon-agent "at '/networkPolicy/runs/blocked/0'" --set 'networkPolicy.runs.blocked={10.0.0.0}'
refused polyaxon-agent "at '/config/connections/0': missing property 'kind'" --set 'config.connections[0].name=x'

# What Pod Security calls restricted, and a root that nobody writes to.
restricted='[.[] | select(.kind == "Deployment" or .kind == "StatefulSet") | .spec.template.spec] | length == 1 and all(
    .securityContext.runAsNonRoot and .securityContext.seccompProfile.type == "RuntimeDefault" and
    all(.containers[]; .securityContext | .readOnlyRootFilesystem and .allowPrivilegeEscalation == false and .capabilities.drop == ["ALL"]))'
for rendered in "$work"/polyaxon-*.yaml; do
    holds "its pod is restricted" "$rendered" "$restricted"
    holds "every name that it selects by is a label of its pod" "$rendered" \
        '(.[] | select(.kind == "Deployment" or .kind == "StatefulSet").spec.template.metadata.labels) as $labels |
         all(.[] | select(.kind == "Service").spec.selector, select(.kind == "PodDisruptionBudget").spec.selector.matchLabels;
             to_entries | all($labels[.key] == .value))'
done
ok "pods are restricted, and Services select them"
for rendered in "$work"/polyaxon-*.yaml; do
    holds "the kubelet can ask for its health, at a port that it has" "$rendered" \
        '[.[] | select(.kind == "Deployment" or .kind == "StatefulSet").spec.template.spec.containers[]] | length == 1 and all(
            ([.ports[].name]) as $ports | [.readinessProbe, .livenessProbe] | map(.httpGet | .path + " " + .port) ==
                ["/readyz " + $ports[0], "/healthz " + $ports[0]])'
done
ok "both have probes"
holds "the hub's pod has no token of the API" "$work/polyaxon-hub-tls-values.yaml" \
    'any(.[]; .kind == "StatefulSet" and .spec.template.spec.automountServiceAccountToken == false)'
holds "an Ingress has its host, its Secret and the hub's port" "$work/polyaxon-hub-proxy-values.yaml" \
    '(.[] | select(.kind == "Service").spec.ports[0]) as $port | any(.[]; .kind == "Ingress" and (.spec |
        .tls == [{hosts: ["hub.example.org"], secretName: "hub-example-org"}] and .rules[0].host == "hub.example.org" and
        .rules[0].http.paths == [{path: "/", pathType: "Prefix", backend: {service: {name: "polyaxon-hub", port: {name: $port.name}}}}])) and
     $port.appProtocol == "kubernetes.io/h2c"'
holds "an HTTPRoute has the hub's port, and no time limit" "$work/polyaxon-hub-operators-values.yaml" \
    '(.[] | select(.kind == "Service").spec.ports[0]) as $port | any(.[]; .kind == "HTTPRoute" and (.spec |
        .hostnames == ["hub.example.org"] and .parentRefs == [{name: "public", namespace: "gateways"}] and
        .rules == [{backendRefs: [{name: "polyaxon-hub", port: $port.port}], timeouts: {request: "0s"}}])) and $port.appProtocol == "https"'
ok "Ingress and HTTPRoute"
holds "an admin's token of one's own is read from its Secret" "$work/polyaxon-hub-tls-values.yaml" \
    'any(.[]; .kind == "StatefulSet" and (.spec.template.spec |
        (.containers[0].args | index("--admin-token-file=/admin-token/admin-token")) and
        (.containers[0].volumeMounts | any(.mountPath == "/admin-token" and .readOnly)) and
        (.volumes | any(.secret.secretName == "admin" and .secret.items == [{key: "admin-token", path: "admin-token"}] and .secret.defaultMode == 288))))'
holds "nothing of it where the hub makes one up" "$work/polyaxon-hub-proxy-values.yaml" \
    'all(.[]; tostring | contains("admin-token") | not)'
ok "an admin's token of one's own"
holds "the claim goes with the release" "$work/polyaxon-hub-tls-values.yaml" \
    'any(.[]; .kind == "StatefulSet" and .spec.persistentVolumeClaimRetentionPolicy.whenDeleted == "Delete")'
ok "the hub has no token of the API, and its claim goes when it should"
agent=$work/polyaxon-agent-namespaces-values.yaml
holds "Prometheus scrapes the agent's port, and may" "$agent" \
    'any(.[]; .kind == "PodMonitor" and .spec.podMetricsEndpoints == [{port: "health", path: "/metrics", interval: "15s"}]) and
     ([.[] | select(.kind == "NetworkPolicy" and .spec.policyTypes == ["Ingress"]).spec.ingress[]] | length == 1 and all(
        .ports == [{port: "health", protocol: "TCP"}] and (.from | length) == 1))'
holds "nobody else calls it" "$work/polyaxon-agent-minimal-values.yaml" \
    '(any(.[]; .kind == "PodMonitor") | not) and any(.[]; .kind == "NetworkPolicy" and .spec.policyTypes == ["Ingress"] and .spec.ingress == [])'
ok "the agent's numbers"
holds "a Role in each namespace of runs, once" "$agent" \
    '[.[] | select(.kind == "Role").metadata.namespace] | sort == ["builds", "team-a"]'
holds "the account of the release's namespace is bound" "$agent" \
    '[.[] | select(.kind == "RoleBinding").subjects[]] | length == 2 and all(.namespace == "polyaxon")'
# The whole of it: what comes in addition must be wanted here, too.
holds "the Role is the least that works" "$agent" \
    '[.[] | select(.kind == "Role" and .metadata.namespace == "team-a").rules[] | {(.resources | join(",")): (.verbs | sort | join(","))}] | add == {
        "jobs": "create,delete,get,list,patch,watch", "pods": "create,delete,get,list,patch,watch", "pods/log": "get", "events": "list,watch"}'
holds "the Lease is in the first namespace only" "$agent" \
    '[.[] | select(.kind == "Role" and any(.rules[]; .resources == ["leases"])).metadata.namespace] == ["builds"] and
     [.[] | select(.kind == "Lease").metadata | .namespace + "/" + .name] == ["builds/agent-1"]'
ok "the agent may do what it must in its namespaces, and no more"
holds "runs reach neither the metadata address nor private ranges, but what is allowed" "$agent" \
    '[.[] | select(.kind == "NetworkPolicy" and .spec.policyTypes == ["Ingress", "Egress"])] | length == 2 and all(.spec |
        (.ingress | length) == 0 and (.podSelector.matchLabels | length) == 2 and
        (.egress[0].to[0].ipBlock | .cidr == "0.0.0.0/0" and (.except | index("169.254.0.0/16") and index("10.0.0.0/8"))) and
        (.egress[1].ports | length) == 2 and .egress[2].to[0].ipBlock.cidr == "10.1.2.3/32")'
ok "runs reach the world without the cluster"
holds "its file is what was asked for, over what the chart knows" "$agent" \
    '.[] | select(.kind == "ConfigMap").data["agent.yaml"] | contains("podImage: registry.example.org/polyaxon-pod:0.1.0")
        and contains("name: agent-1") and contains("namespace: builds") and contains("secret:\n    mountPath: /kaniko/.docker")'
"$HELM" template polyaxon-agent "$charts/polyaxon-agent" --values "$charts/polyaxon-agent/ci/minimal-values.yaml" --set config.maxRuns=3 >"$work/changed.yaml"
sum='.[] | select(.kind == "Deployment").spec.template.metadata.annotations["checksum/config"]'
[ "$(objects "$work/changed.yaml" | jq "$sum")" != "$(objects "$work/polyaxon-agent-minimal-values.yaml" | jq "$sum")" ] ||
    fail "another file restarts the agent"
ok "the agent's file"

deploy/kustomize/render.sh --check
ok "Kustomize bases are what the charts give"
for base in hub agent example; do
    "$kubectl" kustomize "deploy/kustomize/$base" >"$work/kustomize-$base.yaml"
done
holds "the account that is bound is in the overlay's namespace" "$work/kustomize-example.yaml" \
    'all(.[]; .metadata.namespace == "builds") and ([.[] | select(.kind == "RoleBinding").subjects[].namespace] == ["builds"])'
holds "images are those of the overlay" "$work/kustomize-example.yaml" \
    '[.[] | select(.kind == "Deployment" or .kind == "StatefulSet").spec.template.spec.containers[].image] | sort ==
        ["registry.example.org/polyaxon-agent:0.1.0", "registry.example.org/polyaxon-hub:0.1.0"]'
ok "a Kustomize overlay sets namespace and images"
all_passed
