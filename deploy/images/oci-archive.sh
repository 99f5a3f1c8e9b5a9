#!/usr/bin/env bash
# Packs a root folder into an image archive that Docker and Podman load and skopeo copies.
#
#   deploy/images/oci-archive.sh ROOT REFERENCE CONFIG OUT
#
# CONFIG is the `config` object of the image as JSON, for example `{"Entrypoint":["polyaxon"]}`.
# The same files give the same bytes: sorted entries, root as owner, one fixed time. The archive is
# an OCI layout with the index of `docker save` beside it, because older engines load only that.
# LEVEL is the level of gzip (default 9).
set -euo pipefail

if [ $# -ne 4 ]; then
    echo "oci-archive: give a root folder, a reference, the config and the file to write" >&2
    exit 2
fi
root=$1 reference=$2 config=$3 out=$4
case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) architecture=$(uname -m) ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
layout=$work/layout blobs=$work/layout/blobs/sha256
mkdir -p "$blobs" "$(dirname "$out")"

pack() {
    tar --create --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
        --directory="$1" "${@:2}"
}
digest_of() {
    sha256sum "$1" | cut -d ' ' -f 1
}
# Moves a file to its place by digest and prints the digest.
store() {
    local digest
    digest=$(digest_of "$1")
    mv "$1" "$blobs/$digest"
    echo "$digest"
}
size_of() {
    stat --format=%s "$blobs/$1"
}

pack "$root" . >"$work/layer.tar"
diff_id=$(digest_of "$work/layer.tar")
gzip --no-name -"${LEVEL:-9}" "$work/layer.tar"
layer=$(store "$work/layer.tar.gz")

jq --compact-output --null-input --argjson config "$config" --arg architecture "$architecture" \
    --arg diff_id "sha256:$diff_id" '{
        architecture: $architecture, os: "linux", created: "1970-01-01T00:00:00Z",
        config: $config, rootfs: {type: "layers", diff_ids: [$diff_id]}
    }' >"$work/config.json"
image=$(store "$work/config.json")

jq --compact-output --null-input \
    --arg image "$image" --argjson image_size "$(size_of "$image")" \
    --arg layer "$layer" --argjson layer_size "$(size_of "$layer")" '{
        schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: {mediaType: "application/vnd.oci.image.config.v1+json",
                 digest: "sha256:\($image)", size: $image_size},
        layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
                  digest: "sha256:\($layer)", size: $layer_size}]
    }' >"$work/manifest.json"
manifest=$(store "$work/manifest.json")

# Without a platform, some readers of the index find no image for theirs.
jq --compact-output --null-input --arg manifest "$manifest" --arg reference "$reference" \
    --arg architecture "$architecture" --argjson size "$(size_of "$manifest")" '{
        schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json",
                     digest: "sha256:\($manifest)", size: $size,
                     platform: {architecture: $architecture, os: "linux"},
                     annotations: {"org.opencontainers.image.ref.name": $reference,
                                   "io.containerd.image.name": $reference}}]
    }' >"$layout/index.json"
echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
jq --compact-output --null-input --arg image "$image" --arg layer "$layer" --arg reference "$reference" \
    '[{Config: "blobs/sha256/\($image)", RepoTags: [$reference], Layers: ["blobs/sha256/\($layer)"]}]' \
    >"$layout/manifest.json"

# An archive is there whole or not at all: others may load it at this moment.
pack "$layout" blobs index.json manifest.json oci-layout >"$out.part"
mv "$out.part" "$out"
