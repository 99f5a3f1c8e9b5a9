# shellcheck shell=bash
# Addresses and folders of the testbed's cluster. Read by the other `cluster` scripts with `source`.
# shellcheck disable=SC2034 # used by those who read this file

# shellcheck source-path=SCRIPTDIR source=services.sh
source "$(dirname "${BASH_SOURCE[0]}")/services.sh"
cluster_settings=$(realpath "$(dirname "${BASH_SOURCE[0]}")")/cluster

# A machine has one such cluster at a time: these names and addresses are fixed.
bridge=plxtest0
table=polyaxon-testbed
# The control group of all pods, in every hierarchy.
pods_group=polyaxon-testbed
node=testbed
pod_network=10.244.0.0/24
service_network=10.96.0.0/16
# The host as pods see it. All servers of the cluster listen here, so that one address is right for
# the host, the node and the pods; etcd alone stays on the loopback interface.
gateway=10.244.0.1
api_server=https://$gateway:6443
plain_registry=$gateway:5000
private_registry=$gateway:5443
etcd_address=127.0.0.1:2479
etcd_peer_address=127.0.0.1:2480

cluster_dir=$(testbed_dir)/cluster
# The path of a unix socket has room for about a hundred bytes, so those are not in the folder.
cluster_run=/run/polyaxon-testbed
pki=$cluster_dir/pki
kubeconfig=$cluster_dir/admin.kubeconfig
# What the API server was asked since `up`, and when it was started, a line each.
audit_log=$cluster_dir/audit.log
api_server_starts=$cluster_dir/api-server.starts

cluster_fail() {
    echo "cluster: $*" >&2
    exit 1
}

# cluster_owner: folder of the testbed whose cluster is up on this machine, or was not taken down.
cluster_owner() {
    cat "/sys/class/net/$bridge/ifalias" 2>/dev/null || true
}

# cluster_listens: whether any server of a cluster answers, wherever its files are.
cluster_listens() {
    local address
    for address in "$plain_registry" "$private_registry" "${api_server#https://}"; do
        ! (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null || return 0
    done
    return 1
}
