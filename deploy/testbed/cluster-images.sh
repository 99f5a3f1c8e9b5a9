#!/usr/bin/env bash
# Images of the testbed's cluster, put straight into its containerd.
#
#   deploy/testbed/cluster-images.sh load ARCHIVE REPOSITORY     prints REPOSITORY:TAG, TAG by content
#   deploy/testbed/cluster-images.sh pause REFERENCE             makes the image of a pod's first process
#   deploy/testbed/cluster-images.sh pull REFERENCE
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"
images=$(realpath "$(dirname "$0")/../images")

ctr() {
    CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 "$cluster_dir/programs/ctr" --address "$cluster_run/containerd.sock" --namespace k8s.io "$@"
}

# import ARCHIVE REFERENCE: the archive names its image itself, that name goes away.
import() {
    local name
    [ -z "$(ctr images list --quiet "name==$2")" ] || return 0
    name=$(tar --extract --to-stdout --file="$1" index.json |
        jq --raw-output '.manifests[0].annotations["io.containerd.image.name"] // empty')
    [ -n "$name" ] || cluster_fail "\`$1\` does not name its image: pack it with deploy/images/oci-archive.sh"
    ctr images import --local "$1" >/dev/null
    ctr images tag --force "$name" "$2" >/dev/null
    ctr images remove "$name" >/dev/null
    # Nothing may collect what no registry has.
    ctr images label "$2" io.cri-containerd.pinned=pinned >/dev/null
}

pause() {
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    chmod 0755 "$root"
    cc -static -Os -s -o "$root/pause" "$cluster_settings/pause.c"
    "$images/oci-archive.sh" "$root" localhost/pause:latest '{"Entrypoint": ["/pause"]}' "$cluster_dir/pause.oci.tar"
    import "$cluster_dir/pause.oci.tar" "$1"
}

case $#-${1-} in
    3-load)
        reference=$3:$(sha256sum "$2" | cut -c 1-12)
        import "$2" "$reference"
        echo "$reference"
        ;;
    2-pause) pause "$2" ;;
    2-pull) ctr images pull --local --hosts-dir "$cluster_dir/config/registries" "$2" >/dev/null ;;
    *)
        echo "cluster-images: say \`load\` with an archive and a repository, or \`pause\` or \`pull\` with a reference" >&2
        exit 2
        ;;
esac
