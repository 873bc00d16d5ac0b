#!/usr/bin/env bash
# Locks the Python packages of tests and tools: each NAME.in lists what is asked for, and becomes NAME.txt beside it, with all that
# this needs, on every platform and from Python 3.11 on. Each file has its hashes, so that pip refuses any other.
#
#   ci/locks.sh              after a change of an .in file
#   ci/locks.sh --upgrade    newer versions of what the .in files do not name
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(ci/venv.sh tools ci/tools.txt)
git ls-files '*.in' | while read -r asked; do
    echo "$asked"
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command ci/locks.sh --output-file "${asked%.in}.txt" "$@" "$asked"
done
python3 -B ci/locks.py
