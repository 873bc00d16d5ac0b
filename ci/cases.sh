#!/usr/bin/env bash
# Recordings of many kinds, made by tests/cases/make.py, against ffmpeg's decoding of them. `ci/cases.sh large` takes files
# of more than 4 GiB, most of it holes, and an hour of speech.
set -euo pipefail
cd "$(dirname "$0")/.."

export CASES=$PWD/target/cases
subject=${1:-}
if [ "$subject" = large ]; then
    python3 -B tests/cases/make.py "$CASES" large
    cargo test --release --test cases -- --ignored --nocapture large::
else
    rm -rf "$CASES"
    python3 -B tests/cases/make.py "$CASES"
    cargo test --release --test cases -- --ignored --nocapture --skip large::
fi
