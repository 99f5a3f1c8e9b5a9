#!/usr/bin/env bash
# A platform on this machine in one step: registry, hub and agent, and a first image built by them.
#
#   deploy/testbed/quickstart.sh          (`make quickstart`)
#   deploy/testbed/quickstart.sh down     (`make quickstart-down`; the data stays)
#
# Everything is in QUICKSTART_DIR (default `.polyaxon/quickstart`). POLYAXON_KANIKO_IMAGE names
# another executor image, POLYAXON_PROFILE another cargo profile than `release`.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=deploy/testbed
# shellcheck source-path=SCRIPTDIR source=services.sh
source "$here/services.sh"

dir=${QUICKSTART_DIR:-$PWD/.polyaxon/quickstart}
mkdir -p "$dir"
dir=$(realpath "$dir")
export POLYAXON_TESTBED_DIR=$dir/services POLYAXON_PROFILE=${POLYAXON_PROFILE:-release}
sandbox=$dir/sandbox
data=$dir/data
kaniko=${POLYAXON_KANIKO_IMAGE:-ghcr.io/osscontainertools/kaniko:v1.28.3}

say() {
    echo "quickstart: $*" >&2
}

# The socket of an engine that answers, if one is in the usual places.
running_engine() {
    local socket places=(/var/run/docker.sock /run/podman/podman.sock)
    [ -z "${XDG_RUNTIME_DIR-}" ] || places+=("$XDG_RUNTIME_DIR/docker.sock" "$XDG_RUNTIME_DIR/podman/podman.sock")
    case ${DOCKER_HOST-} in unix://*) places=("${DOCKER_HOST#unix://}" "${places[@]}") ;; esac
    for socket in "${places[@]}"; do
        if [ "$(curl --silent --max-time 5 --unix-socket "$socket" http://engine/_ping 2>/dev/null)" = OK ]; then
            echo "$socket"
            return
        fi
    done
    return 1
}

# The settings are the user's from the moment that they are changed.
write_agent_config() {
    local registry=$1 mirrors=$2 file=$data/agent.yaml
    mkdir -p "$data"/{store,secrets}
    if [ -e "$file" ] && ! cmp --quiet "$file" "$dir/agent.yaml.written"; then
        say "\`$file\` was changed and is kept; the registry is $registry"
        return
    fi
    cat >"$file" <<YAML
# What this agent offers to runs. Changes count from its next start on.
namespace: sandbox
artifactsStore:
  name: artifacts-store
  kind: host_path
  schema:
    hostPath: '$data/store'
    mountPath: /plx-artifacts
connections:
- name: docker-connection
  kind: registry
  schema:
    url: $registry
registryMirrors: [$mirrors]
engine:
  network: host
  # A Secret NAME with a key KEY is the file NAME/KEY in this folder.
  secretsDir: '$data/secrets'
YAML
    cp "$file" "$dir/agent.yaml.written"
}

polyaxon() {
    env --unset=POLYAXON_HOST --unset=POLYAXON_AUTH_TOKEN POLYAXON_HOME="$dir/home" "$binaries/polyaxon" "$@"
}
ready() {
    grep --quiet 'agent ready' "$sandbox/log" && polyaxon whoami >/dev/null 2>&1
}

down() {
    say "stopping"
    service_stop "$sandbox"
    "$here/podman.sh" stop
    "$here/registry.sh" stop
    say "stopped; the data stays in \`$dir\`"
}

case ${1-} in
    '') ;;
    down)
        down
        exit
        ;;
    *)
        echo "quickstart: unknown argument \`$1\`: give none, or \`down\`" >&2
        exit 2
        ;;
esac

if ! command -v cargo >/dev/null; then
    say "\`cargo\` is missing: install rustup (https://rustup.rs), then run this again"
    exit 1
fi
"$here/install.sh" build images

say "building the programs; the first time takes some minutes"
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
binaries=$target/$POLYAXON_PROFILE
cargo build --locked --profile "$POLYAXON_PROFILE" --package polyaxon-hub --package polyaxon-agent --package polyaxon-cli --bins
deploy/images/pack-pod.sh "$binaries/polyaxon-pod.oci.tar"

if socket=$(running_engine); then
    say "using the engine at $socket"
else
    "$here/install.sh" engine
    socket=$("$here/podman.sh" start)
    say "no Docker or Podman runs here: started a Podman of our own at $socket"
fi
registry=$("$here/registry.sh" start)
say "registry at $registry"

mirrors=
if problem=$("$here/engine-image.sh" pull "$socket" "$kaniko" 2>&1); then
    executor=$kaniko
elif [ -n "${POLYAXON_KANIKO_IMAGE-}" ]; then
    echo "$problem" >&2
    exit 1
else
    say "Kaniko's image \`$kaniko\` cannot be pulled here: builds run with \`kaniko-double\`, a small stand-in"
    "$here/pack-kaniko-double.sh" "$target/images/kaniko-double.oci.tar"
    executor=$("$here/engine-image.sh" load "$socket" "$target/images/kaniko-double.oci.tar" localhost/kaniko-double)
    # Where that image is out of reach, base images are, too.
    "$here/base-images.sh" "$registry" small
    mirrors=$registry
fi
write_agent_config "$registry" "$mirrors"

say "starting hub and agent"
mkdir -p "$sandbox"
service_stop "$sandbox"
service_start "$sandbox" env --unset=POLYAXON_HOST --unset=POLYAXON_AUTH_TOKEN POLYAXON_HOME="$dir/home" \
    POLYAXON_POD_IMAGE_TAR="$binaries/polyaxon-pod.oci.tar" \
    "$binaries/polyaxon" sandbox --port 0 --data-dir "$data" --engine-socket "$socket" --executor-image "$executor"
service_wait "$sandbox" "the platform" 120 ready

say "polyaxon run -f examples/hello.yaml -l"
polyaxon run -f examples/hello.yaml -l

digest=$(curl --silent --fail --noproxy '*' --head --header 'accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
    "http://$registry/v2/hello/manifests/1" | tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p')
if [ -z "$digest" ]; then
    say "the registry does not have the image: see \`$sandbox/log\`"
    exit 1
fi
cat <<NEXT

image   $registry/hello:1
digest  $digest

The platform runs on. For this terminal:
  export POLYAXON_HOME=$dir/home PATH=$binaries:\$PATH
What next:
  polyaxon ops ls                          the runs
  polyaxon run -f examples/hello.yaml -l   build again; unchanged layers come from the cache
  polyaxon components get kaniko           what the component can do
  make quickstart-down                     stop it; the data stays
NEXT
