# shellcheck shell=bash
# A testbed that ends with the script that started it. Read by other scripts of this folder with
# `source`, from the project's folder.

# own_testbed NAME SCRIPT...: makes a new testbed folder, and from now on, however this script ends,
# stops it with `SCRIPT down` and removes it.
own_testbed() {
    local name=$1
    shift
    own_testbed_scripts=("$@")
    mkdir -p .polyaxon
    POLYAXON_TESTBED_DIR=$(mktemp -d "$PWD/.polyaxon/$name.XXXXXX")
    export POLYAXON_TESTBED_DIR
    trap own_testbed_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

own_testbed_end() {
    local status=$? script
    trap - EXIT
    echo "testbed: stopping" >&2
    for script in "${own_testbed_scripts[@]}"; do
        "$script" down || true
    done
    # What a service left mounted is not ours to remove.
    rm -rf --one-file-system "$POLYAXON_TESTBED_DIR" || true
    exit "$status"
}
