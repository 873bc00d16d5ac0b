#!/usr/bin/env bash
# The library compiles with the oldest versions of its dependencies that Cargo.toml allows, so that nobody who has one of these gets
# an error of the compiler. Needs rustup; only its nightly can choose them. Compiles Burn in a folder of its own, in about 15 minutes
# on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

work=${CARGO_TARGET_DIR:-$PWD/target}/minimal-versions
rustup toolchain list | grep -q ^nightly || rustup toolchain install nightly --profile minimal
rm -rf "$work/source"
mkdir -p "$work/source"
# A copy, whose lock file is another one.
git ls-files -z | tar --create --null --files-from - | tar --extract --directory "$work/source"
cd "$work/source"
rm Cargo.lock
cargo +nightly generate-lockfile --quiet -Z direct-minimal-versions
CARGO_TARGET_DIR=$work/target cargo check --release --locked --package indic-seamless --features service
