#!/usr/bin/env bash
# Makes the folder that an image of `hub` or `agent` is built from: the program without any library
# of the machine, certificate authorities, and the recipe as `Dockerfile`.
#
#   deploy/images/program-context.sh hub|agent FOLDER
#
# POLYAXON_PROFILE is the cargo profile (default `release`), POLYAXON_FEATURES are cargo features for tests.
set -euo pipefail
here=$(dirname "$(realpath "$0")")

case $#-${1-} in
    2-hub | 2-agent) name=$1 folder=$2 ;;
    *)
        echo "program-context: say \`hub\` or \`agent\`, and a folder to make" >&2
        exit 2
        ;;
esac

echo "$name image: building \`polyaxon-$name\`" >&2
binary=$("$here/build-static.sh" "polyaxon-$name")
packages=$("$here/debian-packages.sh" extract ca-certificates)

mkdir -p "$folder"
install -m 0755 "$binary" "$folder/polyaxon-$name"
tar --extract --to-stdout --wildcards --file="$packages" './usr/share/ca-certificates/mozilla/*.crt' >"$folder/ca-certificates.crt"
[ -s "$folder/ca-certificates.crt" ] || { echo "$name image: the packages hold no certificate authorities" >&2; exit 1; }
install -m 0644 "$here/$name.Dockerfile" "$folder/Dockerfile"
