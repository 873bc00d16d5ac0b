#!/usr/bin/env bash
# Counts the instructions of small pieces of work with Callgrind, and compares them with benches/instructions.tsv: more than 1 % above
# fails, and so does more than 1 % below, so that the table keeps up. `ci/instructions.sh --update` writes the table.
#
# The kernels for AVX2 are counted, since Callgrind does not know AVX-512.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null || ! grep -qsw avx2 /proc/cpuinfo; then
    echo "instructions: skipped; they are counted on x86-64 with AVX2, by valgrind"
    exit
fi
cargo build --release --example instructions
program=target/release/examples/instructions
table=benches/instructions.tsv
counted=$(mktemp)
trap 'rm -f "$counted"' EXIT

# Instructions of a program that does its work so many times.
run() {
    INDIC_SEAMLESS_ISA=avx2 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 >/dev/null |
        sed -n 's/^==[0-9]*== Collected : //p'
}
for work in $("$program"); do
    # What is done once cancels out.
    printf '%s\t%s\n' "$work" $((($(run "$work" 9) - $(run "$work" 1)) / 8))
done | tee "$counted"

if [ "${1:-}" = --update ]; then
    cp "$counted" "$table"
    exit
fi
awk -F '\t' '
    NR == FNR { wanted[$1] = $2; next }
    !($1 in wanted) { print $1 ": not in the table"; failed = 1; next }
    { change = 100 * ($2 / wanted[$1] - 1); seen[$1] = 1 }
    change > 1 || change < -1 {
        printf "%s: %d instructions, %+.1f %% of the %d in the table\n", $1, $2, change, wanted[$1]
        failed = 1
    }
    END {
        for (work in wanted) if (!(work in seen)) { print work ": only in the table"; failed = 1 }
        exit failed
    }
' "$table" "$counted" || { echo "if this is meant: ci/instructions.sh --update"; exit 1; }
