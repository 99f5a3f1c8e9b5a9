# shellcheck shell=bash
# The pods of the testbed's cluster as the machine sees them: control groups, processes, mounts,
# and what the node's programs put outside of the testbed's folders.
# Read by `cluster.sh` with `source`.

# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster-settings.sh"

make_groups() {
    local hierarchy file
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        mkdir -p "/sys/fs/cgroup/$pods_group"
        return
    fi
    for hierarchy in /sys/fs/cgroup/*/; do
        # A hierarchy may be a link to one that it shares.
        [ ! -L "${hierarchy%/}" ] || continue
        mkdir -p "$hierarchy$pods_group"
        for file in cpuset.cpus cpuset.mems; do
            [ ! -e "$hierarchy$file" ] || cat "$hierarchy$file" >"$hierarchy$pods_group/$file"
        done
    done
}

groups_of_pods() {
    find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d -name "$pods_group"
}

# Processes of pods, and the shims that watch over them.
processes_of_pods() {
    local group process
    for group in $(groups_of_pods); do
        find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done
    for process in /proc/[0-9]*; do
        ! tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep --quiet --fixed-strings " -address $cluster_run/containerd.sock" ||
            basename "$process"
    done
}

kill_pods() {
    local processes tenths=100
    while processes=$(processes_of_pods | sort --unique) && [ -n "$processes" ]; do
        # shellcheck disable=SC2086 # a list of numbers
        kill -KILL $processes 2>/dev/null || true
        [ $((tenths -= 1)) -gt 0 ] || cluster_fail "these processes of pods do not end: ${processes//$'\n'/ }"
        sleep 0.05
    done
}

# unmount FOLDER...: everything that is mounted below.
unmount() {
    local folder
    for folder in "$@"; do
        awk -v folder="$folder/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort --reverse |
            xargs --no-run-if-empty umount --lazy
    done
}

remove_groups() {
    local group tries=50
    for group in $(groups_of_pods); do
        # The kernel needs a moment after the last process.
        while ! find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && [ -d "$group" ]; do
            [ $((tries -= 1)) -gt 0 ] || cluster_fail "the control group \`$group\` cannot be removed: see its \`cgroup.procs\`"
            sleep 0.1
        done
    done
}

# The kubelet, the shims and the library of network plugins have places of their own, whatever they
# are told. Folders go only when nothing else is in them.
remove_strays() {
    local socket file sandbox
    find /var/log/containers -lname "$cluster_dir/*" -delete 2>/dev/null || true
    for socket in /run/containerd/s/*; do
        [ ! -S "$socket" ] || grep --quiet --fixed-strings " $socket" /proc/net/unix || rm -f "$socket"
    done
    grep --quiet --fixed-strings ' /var/lib/kubelet/device-plugins/kubelet.sock' /proc/net/unix ||
        rm -f /var/lib/kubelet/device-plugins/{kubelet.sock,kubelet_internal_checkpoint}
    # A sandbox has one file per network.
    for file in /var/lib/cni/results/polyaxon-testbed-*; do
        sandbox=${file#*/polyaxon-testbed-}
        rm -f "$file" "/var/lib/cni/results/cni-loopback-${sandbox%-eth0}-lo"
    done
    rmdir /var/log/containers /run/containerd/s /run/containerd /var/lib/kubelet/device-plugins /var/lib/kubelet \
        /var/lib/cni/results /var/lib/cni 2>/dev/null || true
}
