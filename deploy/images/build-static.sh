#!/usr/bin/env bash
# Builds a program of the workspace without any library of the machine, and prints its path.
#
#   deploy/images/build-static.sh PACKAGE
#
# POLYAXON_PROFILE is the cargo profile (default `release`; with `ci`, as for tests, the agent has its failpoints),
# POLYAXON_BUILD_VERSION is a version that the program stands for in tests of upgrades.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ $# -ne 1 ]; then
    echo "build-static: give the name of a package of the workspace" >&2
    exit 2
fi
package=$1 profile=${POLYAXON_PROFILE:-release}
program=$package
[ "$package" != polyaxon-cli ] || program=polyaxon
what=(--package "$package" --bin "$program")
if [ "$profile" = ci ]; then
    # Tests need them all. Each built alone, with features of its own, would compile anew what they share.
    what=(--bins --features polyaxon-agent/failpoints --package polyaxon-hub --package polyaxon-agent
        --package polyaxon-pod --package polyaxon-cli --package kaniko-double)
fi
target=$(uname -m)-unknown-linux-musl

libraries=$(rustc --print target-libdir --target "$target")
if [ ! -d "$libraries" ]; then
    if ! command -v rustup >/dev/null; then
        echo "build-static: the toolchain cannot build for \`$target\`: install that target" >&2
        exit 1
    fi
    rustup target add "$target" >&2
fi

# Nodes of that kind have pages of 4, 16 or 64 KiB; the agent's heap has to know the largest.
[ "$(uname -m)" != aarch64 ] || export JEMALLOC_SYS_WITH_LG_PAGE=16

# The program must not name folders of the machine that built it.
variable=CARGO_TARGET_$(tr '[:lower:]-' '[:upper:]_' <<<"$target")_RUSTFLAGS
flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$PWD=/polyaxon -Cstrip=symbols"
env "$variable=$flags" cargo build --quiet --locked --profile "$profile" --target "$target" "${what[@]}" >&2

folder=$profile
[ "$profile" != dev ] || folder=debug
binary=${CARGO_TARGET_DIR:-target}/$target/$folder/$program
realpath "$binary"
