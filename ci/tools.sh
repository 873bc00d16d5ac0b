#!/usr/bin/env bash
# Installs what the other scripts need, on Debian and Ubuntu. Elsewhere it prints the versions and leaves the rest to you.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v rustup >/dev/null; then
    rustup component add rustfmt clippy >/dev/null 2>&1 || true
fi
if command -v apt-get >/dev/null; then
    packages=()
    command -v cc >/dev/null && command -v c++ >/dev/null || packages+=(build-essential)
    # Each is a command and its Debian package.
    for tool in chromium npm bats buildah docker-registry ffmpeg flac jq parallel shellcheck skopeo sox; do
        command -v "$tool" >/dev/null || packages+=("$tool")
    done
    if [ ${#packages[@]} -gt 0 ]; then
        # Root in a container, a user with sudo on a hosted runner.
        root=()
        [ "$(id -u)" = 0 ] || root=(sudo)
        "${root[@]}" apt-get update -qq
        "${root[@]}" apt-get install -y -qq "${packages[@]}" >/dev/null
    fi
fi
cargo --version
cargo fmt --version
cargo clippy --version
