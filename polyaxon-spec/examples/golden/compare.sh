#!/bin/sh
# Counts the golden cases that hold: compare.sh CASES_DIR COMPARE_PY, from the root of the repository.
# Legacy cases are left out: the reference rejects that format.
set -eu
cases=$1
compare=$2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cargo run -q -p polyaxon-spec --example golden -- "$cases" "$out"
equal=0
different=0
for file in "$out"/*.json; do
    name=$(basename "$file" .json)
    case $name in seed-legacy-*) continue ;; esac
    if found=$(python3 "$compare" "$cases/$name/expected.json" "$file" --level user \
        --sections verdict,lineage,k8s,dockerfiles,build,build_context); then
        equal=$((equal + 1))
    else
        different=$((different + 1))
        printf '%s\n%s\n' "== $name" "$found"
    fi
done
printf '%s equal, %s different\n' "$equal" "$different"
