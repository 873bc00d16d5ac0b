#!/usr/bin/env bash
# Parity, int8, uploads and failures on Burn's former CPU backend and on wgpu, with software Vulkan where there is no GPU.
# Not in .ci/run, since these features build Burn again.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=deploy/cross.sh
. deploy/cross.sh
if command -v apt-get >/dev/null && ! ls /usr/share/vulkan/icd.d/*.json >/dev/null 2>&1; then
    install_packages mesa-vulkan-drivers
fi

export CARGO_TARGET_DIR=target/backends
# On software Vulkan, measuring kernels takes longer than running them.
export CUBECL_AUTOTUNE_LEVEL=minimal
cargo test --release -p indic-seamless --features indic-seamless/ndarray,indic-seamless/wgpu \
    --lib --test parity --test precision --test gpu --test gpu_lost
