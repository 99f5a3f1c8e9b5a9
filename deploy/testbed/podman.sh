#!/usr/bin/env bash
# A Podman service with settings and storage of its own; nothing in /etc is changed.
#
#   deploy/testbed/podman.sh start      prints the path of its socket
#   deploy/testbed/podman.sh stop       removes its containers and ends it; its images stay
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/services.sh"

dir=$(testbed_dir)/podman
# The path of a unix socket has room for about a hundred bytes, so it is not in the folder.
sockets=${XDG_RUNTIME_DIR:-/tmp}/polyaxon-$(sha256sum <<<"$dir" | cut -c 1-12)
socket=$sockets/podman.sock

configure() {
    mkdir -p "$dir/networks"
    (umask 077 && mkdir -p "$sockets")
    # Podman's own limits are above what a container that runs a testbed may set; 20000 suffices
    # for builds. runc, because crun refuses machines with both cgroup versions mounted.
    cat >"$dir/containers.conf" <<TOML
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
[network]
network_backend = "netavark"
network_config_dir = "$dir/networks"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
tmp_dir = "$sockets/libpod"
TOML
    cat >"$dir/storage.conf" <<TOML
[storage]
driver = "overlay"
graphroot = "$dir/images"
runroot = "$sockets/run"
TOML
    # Registries of a testbed speak plain HTTP.
    cat >"$dir/registries.conf" <<'TOML'
unqualified-search-registries = []
[[registry]]
location = "127.0.0.1"
insecure = true
[[registry]]
prefix = "*.localhost"
insecure = true
TOML
}

podman_here() {
    env --unset=CONTAINER_HOST CONTAINERS_CONF="$dir/containers.conf" CONTAINERS_STORAGE_CONF="$dir/storage.conf" \
        CONTAINERS_REGISTRIES_CONF="$dir/registries.conf" podman "$@"
}

answers() {
    [ "$(curl --silent --max-time 5 --unix-socket "$socket" http://engine/_ping 2>/dev/null)" = OK ]
}

start() {
    mkdir -p "$dir"
    if service_running "$dir" && answers; then
        echo "$socket"
        return
    fi
    configure
    rm -f "$socket"
    service_start "$dir" env --unset=CONTAINER_HOST CONTAINERS_CONF="$dir/containers.conf" \
        CONTAINERS_STORAGE_CONF="$dir/storage.conf" CONTAINERS_REGISTRIES_CONF="$dir/registries.conf" \
        podman system service --time=0 "unix://$socket"
    service_wait "$dir" podman 20 answers
    echo "$socket"
}

stop() {
    if [ -e "$dir/containers.conf" ]; then
        podman_here rm --all --force --time 0 >/dev/null 2>"$dir/problem" || cat "$dir/problem" >&2
    fi
    service_stop "$dir"
    # The storage driver mounts its folder over itself and leaves that behind.
    sed -n "s|^[^ ]* \\($dir/[^ ]*\\) .*|\\1|p" /proc/mounts | sort --reverse | xargs --no-run-if-empty umount
    rm -rf "$sockets"
}

case ${1-} in
    start) start ;;
    stop) stop ;;
    *)
        echo "podman: say \`start\` or \`stop\`" >&2
        exit 2
        ;;
esac
