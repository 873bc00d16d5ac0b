#!/usr/bin/env bash
# The Python package, installed into a fresh environment and tested there: ci/python.sh [WHEEL]. Without WHEEL, one is built.
#
# Not in .ci/run, since the wheel builds Burn again: as a package by itself it asks for fewer features of others.
set -euo pipefail
wheel=${1:+$(realpath "$1")}
cd "$(dirname "$0")/.."

venv=target/python-venv
rm -rf "$venv" target/wheels
mkdir -p target/wheels
python3 -m venv "$venv"
"$venv"/bin/pip install -q -r python/requirements.txt -r python/tests/eval/requirements.txt
if [ -n "$wheel" ]; then
    cp "$wheel" target/wheels
else
    "$venv"/bin/maturin build --release --locked --manifest-path python/Cargo.toml --out target/wheels
fi
"$venv"/bin/pip install -q target/wheels/*.whl
# Outside of python/, whose folder of the package's name has no native part.
cd python/tests
"../../$venv"/bin/python -m pytest -q -p no:cacheprovider .
"../../$venv"/bin/mypy --strict -p indic_seamless
cd ../..
ci/wheel.sh target/wheels/*.whl
