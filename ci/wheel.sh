#!/usr/bin/env bash
# Installs a wheel of the Python package where there is nothing else, without a Rust toolchain, and transcribes a clip with it.
#
#   ci/wheel.sh WHEEL
#
# A wheel for another processor runs in Debian's Python for that one, under qemu.
set -euo pipefail
cd "$(dirname "$0")/.."

wheel=$(realpath "${1:?"usage: ci/wheel.sh WHEEL"}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $wheel in
    *_x86_64.whl) arch=x86_64 ;;
    *_aarch64.whl) arch=aarch64 ;;
    *) echo "error: $wheel is for no processor that is known here" >&2; exit 1 ;;
esac
if [ "$arch" = "$(uname -m)" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q "$wheel"
    python=("$work/venv/bin/python")
else
    debian=$(echo $arch | sed 's/aarch64/arm64/; s/x86_64/amd64/')
    root=$work/root
    mkdir -p "$root"
    # Nothing is installed there, so that apt finds all that Python needs.
    : >"$work/status"
    # shellcheck source=deploy/cross.sh
    . deploy/cross.sh
    foreign_apt "$debian" "$work" -o "Dir::State::status=$work/status" update
    foreign_apt "$debian" "$work" -o "Dir::State::status=$work/status" \
        install --yes --download-only --no-install-recommends python3 libstdc++6 >/dev/null
    for package in "$work"/cache/archives/*.deb; do dpkg --extract "$package" "$root"; done
    minor=$(cd "$root/usr/bin" && echo python3.[0-9]* | sed 's/.*python3\.//')
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q --only-binary :all: --python-version "3.$minor" --platform "manylinux_2_28_$arch" \
        --platform "manylinux2014_$arch" --platform "manylinux_2_27_$arch" --target "$work/packages" "$wheel"
    export PYTHONPATH=$work/packages
    python=("qemu-$arch-static" -L "$root" "$root/usr/bin/python3.$minor")
fi
# The quick start of the package's README.
# shellcheck disable=SC2016 # Markdown's quotes
sed -n '/^```python$/,/^```$/ { /^```/!p; /^```$/q }' python/README.md >"$work/quick_start.py"
printed=$("${python[@]}" "$work/quick_start.py")
[ "$printed" = "कृपया आज का मौसम" ] || { echo "error: $wheel printed: $printed" >&2; exit 1; }
echo "$(basename "$wheel") works"
