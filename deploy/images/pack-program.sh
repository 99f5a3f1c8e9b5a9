#!/usr/bin/env bash
# Packs the image of `hub` or `agent` as an archive, without any container engine.
#
#   deploy/images/pack-program.sh hub|agent [OUT]    (default: beside the programs, polyaxon-NAME.oci.tar)
#
# POLYAXON_PROFILE is the cargo profile (default `release`), see build-static.sh.
# `hub.Dockerfile` and `agent.Dockerfile` are the same recipes for those who have an engine.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
limit=$((40 * 1024 * 1024))

case $#-${1-} in
    1-hub | 1-agent | 2-hub | 2-agent) name=$1 ;;
    *)
        echo "pack-program: say \`hub\` or \`agent\`, and perhaps the file to write" >&2
        exit 2
        ;;
esac
out=${2:-${CARGO_TARGET_DIR:-$here/../../target}/${POLYAXON_PROFILE:-release}/polyaxon-$name.oci.tar}
mkdir -p "$(dirname "$out")"
out=$(realpath "$out")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/program-context.sh" "$name" "$work/context"

root=$work/root
install -D -m 0755 "$work/context/polyaxon-$name" "$root/usr/local/bin/polyaxon-$name"
install -D -m 0644 "$work/context/ca-certificates.crt" "$root/etc/ssl/cert.pem"
find "$root" -type d -exec chmod 0755 {} +
config='{"User": "65532:65532", "Env": ["PATH=/usr/local/bin"]}'
[ "$name" != hub ] || config='{"User": "65532:65532", "Env": ["PATH=/usr/local/bin", "POLYAXON_HUB_DATA_DIR=/data"], "ExposedPorts": {"8000/tcp": {}}}'
"$here/oci-archive.sh" "$root" "localhost/polyaxon-$name:latest" \
    "$(jq --arg program "/usr/local/bin/polyaxon-$name" '. + {Entrypoint: [$program]}' <<<"$config")" "$out"

size=$(stat --format=%s "$out")
echo "$name image: $out, $((size / 1024 / 1024)) MiB" >&2
if [ "$size" -gt "$limit" ]; then
    echo "$name image: larger than $((limit / 1024 / 1024)) MiB: see what the program links" >&2
    exit 1
fi
