# shellcheck shell=bash
# The programs of the testbed's cluster: how each is started, asked whether it is ready, and ended.
# Read by `cluster.sh` with `source`.

# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster-settings.sh"

programs=$cluster_dir/programs
config=$cluster_dir/config
data=$cluster_dir/data
registries=(registry-plain registry-private)
control_plane=(etcd kube-apiserver controller-manager scheduler)
on_node=(containerd kubelet proxy)
others=(dns)
all_services=("${registries[@]}" "${control_plane[@]}" "${on_node[@]}" "${others[@]}")
pause_image=$plain_registry/pause:testbed

kubectl() {
    "$programs/kubectl" --kubeconfig "$kubeconfig" "$@"
}
curl_here() {
    curl --silent --max-time 5 --noproxy '*' --output /dev/null "$@"
}

# render TEMPLATE FILE
render() {
    local rotation=
    # The kubelet looks every ten seconds by itself, a test need not wait for that.
    [ -z "${POLYAXON_CLUSTER_LOG_SIZE-}" ] ||
        rotation="containerLogMaxSize: $POLYAXON_CLUSTER_LOG_SIZE\ncontainerLogMonitorInterval: 3s"
    mkdir -p "$(dirname "$2")"
    sed -e "s|@BRIDGE@|$bridge|; s|@CLUSTER@|$cluster_dir|; s|@CONFIG@|$config|; s|@DATA@|$data|; s|@GATEWAY@|$gateway|" \
        -e "s|@LOG_ROTATION@|$rotation|; s|@PAUSE@|$pause_image|; s|@PKI@|$pki|; s|@POD_NETWORK@|$pod_network|; s|@PODS_GROUP@|$pods_group|" \
        -e "s|@PROGRAMS@|$programs|; s|@RUN@|$cluster_run|" "$cluster_settings/$1" >"$2.new"
    # kube-proxy ends when its file is written.
    if cmp --silent "$2.new" "$2"; then rm "$2.new"; else mv "$2.new" "$2"; fi
}

configure() {
    local host
    render containerd.toml "$config/containerd.toml"
    render kubelet.yaml "$config/kubelet.yaml"
    render kube-proxy.yaml "$config/kube-proxy.yaml"
    render Corefile "$config/Corefile"
    render cni.conflist "$config/cni/10-testbed.conflist"
    mkdir -p "$config/registries"/{docker.io,"$plain_registry","$private_registry"}
    # Images of Docker Hub come from the base images of the plain registry where they are there.
    for host in docker.io "$plain_registry"; do
        printf '[host."http://%s"]\ncapabilities = ["pull", "resolve"]\n' "$plain_registry" >"$config/registries/$host/hosts.toml"
    done
    printf 'server = "https://%s"\nca = "%s/ca.crt"\n' "$private_registry" "$pki" >"$config/registries/$private_registry/hosts.toml"
    configure_registry plain "$plain_registry" ''
    configure_registry private "$private_registry" ", tls: {certificate: \"$pki/registry.crt\", key: \"$pki/registry.key\"}"
    echo "auth: {htpasswd: {realm: testbed, path: \"$pki/registry.htpasswd\"}}" >>"$config/registry-private.yml"
}

# configure_registry KIND ADDRESS MORE-OF-HTTP
configure_registry() {
    mkdir -p "$cluster_dir/registry-$1"
    cat >"$config/registry-$1.yml" <<YAML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: "$cluster_dir/registry-$1"}, delete: {enabled: true}}
http: {addr: "$2"$3}
YAML
}

command_of() {
    command=()
    case $1 in
        registry-*) command=(docker-registry serve "$config/$1.yml") ;;
        etcd)
            command=("$programs/etcd" --name testbed --data-dir "$data/etcd" --log-level warn
                --listen-client-urls "http://$etcd_address" --advertise-client-urls "http://$etcd_address"
                --listen-peer-urls "http://$etcd_peer_address" --initial-advertise-peer-urls "http://$etcd_peer_address"
                --initial-cluster "testbed=http://$etcd_peer_address")
            ;;
        kube-apiserver)
            command=("$programs/kubernetes" kube-apiserver
                --etcd-servers "http://$etcd_address" --bind-address "$gateway" --advertise-address "$gateway"
                --service-cluster-ip-range "$service_network" --allow-privileged
                --authorization-mode "Node,RBAC" --enable-admission-plugins NodeRestriction
                --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key"
                --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP
                --kubelet-client-certificate "$pki/apiserver-to-kubelet.crt" --kubelet-client-key "$pki/apiserver-to-kubelet.key"
                --audit-policy-file "$cluster_settings/audit.yaml" --audit-log-path "$audit_log" --audit-log-maxsize 500
                --service-account-issuer https://kubernetes.default.svc
                --service-account-key-file "$pki/service-accounts.pub" --service-account-signing-key-file "$pki/service-accounts.key")
            ;;
        controller-manager)
            command=("$programs/kubernetes" kube-controller-manager --kubeconfig "$cluster_dir/controller-manager.kubeconfig"
                --secure-port 0 --leader-elect=false --kube-api-qps 500 --kube-api-burst 1000 --use-service-account-credentials
                --service-account-private-key-file "$pki/service-accounts.key" --root-ca-file "$pki/ca.crt" --flex-volume-plugin-dir "$data/volume-plugins")
            ;;
        scheduler)
            command=("$programs/kubernetes" kube-scheduler --kubeconfig "$cluster_dir/scheduler.kubeconfig"
                --secure-port 0 --leader-elect=false --kube-api-qps 500 --kube-api-burst 1000)
            ;;
        containerd) command=(env PATH="$programs:$PATH" "$programs/containerd" --config "$config/containerd.toml") ;;
        kubelet)
            command=(env PATH="$programs:$PATH" "$programs/kubernetes" kubelet --config "$config/kubelet.yaml"
                --kubeconfig "$cluster_dir/kubelet.kubeconfig" --hostname-override "$node" --node-ip "$gateway"
                --root-dir "$data/kubelet" --cert-dir "$data/kubelet-pki")
            ;;
        proxy) command=("$programs/kubernetes" kube-proxy --config "$config/kube-proxy.yaml" --hostname-override "$node") ;;
        dns) command=("$programs/dns" -conf "$config/Corefile") ;;
        *) cluster_fail "unknown service \`$1\`: use one of ${all_services[*]}, or \`node\`" ;;
    esac
}

ready() {
    case $1 in
        registry-plain) curl_here "http://$plain_registry/v2/" ;;
        registry-private) curl_here --cacert "$pki/ca.crt" "https://$private_registry/v2/" ;;
        etcd) curl_here --fail "http://$etcd_address/health" ;;
        kube-apiserver) curl_here --fail --cacert "$pki/ca.crt" "$api_server/readyz" ;;
        containerd) "$programs/ctr" --address "$cluster_run/containerd.sock" --namespace k8s.io version >/dev/null 2>&1 ;;
        kubelet) curl_here --fail http://127.0.0.1:10248/healthz ;;
        proxy) curl_here --fail http://127.0.0.1:10256/healthz ;;
        dns) curl_here --fail http://127.0.0.1:8181/ready ;;
        # They say nothing; work shows whether they run.
        controller-manager | scheduler) true ;;
    esac
}

# start NAME...: starts them, and does not wait.
start() {
    local name command
    for name in "$@"; do
        command_of "$name"
        service_running "$cluster_dir/services/$name" && continue
        mkdir -p "$cluster_dir/services/$name"
        [ "$name" != kube-apiserver ] || date --utc +%FT%T.%6NZ >>"$api_server_starts"
        service_start "$cluster_dir/services/$name" "${command[@]}"
    done
}

# await SECONDS NAME...
await() {
    local seconds=$1 name
    shift
    for name in "$@"; do
        service_wait "$cluster_dir/services/$name" "$name" "$seconds" ready "$name"
    done
}

# end SIGNAL NAME...: SIGKILL is what a crash is like, and costs nothing: their state is in etcd.
end() {
    local signal=$1 name pid
    shift
    for name in "$@"; do
        service_running "$cluster_dir/services/$name" || continue
        read -r pid _ <"$cluster_dir/services/$name/pid"
        kill "-$signal" "$pid" 2>/dev/null || true
    done
    for name in "$@"; do
        service_gone "$cluster_dir/services/$name"
    done
}

# A process that has ended may keep its entry until its parent looks.
service_gone() {
    local pid tenths=200
    while service_running "$1"; do
        read -r pid _ <"$1/pid"
        ! grep --quiet '^State:.*Z' "/proc/$pid/status" 2>/dev/null || break
        if [ $((tenths -= 1)) -le 0 ]; then
            kill -KILL "$pid" 2>/dev/null || true
            break
        fi
        sleep 0.05
    done
    rm -f "$1/pid"
}
