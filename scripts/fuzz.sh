#!/usr/bin/env bash
# Feeds every parser of outside bytes with inputs that libFuzzer makes up (Tests/Fuzz), one line a target.
#
#   scripts/fuzz.sh [TARGET…]             each target for FUZZ_SECONDS (600); what is new is kept in the corpus
#   scripts/fuzz.sh --ci [TARGET…]        the corpus, every regression and a fixed number of new inputs each
#
# An input that breaks a property is left in .build/fuzz/findings/TARGET; run it again with
# `.build/fuzz/release/Fuzz TARGET FILE`, and keep it in Tests/Fuzz/Regressions/TARGET once it is mended.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
. scripts/environment.sh

mode=time
if [ "${1:-}" = --ci ]; then
    mode=count
    shift
fi
seconds=${FUZZ_SECONDS:-600}
scratch=.build/fuzz
fuzz=$scratch/release/Fuzz
# The process is libFuzzer's to end, and a finding's stack is the sanitizer's to print.
export SWIFT_BACKTRACE=enable=no
# A run by count is the same run every time: it must not depend on the process's hash seed, nor on where things lie in
# its memory (a container may refuse that one).
fixed=()
if [ $mode = count ]; then
    export SWIFT_DETERMINISTIC_HASHING=1
    ! setarch -R true 2>/dev/null || fixed=(setarch -R)
fi

resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": *"\(.*\)".*/\1/p')
AVAILABILITY_FUZZER=$(ls "$resources"/clang/lib/linux/libclang_rt.fuzzer_no_main-"$(uname -m)".a)
export AVAILABILITY_FUZZER
mkdir -p "$scratch"
# The linker is loud about what the sanitizer exports.
swift build "${build_flags[@]}" --scratch-path "$scratch" --product Fuzz >"$scratch/build.log" 2>&1 || {
    cat "$scratch/build.log"
    exit 1
}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("$fuzz")

# How many inputs in CI, the corpus among them: some five seconds' worth.
inputs() {
    case "$1" in
    check-availability | event | policy) echo 50000 ;;
    csv | json-lines | csv-events | json-lines-events | x12) echo 6000 ;;
    session) echo 5000 ;;
    cloudevents | shopify) echo 20000 ;;
    configuration) echo 5000 ;;
    *) echo 3000 ;;
    esac
}

failed=0
for target in "${targets[@]}"; do
    corpus=Tests/Fuzz/Corpus/$target
    found=$scratch/corpus/$target
    findings=$scratch/findings/$target
    log=$scratch/$target.log
    mkdir -p "$corpus" "$findings"
    options=(-timeout=20 -rss_limit_mb=2048 -max_len=4096 -artifact_prefix="$findings/" -print_final_stats=0)
    dictionary=Tests/Fuzz/Dictionaries/$target.txt
    [ -f "$dictionary" ] && options+=(-dict="$dictionary")
    regressions=()
    [ -d "Tests/Fuzz/Regressions/$target" ] && regressions=("Tests/Fuzz/Regressions/$target")
    # New inputs go into the first folder. A count is the same run every time: one seed, and nothing kept.
    if [ $mode = count ]; then
        rm -rf "$found"
        options+=(-seed=1 -runs="$(inputs "$target")")
    else
        options+=(-max_total_time="$seconds")
    fi
    mkdir -p "$found"
    if "${fixed[@]}" "$fuzz" "$target" "${options[@]}" "$found" "$corpus" "${regressions[@]}" >"$log" 2>&1; then
        printf 'fuzz %-20s %s, %s\n' "$target" "$(sed -n 's/^Done //p' "$log")" \
            "$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | sed 's/cov: //') edges"
    else
        failed=1
        echo "fuzz $target FAILED; the input is in $findings" >&2
        grep -v '^#' "$log" | tail -n 40 >&2
    fi
    if [ $mode = time ]; then
        # The fewest inputs that reach everything reached so far.
        kept=$(mktemp -d)
        "$fuzz" "$target" -merge=1 -max_len=4096 "$kept" "$corpus" "$found" >>"$log" 2>&1
        rm -rf "$corpus" "$found"
        mv "$kept" "$corpus"
        chmod 755 "$corpus"
    fi
done
exit $failed
