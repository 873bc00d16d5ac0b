#!/usr/bin/env bash
# The recipes for Ray and Spark on a thousand clips, with a worker killed in the middle. Not in .ci/run: it downloads 600 MB, and
# needs python.sh, which makes the wheel, programs.sh, and Java (`apt-get install default-jre-headless`).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v java >/dev/null || { echo "Java is missing; wanted: apt-get install default-jre-headless" >&2; exit 1; }
venv=$(ci/venv.sh batch-engines tests/batch_engines/requirements.txt)
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/*.whl
"$venv/bin/python" -B -W ignore -m unittest discover -s tests/batch_engines
