#!/usr/bin/env bash
# Fuzzes one target of the specification under libFuzzer, on the stable toolchain.
#
#   fuzz/run.sh TARGET [SECONDS] [LIBFUZZER_OPTION...]
#
# What it learns is kept in fuzz/corpus/TARGET, an input that breaks a law in fuzz/findings. The stack is that of a
# thread, 2 MiB; an input that takes 10 seconds or 512 MiB is a finding as well.
set -euo pipefail
cd "$(dirname "$0")"

if [ $# -eq 0 ]; then
    echo "fuzz: name a target:" >&2
    sed -n 's/.*name: "\([a-z]*\)".*/  \1/p' src/targets/mod.rs >&2
    exit 2
fi
target=$1
seconds=${2:-600}
shift $(($# < 2 ? $# : 2))

host=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Ccodegen-units=1 --cfg fuzzing"
for argument in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$argument"
done
RUSTFLAGS=$flags cargo build --release --locked --target "$host" >&2
program=${CARGO_TARGET_DIR:-target}/$host/release/polyaxon-fuzz

mkdir -p "corpus/$target" findings
ulimit -s 2048
export POLYAXON_FUZZ_TARGET=$target POLYAXON_FUZZ_CORPUS=corpus/$target
exec "$program" "corpus/$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=512 \
    -dict=polyaxon.dict -artifact_prefix="findings/$target-" -print_final_stats=1 -verbosity=1 "$@"
