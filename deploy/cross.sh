# shellcheck shell=sh
# Lets Cargo compile for Linux on another processor than this machine's. Read by compile.sh and ci/arm64.sh.

# Sets `target` for processor $1, x86_64 or aarch64, and what Cargo needs for it. What is missing is installed: a C compiler
# from Debian or Ubuntu, and Rust's standard library by rustup, or where that has none, from Debian.
prepare_target() {
    target=$1-unknown-linux-gnu
    [ "$1" != "$(uname -m)" ] || return 0
    case $1 in
        aarch64) cross_name=arm64 ;;
        x86_64) cross_name=amd64 ;;
        *) cross_fail "no cross compiler for $1" ;;
    esac
    command -v "$1-linux-gnu-gcc" >/dev/null ||
        install_packages "gcc-$(echo "$1" | tr _ -)-linux-gnu" "libc6-dev-$cross_name-cross"
    export "CARGO_TARGET_$(echo "$target" | tr a-z- A-Z_)_LINKER=$1-linux-gnu-gcc"
    export "CC_$(echo "$target" | tr - _)=$1-linux-gnu-gcc"
    [ ! -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$target/lib" ] || return 0
    if command -v rustup >/dev/null && rustup target add "$target"; then return 0; fi
    rust_of_debian
}

# Debian's compiler instead of rustup's. Its standard library for the other processor is only unpacked: installed, it would
# want a compiler that runs there. Both must be of the same version.
rust_of_debian() {
    cross_package=libstd-rust-web-dev
    install_packages rustc-web $cross_package
    cross_version=$(dpkg-query --show --showformat '${Version}' $cross_package)
    cross_root=${CARGO_TARGET_DIR:-$PWD/target}/cross/$target-$cross_version
    if [ ! -d "$cross_root/usr" ]; then
        mkdir -p "$cross_root"
        (
            cd "$cross_root" || exit
            foreign_apt "$cross_name" "$cross_root" update
            foreign_apt "$cross_name" "$cross_root" download "$cross_package=$cross_version"
            dpkg --extract ./*.deb .
        )
    fi
    # A system root with the libraries of both processors, since macros are compiled for this one.
    ln -sfn "/usr/lib/rustlib/$(uname -m)-unknown-linux-gnu" "$cross_root/usr/lib/rustlib/$(uname -m)-unknown-linux-gnu"
    export RUSTC=/usr/bin/rustc RUSTFLAGS="${RUSTFLAGS:-} --sysroot=$cross_root/usr"
}

# apt-get for the processor that Debian calls $1. It keeps lists and packages in folder $2, so that the machine's own does not
# learn of the other processor. What follows is for apt-get.
foreign_apt() {
    foreign_name=$1 foreign_root=$2
    shift 2
    mkdir -p "$foreign_root/lists/partial" "$foreign_root/cache/archives/partial"
    apt-get -qq -o "APT::Architecture=$foreign_name" -o "APT::Architectures=$foreign_name" -o APT::Sandbox::User=root \
        -o "Dir::State::Lists=$foreign_root/lists" -o "Dir::Cache=$foreign_root/cache" "$@"
}

install_packages() {
    command -v apt-get >/dev/null || cross_fail "needed and not here: $*, by the names of Debian's packages"
    # Root in a container, a user with sudo elsewhere.
    cross_sudo=""
    [ "$(id -u)" = 0 ] || cross_sudo=sudo
    $cross_sudo apt-get update -qq
    $cross_sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

cross_fail() {
    echo "error: $*" >&2
    exit 1
}
