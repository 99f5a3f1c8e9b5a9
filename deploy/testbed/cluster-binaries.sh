#!/usr/bin/env bash
# Builds the programs of a Kubernetes node from Go modules, and prints the folder that has them.
#
#   deploy/testbed/cluster-binaries.sh           the node's programs and kubectl
#   deploy/testbed/cluster-binaries.sh helm      Helm alone
#   deploy/testbed/cluster-binaries.sh kwok      kwok alone, which simulates nodes
#
# A version is built once and kept in the user's cache folder: seven minutes for Kubernetes on two
# cores, five for the rest of a node, two and a half for Helm, two for kwok. GOMAXPROCS limits the
# cores that it takes.
set -euo pipefail
cd "$(dirname "$0")/cluster"

kubernetes=1.36.3 etcd=3.6.16 containerd=2.4.2 runc=1.5.2 dns=1.15.0 helm=4.3.1 kwok=0.8.0
cache=${POLYAXON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/polyaxon}/cluster
minimum=$(sed -n 's/^go //p' kubernetes/go.mod)
case $#-${1-} in
    0-) wanted=(kubernetes etcd containerd runc dns) ;;
    1-helm | 1-kwok) wanted=("$1") ;;
    *)
        echo "cluster-binaries: give nothing, \`helm\` or \`kwok\`" >&2
        exit 2
        ;;
esac

need_go() {
    local found
    command -v go >/dev/null || {
        echo "cluster: \`go\` is missing: install Go $minimum or newer (https://go.dev/dl), then run this again" >&2
        exit 1
    }
    found=$(GOTOOLCHAIN=local go env GOVERSION)
    if [ "$(printf '%s\n' "${found#go}" "$minimum" | sort --version-sort | head -n 1)" != "$minimum" ]; then
        echo "cluster: Go ${found#go} is too old: install Go $minimum or newer" >&2
        exit 1
    fi
}

build_kubernetes() {
    local package flags='-s -w' minor=${kubernetes#*.}
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=v$kubernetes -X $package.gitMajor=${kubernetes%%.*}"
        flags+=" -X $package.gitMinor=${minor%%.*} -X $package.gitTreeState=clean"
    done
    (cd kubernetes && CGO_ENABLED=0 go build -trimpath -mod=readonly -ldflags "$flags" -o "$1/kubernetes" .)
    ln -s kubernetes "$1/kubectl"
}

# A program that is put together here.
build_own() {
    (cd "$2" && CGO_ENABLED=0 go build -trimpath -mod=readonly -ldflags '-s -w' -o "$1/$2" .)
}

# That of distributions is too old for lists from the API server's cache, which every newer cluster has.
build_etcd() {
    build_own "$1" etcd
}

build_dns() {
    build_own "$1" dns
}

build_containerd() {
    local module=github.com/containerd/containerd/v2
    CGO_ENABLED=0 GOBIN=$1 go install -trimpath -ldflags "-s -w -X $module/version.Version=v$containerd" \
        "$module/cmd/containerd@v$containerd" "$module/cmd/containerd-shim-runc-v2@v$containerd" "$module/cmd/ctr@v$containerd"
}

build_runc() {
    # The part that enters namespaces is C.
    CGO_ENABLED=1 GOBIN=$1 go install -trimpath -tags seccomp -ldflags "-s -w -X main.version=$runc" \
        "github.com/opencontainers/runc@v$runc"
}

build_helm() {
    local module=helm.sh/helm/v${helm%%.*}
    CGO_ENABLED=0 GOBIN=$1 go install -trimpath -ldflags "-s -w -X $module/internal/version.version=v$helm" "$module/cmd/helm@v$helm"
}

build_kwok() {
    CGO_ENABLED=0 GOBIN=$1 go install -trimpath -ldflags '-s -w' "sigs.k8s.io/kwok/cmd/kwok@v$kwok"
}

# Two testbeds may ask at the same time.
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
# Programs in one folder each, and one folder of links to exactly the versions above.
links=$cache/k$kubernetes-e$etcd-c$containerd-r$runc-d$dns
case ${wanted[0]} in
    helm) links=$cache/h$helm ;;
    kwok) links=$cache/s$kwok ;;
esac
mkdir -p "$links"
for program in "${wanted[@]}"; do
    folder=$cache/$program-${!program}
    if [ ! -d "$folder" ]; then
        need_go
        echo "cluster: building $program ${!program}" >&2
        rm -rf "$folder.part"
        mkdir "$folder.part"
        # A module may not bring its own toolchain, nor settings of this folder's parents.
        GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false "build_$program" "$folder.part" >&2
        mv "$folder.part" "$folder"
    fi
    ln -sfn "$folder"/* "$links/"
done
echo "$links"
