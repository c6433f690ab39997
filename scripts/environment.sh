# Sourced by the other scripts: where the toolchain is, and the flags that all builds share. One set of flags, so that
# `make run` and `make test` share one build.
if ! command -v swift >/dev/null && [ -x /opt/swift/usr/bin/swift ]; then
    PATH="/opt/swift/usr/bin:$PATH"
fi
build_flags=(-c release)
