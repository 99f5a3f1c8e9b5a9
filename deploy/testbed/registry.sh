#!/usr/bin/env bash
# A registry on the loopback interface.
#
#   deploy/testbed/registry.sh start [plain|password]     prints its address, `127.0.0.1:PORT`
#   deploy/testbed/registry.sh stop [plain|password]
#
# `plain` lets everybody in; `password` asks for the user and password in the file `credentials`
# (`user:password`) in its folder, which is `$POLYAXON_TESTBED_DIR/registry-KIND`. Images stay when it
# stops. It takes the port that it had before, or POLYAXON_REGISTRY_PORT, if that is free.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/services.sh"

usage() {
    echo "registry: say \`start\` or \`stop\`, and \`plain\` or \`password\`" >&2
    exit 2
}
action=${1-} kind=${2:-plain}
case $kind in plain | password) ;; *) usage ;; esac
dir=$(testbed_dir)/registry-$kind
# With port 0 the system picks one; the log says which.
listening='s/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p'

answers() {
    local address
    address=$(sed -n "$listening" "$dir/log" | head -n 1)
    [ -n "$address" ] && curl --silent --max-time 5 --noproxy '*' --output /dev/null "http://$address/v2/" || return 1
    echo "$address" >"$dir/address"
}

configure() {
    local port=$1
    cat <<YAML
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: "$dir/data"}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
YAML
    [ "$kind" = plain ] || echo "auth: {htpasswd: {realm: testbed, path: \"$dir/htpasswd\"}}"
}

launch() {
    configure "$1" >"$dir/config.yml"
    service_start "$dir" docker-registry serve "$dir/config.yml"
    service_wait "$dir" "the registry" 10 answers
}

start() {
    mkdir -p "$dir/data"
    if service_running "$dir"; then
        cat "$dir/address"
        return
    fi
    if [ "$kind" = password ] && [ ! -e "$dir/htpasswd" ]; then
        local password
        password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
        (umask 077 && echo "testbed:$password" >"$dir/credentials")
        htpasswd -Bin testbed <<<"$password" >"$dir/htpasswd" 2>/dev/null
    fi
    local port=${POLYAXON_REGISTRY_PORT:-0}
    [ ! -e "$dir/address" ] || port=$(cut -d : -f 2 "$dir/address")
    if ! launch "$port" 2>"$dir/problem"; then
        service_stop "$dir"
        if [ "$port" = 0 ]; then
            cat "$dir/problem" >&2
            exit 1
        fi
        echo "registry: port $port is taken, using another one" >&2
        launch 0
    fi
    cat "$dir/address"
}

case $action in
    start) start ;;
    stop) service_stop "$dir" ;;
    *) usage ;;
esac
