#!/usr/bin/env bash
# The order of the modules; lock files; Clippy with every CPU backend and traces, and with none of the default features; shellcheck
# of these scripts; and zizmor and actionlint of the workflows.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 -B ci/imports.py
python3 -B ci/locks.py
features=indic-seamless/ndarray,indic-seamless-cli/otlp,indic-seamless-lambda/otlp
cargo clippy --release --workspace --features "$features" --all-targets -- -D warnings
cargo clippy --release --no-default-features --all-targets -- -D warnings
if command -v shellcheck >/dev/null; then
    shellcheck --external-sources .ci/run ci/*.sh fuzz/rustc
fi
workflows=(.github/workflows/*.yml deploy/github/*.yml)
venv=$(ci/venv.sh tools ci/tools.txt)
"$venv/bin/zizmor" --quiet --offline "${workflows[@]}"
# Of Go, which not everybody has: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
if command -v actionlint >/dev/null; then
    actionlint "${workflows[@]}"
fi
