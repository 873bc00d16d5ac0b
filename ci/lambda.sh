#!/usr/bin/env bash
# The program in Lambda's place, hostile requests, many clients. Needs programs.sh, and deploy.sh, which installs the
# Runtime Interface Emulator.
set -euo pipefail
cd "$(dirname "$0")/.."

architecture=$(uname -m | sed s/aarch64/arm64/)
emulator=$(echo "$PWD"/target/deploy-venv/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-"$architecture")
chmod +x "$emulator"
AWS_LAMBDA_RIE=$emulator LOAD_S=${LOAD_S:-20} python3 -B -m unittest discover -s tests/lambda
