#!/bin/sh
# Compiles a program for an image to file $1: statically linked, as the image has no libraries, and small. The program is
# indic-seamless-lambda, or the one that $2 names. ARCH is the processor it is for, x86_64 or arm64, if not this machine's.
# FEATURES are Cargo features beside the default ones, such as otlp.
set -eu
cd "$(dirname "$0")/.."
program=${2:-indic-seamless-lambda}
case $program in
    indic-seamless) package=indic-seamless-cli ;;
    *) package=$program ;;
esac
arch=${ARCH:-$(uname -m)}
case $arch in
    amd64) arch=x86_64 ;;
    arm64) arch=aarch64 ;;
esac
# shellcheck source-path=SCRIPTDIR source=cross.sh
. deploy/cross.sh
prepare_target "$arch"
# With --target, the flag does not apply to build scripts and macros, which cannot be built with it.
RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static" \
    cargo build --profile image --locked --package "$package" --features "${FEATURES:-}" --target "$target"
mkdir -p "$(dirname "$1")"
cp "${CARGO_TARGET_DIR:-target}/$target/image/$program" "$1"
