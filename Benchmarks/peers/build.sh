#!/usr/bin/env bash
# Builds the servers that ours is compared with into .build/bench, from Debian's packages (installed when missing) and,
# for grpc-swift, from the versions that our own client uses.
#
#   Benchmarks/peers/build.sh [grpc-cpp] [grpc-go] [grpc-swift] [redis]     all without arguments
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/environment.sh
out=.build/bench
protos=Sources/Proto
mkdir -p "$out"

install() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "installing: ${missing[*]}" >&2
    local as_root=(sudo)
    [ "$(id -u)" -ne 0 ] || as_root=()
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
        >/dev/null
}

# The messages of CheckAvailability and what they import.
messages=(availability explanation availability_service)

build_grpc_cpp() {
    install g++ libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
    local generated="$out/grpc-cpp-generated"
    mkdir -p "$generated"
    protoc -I "$protos" --cpp_out="$generated" --grpc_out="$generated" \
        --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" "${messages[@]/#/availability/v1/}"
    g++ -O2 -std=c++17 -I "$generated" -o "$out/grpc-cpp" Benchmarks/peers/grpc-cpp/main.cc \
        "$generated"/availability/v1/*.cc $(pkg-config --cflags --libs grpc++ protobuf)
}

build_grpc_go() {
    install golang-go golang-google-grpc-dev golang-goprotobuf-dev protobuf-compiler
    local path="$PWD/$out/grpc-go-path"
    # Debian's generator is older than proto3's `optional`, which changes nothing on the wire.
    local plain="$out/grpc-go-protos" message
    mkdir -p "$path/src" "$plain/availability/v1"
    for message in "${messages[@]}"; do
        sed 's/^  optional /  /' "$protos/availability/v1/$message" >"$plain/availability/v1/$message"
    done
    local types=github.com/golang/protobuf/ptypes
    local maps="Mgoogle/protobuf/duration.proto=$types/duration,Mgoogle/protobuf/timestamp.proto=$types/timestamp"
    protoc -I "$plain" --go_out="plugins=grpc,$maps:$path/src" "${messages[@]/#/availability/v1/}"
    GO111MODULE=off GOPATH="$path:/usr/share/gocode" GOCACHE="$path/cache" go build -o "$out/grpc-go" \
        Benchmarks/peers/grpc-go/main.go
}

build_grpc_swift() {
    swift build -c release --package-path Benchmarks/peers/grpc-swift --scratch-path .build/bench-grpc-swift >&2
    cp "$(swift build -c release --package-path Benchmarks/peers/grpc-swift --scratch-path .build/bench-grpc-swift \
        --show-bin-path)/Peer" "$out/grpc-swift"
}

build_redis() {
    install redis-server
    ln -sf "$(command -v redis-server)" "$out/redis"
}

messages=("${messages[@]/%/.proto}")
for peer in "${@:-grpc-cpp grpc-go grpc-swift redis}"; do
    for name in $peer; do
        newest=$(find "Benchmarks/peers/$name" Benchmarks/peers/build.sh "$protos" -newer "$out/$name" -type f \
            2>/dev/null | head -n 1 || true)
        [ -e "$out/$name" ] && [ -z "$newest" ] && continue
        "build_${name//-/_}"
    done
done
