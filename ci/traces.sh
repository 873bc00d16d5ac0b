#!/usr/bin/env bash
# The exporter of traces, and the programs that have it, at a stand-in for a collector. Leaves these programs in target/release,
# so it comes after the scripts that run those of programs.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

features=indic-seamless-cli/otlp,indic-seamless-lambda/otlp
# Nothing of it is in the programs that are built without being asked for it.
tree=$(cargo tree --workspace --exclude indic-seamless-otlp --edges normal --prefix none)
if grep '^opentelemetry' <<<"$tree"; then
    echo "error: a program depends on OpenTelemetry without the feature otlp"
    exit 1
fi
cargo test --release --package indic-seamless-otlp
# With an example, so that its dev-dependencies do not change how Burn is built.
cargo build --release --bins --example axum_router --features "$features"
python3 -B -m unittest discover -s tests/traces
