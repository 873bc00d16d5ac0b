#!/usr/bin/env bash
# The Python package: builds the wheel, installs it into a fresh environment, and tests it there. Not in .ci/run, since the wheel
# builds Burn again: as a package by itself it asks for fewer features of others.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/python-venv
rm -rf "$venv" target/wheels
python3 -m venv "$venv"
"$venv"/bin/pip install -q -r python/requirements.txt -r python/tests/eval/requirements.txt
"$venv"/bin/maturin build --release --locked --manifest-path python/Cargo.toml --out target/wheels
"$venv"/bin/pip install -q target/wheels/*.whl
# Outside of python/, whose folder of the package's name has no native part.
cd python/tests
"../../$venv"/bin/python -m pytest -q -p no:cacheprovider .
"../../$venv"/bin/mypy --strict -p indic_seamless
cd ../..
ci/wheel.sh target/wheels/*.whl
