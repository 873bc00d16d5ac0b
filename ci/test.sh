#!/usr/bin/env bash
# The README's test command. The other scripts use the same profile and folder, so that Burn is built once.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --release
