#!/usr/bin/env bash
# Tests the testbed's cluster: what `cluster.sh` promises is there, and after `down` the machine is as
# it was before: processes, mounts, links, routes, packet filter, control groups, kernel settings, files.
#
#   deploy/testbed/cluster-test.sh
#
# Takes a testbed of its own, so none may be up. Engines that start containers meanwhile change the
# machine, too: what carries their names is not compared. It takes less than four minutes where all programs are built.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
# The most seconds of an `up` that finds everything built and its registries full.
warm_limit=60
# Where what was built before lies, and a new folder for everything else.
POLYAXON_TESTBED_DIR=$work/testbed
export POLYAXON_TESTBED_DIR
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
end() {
    local status=$?
    trap - EXIT
    ! "$here/cluster.sh" down || rm -rf --one-file-system "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM
# shellcheck source-path=SCRIPTDIR source=checks.sh
source "$here/checks.sh"

# legacy_filter PROGRAM: the older packet filter, which the newer one does not show; without its counters.
legacy_filter() {
    ! command -v "$1-legacy-save" >/dev/null ||
        { "$1-legacy-save" 2>/dev/null || true; } | sed -e '/^#/d; s/ \[[0-9]*:[0-9]*\]$//' -e "s/^/filter $1 /"
}
# One line for each thing that a cluster could leave behind.
snapshot() {
    local process command
    for process in /proc/[0-9]*; do
        # One that was killed, and that nobody has waited for yet, has none.
        command=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline") || continue
        [ -n "$command" ] || continue
        if grep --quiet --extended-regexp 'kubepods|polyaxon-testbed' "$process/cgroup" 2>/dev/null ||
            grep --quiet --fixed-strings -e "$POLYAXON_TESTBED_DIR/cluster/" -e /run/polyaxon-testbed <<<"$command"; then
            echo "process ${process#/proc/}: $command"
        fi
    done
    awk '{ print "mount " $5 " " $9 }' /proc/self/mountinfo
    ip -oneline link | awk '{ print "link " $2 }'
    ip -oneline address | awk '{ print "address " $2 " " $4 }'
    ip route show table all | sed 's/^/route /'
    ip rule | sed 's/^/rule /'
    ip netns list | sed 's/^/network namespace /'
    # Without what it has counted.
    nft --stateless list ruleset | sed 's/^/filter /'
    legacy_filter iptables
    legacy_filter ip6tables
    find /sys/fs/cgroup -maxdepth 2 -type d | sed 's/^/group /'
    # Values that count something, or that differ by moment, are not settings.
    sysctl --all 2>/dev/null | grep -E '^(vm|kernel|net)\.' |
        grep -vE 'kernel\.random|ns_last_pid|nf_conntrack_count|\.stat|perf_event_max_sample|kernel\.pty\.nr|sched_domain' | sed 's/^/setting /'
    # Others may make and remove files meanwhile.
    { find /run /etc /opt /usr/libexec /var/lib /var/log /var/cache -xdev 2>/dev/null || true; } | sed 's/^/file /'
}
compare() {
    # Engines, package installation and databases of others.
    local others='libpod|podman|netavark|buildah|veth|/run/(containers|runc|user|lock|crun)|/var/lib/(apt|dpkg|containers|postgresql)|/var/log/(apt|postgresql)|/var/cache|/polyaxon-[0-9a-f]{12}|merged|cni\.lock'
    # What goes away meanwhile, and is no setting, was of somebody else.
    diff <(grep -vE "$others" "$work/before" | sort) <(snapshot | grep -vE "$others" | sort) |
        grep -E '^> |^< (link|address|route|rule|filter|setting) ' >"$work/difference" || true
    [ ! -s "$work/difference" ] || { cat "$work/difference" >&2 && fail "$1 leaves the machine as it was"; }
    ok "$1 leaves the machine as it was"
}

kubectl() {
    "$POLYAXON_KUBECTL" --request-timeout=30s "$@"
}
# refused WORDS COMMAND...: it must fail, and with these words.
refused() {
    ! "${@:2}" >"$work/output" 2>&1 && grep --quiet --fixed-strings "$1" "$work/output"
}

# settled WHEN: the kernel settings that a node changes for itself are the machine's own again.
settled() {
    sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops | sed 's/^/setting /' >"$work/output"
    [ "$(grep --count --line-regexp --fixed-strings --file="$work/output" "$work/before")" = 3 ] || fail "kernel settings $1: $(cat "$work/output")"
    ok "kernel settings $1"
}

# warm_up: answers in `seconds` how long an `up` takes by its own clock.
warm_up() {
    "$here/cluster.sh" up >/dev/null 2>"$work/output" || { cat "$work/output" >&2; fail "up again"; }
    seconds=$(sed -n 's/^cluster: ready after \([0-9]*\) s.*/\1/p' "$work/output")
    [ -n "$seconds" ] || fail "up says how long it took"
}

# build NAME REGISTRY [POD-FIELDS]: a Job that builds an image and pushes it.
build() {
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: batch/v1
kind: Job
metadata: {name: $1}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      ${3-}
      volumes:
      - {name: workspace, emptyDir: {}}
      - {name: login, secret: {secretName: login, items: [{key: .dockerconfigjson, path: config.json}]}}
      - {name: ca, configMap: {name: ca}}
      initContainers:
      - name: context
        image: busybox:1.36
        command: [sh, -c, 'printf "FROM busybox:1.36\nRUN cat /proc/self/uid_map\n" >/workspace/Dockerfile']
        volumeMounts: [{name: workspace, mountPath: /workspace}]
      containers:
      - name: executor
        image: $POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE
        args: [--context=dir:///workspace, --destination=$2/test/$1:1, --digest-file=/dev/termination-log,
               --registry-mirror=$POLYAXON_E2E_CLUSTER_REGISTRY, --registry-certificate=$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY=/ca/ca.crt]
        volumeMounts: [{name: workspace, mountPath: /workspace}, {name: login, mountPath: /kaniko/.docker}, {name: ca, mountPath: /ca}]
YAML
}
# built NAME REGISTRY CURL-ARGUMENT...: the Job succeeds and the registry has what it names.
built() {
    local digest
    kubectl wait --for=condition=Complete "job/$1" --timeout=60s >/dev/null || { kubectl logs "job/$1" >&2; fail "build $1"; }
    digest=$(kubectl get pods --selector "job-name=$1" --output jsonpath='{.items[0].status.containerStatuses[0].state.terminated.message}')
    curl --silent --fail --noproxy '*' --output /dev/null --head "${@:3}" "$2/v2/test/$1/manifests/$digest" \
        --header 'accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' || fail "digest of $1"
    ok "build $1"
}

"$here/install.sh" build test images cluster
export POLYAXON_CLUSTER_BASE_IMAGES=${POLYAXON_CLUSTER_BASE_IMAGES:-small python}
# Ends what is left of a cluster whose processes were killed, and no other.
"$here/cluster.sh" down
[ -z "$(ip -oneline link show dev plxtest0 2>/dev/null)" ] || fail "a cluster is up: end it first"
snapshot >"$work/before"

seconds=$SECONDS
variables=$("$here/cluster.sh" up)
eval "$variables"
ok "up after $((SECONDS - seconds)) s, with a testbed folder that is new"
settled "after up"
seconds=$SECONDS
[ "$("$here/cluster.sh" up)" = "$variables" ] || fail "a second up prints the same"
ok "a second up prints the same, after $((SECONDS - seconds)) s"
refused 'has one already' env POLYAXON_TESTBED_DIR="$work/other" "$here/cluster.sh" up || fail "another testbed's up is refused"
POLYAXON_TESTBED_DIR=$work/other "$here/cluster.sh" down
kubectl get nodes >/dev/null || fail "another testbed's down ends nothing"
ok "one cluster at a time"

login=$(tr -d '\n' <"$POLYAXON_E2E_CLUSTER_CREDENTIALS")
kubectl create secret docker-registry login --docker-server="$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY" \
    --docker-username="${login%%:*}" --docker-password="${login#*:}" >/dev/null
kubectl create configmap ca --from-file=ca.crt="$POLYAXON_E2E_CLUSTER_CA" >/dev/null
kubectl create configmap host-ca --from-file=ca.crt=/etc/ssl/certs/ca-certificates.crt >/dev/null
private=("https://$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY" --cacert "$POLYAXON_E2E_CLUSTER_CA" --user "$login")
[ "$(curl --silent --noproxy '*' --cacert "$POLYAXON_E2E_CLUSTER_CA" --output /dev/null --write-out '%{http_code}' "https://$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY/v2/")" = 401 ] ||
    fail "the private registry answers strangers"
ok "the private registry does not answer strangers"
build plain "$POLYAXON_E2E_CLUSTER_REGISTRY"
build private "$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY"
build userns "$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY" 'hostUsers: false'
# A server behind a Service, and a pod that stays until the end.
kubectl apply --filename - >/dev/null <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec:
  hostUsers: false
  containers:
  - {name: server, image: "python:3.12", command: [python3, -m, http.server, "8080"], workingDir: /tmp,
     volumeMounts: [{name: host-ca, mountPath: /etc/ssl/certs/ca-certificates.crt, subPath: ca.crt}]}
  volumes: [{name: host-ca, configMap: {name: host-ca}}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  containers: [{name: client, image: "python:3.12", command: [sleep, infinity]}]
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
YAML
built plain "http://$POLYAXON_E2E_CLUSTER_REGISTRY"
built private "${private[@]}"
built userns "${private[@]}"
kubectl logs job/userns --container=executor >"$work/log"
grep --quiet --extended-regexp '^ *0 +[1-9][0-9]* +65536$' "$work/log" || fail "RUN is in a user namespace: $(cat "$work/log")"
ok "RUN is in a user namespace"

kubectl wait --for=condition=Ready pod/server pod/client --timeout=60s >/dev/null
service=$(kubectl get service server --output jsonpath='{.spec.clusterIP}')
fetch="import urllib.request as u; assert u.urlopen('http://$service/', timeout=5).status == 200"
eventually 20 kubectl exec client -- python3 -c "$fetch" || fail "a Service answers a pod: $(cat "$work/output")"
kubectl exec server -- python3 -c "$fetch" || fail "a Service answers its own pod"
curl --silent --fail --max-time 5 --noproxy '*' --output /dev/null "http://$service/" || fail "a Service answers the host"
ok "a Service answers pods and the host"
kubectl exec client -- python3 -c "${fetch/$service/server.default.svc}" || fail "a Service has a name"
ok "a Service has a name"
kubectl exec server -- pip download --quiet --no-deps --dest /tmp six || fail "a pod reaches a package registry"
ok "a pod reaches a package registry"
eventually 10 kubectl exec client -- sh -c "cd /var/run/secrets/kubernetes.io/serviceaccount && python3 -c '
import ssl, urllib.request as u
u.urlopen(\"https://kubernetes.default.svc/readyz\", timeout=5, context=ssl.create_default_context(cafile=\"ca.crt\"))'" ||
    fail "a pod reaches the API server by its Service: $(cat "$work/output")"
ok "a pod reaches the API server by its Service"

kubectl create namespace baseline >/dev/null
kubectl label namespace baseline pod-security.kubernetes.io/enforce=baseline >/dev/null
refused 'violates PodSecurity' kubectl --namespace baseline run x --image=busybox:1.36 --overrides='{"spec":{"hostNetwork":true}}' || fail "Pod Security"
ok "Pod Security"
refused Forbidden kubectl --kubeconfig "$POLYAXON_TESTBED_DIR/cluster/kubelet.kubeconfig" get secrets --all-namespaces || fail "the Node authorizer"
ok "the Node authorizer"
refused no kubectl auth can-i list secrets --as system:serviceaccount:default:default || fail "RBAC"
ok "RBAC"
# What was refused is found, whatever the account may do later.
refusals() {
    "$here/cluster-refusals.sh" default
}
# ask METHOD PATH: what a pod asks with the token of its account.
ask() {
    kubectl exec client -- sh -c "cd /var/run/secrets/kubernetes.io/serviceaccount && python3 -c '
import ssl, urllib.request as u
request = u.Request(\"https://kubernetes.default.svc/api/v1/namespaces/default/$2\", method=\"$1\", headers={\"Authorization\": \"Bearer \" + open(\"token\").read()})
u.urlopen(request, timeout=5, context=ssl.create_default_context(cafile=\"ca.crt\"))'"
}
refusals || fail "nothing was refused"
refused 403 ask GET secrets || fail "an account reads no Secrets: $(cat "$work/output")"
kubectl create role reader --verb=list,delete --resource=secrets >/dev/null
kubectl create rolebinding reader --role=reader --serviceaccount=default:default >/dev/null
eventually 10 ask GET secrets || fail "an account with a Role reads Secrets: $(cat "$work/output")"
refused 'default: list default/secrets' refusals || fail "what was refused is found: $(cat "$work/output")"
ok "what an account was refused is found"
kubectl create secret generic some --from-literal=word=any >/dev/null
ask DELETE secrets/some || fail "an account with a Role deletes a Secret"
refused 'system:serviceaccount:default:default: delete secrets' "$here/cluster-rights.sh" default || fail "what was deleted by its name is found: $(cat "$work/output")"
grep --quiet --fixed-strings 'given and never used: create batch jobs' "$work/output" || fail "what nobody used is found: $(cat "$work/output")"
ok "what an account does with its rights is found"
[ "$(curl --silent --insecure --noproxy '*' "https://$POLYAXON_E2E_CLUSTER_GATEWAY:10250/pods")" = Unauthorized ] || fail "the kubelet answers strangers"
ok "the kubelet does not answer strangers"

"$here/cluster.sh" stop kube-apiserver
refused refused kubectl get nodes || fail "the API server is down"
"$here/cluster.sh" start kube-apiserver
kubectl get job plain >/dev/null || fail "the API server knows what it knew"
kubectl expose pod server --name=later --port=80 --target-port=8080 >/dev/null
later=$(kubectl get service later --output jsonpath='{.spec.clusterIP}')
eventually 30 curl --silent --fail --max-time 5 --noproxy '*' --output /dev/null "http://$later/" || fail "a Service that came later answers"
ok "the API server crashes and comes back"
kubectl run sleeper --image=busybox:1.36 --restart=Never -- sleep 3600 >/dev/null
kubectl wait --for=condition=Ready pod/sleeper --timeout=30s >/dev/null
"$here/cluster.sh" stop node
"$here/cluster.sh" start node
eventually 60 sh -c "[ \"\$('$POLYAXON_KUBECTL' get pod sleeper --output jsonpath='{.status.phase}')\" = Failed ]" || fail "the pod of a crashed node has failed"
build after "$POLYAXON_E2E_CLUSTER_REGISTRY"
built after "http://$POLYAXON_E2E_CLUSTER_REGISTRY"
ok "the node crashes and comes back"
settled "after a crash of the node"

# It ends with the cluster that its nodes are of.
"$here/kwok.sh" up 1
seconds=$SECONDS
"$here/cluster.sh" down
seconds=$((SECONDS - seconds))
compare "down, after $seconds s,"

# With its images in the registries, and then everything dead but the pods.
warm_up
if [ "$seconds" -gt "$warm_limit" ]; then
    # The machine may have had something else to do.
    echo "up again took $seconds s, once more" >&2
    "$here/cluster.sh" down
    warm_up
    [ "$seconds" -le "$warm_limit" ] || fail "up again took $seconds s, more than $warm_limit"
fi
ok "up again after $seconds s"
kubectl run sleeper --image=busybox:1.36 --restart=Never -- sleep 3600 >/dev/null
kubectl wait --for=condition=Ready pod/sleeper --timeout=30s >/dev/null
"$here/cluster.sh" stop kubelet containerd proxy etcd kube-apiserver controller-manager scheduler dns registry-plain registry-private
POLYAXON_TESTBED_DIR=$work/other "$here/cluster.sh" down
compare "another testbed's down after a crash of everything"
"$here/cluster.sh" down
compare "down twice"
echo "cluster-test: took $SECONDS s" >&2
all_passed
