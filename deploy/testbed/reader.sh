# shellcheck shell=bash
# A reader who does what a text shows, see shown-commands.py. Read with `source`, after checks.sh, by scripts that have the
# programs `helm` and `cli`, and a function `kubectl`.
# shellcheck disable=SC2154 # variables are of those who read this file

free_port() {
    python3 -c 'import socket; s = socket.create_server(("", 0)); print(s.getsockname()[1])'
}

# testbed_volume NAME NAMESPACE/CLAIM MODE: what a provisioner would make, which the testbed's cluster has not.
testbed_volume() {
    mkdir -p "$POLYAXON_TESTBED_DIR/cluster/data/$1"
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: {name: $1}
spec:
  capacity: {storage: 20Gi}
  accessModes: [$3]
  claimRef: {namespace: ${2%/*}, name: ${2#*/}}
  hostPath: {path: "$POLYAXON_TESTBED_DIR/cluster/data/$1"}
YAML
}
# What a login at the registry with a password leaves in FOLDER, and the authorities of that registry and of programs in `RUN`.
# registry_login FOLDER
registry_login() {
    mkdir -p "$1/.docker"
    jq --raw-input --arg registry "$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY" '{auths: {($registry): {auth: @base64}}}' \
        "$POLYAXON_E2E_CLUSTER_CREDENTIALS" >"$1/.docker/config.json"
    cat /etc/ssl/certs/ca-certificates.crt "$POLYAXON_E2E_CLUSTER_CA" >"$1/authorities.crt"
}

# as_reader TEXT FOLDER [ARGUMENT...]: runs the commands of TEXT in FOLDER, where its files come to be. The arguments are those
# of `sed`, which makes examples of the text to names of the testbed. The first command that fails ends it, and $FOLDER/told has
# its words.
as_reader() {
    local text=$1 folder=$2
    shift 2
    mkdir -p "$work/bin" "$folder"
    ln -sfn "$POLYAXON_KUBECTL" "$work/bin/kubectl"
    ln -sfn "$helm" "$work/bin/helm"
    ln -sfn "$(realpath "$cli")" "$work/bin/polyaxon"
    cat >"$folder/commands" <<'BASH'
set -euxo pipefail
told=$PWD/told
trap '{ set +x; kill $(jobs -p) || true; } 2>/dev/null' EXIT
BASH
    "$here/shown-commands.py" "$text" "$folder" >>"$folder/commands" || return
    [ $# -eq 0 ] || find "$folder" -maxdepth 1 '(' -name commands -o -name '*.yaml' ')' -exec sed --in-place "$@" {} +
    (cd "$folder" && env PATH="$work/bin:$PATH" HOME="$folder" POLYAXON_HOME="$work/home" NO_PROXY='*' no_proxy='*' \
        bash commands >told 2>&1)
}
