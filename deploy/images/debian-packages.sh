#!/usr/bin/env bash
# Makes a root file system of Debian packages and prints the path of its tar; made once, then kept.
#
#   deploy/images/debian-packages.sh VARIANT PACKAGE,PACKAGE...
#
# VARIANT is mmdebstrap's: `extract` unpacks the packages and what they depend on, `apt` makes a
# system that works. POLYAXON_DEBIAN_MIRROR names another mirror, POLYAXON_CACHE_DIR the folder
# where tars are kept: remove that folder to get newer packages.
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "debian-packages: give a variant and the packages, separated by commas" >&2
    exit 2
fi
variant=$1 packages=$2 suite=bookworm
cache=${POLYAXON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/polyaxon}/debian
mirror=()
[ -z "${POLYAXON_DEBIAN_MIRROR-}" ] || mirror=("$POLYAXON_DEBIAN_MIRROR")

key=$(printf '%s\n' "$suite" "$variant" "$packages" "${mirror[@]}" "$(cat "$0")" | sha256sum | cut -c 1-16)
tar=$cache/$suite-$variant-$key.tar
if [ ! -e "$tar" ]; then
    echo "debian-packages: $packages" >&2
    mkdir -p "$cache"
    log=$(mktemp)
    trap 'rm -f "$log" "$tar.part"' EXIT
    if ! SOURCE_DATE_EPOCH=0 mmdebstrap --variant="$variant" --include="$packages" --format=tar \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='Acquire::Retries "3"' \
        "$suite" - "${mirror[@]}" >"$tar.part" 2>"$log"; then
        tail -n 20 "$log" >&2
        echo "debian-packages: the packages could not be had, see the lines above" >&2
        exit 1
    fi
    mv "$tar.part" "$tar"
fi
echo "$tar"
