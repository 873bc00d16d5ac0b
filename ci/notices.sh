#!/usr/bin/env bash
# Writes the licences of all crates in the programs and the wheel: ci/notices.sh FILE
set -euo pipefail
cd "$(dirname "$0")/.."

# Of all platforms, which a build does not fetch.
cargo fetch --quiet --locked
ci/cargo-tools.sh cargo-about@0.9.3 --features cli
target/ci-tools/bin/cargo-about generate --offline --fail --workspace --config ci/notices.toml --output-file "$1" ci/notices.hbs
