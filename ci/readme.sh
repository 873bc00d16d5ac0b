#!/usr/bin/env bash
# The README's first command prints what the README says.
set -euo pipefail
cd "$(dirname "$0")/.."

printed=$(cargo run --release --quiet --example transcribe -- --model demo --lang hin examples/audio/hindi-1.wav)
[ "$printed" = "कृपया आज का मौसम" ] || { echo "printed: $printed"; exit 1; }
