#!/usr/bin/env bash
# Subtitles read by Python's parsers.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$PWD/target/subtitles-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/subtitles/requirements.txt
SUBTITLES_PYTHON=$venv/bin/python cargo test --release --test subtitles -- --ignored other_parsers
