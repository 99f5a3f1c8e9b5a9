#!/usr/bin/env bash
# The network of the testbed's cluster: a bridge for pods, their way to the package registries, and
# the kernel settings that a node changes.
#
#   deploy/testbed/cluster-network.sh up
#   deploy/testbed/cluster-network.sh settle     after a start of the kubelet: puts back what it changes
#   deploy/testbed/cluster-network.sh down
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"

saved=$cluster_dir/sysctl.saved
# The kubelet sets the first ones at its start, the bridge plugin the last.
settings=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
    kernel.keys.root_maxkeys kernel.keys.root_maxbytes net.ipv4.ip_forward)

up() {
    if [ ! -e "$saved" ]; then
        sysctl "${settings[@]}" >"$saved.part"
        mv "$saved.part" "$saved"
    fi
    # Without an address of its own it takes one of its pods', and every pod loses its way when that one goes.
    ip link add "$bridge" address 0a:58:0a:f4:00:01 type bridge
    ip link set "$bridge" alias "$cluster_dir" up
    ip address add "$gateway/${pod_network#*/}" dev "$bridge"
    # An address of no Service must not leave the machine.
    ip route add "$service_network" dev "$bridge"
    sysctl --quiet --write net.ipv4.ip_forward=1
    # Pods reach Services of pods on the same bridge only when the bridge asks the packet filter.
    modprobe br_netfilter 2>/dev/null || true
    echo 1 >"/sys/class/net/$bridge/bridge/nf_call_iptables"
    nft --file - <<NFT
table ip $table {
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr $pod_network ip daddr != $pod_network masquerade
    }
}
NFT
    # Docker sets the policy to DROP for everybody's packets.
    if command -v iptables >/dev/null && [ "$(iptables --wait --list-rules FORWARD 2>/dev/null | head -n 1)" = '-P FORWARD DROP' ]; then
        iptables --wait --insert FORWARD --in-interface "$bridge" --jump ACCEPT
        iptables --wait --insert FORWARD --out-interface "$bridge" --jump ACCEPT
        touch "$cluster_dir/forward.accepted"
    fi
}

settle() {
    local tenths=100
    # The kubelet sets these some time after it answers.
    until [ "$(sysctl --values vm.overcommit_memory kernel.panic kernel.panic_on_oops | tr '\n' ' ')" = '1 10 1 ' ]; do
        if [ $((tenths -= 1)) -le 0 ]; then
            echo "cluster: the kubelet did not set what it usually does" >&2
            break
        fi
        sleep 0.1
    done
    grep --invert-match ip_forward "$saved" | sysctl --quiet --load=- >/dev/null
}

down() {
    local family name
    if [ -e "$cluster_dir/forward.accepted" ]; then
        iptables --wait --delete FORWARD --in-interface "$bridge" --jump ACCEPT || true
        iptables --wait --delete FORWARD --out-interface "$bridge" --jump ACCEPT || true
        rm "$cluster_dir/forward.accepted"
    fi
    nft list tables | while read -r _ family name; do
        case $name in "$table" | kube-proxy) nft delete table "$family" "$name" ;; esac
    done
    if ip link show dev "$bridge" >/dev/null 2>&1; then
        ip link delete "$bridge"
    fi
    if [ -e "$saved" ]; then
        sysctl --quiet --load="$saved" >/dev/null
        rm "$saved"
    fi
}

case ${1-} in
    up | settle | down) "$1" ;;
    *)
        echo "cluster-network: say \`up\`, \`settle\` or \`down\`" >&2
        exit 2
        ;;
esac
