#!/usr/bin/env bash
# Packs `polyaxon-pod` with what its steps call (git, ssh, a shell, certificates) as an image archive.
#
#   deploy/images/pack-pod.sh [OUT]        (default: beside the programs, target/release/polyaxon-pod.oci.tar)
#
# Needs no container engine: the files come out of Debian's packages. POLYAXON_PROFILE is the cargo
# profile (default `release`), POLYAXON_DEBIAN_MIRROR another mirror for the packages.
# `pod.Dockerfile` is the same recipe for those who have an engine.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
limit=$((60 * 1024 * 1024))

out=${1:-${CARGO_TARGET_DIR:-$here/../../target}/${POLYAXON_PROFILE:-release}/polyaxon-pod.oci.tar}
mkdir -p "$(dirname "$out")"
out=$(realpath "$out")

echo "pod image: building \`polyaxon-pod\`" >&2
binary=$("$here/build-static.sh" polyaxon-pod)

newer() {
    local file
    for file in "$@"; do [ "$out" -nt "$file" ] || return 1; done
}
newer "$binary" "$here"/*.sh && exit

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages="$("$here/debian-packages.sh" extract git,openssh-client,ca-certificates,busybox-static)"
all=$work/all root=$work/root
mkdir "$all" "$root"
tar --extract --file="$packages" --directory="$all" --exclude='./dev/*'

# Only what a step calls and the libraries: no Perl, no package manager, nothing with setuid.
(
    cd "$all"
    rm -f usr/lib/*-linux-gnu/lib{perl,db-}* usr/bin/{git-shell,ssh-argv0} \
        usr/lib/git-core/git-{http-backend,daemon,imap-send,http-push,shell,send-email,instaweb,svn,p4,archimport,cvs*}
    cp --archive --parents bin/busybox lib64 {,usr/}lib/*-linux-gnu/*.so* usr/bin/{git*,ssh,ssh-*,scp} \
        usr/lib/{git-core,openssh} usr/share/git-core/templates etc/ssh usr/share/ca-certificates "$root"
)
rm -f "$root"/usr/lib/openssh/ssh-keysign "$root"/usr/bin/ssh-agent

# `ssh` asks for the name and home of user 0.
mkdir -p "$root"/{etc/ssl/certs,root,tmp,run,usr/local/bin,var/tmp}
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root"/usr/share/ca-certificates
for applet in $("$root/bin/busybox" --list); do
    [ -e "$root/bin/$applet" ] || [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done

install -m 0755 "$binary" "$root/usr/local/bin/polyaxon-pod"
# Pod plans call it by the name that they were written for.
ln -s polyaxon-pod "$root/usr/local/bin/polyaxon"
find "$root" -type d -exec chmod 0755 {} +
chmod 1777 "$root/tmp" "$root/var/tmp"
chmod 0700 "$root/root"

"$here/oci-archive.sh" "$root" localhost/polyaxon-pod:latest '{
    "Entrypoint": ["/usr/local/bin/polyaxon"],
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/root", "GIT_TERMINAL_PROMPT=0"],
    "WorkingDir": "/"
}' "$out"

size=$(stat --format=%s "$out")
echo "pod image: $out, $((size / 1024 / 1024)) MiB" >&2
if [ "$size" -gt "$limit" ]; then
    echo "pod image: larger than $((limit / 1024 / 1024)) MiB: see what came in with the packages" >&2
    exit 1
fi
