#!/usr/bin/env bash
# The tests of the kernels and of the model on the instruction sets below the machine's own.
set -euo pipefail
cd "$(dirname "$0")/.."

# Each with its name in /proc/cpuinfo, or names.
for isa in 'avxvnni:avx_vnni|avx512_vnni' avx2:avx2 neon:asimddp portable:; do
    flag=${isa#*:} isa=${isa%:*}
    [ -z "$flag" ] || grep -qswE "$flag" /proc/cpuinfo || continue
    echo "tests on $isa"
    INDIC_SEAMLESS_ISA=$isa cargo test --release --lib --test demo --test parity --test precision
done
