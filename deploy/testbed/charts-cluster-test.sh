#!/usr/bin/env bash
# Installs, upgrades and uninstalls both charts on a cluster, as their notes say it. The upgrade is from version 0.0.1 and
# from the schema before this one, while builds are in flight. So are they when an agent of two is taken away, and when Helm rolls
# out the hub. Builds push to the registry with TLS and a password.
#
#   deploy/testbed/charts-cluster-test.sh
#
# Wants the variables of `cluster.sh up`, and these:
# POLYAXON_E2E_CLUSTER_HUB_IMAGE       image of the hub, on the node
# POLYAXON_E2E_CLUSTER_AGENT_IMAGE     image of the agent, on the node
# POLYAXON_CLI                         the program `polyaxon`
# An existing cluster has the images of before, POLYAXON_OLDER_*, see older-programs.sh, or is upgraded to what it has.
# Namespaces with the prefix `plx-charts` are its own, and go away at the end.
# shellcheck disable=SC2016 # a Dockerfile's shell expands it
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
here=$(realpath "$(dirname "$0")")
charts=$(realpath "$here/../helm")
fixtures=$(realpath "$here/../../e2e/fixtures")
migrations=$(realpath "$here/../../polyaxon-hub/src/storage/sqlite/migrations")
helm=${HELM:-$("$here/cluster-binaries.sh" helm)/helm}
for name in KUBECONFIG POLYAXON_KUBECTL POLYAXON_E2E_CLUSTER_{{HUB,AGENT,POD,EXECUTOR}_IMAGE,REGISTRY,PRIVATE_REGISTRY,CA,CREDENTIALS} POLYAXON_CLI; do
    [ -n "${!name-}" ] || { echo "charts-cluster-test: \`$name\` is missing, see \`$0\` for what it is" >&2; exit 2; }
done
gateway_api=1.4.0 prometheus_operator=0.85.0
kinds=(httproutes.gateway.networking.k8s.io servicemonitors.monitoring.coreos.com podmonitors.monitoring.coreos.com)
system=plx-charts runs=plx-charts-runs volumes=(plx-charts-hub plx-charts-artifacts)
work=$(mktemp -d)
# shellcheck source-path=SCRIPTDIR source=checks.sh
source "$here/checks.sh"
# shellcheck source-path=SCRIPTDIR source=reader.sh
source "$here/reader.sh"
# shellcheck source-path=SCRIPTDIR source=charts-cluster-builds.sh
source "$here/charts-cluster-builds.sh"
# shellcheck source-path=SCRIPTDIR source=charts-cluster-images.sh
source "$here/charts-cluster-images.sh"
# shellcheck source-path=SCRIPTDIR source=charts-cluster-proxy.sh
source "$here/charts-cluster-proxy.sh"
port=$(free_port) host=https://localhost:$port forward='' forwards=()

all_namespaces() {
    "$POLYAXON_KUBECTL" --request-timeout=60s "$@"
}
kubectl() {
    all_namespaces --namespace "$system" "$@"
}
end() {
    local status=$?
    trap - EXIT
    kill ${forward:+"$forward"} "${forwards[@]}" 2>/dev/null || true
    if [ "$status" -ne 0 ]; then
        kubectl get all --output wide >&2 || true
        kubectl get events --sort-by=.lastTimestamp >&2 || true
        kubectl logs --tail=20 --selector app.kubernetes.io/part-of=polyaxon --prefix >&2 || true
    fi
    # Without an agent nobody frees the objects of runs.
    all_namespaces --namespace "$runs" get jobs,pods --output name 2>/dev/null |
        xargs --no-run-if-empty "$POLYAXON_KUBECTL" --namespace "$runs" patch --type=merge --patch='{"metadata":{"finalizers":null}}' >/dev/null || true
    all_namespaces delete namespace "$system" "$runs" --ignore-not-found >/dev/null || status=1
    all_namespaces delete persistentvolume "${volumes[@]}" --ignore-not-found >/dev/null || status=1
    if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
        all_namespaces delete customresourcedefinition "${kinds[@]}" --ignore-not-found >/dev/null || status=1
        rm -rf "${volumes[@]/#/$POLYAXON_TESTBED_DIR/cluster/data/}"
    fi
    rm -rf "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

# The programs of now come first: those of before are built in their place.
[ "${POLYAXON_E2E_CLUSTER-}" != testbed ] || image_contexts
if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ] && [ -z "${POLYAXON_OLDER_CLI-}" ]; then
    variables=$("$here/older-programs.sh")
    eval "$variables"
fi
cli=${POLYAXON_OLDER_CLI:-$POLYAXON_CLI}
hub_image=${POLYAXON_OLDER_HUB_IMAGE:-$POLYAXON_E2E_CLUSTER_HUB_IMAGE}
agent_image=${POLYAXON_OLDER_AGENT_IMAGE:-$POLYAXON_E2E_CLUSTER_AGENT_IMAGE}

polyaxon() {
    POLYAXON_HOME=$work/home SSL_CERT_FILE=$work/ca.crt NO_PROXY='*' no_proxy='*' "$cli" "$@"
}
install_hub() {
    "$helm" upgrade --install polyaxon-hub "$charts/polyaxon-hub" --namespace "$system" --wait --timeout 120s \
        --set-string "image.repository=${hub_image%:*},image.tag=${hub_image##*:}" \
        --set tls.secretName=hub-tls "$@" >"$work/notes.txt" 2>"$work/output" || fail "helm: $(cat "$work/output")"
}
install_agent() {
    "$helm" upgrade --install polyaxon-agent "$charts/polyaxon-agent" --namespace "$system" --wait --timeout 120s \
        --set-string "image.repository=${agent_image%:*},image.tag=${agent_image##*:}" \
        --set "podImage=$POLYAXON_E2E_CLUSTER_POD_IMAGE,hub.url=https://polyaxon-hub.$system.svc:8000,hub.ca.configMap=hub-ca" \
        --values "$work/agent-values.yaml" "$@" >"$work/notes.txt" 2>"$work/output" || fail "helm: $(cat "$work/output")"
}
# What an earlier test has built is in the registry's cache.
unique=$(date +%s)
# describe NAME DOCKERFILE-RUN: prints an operation.
describe() {
    cat <<YAML
version: 1.1
kind: operation
name: $1
hubRef: kaniko
plugins: {collectArtifacts: false}
params:
  destination: {connection: docker-connection, value: "charts/$1:1"}
runPatch:
  init:
  - dockerfile: {image: "busybox:1.36", run: [": $1 of $unique; $2"]}
YAML
}
# queue NAME DOCKERFILE-RUN: prints the run's id.
queue() {
    describe "$@" >"$work/$1.yaml"
    queue_file "$work/$1.yaml"
}
queue_file() {
    polyaxon run -f "$1" -o json | jq --raw-output .uuid
}
# is STATUS ID
is() {
    local status
    status=$(polyaxon ops get -uid "$2" -o json | jq --raw-output .status)
    echo "run $2 is $status"
    [ "$status" = "$1" ]
}
no_forward() {
    [ -z "$forward" ] || { kill "$forward" && wait "$forward"; } 2>/dev/null || true
    forward=''
}
forward() {
    no_forward
    # What the one before said does not count.
    : >"$work/forward"
    "$POLYAXON_KUBECTL" --namespace "$system" port-forward service/polyaxon-hub "$port:8000" >"$work/forward" 2>&1 &
    forward=$!
    eventually 20 grep --quiet 'Forwarding from 127' "$work/forward" || fail "port-forward: $(cat "$work/forward")"
}
# follow_notes CHART SED-COMMAND: does what the notes say that Helm has shown, but for the lines that the command takes out.
follow_notes() {
    sed --in-place "$2" "$work/notes.txt"
    as_reader "$work/notes.txt" "$work/reader" --expression "s/8000:8000/$port:8000/; s/localhost:8000/localhost:$port/" ||
        fail "the notes of $1 work: $(cat "$work/reader/told")"
    ok "what the notes of $1 say works"
}

# module NAME@VERSION: folder of a Go module.
module() {
    (cd "$work" && GOTOOLCHAIN=local GOWORK=off go mod download -json "$1") | jq --raw-output .Dir
}

all_namespaces create namespace "$system" >/dev/null
all_namespaces create namespace "$runs" >/dev/null
all_namespaces label namespace "$system" pod-security.kubernetes.io/enforce=restricted >/dev/null
all_namespaces label namespace "$runs" pod-security.kubernetes.io/enforce=baseline >/dev/null

# Kinds of operators are not there. Their schemas are in their Go modules; no operator is needed to look at what it would be given.
absent='ServiceMonitor|PodMonitor|HTTPRoute'
if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
    for file in "$(module "sigs.k8s.io/gateway-api@v$gateway_api")/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml" \
        "$(module "github.com/prometheus-operator/prometheus-operator@v$prometheus_operator")/example/prometheus-operator-crd/monitoring.coreos.com"_{service,pod}monitors.yaml; do
        all_namespaces apply --server-side --filename "$file" >/dev/null
    done
    all_namespaces wait --for=condition=Established customresourcedefinition "${kinds[@]}" --timeout=60s >/dev/null
    absent='none'
fi
for values in "$charts"/*/ci/*.yaml; do
    chart=$(basename "$(dirname "$(dirname "$values")")")
    more=()
    [ "$chart" = polyaxon-hub ] || more=(--set "config.namespace=$runs,config.additionalNamespaces={$system}")
    "$helm" template server "$charts/$chart" --namespace "$system" --values "$values" "${more[@]}" |
        awk -v absent="\nkind: ($absent)\n" 'BEGIN { RS = "---\n"; ORS = "---\n" } $0 !~ absent' >"$work/objects.yaml"
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
kubectl create configmap hub-ca --from-file=ca.crt="$work/ca.crt" >/dev/null
registry_login "$work/reader"
cp "$work/ca.crt" "$work/reader"

# Builds push to the registry with TLS and a password, which the agent cannot read.
cat >"$work/agent-values.yaml" <<YAML
config:
  namespace: $runs
  maxRuns: 1
  executorImage: $POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE
  registryMirrors: ["$POLYAXON_E2E_CLUSTER_REGISTRY"]
  insecureRegistries: ["$POLYAXON_E2E_CLUSTER_REGISTRY"]
  artifactsStore: {name: artifacts-store, kind: volume_claim, schema: {volumeClaim: artifacts, mountPath: /plx-artifacts}}
  connections:
  - name: docker-connection
    kind: registry
    schema: {url: "$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY"}
    secret: {name: docker-config, mountPath: /kaniko/.docker}
  executor: {kubernetes: {caBundle: {configMap: authorities}}}
YAML
all_namespaces --namespace "$runs" create configmap authorities --from-file=ca.crt="$work/reader/authorities.crt" >/dev/null
if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
    testbed_volume "${volumes[0]}" "$system/data-polyaxon-hub-0" ReadWriteOnce
    testbed_volume "${volumes[1]}" "$runs/artifacts" ReadWriteOnce
    # A folder of the node gets no owner from its pod.
    chown 65532:65532 "${volumes[@]/#/$POLYAXON_TESTBED_DIR/cluster/data/}"
fi
all_namespaces --namespace "$runs" apply --filename - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: artifacts}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
YAML

seconds=$SECONDS
install_hub --set persistence.whenDeleted=Delete
ok "the hub is ready $((SECONDS - seconds)) s after its installation"
follow_notes polyaxon-hub ''
forward
polyaxon whoami | grep --quiet --word-regexp admin || fail "the token of the first start is an admin's"
ok "the token of the first start logs in through a port-forward"
# Services of another cluster have addresses that count only inside of it.
at=8000:$(kubectl get service polyaxon-hub --output jsonpath='{.spec.clusterIP}')
[ "${POLYAXON_E2E_CLUSTER-}" = testbed ] || at=$port:127.0.0.1
for path in readyz metrics; do
    eventually 20 curl --silent --fail --noproxy '*' --cacert "$work/ca.crt" --resolve "polyaxon-hub.$system.svc:$at" \
        "https://polyaxon-hub.$system.svc:${at%%:*}/$path" || fail "/$path at the Service: $(cat "$work/output")"
done
ok "the Service has TLS, and answers to the name that agents use"
! kubectl exec polyaxon-hub-0 -- sh -c true >"$work/output" 2>&1 || fail "the hub's image has a shell"
ok "the hub's image has no shell"

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
# A question of its own, with the agent's token and nothing else.
"$POLYAXON_KUBECTL" config view --raw --minify --flatten --output jsonpath='{.clusters[0].cluster.certificate-authority-data}' |
    base64 --decode >"$work/cluster.crt"
server=$("$POLYAXON_KUBECTL" config view --minify --output jsonpath='{.clusters[0].cluster.server}')
printf 'header = "Authorization: Bearer %s"\n' "$(kubectl create token polyaxon-agent)" >"$work/agent.curl"
# answers PATH: the status with which the API server answers the agent.
answers() {
    curl --silent --noproxy '*' --cacert "$work/cluster.crt" --config "$work/agent.curl" --output /dev/null --write-out '%{http_code}' "$server$1"
}
[ "$(answers "/apis/batch/v1/namespaces/$runs/jobs")" = 200 ] || fail "the agent reads Jobs"
for secret in "$runs/secrets" "$runs/secrets/docker-config" "$system/secrets/polyaxon-agent-token" "$system/secrets/hub-tls"; do
    [ "$(answers "/api/v1/namespaces/$secret")" = 403 ] || fail "the agent is refused $secret"
done
[ "$(answers /api/v1/secrets)" = 403 ] || fail "the agent is refused the Secrets of the cluster"
ok "the agent's rights are those of its Role, and Secrets are not among them"

probe() {
    curl --silent --fail --noproxy '*' "http://localhost:$health/$1"
}
"$POLYAXON_KUBECTL" --namespace "$system" port-forward deployment/polyaxon-agent :8081 >"$work/health" 2>&1 &
forwards+=($!)
eventually 20 grep --quiet 'Forwarding from 127' "$work/health" || fail "port-forward: $(cat "$work/health")"
health=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$work/health")
eventually 20 probe readyz || fail "the agent is ready: $(cat "$work/output")"
[ "$(probe readyz)" = ready ] || fail "an agent that is alone leads: $(probe readyz)"
# number NAME VALUE: what the agent tells.
number() {
    probe metrics | grep --line-regexp "polyaxon_agent_$1 $2"
}

# Its first step is the last of the hub's notes.
describe first 'echo built in a cluster' >"$work/reader/operation.yaml"
SSL_CERT_FILE=ca.crt follow_notes polyaxon-agent '/^1\. /,/^2\. /d'
id=$(newest_run)
is succeeded "$id" >"$work/output" || fail "a first build: $(cat "$work/output")"
polyaxon ops get -uid "$id" -o json | jq --exit-status .build.confirmed >/dev/null || fail "the digest is confirmed"
first=$id
ok "a first build"
for number in 'created_attempts_total 1' 'live_runs 0' 'waiting_reports 0' 'hub_session 1' 'cluster_watched 1' 'leader 1'; do
    # shellcheck disable=SC2086 # a name and a value
    eventually 20 number $number || fail "the agent tells \`$number\`: $(probe metrics)"
done
ok "the agent tells its health and its numbers"

# While hub and agent are replaced, a build goes on and says a line each second, and another one waits for it.
id=$(queue in-flight 'for i in $(seq 100 159); do echo line $i; sleep 1; done')
waiting=$(queue waiting 'echo it had to wait')
eventually 60 is running "$id" || fail "a build is running: $(cat "$work/output")"
if [ "$cli" != "$POLYAXON_CLI" ]; then
    POLYAXON_HOME=$work/home SSL_CERT_FILE=$work/ca.crt no_proxy='*' "$POLYAXON_CLI" whoami >"$work/output" 2>&1 && status=0 || status=$?
    [ "$status" = 7 ] || fail "a newer command line is refused: $status, $(cat "$work/output")"
    grep --quiet 'update the hub' "$work/output" || fail "a newer command line is told to update the hub: $(cat "$work/output")"
    ok "a newer command line is told to update the hub"
fi
before=$(kubectl get pod polyaxon-hub-0 --output jsonpath='{.metadata.uid}')
openssl rand -hex 32 >"$work/admin.token"
kubectl create secret generic hub-admin --from-file=token="$work/admin.token" >/dev/null
schema='the same'
if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
    # Only for the turning back: what comes after is the database of an older hub, and no hub may have it open meanwhile. A rollout
    # of the hub by Helm alone is further below.
    kubectl scale statefulset polyaxon-hub --replicas=0 >/dev/null
    kubectl wait --for=delete pod/polyaxon-hub-0 --timeout=60s >/dev/null
    schema=$("$here/older-database.py" "$POLYAXON_TESTBED_DIR/cluster/data/${volumes[0]}/hub.db" "$migrations") || fail "a database of the schema before"
fi
hub_image=$POLYAXON_E2E_CLUSTER_HUB_IMAGE cli=$POLYAXON_CLI
seconds=$SECONDS
hub_settings=(--set persistence.whenDeleted=Delete --set adminToken.existingSecret=hub-admin)
install_hub "${hub_settings[@]}"
[ "$(kubectl get pod polyaxon-hub-0 --output jsonpath='{.metadata.uid}')" != "$before" ] || fail "an upgrade makes another pod"
forward
polyaxon whoami >/dev/null || fail "the database is there after an upgrade"
[ "polyaxon $(polyaxon whoami -o json | jq --raw-output .hub_version)" = "$(polyaxon version --client)" ] ||
    fail "hub and command line are of one version: $(polyaxon whoami -o json)"
ok "an upgrade of the hub, schema $schema to $(find "$migrations" -name '*.sql' | wc -l), keeps its data and takes $((SECONDS - seconds)) s"
eventually 30 number hub_session 1 || fail "the agent of before speaks with the hub of now: $(probe metrics)"
probe metrics | grep --quiet "polyaxon_agent_info{version=\"$("${POLYAXON_OLDER_CLI:-$POLYAXON_CLI}" version --client | sed 's/polyaxon //')\"}" || fail "the agent is of before: $(probe metrics)"
is running "$id" >"$work/output" || fail "the build goes on: $(cat "$work/output")"
ok "the agent of before speaks with the hub of now"
no_forward
follow_notes polyaxon-hub '/^4\. /,$d'
forward
polyaxon admin token revoke admin >/dev/null 2>"$work/output" || fail "it may revoke the generated one: $(cat "$work/output")"
! kubectl logs polyaxon-hub-0 | grep --quiet --file="$work/admin.token" || fail "the hub's log holds the token"
ok "an admin's token of one's own"
is queued "$waiting" >"$work/output" || fail "the other build waits: $(cat "$work/output")"
agent_image=$POLYAXON_E2E_CLUSTER_AGENT_IMAGE
install_agent --set config.maxRuns=3
eventually 60 agent_ready || fail "the agent is ready after an upgrade: $(cat "$work/output")"
ok "an upgrade of the agent replaces it"
is running "$id" >"$work/output" || fail "the build goes on while hub and agent are replaced: $(cat "$work/output")"
eventually 120 is succeeded "$id" || fail "the build ends well: $(cat "$work/output"; polyaxon ops get -uid "$id")"
polyaxon ops logs -uid "$id" -nf --raw >"$work/log"
[ "$(grep --only-matching --extended-regexp 'line 1[0-9][0-9]' "$work/log")" = "$(seq --format='line %g' 100 159)" ] ||
    fail "no line of its log is lost or doubled: $(cat "$work/log")"
ok "a build survives that hub and agent are replaced, and its log is whole"
eventually 120 is succeeded "$waiting" || fail "the build that waited ends well: $(cat "$work/output"; polyaxon ops get -uid "$waiting")"
for run in "$first" "$id" "$waiting"; do
    polyaxon ops get -uid "$run" -o json | jq --exit-status '.build.confirmed' >/dev/null || fail "the digest of $run is known: $(polyaxon ops get -uid "$run")"
done
[ "$(polyaxon ops ls -o json | jq '.runs | length')" = 3 ] || fail "there are three runs: $(polyaxon ops ls)"
ok "a build that waited is built, and nothing of before is lost"

builds_outlive_agents_and_hub "${hub_settings[@]}"
quick_start_twice
modest_run

if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
    builds_its_own_images "${hub_settings[@]}"
    builds_behind_a_proxy
else
    echo "left out, pods reach no server of this machine: images of its own, an agent and a command line behind a proxy"
fi

"$here/cluster-refusals.sh" "$system" || fail "the Role is large enough"
ok "nothing that the agent asked for was refused"

for release in polyaxon-agent polyaxon-hub; do
    "$helm" uninstall "$release" --namespace "$system" --wait >/dev/null
done
left() {
    local kinds
    kinds=$(kubectl api-resources --verbs=list --namespaced --output name | grep --invert-match '^events' | paste --serial --delimiters=,)
    # What was made by hand, and what every namespace has.
    kubectl get "$kinds" --output name | grep --invert-match --extended-regexp '/(hub-tls|hub-ca|hub-admin|polyaxon-agent-token|kube-root-ca.crt|default)$'
    kubectl get "$kinds" --namespace "$runs" --output name | grep --invert-match --extended-regexp '/(docker-config|authorities|artifacts|kube-root-ca.crt|default)$'
}
nothing_left() {
    [ -z "$(left)" ]
}
eventually 60 nothing_left || fail "uninstalling leaves nothing: $(left)"
ok "uninstalling leaves nothing"
all_passed
