#!/usr/bin/env bash
# Builds the programs for the scripts that run them: deploy.sh, lambda.sh and page.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --release --features indic-seamless-lambda/s3 --bin indic-seamless-lambda
# With the examples, so that their dev-dependencies do not change how Burn is built.
cargo build --release --features indic-seamless-lambda/s3 --bins --examples
