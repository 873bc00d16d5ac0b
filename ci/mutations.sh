#!/usr/bin/env bash
# Recordings with bytes flipped, lost, moved and added, of every container. Usage: ci/mutations.sh [COUNT [FIRST]]
#
# Each mutation has a number. COUNT of them are made, 100,000 unless set, from number FIRST on, 0 unless set.
# `ci/mutations.sh 1 4711` makes mutation 4711 again. Files that failed are in target/tmp/mutations.
set -euo pipefail
cd "$(dirname "$0")/.."

export MUTATIONS_COUNT=${1:-100000} MUTATIONS_FIRST=${2:-0}
cargo test --release --test mutations -- --ignored --nocapture
