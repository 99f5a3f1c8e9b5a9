#!/usr/bin/env bash
# Loads an image archive into the engine behind a socket, Docker or Podman.
#
#   deploy/testbed/load-image.sh SOCKET ARCHIVE
set -euo pipefail

if [ $# -ne 2 ]; then
    echo "load-image: give the socket of the engine and the archive" >&2
    exit 2
fi
answer=$(curl --silent --show-error --max-time 300 --unix-socket "$1" --request POST \
    --header 'content-type: application/x-tar' --data-binary "@$2" http://engine/v1.41/images/load)
case $answer in
    *Loaded\ image*) ;;
    *)
        echo "load-image: the engine refused \`$2\`: $answer" >&2
        exit 1
        ;;
esac
