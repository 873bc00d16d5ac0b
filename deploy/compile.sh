#!/bin/sh
# Compiles a program for an image to file $1: statically linked, as the image has no libraries, and small. The program is
# indic-seamless-lambda, or the one that $2 names. FEATURES are Cargo features beside the default ones, such as otlp.
set -eu
cd "$(dirname "$0")/.."
program=${2:-indic-seamless-lambda}
case $program in
    indic-seamless) package=indic-seamless-cli ;;
    *) package=$program ;;
esac
target="$(uname -m)-unknown-linux-gnu"
# With --target, the flag does not apply to build scripts and macros, which cannot be built with it.
CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=symbols \
    RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --package "$package" --features "${FEATURES:-}" --target "$target"
mkdir -p "$(dirname "$1")"
cp "${CARGO_TARGET_DIR:-target}/$target/release/$program" "$1"
