#!/usr/bin/env bash
# Packs `kaniko-double` as an image archive that takes the place of the Kaniko executor's image.
#
#   deploy/testbed/kaniko-double/pack.sh OUT [BINARY]
#
# OUT is the archive, for example `target/images/kaniko-double.oci.tar`. Without BINARY the program
# is built first, static, in the cargo profile POLYAXON_PROFILE (default `release`). Needs no
# container engine. The image is `localhost/kaniko-double:dev`, with the environment of the
# executor's image and no file but the program: certificates are mounted, as everything else.
set -euo pipefail
images=$(realpath "$(dirname "$0")/../../images")

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "pack: give the archive to write and, if it is built already, the program" >&2
    exit 2
fi
out=$1
if [ $# -eq 2 ]; then
    binary=$2
else
    echo "kaniko-double image: building \`kaniko-double\`" >&2
    binary=$("$images/build-static.sh" kaniko-double)
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"
mkdir -p "$root"/kaniko/{.docker,ssl/certs} "$root"/etc "$root"/workspace
install -m 0755 "$binary" "$root/kaniko/executor"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
find "$root" -type d -exec chmod 0755 {} +
# As in the executor's image: whoever runs it may keep files there.
chmod 0777 "$root/kaniko"

"$images/oci-archive.sh" "$root" localhost/kaniko-double:dev '{
    "Entrypoint": ["/kaniko/executor"],
    "Env": ["PATH=/usr/local/bin:/kaniko", "HOME=/root", "USER=root",
            "SSL_CERT_DIR=/kaniko/ssl/certs", "DOCKER_CONFIG=/kaniko/.docker/"],
    "WorkingDir": "/workspace"
}' "$out"
echo "kaniko-double image: $out, $(($(stat --format=%s "$out") / 1024)) KiB" >&2
