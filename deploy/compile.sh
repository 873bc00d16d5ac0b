#!/bin/sh
# Compiles the program for the image as file $1: static, as there is nothing to link with, and small.
set -eu
cd "$(dirname "$0")/.."
target="$(uname -m)-unknown-linux-gnu"
# With a target named, build scripts and macros are spared the flag, which they cannot be built with.
CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --package indic-seamless-lambda --target "$target"
mkdir -p "$(dirname "$1")"
cp "${CARGO_TARGET_DIR:-target}/$target/release/indic-seamless-lambda" "$1"
