#!/usr/bin/env bash
# Faults, and a mixed load: soak.sh [MINUTES], 15 if left out, and a third of that once more for the memory. Needs programs.sh.
#
# As root it also mounts small disks to fill them, to make them read-only and to cut off their power; else these tests are
# skipped. So are clocks that jump, without the library of Debian's package faketime.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(ci/venv.sh soak tests/soak/requirements.txt)
SOAK_MINUTES=${1:-15} "$venv/bin/python" -B -m unittest discover -s tests/soak
