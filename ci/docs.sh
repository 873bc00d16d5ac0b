#!/usr/bin/env bash
# Documentation of the crates without warnings, links between the Markdown files, and the picture of the figures.
set -euo pipefail
cd "$(dirname "$0")/.."

RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --workspace
python3 -B ci/links.py
python3 -B benches/compare/chart.py --check
