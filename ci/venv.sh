#!/usr/bin/env bash
# A Python environment with what a lock file lists; prints its folder. Usage: ci/venv.sh NAME REQUIREMENTS
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$PWD/target/$1-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# The list is complete. To pip's resolver a package with extras would be another one than it has there.
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$2" >&2
echo "$venv"
