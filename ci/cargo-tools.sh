#!/usr/bin/env bash
# Installs a subcommand of Cargo of this version into target/ci-tools, unless it is there: ci/cargo-tools.sh NAME@VERSION [OPTION...]
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/ci-tools
# It waits for files and the network more than it computes.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_TARGET_DIR=$tools/target
cargo install --quiet --locked --root "$tools" "$@"
