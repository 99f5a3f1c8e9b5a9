#!/usr/bin/env bash
# Builds a program of the workspace without any library of the machine, and prints its path.
#
#   deploy/images/build-static.sh PACKAGE
#
# POLYAXON_PROFILE is the cargo profile (default `release`), POLYAXON_FEATURES are cargo features for tests,
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
# Kept beside the usual one, so that neither makes the other be built anew.
apart=()
[ -z "${POLYAXON_BUILD_VERSION-}" ] || apart=(-- -C "metadata=$POLYAXON_BUILD_VERSION")
target=$(uname -m)-unknown-linux-musl

libraries=$(rustc --print target-libdir --target "$target")
if [ ! -d "$libraries" ]; then
    if ! command -v rustup >/dev/null; then
        echo "build-static: the toolchain cannot build for \`$target\`: install that target" >&2
        exit 1
    fi
    rustup target add "$target" >&2
fi

# The program must not name folders of the machine that built it.
variable=CARGO_TARGET_$(tr '[:lower:]-' '[:upper:]_' <<<"$target")_RUSTFLAGS
flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$PWD=/polyaxon -Cstrip=symbols"
env "$variable=$flags" cargo rustc --quiet --locked --package "$package" --bin "$program" --profile "$profile" --target "$target" \
    ${POLYAXON_FEATURES:+--features "$POLYAXON_FEATURES"} "${apart[@]}" >&2

folder=$profile
[ "$profile" != dev ] || folder=debug
binary=${CARGO_TARGET_DIR:-target}/$target/$folder/$program
realpath "$binary"
