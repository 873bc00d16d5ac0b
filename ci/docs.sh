#!/usr/bin/env bash
# Documentation of the crates without warnings, and links between the Markdown files.
set -euo pipefail
cd "$(dirname "$0")/.."

RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --workspace
python3 -B ci/links.py
