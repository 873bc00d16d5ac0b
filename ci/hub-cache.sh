#!/usr/bin/env bash
# One cache of models with Python's huggingface_hub, of two versions.
set -euo pipefail
cd "$(dirname "$0")/.."

pythons=""
for requirements in tests/hub/requirements*.txt; do
    venv=$PWD/target/hub-venv/$(basename "$requirements" .txt)
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    pythons+=${pythons:+:}$venv/bin/python
done
HF_HUB_PYTHON=$pythons cargo test --release --test hub -- --ignored interop
