#!/usr/bin/env bash
# A Python with PyYAML, for the test that compares our reader with it.
#
#   deploy/testbed/pyyaml.sh      prints `export POLYAXON_PYYAML=PYTHON`, for `eval`
#
# It is a virtual environment in the user's cache folder, made once for the version below from the package index that
# pip is configured for.
set -euo pipefail

version=6.0.3
folder=${POLYAXON_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/polyaxon}/pyyaml-$version
python=$folder/bin/python

has_it() {
    [ -x "$python" ] && "$python" -c "import sys, yaml; sys.exit(yaml.__version__ != '$version')" 2>/dev/null
}

if ! has_it; then
    mkdir -p "$(dirname "$folder")"
    exec 9>"$folder.lock"
    flock 9
    if ! has_it; then
        rm -rf "$folder"
        python3 -m venv "$folder" >&2 || {
            echo "pyyaml: python3 makes no virtual environment; on Debian: apt-get install python3-venv" >&2
            exit 1
        }
        "$python" -m pip --quiet --disable-pip-version-check install "pyyaml==$version" >&2
        has_it || {
            echo "pyyaml: \`$python\` has no PyYAML $version after its installation" >&2
            exit 1
        }
    fi
fi
echo "export POLYAXON_PYYAML=$python"
