#!/usr/bin/env bash
# The tests of the kernels and of the model on the instruction sets below the machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."

for isa in avx2 portable; do
    [ "$isa" = portable ] || grep -qsw "$isa" /proc/cpuinfo || continue
    echo "tests on $isa"
    INDIC_SEAMLESS_ISA=$isa cargo test --release --lib --test demo --test parity --test precision
done
