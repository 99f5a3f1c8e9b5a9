#!/usr/bin/env bash
# Makes the folder that an image is built from: the program without any library of the machine,
# certificate authorities for those that have no other files, and the recipe as `Dockerfile`.
#
#   deploy/images/program-context.sh hub|agent|pod FOLDER
#
# POLYAXON_PROFILE is the cargo profile (default `release`), see build-static.sh.
set -euo pipefail
here=$(dirname "$(realpath "$0")")

case $#-${1-} in
    2-hub | 2-agent | 2-pod) name=$1 folder=$2 ;;
    *)
        echo "program-context: say \`hub\`, \`agent\` or \`pod\`, and a folder to make" >&2
        exit 2
        ;;
esac

echo "$name image: building \`polyaxon-$name\`" >&2
binary=$("$here/build-static.sh" "polyaxon-$name")

mkdir -p "$folder"
install -m 0755 "$binary" "$folder/polyaxon-$name"
install -m 0644 "$here/$name.Dockerfile" "$folder/Dockerfile"
[ "$name" != pod ] || exit 0
packages=$("$here/debian-packages.sh" extract ca-certificates)
tar --extract --to-stdout --wildcards --file="$packages" './usr/share/ca-certificates/mozilla/*.crt' >"$folder/ca-certificates.crt"
[ -s "$folder/ca-certificates.crt" ] || { echo "$name image: the packages hold no certificate authorities" >&2; exit 1; }
