#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks. Safe to run any number of times; prints nothing
# when there is nothing to do. `--tests` adds what only the tests need.
set -euo pipefail
cd "$(dirname "$0")/.."

swift_version=6.3.1
packages=(build-essential pkg-config libnghttp2-dev libssl-dev liblmdb-dev libnats-dev zlib1g-dev curl ca-certificates git)
if [ "${1:-}" = --tests ]; then
    packages+=(python3 python3-venv openssl protobuf-compiler libprotobuf-dev strace faketime eatmydata xfsprogs valgrind
        postgresql-15 nats-server)
fi

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The toolchain: whatever `swift` is on the path, or the usual places of one, or swift.org's own for Debian 12.
if ! command -v swift >/dev/null && [ ! -x /opt/swift/usr/bin/swift ]; then
    echo "installing Swift $swift_version from swift.org into /opt/swift" >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        binutils libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev libpython3-dev libsqlite3-0 libstdc++-12-dev \
        libxml2-dev libncurses-dev libz3-dev tzdata unzip gnupg2 >/dev/null
    archive=swift-$swift_version-RELEASE-debian12
    download=$(mktemp -d)
    trap 'rm -rf "$download"' EXIT
    curl -fsSL --retry 3 -o "$download/swift.tar.gz" \
        "https://download.swift.org/swift-$swift_version-release/debian12/swift-$swift_version-RELEASE/$archive.tar.gz"
    as_root mkdir -p /opt/swift
    as_root tar -xzf "$download/swift.tar.gz" -C /opt/swift --strip-components=1
fi
