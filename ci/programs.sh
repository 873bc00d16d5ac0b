#!/usr/bin/env bash
# Builds the programs for the scripts that run them: deploy.sh, lambda.sh, batch.sh, openai.sh and page.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

# With the examples, so that their dev-dependencies do not change how Burn is built.
cargo build --release --bins --examples
