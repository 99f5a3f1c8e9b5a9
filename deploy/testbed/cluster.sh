#!/usr/bin/env bash
# A Kubernetes of one node with two registries, for tests and for trying things out.
#
#   eval "$(deploy/testbed/cluster.sh up)"       builds what is missing, starts it, prints the variables below
#   deploy/testbed/cluster.sh down               ends it, and simulated nodes; the images in the registries stay
#   deploy/testbed/cluster.sh stop NAME...       kills a service as a crash would; `node`: kubelet,
#                                                containerd, kube-proxy and every pod at once
#   deploy/testbed/cluster.sh start NAME...      starts it again and waits until it answers
#
# It has RBAC, the Node authorizer, Pod Security, Services with names, user namespaces, and pods that
# reach the package registries; it enforces no NetworkPolicy. It needs root, and a machine has one at
# a time.
#
# POLYAXON_KANIKO_IMAGE names a real executor image that takes the place of `kaniko-double`.
# POLYAXON_POD_IMAGE_TAR and POLYAXON_KANIKO_DOUBLE_TAR are archives that are already built.
# POLYAXON_CLUSTER_BASE_IMAGES are the kinds of base-images.sh (default `small python`).
# POLYAXON_CLUSTER_LOG_SIZE is the size at which `start kubelet` lets it rotate logs, as `256Ki`.
# With POLYAXON_E2E_CLUSTER=existing, `up` takes the cluster of KUBECONFIG and starts nothing.
#
# KUBECONFIG                               of a cluster administrator; other users: cluster-pki.sh
# POLYAXON_E2E_CLUSTER                     `testbed` or `existing`
# POLYAXON_E2E_CLUSTER_GATEWAY             address of this machine that pods reach, for servers of tests;
#                                          without it (existing) those that need one fail
# POLYAXON_E2E_CLUSTER_REGISTRY            plain HTTP; has the base images, and is the mirror for them
# POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY    TLS and password
# POLYAXON_E2E_CLUSTER_CA                  file: the authority that signed its certificate
# POLYAXON_E2E_CLUSTER_CREDENTIALS         file: `user:password`
# POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE      image of the executor, on the node
# POLYAXON_E2E_CLUSTER_POD_IMAGE           image of init steps and sidecar, on the node
# POLYAXON_KUBECTL                         a kubectl of the cluster's version
set -euo pipefail
here=$(realpath "$(dirname "$0")")
# shellcheck source-path=SCRIPTDIR source=cluster-services.sh
source "$here/cluster-services.sh"
# shellcheck source-path=SCRIPTDIR source=cluster-pods.sh
source "$here/cluster-pods.sh"
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() {
    echo "cluster: $*" >&2
}
print_variables() {
    local name
    for name in KUBECONFIG POLYAXON_E2E_CLUSTER{,_GATEWAY,_REGISTRY,_PRIVATE_REGISTRY,_CA,_CREDENTIALS,_EXECUTOR_IMAGE,_POD_IMAGE} POLYAXON_KUBECTL; do
        printf 'export %s=%q\n' "$name" "${!name-}"
    done
}
need_root() {
    [ "$(id -u)" -eq 0 ] || cluster_fail "a node needs root: run this with sudo, or take another cluster with POLYAXON_E2E_CLUSTER=existing"
}

existing() {
    local name
    for name in KUBECONFIG POLYAXON_E2E_CLUSTER_{REGISTRY,PRIVATE_REGISTRY,CA,CREDENTIALS,EXECUTOR_IMAGE,POD_IMAGE}; do
        [ -n "${!name-}" ] || cluster_fail "POLYAXON_E2E_CLUSTER=existing needs \`$name\`, see \`$0\` for what it is"
    done
    POLYAXON_KUBECTL=${POLYAXON_KUBECTL:-$(command -v kubectl || echo "$("$here/cluster-binaries.sh")/kubectl")}
    "$POLYAXON_KUBECTL" --request-timeout=10s get --raw /readyz >/dev/null ||
        cluster_fail "the cluster of \`$KUBECONFIG\` does not answer"
    print_variables
}

build() {
    export POLYAXON_PROFILE=${POLYAXON_PROFILE:-ci}
    local target
    target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$here/../../target}")
    "$here/install.sh" build test images cluster
    binaries=$("$here/cluster-binaries.sh")
    if [ -z "${POLYAXON_POD_IMAGE_TAR-}" ]; then
        POLYAXON_POD_IMAGE_TAR=$target/$POLYAXON_PROFILE/polyaxon-pod.oci.tar
        "$here/../images/pack-pod.sh" "$POLYAXON_POD_IMAGE_TAR"
    fi
    if [ -z "${POLYAXON_KANIKO_IMAGE-}" ] && [ -z "${POLYAXON_KANIKO_DOUBLE_TAR-}" ]; then
        POLYAXON_KANIKO_DOUBLE_TAR=$target/images/kaniko-double.oci.tar
        "$here/pack-kaniko-double.sh" "$POLYAXON_KANIKO_DOUBLE_TAR"
    fi
}

base_images() {
    local kinds=${POLYAXON_CLUSTER_BASE_IMAGES:-small python} mark
    # Pushed once per version of the script: the registry keeps them.
    mark="$(sha256sum <"$here/base-images.sh") $kinds"
    [ "$(cat "$cluster_dir/registry-plain/base-images" 2>/dev/null)" != "$mark" ] || return 0
    # shellcheck disable=SC2086 # a list of kinds
    "$here/base-images.sh" "$plain_registry" $kinds
    echo "$mark" >"$cluster_dir/registry-plain/base-images"
}

images() {
    local pod_image executor_image
    "$here/cluster-images.sh" pause "$pause_image"
    pod_image=$("$here/cluster-images.sh" load "$POLYAXON_POD_IMAGE_TAR" localhost/polyaxon-pod)
    if [ -n "${POLYAXON_KANIKO_IMAGE-}" ]; then
        executor_image=$POLYAXON_KANIKO_IMAGE
        "$here/cluster-images.sh" pull "$POLYAXON_KANIKO_IMAGE"
    else
        executor_image=$("$here/cluster-images.sh" load "$POLYAXON_KANIKO_DOUBLE_TAR" localhost/kaniko-double)
    fi
    export POLYAXON_E2E_CLUSTER_POD_IMAGE=$pod_image POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE=$executor_image
}

# One of these at a time on a machine. The lock is on a folder that is always there, so nothing is left behind.
lock() {
    [ -z "${POLYAXON_CLUSTER_LOCKED-}" ] || return 0
    exec {lock}</run
    if ! flock --nonblock "$lock"; then
        say "waiting for another \`$(basename "$0")\` of this machine"
        flock --timeout 600 "$lock" || cluster_fail "it did not end within ten minutes"
    fi
    export POLYAXON_CLUSTER_LOCKED=yes
}

# A machine on which everything was killed, but which was not started anew, still has the network of its
# cluster, and the settings.
end_killed() {
    local owner existed=
    owner=$(cluster_owner)
    [ -n "$owner" ] && [ "$owner" != "$cluster_dir" ] && ! cluster_listens || return 0
    [ "${POLYAXON_CLUSTER_KILLED-}" != "$owner" ] ||
        cluster_fail "what is left of the cluster in \`$owner\` cannot be ended: that folder is \`$cluster_dir\` now"
    say "the processes of the cluster in \`$owner\` were killed: ending what is left of it"
    if [ -e "$owner" ]; then
        existed=yes
    else
        say "its folder is gone, so some kernel settings stay as it had them"
    fi
    POLYAXON_CLUSTER_KILLED=$owner POLYAXON_TESTBED_DIR=$(dirname "$owner") "$here/cluster.sh" down
    if [ -z "$existed" ]; then
        rm -rf --one-file-system "$owner"
        rmdir --ignore-fail-on-non-empty "$(dirname "$owner")"
    fi
}

up() {
    local owner seconds=$SECONDS
    need_root
    build
    lock
    end_killed
    owner=$(cluster_owner)
    if [ -n "$owner" ] && [ "$owner" != "$cluster_dir" ]; then
        cluster_fail "this machine has one already, its files are in \`$owner\`: end it with" \
            "\`POLYAXON_TESTBED_DIR=$(dirname "$owner") $0 down\`"
    fi
    if [ -n "$owner" ] && [ -e "$cluster_dir/variables" ] && everything_runs; then
        cat "$cluster_dir/variables"
        return
    fi
    down
    mkdir -p "$cluster_dir" "$data" "$cluster_run"
    ln -sfn "$binaries" "$programs"
    "$here/cluster-pki.sh"
    configure
    "$here/cluster-network.sh" up
    make_groups
    say "starting, logs are in \`$cluster_dir/services\`"
    start "${registries[@]}" etcd containerd
    await 30 "${registries[@]}" etcd containerd
    start kube-apiserver
    images
    base_images
    await 60 kube-apiserver
    start controller-manager scheduler kubelet proxy
    kubectl create clusterrole testbed:dns --verb=list,watch --resource=services,namespaces,endpointslices.discovery.k8s.io >/dev/null
    kubectl create clusterrolebinding testbed:dns --clusterrole=testbed:dns --user=testbed:dns >/dev/null
    start dns
    await 60 kubelet proxy dns
    kubectl wait --for=create "node/$node" --timeout=60s >/dev/null
    kubectl wait --for=condition=Ready "node/$node" --timeout=60s >/dev/null
    kubectl wait --for=create serviceaccount/default --timeout=60s >/dev/null
    "$here/cluster-network.sh" settle

    export KUBECONFIG=$kubeconfig POLYAXON_KUBECTL=$programs/kubectl \
        POLYAXON_E2E_CLUSTER=testbed POLYAXON_E2E_CLUSTER_GATEWAY=$gateway \
        POLYAXON_E2E_CLUSTER_REGISTRY=$plain_registry POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY=$private_registry \
        POLYAXON_E2E_CLUSTER_CA=$pki/ca.crt POLYAXON_E2E_CLUSTER_CREDENTIALS=$cluster_dir/registry.credentials
    print_variables | tee "$cluster_dir/variables"
    say "ready after $((SECONDS - seconds)) s: export KUBECONFIG=$kubeconfig"
}

everything_runs() {
    local name
    for name in "${all_services[@]}"; do
        service_running "$cluster_dir/services/$name" || return 1
    done
}

down() {
    local owner
    need_root
    lock
    end_killed
    owner=$(cluster_owner)
    # What another testbed has on this machine is not ours to end.
    [ -z "$owner" ] || [ "$owner" = "$cluster_dir" ] || return 0
    end KILL "${control_plane[@]}" "${on_node[@]}" "${others[@]}"
    # Simulated nodes went with the API server.
    "$here/kwok.sh" down || say "kwok does not end by itself, its log is \`$cluster_dir/services/kwok/log\`"
    end TERM "${registries[@]}"
    kill_pods
    unmount "$cluster_run" "$cluster_dir"
    remove_groups
    if [ -n "$owner" ] || [ -e "$cluster_dir/sysctl.saved" ]; then
        "$here/cluster-network.sh" down
    fi
    rm -rf --one-file-system "$data" "$cluster_run" "$cluster_dir/variables" "$audit_log" "$api_server_starts"
    remove_strays
}

stop_some() {
    local name command
    lock
    for name in "$@"; do
        if [ "$name" = node ]; then
            end KILL "${on_node[@]}"
            kill_pods
        else
            command_of "$name"
            end KILL "$name"
        fi
    done
}

start_some() {
    local name command unsettled=
    lock
    [ -n "$(cluster_owner)" ] || cluster_fail "it is not up: run \`$0 up\`"
    configure
    for name in "$@"; do
        if [ "$name" = kubelet ] || [ "$name" = node ]; then
            service_running "$cluster_dir/services/kubelet" || unsettled=yes
        fi
        if [ "$name" = node ]; then
            start containerd proxy
            # The kubelet gives up at once when it finds no runtime.
            await 60 containerd
            start kubelet
            await 60 "${on_node[@]}"
        else
            start "$name"
            await 60 "$name"
        fi
    done
    [ -z "$unsettled" ] || "$here/cluster-network.sh" settle
}

action=${1-}
[ $# -eq 0 ] || shift
if [ "${POLYAXON_E2E_CLUSTER-}" = existing ]; then
    case $action in
        up) existing ;;
        down) ;;
        *) cluster_fail "\`$action\` is for the testbed's own cluster, this is an existing one" ;;
    esac
    exit
fi
case $action-$# in
    up-0) up ;;
    down-0) down ;;
    stop-[1-9]*) stop_some "$@" ;;
    start-[1-9]*) start_some "$@" ;;
    *)
        echo "cluster: say \`up\`, \`down\`, or \`stop\` or \`start\` and names of services" >&2
        exit 2
        ;;
esac
