#!/usr/bin/env bash
# Batches: manifests, recordings and results in S3, the worker of a queue, and the recipes of examples/batch. Needs programs.sh,
# and deploy.sh, which installs the emulator of AWS.
set -euo pipefail
cd "$(dirname "$0")/.."

target/deploy-venv/bin/python -B -m unittest discover -s tests/batch
