#!/usr/bin/env bash
# The order of the modules; Clippy with every CPU backend and traces, and with none of the default features; and shellcheck of
# these scripts.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 -B ci/imports.py
features=indic-seamless/ndarray,indic-seamless-cli/otlp,indic-seamless-lambda/otlp
cargo clippy --release --workspace --features "$features" --all-targets -- -D warnings
cargo clippy --release --no-default-features --all-targets -- -D warnings
if command -v shellcheck >/dev/null; then
    shellcheck --external-sources .ci/run ci/*.sh fuzz/rustc
fi
