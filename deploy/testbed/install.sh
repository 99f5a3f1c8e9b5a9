#!/usr/bin/env bash
# Installs the Debian packages that a part of the project needs, and only those that are missing.
#
#   deploy/testbed/install.sh [build|lint|test|engine|images|cluster]...      (default: all but `cluster`)
#
# Says what it installs. Uses root only for that, through sudo when it is there. No service that
# comes with a package is started.
set -euo pipefail

packages_of() {
    case $1 in
        # A C compiler for the crates with C parts, and the static C library of the pod program.
        build) echo gcc libc6-dev make cmake git ca-certificates musl-tools ;;
        lint) echo shellcheck ;;
        # Registry, image copies, base images.
        images) echo docker-registry skopeo mmdebstrap debian-archive-keyring busybox-static jq curl ca-certificates ;;
        # runc because crun refuses machines with both cgroup versions mounted.
        engine) echo podman runc netavark aardvark-dns iptables curl ca-certificates ;;
        # Servers that tests talk to, clocks that tests set, and the YAML reader that ours is compared with.
        test) echo git openssh-client apache2-utils openssl jq curl faketime python3-venv ;;
        # What a Kubernetes node calls, what its runc is built with, and what tests of its charts call.
        cluster) echo containernetworking-plugins nftables conntrack iproute2 procps openssl gcc libc6-dev pkg-config libseccomp-dev python3 nginx ;;
        *)
            echo "install: unknown part \`$1\`: use build, lint, test, engine, images or cluster" >&2
            return 2
            ;;
    esac
}

[ $# -gt 0 ] || set -- build lint test engine images
wanted=
for part in "$@"; do
    wanted="$wanted $(packages_of "$part")"
done

missing=()
for package in $wanted; do
    case " ${missing[*]-} " in *" $package "*) continue ;; esac
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "install: this is not a Debian system: install these yourself, then run this again: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install: run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "install: Debian packages: ${missing[*]}" >&2
# Packages ask policy-rc.d before they start their service; 101 means no.
"${as_root[@]}" sh -s -- "${missing[@]}" <<'ROOT'
set -eu
exec 9>/var/lock/polyaxon-install.lock
flock 9
policy=/usr/sbin/policy-rc.d
saved=
restore() {
    rm -f "$policy"
    [ -z "$saved" ] || mv "$saved" "$policy"
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
if [ -e "$policy" ] || [ -L "$policy" ]; then
    saved=$policy.before-polyaxon
    mv "$policy" "$saved"
fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 0755 "$policy"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install_packages() {
    apt-get install -o DPkg::Lock::Timeout=300 -y -q --no-install-recommends "$@" </dev/null >"$log" 2>&1
}
if ! install_packages "$@"; then
    apt-get update -o DPkg::Lock::Timeout=300 -q </dev/null >>"$log" 2>&1 || true
    if ! install_packages "$@"; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "install: apt-get could not install the packages, see the lines above" >&2
        exit 1
    fi
fi
rm -f "$log"
ROOT
