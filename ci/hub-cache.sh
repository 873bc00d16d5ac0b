#!/usr/bin/env bash
# One cache of models with Python's huggingface_hub, of two versions.
set -euo pipefail
cd "$(dirname "$0")/.."

pythons=""
for requirements in tests/hub/requirements*.txt; do
    venv=$(ci/venv.sh "hub-$(basename "$requirements" .txt)" "$requirements")
    pythons+=${pythons:+:}$venv/bin/python
done
HF_HUB_PYTHON=$pythons cargo test --release --test hub -- --ignored interop
