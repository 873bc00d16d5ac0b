#!/usr/bin/env bash
# The service's page in a browser. Needs programs.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

INDIC_SEAMLESS_MODEL=demo LOG_LEVEL=error target/release/indic-seamless-lambda --listen 127.0.0.1:18080 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
(cd tests/page && npm ci --silent --no-audit --no-fund && BASE_URL=http://127.0.0.1:18080 node --test)
kill $server && wait $server
