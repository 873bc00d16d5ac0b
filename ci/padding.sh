#!/usr/bin/env bash
# Silence and noise around short clips change neither text nor times: 480 cases, one in fifty may be wrong.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo test --release --test recordings -- --ignored --nocapture up_to_a_minute
