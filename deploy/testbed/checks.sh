# shellcheck shell=bash
# How scripts that test something count and say what they found. Read by them with `source`; `work` is
# a folder of theirs, in which `output` is what the last command said that was tried.
# shellcheck disable=SC2154 # `work` is of those who read this file

tests=0

ok() {
    tests=$((tests + 1))
    echo "ok: $*"
}
fail() {
    echo "FAILED: $*" >&2
    echo "test result: FAILED. $tests passed; 1 failed"
    exit 1
}
all_passed() {
    echo
    echo "test result: ok. $tests passed; 0 failed"
}
# eventually SECONDS COMMAND...
eventually() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >"$work/output" 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.1
    done
}
