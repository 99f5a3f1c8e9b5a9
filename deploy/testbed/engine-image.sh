#!/usr/bin/env bash
# Brings an image into the engine behind a socket, Docker or Podman.
#
#   deploy/testbed/engine-image.sh load SOCKET ARCHIVE REPOSITORY    prints REPOSITORY:TAG, TAG by content
#   deploy/testbed/engine-image.sh pull SOCKET REFERENCE
set -euo pipefail

if [ $# -lt 3 ]; then
    echo "engine-image: say \`load\` or \`pull\`, the socket of the engine, and what" >&2
    exit 2
fi
action=$1 socket=$2 what=$3

# engine METHOD PATH [CURL-ARGUMENT...]
engine() {
    curl --silent --show-error --max-time 600 --unix-socket "$socket" --request "$1" "http://engine/v1.41$2" "${@:3}"
}
there() {
    engine GET "/images/$1/json" --fail --output /dev/null 2>/dev/null
}

case $action in
    load)
        repository=$4
        tag=$(sha256sum "$what" | cut -c 1-12)
        if ! there "$repository:$tag"; then
            answer=$(engine POST /images/load --header 'content-type: application/x-tar' --data-binary "@$what")
            # The archive names the image; the engine says that name in its answer.
            loaded=$(sed -n 's/.*Loaded image: *\([^"\\, ]*\).*/\1/p' <<<"$answer" | tail -n 1)
            if [ -z "$loaded" ]; then
                echo "engine-image: the engine refused \`$what\`: $answer" >&2
                exit 1
            fi
            engine POST "/images/$loaded/tag?repo=$repository&tag=$tag" --fail --output /dev/null
        fi
        echo "$repository:$tag"
        ;;
    pull)
        if ! there "$what"; then
            answer=$(engine POST "/images/create?fromImage=$what" 2>&1 || true)
            if ! there "$what"; then
                reason=$(tail -n 1 <<<"$answer" | jq -r '.error // .message // .cause // empty' 2>/dev/null || true)
                echo "engine-image: \`$what\` could not be pulled: ${reason:-$answer}" >&2
                exit 1
            fi
        fi
        ;;
    *)
        echo "engine-image: unknown action \`$action\`: use load or pull" >&2
        exit 2
        ;;
esac
