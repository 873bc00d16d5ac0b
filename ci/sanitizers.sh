#!/usr/bin/env bash
# What the compiler cannot vouch for, watched while it runs. Usage: ci/sanitizers.sh [address|thread|miri...]; by default all three.
#
# address  the library's own tests, where no access may miss its memory
# thread   those of kernels and engine, where threads may not race; the standard library is compiled with it
# miri     those of packing, layouts and views, in an interpreter that knows what is undefined; without special instructions
#
# Needs a nightly toolchain of rustup. Each compiles Burn in a folder of its own: ten minutes on two cores, and as long for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- address thread miri
rustup toolchain list | grep -q ^nightly || rustup toolchain install nightly --profile minimal
rustup component add --toolchain nightly rust-src miri

host=$(rustc -vV | sed -n 's/^host: //p')
work=${CARGO_TARGET_DIR:-$PWD/target}/sanitizers
# Assertions about what unsafe code relies on are compiled in.
library=(--release --locked --package indic-seamless --lib --config profile.release.package.indic-seamless.debug-assertions=true)

for kind; do
    printf '\n== %s (%s s)\n' "$kind" "$SECONDS"
    export CARGO_TARGET_DIR=$work/$kind
    case $kind in
        address)
            # Instructions of every set that the machine has; what the program keeps for its whole life is no leak.
            RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0 cargo +nightly test "${library[@]}" --target "$host"
            ;;
        thread)
            RUSTFLAGS=-Zsanitizer=thread cargo +nightly test "${library[@]}" --target "$host" -Z build-std \
                -- kernels:: engine:: scheduler:: checkpoint::mapped transcriber::
            ;;
        miri)
            # The tests that do not compute for minutes there. Rayon's queues keep pointers in integers, which the rules for borrowed
            # pointers do not allow for, and its threads end with the program: neither is looked at.
            flags="-Zmiri-disable-isolation -Zmiri-disable-stacked-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks"
            MIRIFLAGS=$flags RAYON_NUM_THREADS=2 cargo +nightly miri test --locked --package indic-seamless --no-default-features --lib -- \
                kernels::int8::tests::{rows,a_row,half_bytes_err,quantising} kernels::tests::{depthwise,gate,bias,decoder_attention} \
                kernels::isa
            ;;
        *)
            echo "error: no sanitizer $kind" >&2
            exit 1
            ;;
    esac
done
printf '\n== done (%s s)\n' "$SECONDS"
