#!/usr/bin/env bash
# Subtitles read by Python's parsers.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(ci/venv.sh subtitles tests/subtitles/requirements.txt)
SUBTITLES_PYTHON=$venv/bin/python cargo test --release --test subtitles -- --ignored other_parsers
