#!/usr/bin/env bash
# Installs, upgrades and uninstalls both charts on a cluster, as their notes say it.
#
#   deploy/testbed/charts-cluster-test.sh
#
# Wants the variables of `cluster.sh up`, and these:
# POLYAXON_E2E_CLUSTER_HUB_IMAGE       image of the hub, on the node
# POLYAXON_E2E_CLUSTER_AGENT_IMAGE     image of the agent, on the node
# POLYAXON_CLI                         the program `polyaxon`
# Namespaces with the prefix `plx-charts` are its own, and go away at the end.
# shellcheck disable=SC2016 # a Dockerfile's shell expands it
set -euo pipefail
here=$(realpath "$(dirname "$0")")
charts=$(realpath "$here/../helm")
helm=${HELM:-$("$here/cluster-binaries.sh" helm)/helm}
for name in KUBECONFIG POLYAXON_KUBECTL POLYAXON_E2E_CLUSTER_{HUB,AGENT,POD,EXECUTOR}_IMAGE POLYAXON_E2E_CLUSTER_REGISTRY POLYAXON_CLI; do
    [ -n "${!name-}" ] || { echo "charts-cluster-test: \`$name\` is missing, see \`$0\` for what it is" >&2; exit 2; }
done
system=plx-charts runs=plx-charts-runs volume=plx-charts-hub
work=$(mktemp -d)
tests=0
forward='' port=''

all_namespaces() {
    "$POLYAXON_KUBECTL" --request-timeout=60s "$@"
}
kubectl() {
    all_namespaces --namespace "$system" "$@"
}
end() {
    local status=$?
    trap - EXIT
    [ -z "$forward" ] || kill "$forward" 2>/dev/null || true
    if [ "$status" -ne 0 ]; then
        kubectl get all --output wide >&2 || true
        kubectl get events --sort-by=.lastTimestamp >&2 || true
        kubectl logs --tail=20 --selector app.kubernetes.io/part-of=polyaxon --prefix >&2 || true
    fi
    # Without an agent nobody frees the objects of runs.
    all_namespaces --namespace "$runs" get jobs,pods --output name 2>/dev/null |
        xargs --no-run-if-empty "$POLYAXON_KUBECTL" --namespace "$runs" patch --type=merge --patch='{"metadata":{"finalizers":null}}' >/dev/null || true
    all_namespaces delete namespace "$system" "$runs" --ignore-not-found >/dev/null || status=1
    all_namespaces delete persistentvolume "$volume" --ignore-not-found >/dev/null || status=1
    [ "${POLYAXON_E2E_CLUSTER-}" != testbed ] || rm -rf "$POLYAXON_TESTBED_DIR/cluster/data/$volume"
    rm -rf "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

ok() {
    tests=$((tests + 1))
    echo "ok: $*"
}
fail() {
    echo "FAILED: $*" >&2
    echo "test result: FAILED. $tests passed; 1 failed"
    exit 1
}
# eventually SECONDS COMMAND...
eventually() {
    local tenths=$(($1 * 10))
    shift
    until "$@" >"$work/output" 2>&1; do
        [ $((tenths -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}
polyaxon() {
    POLYAXON_HOME=$work/home SSL_CERT_FILE=$work/ca.crt NO_PROXY='*' no_proxy='*' "$POLYAXON_CLI" "$@"
}
install_hub() {
    "$helm" upgrade --install polyaxon-hub "$charts/polyaxon-hub" --namespace "$system" --wait --timeout 120s \
        --set-string "image.repository=${POLYAXON_E2E_CLUSTER_HUB_IMAGE%:*},image.tag=${POLYAXON_E2E_CLUSTER_HUB_IMAGE##*:}" \
        --set tls.secretName=hub-tls "$@" >"$work/notes" 2>"$work/output" || fail "helm: $(cat "$work/output")"
}
install_agent() {
    "$helm" upgrade --install polyaxon-agent "$charts/polyaxon-agent" --namespace "$system" --wait --timeout 120s \
        --set-string "image.repository=${POLYAXON_E2E_CLUSTER_AGENT_IMAGE%:*},image.tag=${POLYAXON_E2E_CLUSTER_AGENT_IMAGE##*:}" \
        --set "podImage=$POLYAXON_E2E_CLUSTER_POD_IMAGE,hub.url=https://polyaxon-hub.$system.svc:8000,hub.ca.configMap=hub-ca" \
        --values "$work/agent-values.yaml" "$@" >"$work/notes" 2>"$work/output" || fail "helm: $(cat "$work/output")"
}
# queue NAME DOCKERFILE-RUN: prints the run's id.
queue() {
    cat >"$work/$1.yaml" <<YAML
version: 1.1
kind: operation
name: $1
hubRef: kaniko
plugins: {collectArtifacts: false}
params:
  destination: {connection: docker-connection, value: "charts/$1:1"}
runPatch:
  init:
  - dockerfile: {image: "busybox:1.36", run: ["$2"]}
YAML
    polyaxon run -f "$work/$1.yaml" -o json | jq --raw-output .uuid
}
# is STATUS ID
is() {
    local status
    status=$(polyaxon ops get -uid "$2" -o json | jq --raw-output .status)
    echo "run $2 is $status"
    [ "$status" = "$1" ]
}
# The first call chooses a port, the others take it again.
forward() {
    [ -z "$forward" ] || { kill "$forward" && wait "$forward"; } 2>/dev/null || true
    "$POLYAXON_KUBECTL" --namespace "$system" port-forward service/polyaxon-hub "$port:8000" >"$work/forward" 2>&1 &
    forward=$!
    eventually 20 grep --quiet 'Forwarding from 127' "$work/forward" || fail "port-forward: $(cat "$work/forward")"
    port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$work/forward")
    host=https://localhost:$port
}

all_namespaces create namespace "$system" >/dev/null
all_namespaces create namespace "$runs" >/dev/null
all_namespaces label namespace "$system" pod-security.kubernetes.io/enforce=restricted >/dev/null
all_namespaces label namespace "$runs" pod-security.kubernetes.io/enforce=baseline >/dev/null

for values in "$charts"/*/ci/*.yaml; do
    chart=$(basename "$(dirname "$(dirname "$values")")")
    more=()
    [ "$chart" = polyaxon-hub ] || more=(--set "config.namespace=$runs,config.additionalNamespaces={$system}")
    # Kinds of operators are not there.
    "$helm" template server "$charts/$chart" --namespace "$system" --values "$values" "${more[@]}" |
        awk 'BEGIN { RS = "---\n"; ORS = "---\n" } !/\nkind: (ServiceMonitor|PodMonitor|HTTPRoute)\n/' >"$work/objects.yaml"
    all_namespaces apply --dry-run=server --validate=strict --filename "$work/objects.yaml" >"$work/output" 2>&1 ||
        fail "the server takes $chart with $(basename "$values"): $(cat "$work/output")"
    ! grep --quiet 'Warning:' "$work/output" || fail "the server warns of $chart with $(basename "$values"): $(cat "$work/output")"
    ok "the server takes $chart with $(basename "$values" -values.yaml) values"
done

cp -r "$here/../kustomize" "$work/kustomize"
sed -i "s/\\bbuilds\\b/$runs/" "$work/kustomize/example"/*.yaml
all_namespaces apply --dry-run=server --validate=strict --kustomize "$work/kustomize/example" >"$work/output" 2>&1 ||
    fail "the server takes the Kustomize overlay: $(cat "$work/output")"
! grep --quiet 'Warning:' "$work/output" || fail "the server warns of the Kustomize overlay: $(cat "$work/output")"
ok "the server takes the Kustomize overlay"

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30)
openssl req -x509 "${new_key[@]}" -keyout "$work/ca.key" -out "$work/ca.crt" -subj /CN=test-authority \
    -addext basicConstraints=critical,CA:TRUE 2>/dev/null
openssl req -x509 "${new_key[@]}" -CA "$work/ca.crt" -CAkey "$work/ca.key" -keyout "$work/tls.key" -out "$work/tls.crt" -subj /CN=hub \
    -addext basicConstraints=critical,CA:FALSE -addext "subjectAltName=DNS:localhost,DNS:polyaxon-hub.$system.svc" 2>/dev/null
kubectl create secret tls hub-tls --cert="$work/tls.crt" --key="$work/tls.key" >/dev/null
cat >"$work/agent-values.yaml" <<YAML
config:
  namespace: $runs
  executorImage: $POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE
  registryMirrors: ["$POLYAXON_E2E_CLUSTER_REGISTRY"]
  insecureRegistries: ["$POLYAXON_E2E_CLUSTER_REGISTRY"]
  connections:
  - {name: docker-connection, kind: registry, schema: {url: "$POLYAXON_E2E_CLUSTER_REGISTRY"}}
YAML
kubectl create configmap hub-ca --from-file=ca.crt="$work/ca.crt" >/dev/null
if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
    # Nothing makes volumes there, and a folder of the node gets no owner from its pod.
    mkdir -p "$POLYAXON_TESTBED_DIR/cluster/data/$volume"
    chown 65532:65532 "$POLYAXON_TESTBED_DIR/cluster/data/$volume"
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: $volume}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  claimRef: {namespace: $system, name: data-polyaxon-hub-0}
  hostPath: {path: "$POLYAXON_TESTBED_DIR/cluster/data/$volume"}
YAML
fi

seconds=$SECONDS
install_hub --set persistence.whenDeleted=Delete
ok "the hub is ready $((SECONDS - seconds)) s after its installation"
forward
kubectl exec statefulset/polyaxon-hub -- polyaxon-hub --print-admin-token | polyaxon login --host "$host" --token - 2>"$work/output" ||
    fail "login: $(cat "$work/output")"
polyaxon whoami | grep --quiet --word-regexp admin || fail "the token of the first start is an admin's"
ok "the token of the first start logs in through a port-forward"
address=$(kubectl get service polyaxon-hub --output jsonpath='{.spec.clusterIP}')
for path in readyz metrics; do
    eventually 20 curl --silent --fail --noproxy '*' --cacert "$work/ca.crt" --resolve "polyaxon-hub.$system.svc:8000:$address" \
        "https://polyaxon-hub.$system.svc:8000/$path" || fail "/$path at the Service: $(cat "$work/output")"
done
ok "the Service has TLS, and answers to the name that agents use"
! kubectl exec polyaxon-hub-0 -- sh -c true >"$work/output" 2>&1 || fail "the hub's image has a shell"
ok "the hub's image has no shell"

polyaxon admin token create --scope agent --name charts >"$work/agent.token" 2>"$work/output" || fail "a token for the agent: $(cat "$work/output")"
kubectl create secret generic polyaxon-agent-token --from-file=token="$work/agent.token" >/dev/null
seconds=$SECONDS
install_agent
agent_ready() {
    kubectl logs deployment/polyaxon-agent | grep '"agent ready"'
}
eventually 60 agent_ready || fail "the agent is ready: $(cat "$work/output")"
ok "the agent is ready $((SECONDS - seconds)) s after its installation"

may() {
    kubectl auth can-i --namespace "$runs" --as "system:serviceaccount:$system:polyaxon-agent" "$@" --quiet
}
for right in 'create jobs' 'patch jobs' 'delete jobs' 'watch jobs' 'watch pods' 'patch pods' 'get pods --subresource=log' 'watch events' 'update leases'; do
    # shellcheck disable=SC2086 # a verb and a resource
    may $right || fail "the agent may $right"
done
for right in 'get secrets' 'list secrets' 'get configmaps' 'create pods --subresource=exec' 'create serviceaccounts --subresource=token' 'update jobs' 'create rolebindings' 'delete leases'; do
    # shellcheck disable=SC2086 # a verb and a resource
    ! may $right || fail "the agent may not $right"
done
! kubectl auth can-i list jobs --namespace default --as "system:serviceaccount:$system:polyaxon-agent" --quiet || fail "the agent is confined to its namespaces"
ok "the agent's rights are those of its Role, and Secrets are not among them"

id=$(queue first 'echo built in a cluster') || fail "the hub takes a run"
eventually 120 is succeeded "$id" || fail "a first build: $(cat "$work/output"; polyaxon ops logs -uid "$id" -nf)"
polyaxon ops get -uid "$id" -o json | jq --exit-status .build.confirmed >/dev/null || fail "the digest is confirmed"
ok "a first build"

# While hub and agent are replaced, a build goes on and says a line each second.
id=$(queue in-flight 'for i in $(seq 100 129); do echo line $i; sleep 1; done')
eventually 60 is running "$id" || fail "a build is running: $(cat "$work/output")"
before=$(kubectl get pod polyaxon-hub-0 --output jsonpath='{.metadata.uid}')
install_hub --set persistence.whenDeleted=Delete --set podAnnotations.restarted=yes
[ "$(kubectl get pod polyaxon-hub-0 --output jsonpath='{.metadata.uid}')" != "$before" ] || fail "an upgrade makes another pod"
forward
polyaxon whoami >/dev/null || fail "the database is there after an upgrade"
ok "an upgrade of the hub keeps its data"
install_agent --set config.maxRuns=3
eventually 60 agent_ready || fail "the agent is ready after an upgrade: $(cat "$work/output")"
ok "an upgrade of the agent's file restarts it"
is running "$id" >"$work/output" || fail "the build goes on while hub and agent are replaced: $(cat "$work/output")"
eventually 120 is succeeded "$id" || fail "the build ends well: $(cat "$work/output"; polyaxon ops get -uid "$id")"
polyaxon ops logs -uid "$id" -nf --raw >"$work/log"
[ "$(grep --only-matching --extended-regexp 'line 1[0-9][0-9]' "$work/log")" = "$(seq --format='line %g' 100 129)" ] ||
    fail "no line of its log is lost or doubled: $(cat "$work/log")"
ok "a build survives that hub and agent are replaced, and its log is whole"

for release in polyaxon-agent polyaxon-hub; do
    "$helm" uninstall "$release" --namespace "$system" --wait >/dev/null
done
left() {
    local kinds
    kinds=$(kubectl api-resources --verbs=list --namespaced --output name | grep --invert-match '^events' | paste --serial --delimiters=,)
    # What was made by hand, and what every namespace has.
    kubectl get "$kinds" --output name | grep --invert-match --extended-regexp '/(hub-tls|hub-ca|polyaxon-agent-token|kube-root-ca.crt|default)$'
    kubectl get "$kinds" --namespace "$runs" --output name | grep --invert-match --extended-regexp '/(kube-root-ca.crt|default)$'
}
nothing_left() {
    [ -z "$(left)" ]
}
eventually 60 nothing_left || fail "uninstalling leaves nothing: $(left)"
ok "uninstalling leaves nothing"

echo
echo "test result: ok. $tests passed; 0 failed"
