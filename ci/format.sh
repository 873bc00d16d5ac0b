#!/usr/bin/env bash
# Formatting of the Rust code.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check
