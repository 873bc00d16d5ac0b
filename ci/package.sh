#!/usr/bin/env bash
# Packs the crates as crates.io gets them, unpacks them elsewhere, and tests and installs them from there alone.
#
# Dependencies come compiled from the workspace's target folder: after `cargo test --release` the tests take about 5 minutes on
# two cores. `cargo install` selects fewer features of Burn's dependencies than the workspace does, so that its first run
# compiles Burn once more, in about 10 minutes; later runs do not.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
crates=$(ci/crates.sh --allow-dirty)

work=$CARGO_TARGET_DIR/package/unpacked
rm -rf "$work"
mkdir -p "$work"
fail() { echo "error: $*" >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
members=()
for crate in $crates; do
    name=$(basename "$crate" .crate)
    bytes=$(wc -c <"$crate")
    echo "$name: $bytes bytes"
    # The limit of crates.io is 10 MiB.
    [ "$bytes" -lt 10000000 ] || fail "$name is too large for crates.io"
    # With the time of now: in a package all files have the same time, by which Cargo would not notice changes.
    tar --extract --touch --gzip --file "$crate" --directory "$work"
    package=$work/$name
    grep -q "Copyright 2026" "$package/LICENSE" || fail "$name has no LICENSE"
    grep -q "Silero Team" "$package/THIRD-PARTY-LICENSES.md" || fail "$name has no notice of the speech detector"
    [ -s "$package/README.md" ] || fail "$name has no README"
    [ -z "$(find "$package" -type l)" ] || fail "$name has links"
    members+=("\"$name\"")
done

# The unpacked libraries stand for those on crates.io.
cat >"$work/Cargo.toml" <<END
[workspace]
resolver = "3"
members = [$(IFS=,; echo "${members[*]}")]

[patch.crates-io]
indic-seamless = { path = "indic-seamless-$version" }
indic-seamless-aws = { path = "indic-seamless-aws-$version" }
indic-seamless-otlp = { path = "indic-seamless-otlp-$version" }
END
cp Cargo.lock "$work"
cd "$work"

echo "unit tests, examples and doctests of the packages"
cargo test --release --workspace

echo "the program, installed from its package"
cargo install --quiet --path "indic-seamless-cli-$version" --root "$work/installed"
clip=indic-seamless-$version/examples/audio/hindi-1.wav
printed=$("$work/installed/bin/indic-seamless" transcribe --model demo --lang hin "$clip")
[ "$printed" = "कृपया आज का मौसम" ] || fail "printed: $printed"
echo "$printed"
