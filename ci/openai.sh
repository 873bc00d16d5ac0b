#!/usr/bin/env bash
# The service under OpenAI's Python client. Needs programs.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$PWD/target/openai-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/openai/requirements.txt
"$venv/bin/python" -B -m unittest discover -s tests/openai
