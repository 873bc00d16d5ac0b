#!/usr/bin/env bash
# The service under OpenAI's Python client. Needs programs.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$PWD/target/openai-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement tests/openai/requirements.txt
# The client calls translations deprecated, as it does the only model that OpenAI has for them.
"$venv/bin/python" -B -W ignore::DeprecationWarning -m unittest discover -s tests/openai
