#!/usr/bin/env bash
# Deployment: templates, script, costs, weights, and the whole stack on an emulator. Needs programs.sh.
#
# All but the tests of the image itself, whose program takes a quarter of an hour to link: `deploy/compile.sh
# target/deploy/indic-seamless-lambda`, then `tests/deploy/run`.
set -euo pipefail
cd "$(dirname "$0")/.."

INDIC_SEAMLESS_BINARY=$PWD/target/release/indic-seamless-lambda tests/deploy/run \
    lint.bats script.bats cost.bats weights.bats kubernetes.bats stack.bats operate.bats guide.bats
