#!/usr/bin/env bash
# The service under OpenAI's Python client. Needs programs.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(ci/venv.sh openai tests/openai/requirements.txt)
# The client calls translations deprecated, as it does the only model that OpenAI has for them.
"$venv/bin/python" -B -W ignore::DeprecationWarning -m unittest discover -s tests/openai
