#!/usr/bin/env bash
# Builds what a release consists of, into target/release-VERSION:
#
#   indic-seamless-VERSION-ARCH-linux.tar.gz  both programs, statically linked, with completions, manual pages and licences
#   indic_seamless-VERSION-….whl              the Python package
#   NAME-VERSION.crate                        the crates
#   NAME-VERSION.cdx.json                     what the programs and the package are made of (CycloneDX)
#   NOTICES.html                              the licences of that
#   SHA256SUMS
#
#   ci/release.sh VERSION [ARCH...]           by default x86_64 and arm64
#   DRY_RUN=1 ci/release.sh VERSION           before the changelog has a section of that version, and with changes not committed
#
# ADVISORY_DB is what ci/deny.sh says.
# What is for another processor than this machine's is cross-compiled. Each program and wheel is started once, under qemu if it
# has to be. It takes long, since programs are optimised as a whole.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "error: $*" >&2; exit 1; }
version=${1:?"usage: ci/release.sh VERSION [ARCH...]"}
shift
[ $# -gt 0 ] || set -- x86_64 arm64
found=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[ "$version" = "$found" ] || fail "version $version is wanted, and Cargo.toml has $found"
grep -qF "## [$version]" CHANGELOG.md || [ -n "${DRY_RUN:-}" ] || fail "CHANGELOG.md has no section [$version]"

out=$PWD/target/release-$version
target=${CARGO_TARGET_DIR:-$PWD/target/dist}
unset CARGO_TARGET_DIR
rm -rf "$out"
mkdir -p "$out"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

venv=$(ci/venv.sh release ci/release.txt)
# maturin looks for zig there.
export PATH=$venv/bin:$PATH

ci/deny.sh
# Against the last release, once the version is the next one.
last=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)
if [ -n "$last" ] && [ "$last" != "v$version" ]; then
    ci/cargo-tools.sh cargo-semver-checks@0.51.0
    target/ci-tools/bin/cargo-semver-checks semver-checks --package indic-seamless --baseline-rev "$last"
fi

ci/notices.sh "$out/NOTICES.html"

native=$(uname -m | sed s/aarch64/arm64/)
if [ "$*" != "$native" ] && ! command -v qemu-aarch64-static >/dev/null; then
    # shellcheck source=deploy/cross.sh
    . deploy/cross.sh
    install_packages qemu-user-static
fi

# Both programs for processor $1, in an archive. The same files make the same archive.
programs() {
    local name=indic-seamless-$version-$1-linux runner=() program shell printed
    local folder=$out/$name
    [ "$1" = "$native" ] || runner=("qemu-${1/arm64/aarch64}-static")
    for program in indic-seamless indic-seamless-lambda; do
        ARCH=$1 deploy/compile.sh "$folder/$program" $program
        printed=$("${runner[@]}" "$folder/$program" --version)
        [ "$printed" = "$program $version" ] || fail "$program for $1 printed: $printed"
    done
    printed=$("${runner[@]}" "$folder/indic-seamless" transcribe --model demo --lang hin examples/audio/hindi-1.wav)
    [ "$printed" = "कृपया आज का मौसम" ] || fail "indic-seamless for $1 printed: $printed"
    mkdir "$folder/completions"
    for shell in bash elvish fish powershell zsh; do
        "${runner[@]}" "$folder/indic-seamless" completions $shell >"$folder/completions/indic-seamless.$shell"
    done
    "${runner[@]}" "$folder/indic-seamless" manual "$folder/man1"
    cp LICENSE README.md THIRD-PARTY-LICENSES.md CHANGELOG.md "$out/NOTICES.html" "$folder"
    tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --directory "$out" "$name" |
        gzip --no-name --best >"$out/$name.tar.gz"
    rm -r "$folder"
    echo "$name.tar.gz works"
}

# The wheel for processor $1, for glibc 2.28 and later, by zig's linker.
wheel() {
    maturin build --quiet --release --locked --zig --compatibility manylinux_2_28 --manifest-path python/Cargo.toml \
        --target "${1/arm64/aarch64}-unknown-linux-gnu" --out "$out"
    ci/wheel.sh "$out"/*"_${1/arm64/aarch64}.whl"
}

# Processors beside each other, since a link uses one thread. Cargo lets one build at a time use a folder.
builds=()
for arch; do
    (
        export CARGO_TARGET_DIR=$target/$arch
        programs "$arch"
        wheel "$arch"
    ) &
    builds+=($!)
done
failed=
for build in "${builds[@]}"; do wait "$build" || failed=1; done
[ -z "$failed" ] || fail "not everything was built"

ci/crates.sh ${DRY_RUN:+--allow-dirty} | xargs cp --target-directory "$out"

python3 -B ci/parts.py "$out"

cd "$out"
sha256sum -- * >SHA256SUMS
ls -l
