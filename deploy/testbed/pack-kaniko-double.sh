#!/usr/bin/env bash
# Packs `kaniko-double` as an image with the layout of the executor's official one.
#
#   deploy/testbed/pack-kaniko-double.sh [OUT]    (default: target/images/kaniko-double.oci.tar)
set -euo pipefail
images=$(realpath "$(dirname "$0")/../images")

out=${1:-${CARGO_TARGET_DIR:-$images/../../target}/images/kaniko-double.oci.tar}
mkdir -p "$(dirname "$out")"
out=$(realpath "$out")

echo "kaniko-double: building" >&2
binary=$("$images/build-static.sh" kaniko-double)

newer() {
    local file
    for file in "$@"; do [ "$out" -nt "$file" ] || return 1; done
}
newer "$binary" "$0" "$images"/*.sh && exit

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"
mkdir -p "$root"/{etc,kaniko/.docker,kaniko/ssl/certs,workspace,root}
install -m 0755 "$binary" "$root/kaniko/executor"
cp /etc/ssl/certs/ca-certificates.crt "$root/kaniko/ssl/certs/"
chmod 0777 "$root/kaniko"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

"$images/oci-archive.sh" "$root" localhost/kaniko-double:latest '{
    "Entrypoint": ["/kaniko/executor"],
    "Env": ["HOME=/root", "USER=root", "PATH=/usr/local/bin:/kaniko", "SSL_CERT_DIR=/kaniko/ssl/certs",
            "DOCKER_CONFIG=/kaniko/.docker/"],
    "WorkingDir": "/workspace"
}' "$out"
echo "kaniko-double: $out" >&2
