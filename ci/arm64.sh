#!/usr/bin/env bash
# The library on 64-bit Arm, emulated: its own tests, those of the demo model, of parity and of precision, and the example
# `transcribe`. Usage: ci/arm64.sh [CPU...], by the names that qemu has for processors.
#
# Unless named, these three, which have other kernels each: neoverse-n1 (Graviton2) with dot products of bytes, max with
# i8mm and bf16, too, and cortex-a72 with neither. Emulation says nothing about speed. On Debian or Ubuntu for x86-64; two
# cores compile for a quarter of an hour, and test a processor in five minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- neoverse-n1 max cortex-a72
declare -A kernels=([neoverse-n1]=neon [max]=i8mm [cortex-a72]=portable)
# Instructions of the kernels that the compiler does not make by itself, as digits of their code, and those that int8 and int4 take.
declare -A codes=([bfdot]='4f[4-7].f[0-38-b]..' [sdot]='4f[89ab].e[0-38-b]..' [smmla]='4e[89].a[4-7]..')
declare -A instructions=([neoverse-n1]=" sdot" [max]=" bfdot sdot smmla" [cortex-a72]="")

export CARGO_TARGET_DIR=$PWD/target/arm64
# shellcheck source=deploy/cross.sh
. deploy/cross.sh
prepare_target aarch64
command -v qemu-aarch64-static >/dev/null || install_packages qemu-user-static
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static QEMU_LD_PREFIX=/usr/aarch64-linux-gnu

# shellcheck disable=SC2154 # `target` is of cross.sh
options=(--release --locked --target "$target" --package indic-seamless)
# What the kernels rely on is checked: a broken assertion ends the run. Elsewhere tests are compiled without.
options+=(--config 'profile.release.package.indic-seamless.debug-assertions=true')
tests=(--lib --test demo --test parity --test precision)
cargo build "${options[@]}" --example transcribe
cargo test "${options[@]}" "${tests[@]}" --no-run

for cpu in "$@"; do
    printf '\n== %s (%s s)\n' "$cpu" "$SECONDS"
    export QEMU_CPU=$cpu
    log=$CARGO_TARGET_DIR/$cpu.log
    cargo test "${options[@]}" --no-fail-fast "${tests[@]}" -- --show-output | tee "$log"
    # Printed by the tests of precision.
    chosen=$(sed -n 's/^\([a-z0-9]*\): [0-9]* of [0-9]* in int8.*/\1/p' "$log")
    echo "kernels on $cpu: $chosen"
    [ "$chosen" = "${kernels[$cpu]:-$chosen}" ] || { echo "error: wanted ${kernels[$cpu]}"; exit 1; }
    for precision in f32 bf16 int8 int4; do
        # qemu logs the code that runs, once.
        ran=$CARGO_TARGET_DIR/$cpu-$precision.code
        printed=$(QEMU_LOG=in_asm QEMU_LOG_FILENAME=$ran cargo run "${options[@]}" --quiet --example transcribe -- \
            --model demo --lang hin --precision "$precision" examples/audio/hindi-1.wav)
        [ "$printed" = "कृपया आज का मौसम" ] || { echo "error: $precision printed: $printed"; exit 1; }
        found=""
        for instruction in bfdot sdot smmla; do
            ! grep -qE "^0x[0-9a-f]+: +${codes[$instruction]} " "$ran" || found+=" $instruction"
        done
        echo "$precision: $printed, by${found:- plain Rust}"
        case $precision in
            int?) wanted=${instructions[$cpu]-$found} ;;
            bf16) [[ ${instructions[$cpu]-$found} != *bfdot* ]] && wanted="" || wanted=" bfdot" ;;
            *) wanted="" ;;
        esac
        [ "$found" = "$wanted" ] || { echo "error: wanted${wanted:- plain Rust}"; exit 1; }
    done
done
printf '\n== done (%s s)\n' "$SECONDS"
