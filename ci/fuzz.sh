#!/usr/bin/env bash
# Fuzzing with libFuzzer. Usage: ci/fuzz.sh [SECONDS [TARGET…]]
#
# Each target replays its corpus and all that was ever found, and then looks for more for so many seconds; fails at a finding. Without
# SECONDS it looks for ten seconds, from the same seed each time, so that no change is blamed for what chance finds in old code.
# What a target learns is kept in target/fuzz/corpus. What it finds is in target/fuzz/found: mend the code, and move the file to
# fuzz/found/TARGET, where `cargo test` replays it from then on.
#
# The crates of the workspace and the decoders are compiled once more, with counters and with all checks on; Burn is not. It needs
# a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
seed=$(($# == 0)) # 0 stands for another one each time
shift $(($# > 0))

RUSTC_WRAPPER=$PWD/fuzz/rustc cargo build --release --config fuzz/instrumented.toml --bin fuzz \
    --features indic-seamless-fuzz/libfuzzer
# Beside the folder of programs: none of them is built like this.
mkdir -p target/fuzz
mv target/release/fuzz target/fuzz/fuzz

# Runs a target, whose inputs are at most so long, and prints a line about it.
run() {
    local name=$1 longest=$2 work=$PWD/target/fuzz
    local log=$work/log/$name folders=() folder
    mkdir -p "$work/corpus/$name" "$work/found/$name" "$work/log"
    for folder in "$work/corpus/$name" "fuzz/corpus/$name" "fuzz/found/$name"; do
        [ ! -d "$folder" ] || folders+=("$folder")
    done
    local status=0
    FUZZ_TARGET=$name "$work/fuzz" "${folders[@]}" -seed="$seed" -max_total_time="$seconds" -max_len="$longest" -timeout=100 \
        -rss_limit_mb=4096 -dict=fuzz/numbers.dict -artifact_prefix="$work/found/$name/" -print_final_stats=1 \
        >"$log" 2>&1 || status=$?
    local executions features
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    features=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 branches, \2 features/p' "$log" | tail -n 1)
    echo "$name: ${executions:-0} executions, ${features:-no features}$([ "$status" = 0 ] || echo ", FOUND: see $log")"
    [ "$status" = 0 ] || tail -n 40 "$log"
    return "$status"
}
export -f run
export seconds seed

# A name and the longest input on each line. Short runs have one more at a time than there are processors, so that CI is done sooner.
targets=$(target/fuzz/fuzz)
if [ $# -gt 0 ]; then
    targets=$(for name; do grep "^$name " <<<"$targets" || { echo "error: no target $name" >&2; exit 1; }; done)
fi
[ -n "$targets" ]
# shellcheck disable=SC2016 # the inner shell expands it
xargs --max-procs=$(($(nproc) + seed)) --max-lines=1 bash -c 'run "$@"' run <<<"$targets"
