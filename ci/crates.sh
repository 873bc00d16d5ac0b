#!/usr/bin/env bash
# Packs the crates that are released, and prints where they are: ci/crates.sh [OPTION of `cargo package`...]
set -euo pipefail
cd "$(dirname "$0")/.."

packed=${CARGO_TARGET_DIR:-$PWD/target}/package
rm -f "$packed"/*.crate
# Whoever wants them tested builds them as others get them.
cargo package --workspace --exclude indic-seamless-python --exclude indic-seamless-fuzz --no-verify --quiet "$@" >&2
ls "$packed"/*.crate
