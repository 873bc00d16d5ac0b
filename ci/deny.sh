#!/usr/bin/env bash
# Licences, sources and advisories of all crates, as deny.toml says. Not in .ci/run, since cargo-deny is compiled first, for some
# minutes, and advisories come from GitHub.
#
# ADVISORY_DB names a clone of https://github.com/RustSec/advisory-db for a machine that does not reach it. What was found since
# the clone was made is not known there.
set -euo pipefail
advisories=${ADVISORY_DB:+$(realpath "$ADVISORY_DB")}
cd "$(dirname "$0")/.."

ci/cargo-tools.sh cargo-deny@0.20.2
if [ -n "$advisories" ]; then
    echo "advisories of $(git -C "$advisories" log -1 --format=%cs)"
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="url.file://$advisories.insteadOf"
    export GIT_CONFIG_VALUE_0=https://github.com/RustSec/advisory-db
fi
target/ci-tools/bin/cargo-deny check
