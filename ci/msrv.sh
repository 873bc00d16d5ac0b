#!/usr/bin/env bash
# The oldest Rust that Cargo.toml promises compiles everything. Needs rustup.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
rustup toolchain install "$version" --profile minimal
cargo "+$version" check --release --workspace --all-targets
