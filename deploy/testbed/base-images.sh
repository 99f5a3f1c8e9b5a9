#!/usr/bin/env bash
# Puts stand-ins of well-known base images into a registry under their own repository names, so that
# builds which use it as a mirror find them where no public registry can be reached.
#
#   deploy/testbed/base-images.sh REGISTRY [small|python]...     (default: both)
#
# `small` is a static busybox under the names of busybox and alpine, `python` a Debian with Python and
# pip under the names of debian, python and tensorflow. They stand in for builds of tests and of the
# quick start; they are not those images.
set -euo pipefail
images=$(realpath "$(dirname "$0")/../images")

if [ $# -eq 0 ]; then
    echo "base-images: give the address of the registry" >&2
    exit 2
fi
registry=$1
shift
[ $# -gt 0 ] || set -- small python

names_of() {
    case $1 in
        small) echo library/busybox:{1.36,latest} library/alpine:{3,3.20,3.21,latest} ;;
        python)
            echo tensorflow/tensorflow:{2.0.1-py3,latest} library/python:{3,3.11,3.12,3.13,3.11-slim,3.12-slim,3.13-slim,latest} \
                library/debian:{bookworm,bookworm-slim,12,latest}
            ;;
        *)
            echo "base-images: unknown kind \`$1\`: use small or python" >&2
            return 2
            ;;
    esac
}

root_of_small() {
    local root=$1 applet
    mkdir -p "$root"/{bin,etc,root,tmp,usr/bin,usr/local/bin,var}
    install -m 0755 "$(command -v busybox)" "$root/bin/busybox"
    for applet in $("$root/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    chmod 1777 "$root/tmp"
}

root_of_python() {
    local root=$1 packages
    packages=$("$images/debian-packages.sh" apt python3,python3-pip,ca-certificates)
    tar --extract --file="$packages" --directory="$root" --exclude='./dev/*' --numeric-owner
    # Debian reserves its Python for its own packages; in an image, pip is the one that installs.
    rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
    ln -sf /usr/bin/python3 "$root/usr/local/bin/python"
    ln -sf /usr/bin/python3 "$root/usr/local/bin/python3"
    ln -sf /usr/bin/pip3 "$root/usr/local/bin/pip"
}

config_of() {
    case $1 in
        small) echo '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"]}' ;;
        python) echo '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8"],"Cmd":["python3"]}' ;;
    esac
}

# Made once per version of these scripts, then kept.
archive_of() {
    local kind=$1 key archive root
    key=$(cat "$0" "$images/oci-archive.sh" "$images/debian-packages.sh" | sha256sum | cut -c 1-16)
    archive=${POLYAXON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/polyaxon}/images/$kind-$key.oci.tar
    if [ ! -e "$archive" ]; then
        echo "base-images: making \`$kind\`" >&2
        mkdir -p "$(dirname "$archive")"
        root=$(mktemp -d)
        chmod 0755 "$root"
        "root_of_$kind" "$root"
        LEVEL=1 "$images/oci-archive.sh" "$root" "localhost/$kind:latest" "$(config_of "$kind")" "$archive"
        rm -rf "$root"
    fi
    echo "$archive"
}

for kind in "$@"; do
    names=$(names_of "$kind")
    archive=$(archive_of "$kind")
    for name in $names; do
        skopeo copy --quiet --insecure-policy --dest-tls-verify=false "oci-archive:$archive" "docker://$registry/$name" >&2
    done
    echo "base-images: $registry has ${names// /, }" >&2
done
