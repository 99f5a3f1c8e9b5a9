#!/usr/bin/env bash
# Does what docs/kubernetes.md says, command for command, on the cluster of the testbed.
#
#   deploy/testbed/first-hour-test.sh
#
# Wants the variables of `cluster.sh up` and POLYAXON_CLI. What the page names for example becomes what the testbed has, by the
# table below; what it leaves out is marked in the page, and printed. Namespaces with the prefix `plx-first-hour` are its own, and
# go away at the end.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
page=$(realpath "$here/../../docs/kubernetes.md")
for name in KUBECONFIG POLYAXON_KUBECTL POLYAXON_TESTBED_DIR POLYAXON_E2E_CLUSTER_{EXECUTOR_IMAGE,REGISTRY,PRIVATE_REGISTRY,CA,CREDENTIALS} POLYAXON_CLI; do
    [ -n "${!name-}" ] || { echo "first-hour-test: \`$name\` is missing, see \`$0\` for what it is" >&2; exit 2; }
done
# shellcheck disable=SC2034 # of reader.sh
cli=$POLYAXON_CLI
helm=${HELM:-$("$here/cluster-binaries.sh" helm)/helm}
work=$(mktemp -d)
# shellcheck source-path=SCRIPTDIR source=checks.sh
source "$here/checks.sh"
# shellcheck source-path=SCRIPTDIR source=reader.sh
source "$here/reader.sh"
prefix=plx-first-hour
system=$prefix-polyaxon runs=$prefix-builds volumes=("$prefix-hub" "$prefix-artifacts")
folder=$work/reader
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-$here/../../target}")

kubectl() {
    "$POLYAXON_KUBECTL" --request-timeout=60s "$@"
}
end() {
    local status=$? namespace
    trap - EXIT
    for namespace in "$system" "$runs"; do
        if [ "$status" -ne 0 ]; then
            kubectl --namespace "$namespace" get all,pvc,events --output wide >&2 || true
            kubectl --namespace "$namespace" logs --tail=20 --selector app.kubernetes.io/part-of=polyaxon --prefix >&2 || true
        fi
        # Without an agent nobody frees the objects of runs.
        kubectl --namespace "$namespace" get jobs,pods --output name 2>/dev/null |
            xargs --no-run-if-empty "$POLYAXON_KUBECTL" --namespace "$namespace" patch --type=merge --patch='{"metadata":{"finalizers":null}}' >/dev/null || true
    done
    kubectl delete namespace "$system" "$runs" --ignore-not-found >/dev/null || status=1
    kubectl delete persistentvolume "${volumes[@]}" --ignore-not-found >/dev/null || status=1
    rm -rf "${volumes[@]/#/$POLYAXON_TESTBED_DIR/cluster/data/}" "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

# What the reader has: a clone of the repository, a login at the registry, and programs that are compiled already.
mkdir -p "$folder/deploy"
ln -s "$here/../helm" "$here/../images" "$folder/deploy"
cp -r "$here/../kustomize" "$folder/deploy"
registry_login "$folder"
export POLYAXON_PROFILE=ci CARGO_TARGET_DIR=$target CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
export POLYAXON_CACHE_DIR=${POLYAXON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/polyaxon}
# What the cluster has. The namespaces come with the page.
testbed_volume "${volumes[0]}" "$system/data-polyaxon-hub-0" ReadWriteOnce
testbed_volume "${volumes[1]}" "$runs/artifacts" ReadWriteMany
# A folder of the node gets no owner from its pod.
chown 65532:65532 "$POLYAXON_TESTBED_DIR/cluster/data/${volumes[0]}"

port=$(free_port) health=$(free_port)
table=(
    # Nodes pull from the registry without a password, by a name that no node has an image of.
    --expression "s|registry.example.org/polyaxon-|$POLYAXON_E2E_CLUSTER_REGISTRY/first-hour-$(date +%s)/polyaxon-|"
    --expression "s|registry.example.org|$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY|"
    --expression "s|skopeo copy|skopeo copy --quiet --insecure-policy --dest-tls-verify=false|"
    --expression "s|target/release/|$target/ci/|"
    --expression "s/\(-n\|namespace:\?\) \(polyaxon\|builds\)\b/\1 $prefix-\2/"
    --expression "s/\.\(polyaxon\|builds\)\.svc/.$prefix-\1.svc/"
    --expression "s/ 8000 &/ $port:8000 \&/; s/localhost:8000/localhost:$port/"
    --expression "s/ 8081 &/ $health:8081 \&/; s/localhost:8081/localhost:$health/"
    # A node without a way to public registries, and one with an authority of its own.
    --expression "s|^config:$|config:\n  executorImage: $POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE\n  registryMirrors: [\"$POLYAXON_E2E_CLUSTER_REGISTRY\"]\n  insecureRegistries: [\"$POLYAXON_E2E_CLUSTER_REGISTRY\"]\n  executor: {kubernetes: {caBundle: {configMap: authorities}}}|"
    --expression "s|^kubectl -n $runs create secret generic docker-config|kubectl -n $runs create configmap authorities --from-file=ca.crt=authorities.crt\n&|"
)
sed --in-place "${table[@]}" "$folder/deploy/kustomize/example"/*.yaml
seconds=$SECONDS
as_reader "$page" "$folder" "${table[@]}" || fail "what docs/kubernetes.md shows: $(tail --lines=40 "$folder/told")"
ok "the commands of docs/kubernetes.md work one after the other, in $((SECONDS - seconds)) s"
"$here/cluster-refusals.sh" "$system" || fail "the Role is large enough"
all_passed
