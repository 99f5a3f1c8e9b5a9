#!/usr/bin/env bash
# Simulated nodes for the cluster of cluster.sh: their pods are objects of its API server, and
# nothing of them runs.
#
#   deploy/testbed/kwok.sh up [NODES]   makes so many nodes (default 10) with room for 1500 pods each
#   deploy/testbed/kwok.sh down         removes them
#   deploy/testbed/kwok.sh run COMMAND  runs the command with such nodes and the variables of cluster.sh;
#                                       a cluster that was not up is up as long as the command runs. Each
#                                       of both gets half of the processors, as on machines of their own
#
# A pod gets there only with the node selector `testbed.polyaxon.com/node: simulated` and a toleration
# of the taint of the same key; no other pod does. What becomes of it is in kwok-stages.yaml.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
# shellcheck source-path=SCRIPTDIR source=cluster-services.sh
source "$here/cluster-services.sh"
# The machine has one cluster, whichever testbed it is of.
owner=$(cluster_owner)
if [ -n "$owner" ] && [ "$owner" != "$cluster_dir" ]; then
    POLYAXON_TESTBED_DIR=$(dirname "$owner") exec "$0" "$@"
fi

key=testbed.polyaxon.com/node
service=$cluster_dir/services/kwok
# The address of the real kubelet, beside its port.
port=10349
address=$gateway:$port
# Outputs that are followed take an instance each, many more than there are by default.
inotify=fs.inotify.max_user_instances
followed=2048
# Of the machine; the script itself may have fewer.
processors=$(nproc --all)

# Every container has an output, in which nothing is.
logs() {
    cat <<YAML
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterLogs
metadata: {name: silence}
spec: {logs: [{logsFile: $service/output, follow: true}]}
YAML
}

node() {
    cat <<YAML
---
apiVersion: v1
kind: Node
metadata: {name: simulated-$1, labels: {$key: simulated, kubernetes.io/os: linux}}
spec: {taints: [{key: $key, value: simulated, effect: NoSchedule}]}
YAML
}

up() {
    local count=$1 number program
    case $count in '' | *[!0-9]* | 0) cluster_fail "\`$count\` is no number of nodes" ;; esac
    if [ -z "$(cluster_owner)" ] || [ ! -e "$cluster_dir/variables" ]; then
        cluster_fail "there is no cluster to add nodes to: run \`$here/cluster.sh up\`"
    fi
    program=$("$here/cluster-binaries.sh" kwok)/kwok
    mkdir -p "$service"
    : >"$service/output"
    logs >"$service/logs.yaml"
    if [ ! -e "$service/sysctl.saved" ]; then
        sysctl "$inotify" >"$service/sysctl.saved"
        sysctl --quiet --write "$inotify=$followed"
    fi
    if ! service_running "$service"; then
        service_start "$service" "$program" --kubeconfig "$kubeconfig" --config "$here/kwok-stages.yaml" --config "$service/logs.yaml" \
            --manage-all-nodes=false --manage-nodes-with-label-selector "$key=simulated" \
            --node-ip "$gateway" --node-lease-duration-seconds 40 --node-port "$port" --server-address "$address" \
            --tls-cert-file "$pki/kubelet-server.crt" --tls-private-key-file "$pki/kubelet-server.key" --v WARN
    fi
    service_wait "$service" kwok 30 curl_here --fail "http://$address/healthz"
    # Of an earlier start.
    kubectl delete nodes --selector "$key=simulated" --wait=true >/dev/null
    for ((number = 1; number <= count; number++)); do
        node "$number"
    done | kubectl create --filename - >/dev/null
    kubectl wait --for=condition=Ready nodes --selector "$key=simulated" --timeout=60s >/dev/null
}

down() {
    # Without the API server there is nothing to remove.
    if [ -n "$(cluster_owner)" ] && ready kube-apiserver; then
        kubectl delete nodes --selector "$key=simulated" --wait=true >/dev/null
        kubectl --namespace kube-node-lease delete leases --selector "$key=simulated" >/dev/null
    fi
    service_stop "$service"
    if [ -e "$service/sysctl.saved" ]; then
        sysctl --quiet --load="$service/sysctl.saved"
        rm "$service/sysctl.saved"
    fi
}

# on_processors LIST: those of the cluster's services, with their pods.
on_processors() {
    local folder pid
    for folder in "$cluster_dir"/services/*/; do
        service_running "$folder" || continue
        read -r pid _ <"$folder/pid"
        taskset --all-tasks --cpu-list --pid "$1" "$pid" >/dev/null
    done
}

run() {
    local variables half=$((processors / 2))
    [ "${POLYAXON_E2E_CLUSTER-testbed}" = testbed ] || cluster_fail "simulated nodes are for the testbed's own cluster"
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # A cluster that was up stays, with the images that it has.
    if [ -n "$owner" ] && [ -e "$cluster_dir/variables" ]; then
        variables=$(cat "$cluster_dir/variables")
    else
        trap '"$here/cluster.sh" down' EXIT
        variables=$("$here/cluster.sh" up)
    fi
    eval "$variables"
    trap 'on_processors "0-$((processors - 1))" || true; down; [ -n "$owner" ] || "$here/cluster.sh" down' EXIT
    up 10
    if [ "$half" -gt 0 ] && on_processors "0-$((half - 1))"; then
        set -- taskset --cpu-list "$half-$((processors - 1))" "$@"
    fi
    "$@"
}

case ${1-}-$# in
    up-1) up 10 ;;
    up-2) up "$2" ;;
    down-1) down ;;
    run-[2-9] | run-[1-9][0-9]*)
        shift
        run "$@"
        ;;
    *)
        echo "kwok: say \`up\`, with a number of nodes or without, \`down\`, or \`run\` and a command" >&2
        exit 2
        ;;
esac
