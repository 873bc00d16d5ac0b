#!/bin/sh
# Compiles the program for the image to file $1: statically linked, as the image has no libraries, and small.
set -eu
cd "$(dirname "$0")/.."
target="$(uname -m)-unknown-linux-gnu"
# With --target, the flag does not apply to build scripts and macros, which cannot be built with it.
CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --package indic-seamless-lambda --target "$target"
mkdir -p "$(dirname "$1")"
cp "${CARGO_TARGET_DIR:-target}/$target/release/indic-seamless-lambda" "$1"
