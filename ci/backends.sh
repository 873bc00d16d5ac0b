#!/usr/bin/env bash
# Parity and int8 on Burn's former CPU backend. Not in .ci/run, since this feature builds Burn again.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --release --features indic-seamless/ndarray --test parity --test precision
