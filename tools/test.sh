#!/usr/bin/env bash
# tools/test.sh [STAGE...] - all tests, or the named stages. Each stage builds what it needs with make and runs programs
# that speak TAP. Closes with "N passed, N failed, N skipped" and exits 1 when anything failed.
set -u
cd "$(dirname "$0")/.." || exit 2
passed=0 failed=0 skipped=0
logs=build/test-logs
mkdir -p "$logs"
make=${MAKE:-make}
jobs=-j$(nproc)

# run LABEL SECONDS COMMAND...: runs one TAP program and adds up its results.
run() {
    local label=$1 seconds=$2 log good bad left status start
    shift 2
    log="$logs/$(echo "$label" | tr '/ ' '__').log"
    start=$SECONDS
    CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "$seconds" "$@" >"$log" 2>&1 </dev/null
    status=$?
    good=$(grep -acE '^[[:space:]]*ok( |$)' "$log")
    bad=$(grep -acE '^[[:space:]]*not ok( |$)' "$log")
    left=$(grep -acE '# SKIP|^\[  SKIPPED \]' "$log")
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; echo "not ok - $label ended with status $status" >>"$log"; fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    printf '%-58s %4d passed %3d failed %5ds\n' "$label" "$good" "$bad" $((SECONDS - start))
    grep -ahE '^\[  SKIPPED \]|# SKIP' "$log" | sed 's/^/    /'
    if [ "$bad" -ne 0 ]; then
        grep -ahE -B3 -A8 '^[[:space:]]*not ok|ERROR:|runtime error|broken promise|WARNING: ThreadSanitizer' "$log" | head -60 | sed 's/^/    /'
        tail -5 "$log" | sed 's/^/    /'
    fi
    return 0
}

# build LABEL ARGS...: a build that fails is a failed test.
build() {
    local label=$1 start=$SECONDS
    shift
    if $make --no-print-directory "$jobs" "$@" >"$logs/build.log" 2>&1; then
        passed=$((passed + 1)); printf '%-58s    1 passed   0 failed %5ds\n' "build: $label" $((SECONDS - start))
    else
        failed=$((failed + 1)); printf '%-58s    0 passed   1 failed %5ds\n' "build: $label" $((SECONDS - start))
        grep -E 'error|Error|warning' "$logs/build.log" | head -20 | sed 's/^/    /'
    fi
}

programs() { find tests/"$1" -name '*.c' 2>/dev/null | sort | sed 's/\.c$//'; }

stage_tidy() {
    for check in layers tidy keys; do
        if tools/$check.sh >"$logs/$check.log" 2>&1; then
            passed=$((passed + 1)); printf '%-58s    1 passed   0 failed\n' "$check"
        else
            failed=$((failed + 1)); printf '%-58s    0 passed   1 failed\n' "$check"; head -20 "$logs/$check.log" | sed 's/^/    /'
        fi
    done
}
# With SAN=... in the environment `make` builds that variant, and units and golden cases are those of that variant.
plain=build/${SAN:+$(echo "$SAN" | tr , -)}
[ -n "${SAN:-}" ] || plain=build/release

stage_unit() {
    build "${plain#build/}" all tests
    for p in $(programs unit) $(programs property); do run "$p" 400 "$plain/$p"; done
}
stage_golden() { for p in $(programs golden); do run "$p" 300 "$plain/$p"; done; }
stage_sanitizers() {
    build 'address,undefined' SAN=address,undefined all tests
    for p in $(programs unit) $(programs property) $(programs golden); do
        run "address,undefined $p" 600 "build/address-undefined/$p"
    done
    build 'thread' SAN=thread tests-threaded
    for p in $($make -s --no-print-directory print-threaded); do run "thread $p" 600 "build/thread/$p"; done
}
stage_fuzz() {
    build 'fuzz replay' fuzz-replay-build
    for p in tests/fuzz/fuzz_*.c; do
        n=$(basename "$p" .c)
        run "fuzz corpus $n" 120 tools/tap-one.sh "$n" "build/release/tests/fuzz/$n" "tests/fuzz/corpus/${n#fuzz_}"
    done
}
stage_compilers() {
    build clang CC=clang all tests
    build 'gcc -O0' OPT=-O0 all
    for p in $(programs unit | grep -E '/(core|proto)/'); do run "clang $p" 300 "build/clang/$p"; done
}
stage_system() {
    build 'the unfenced mutant' MUTANT=unfenced all build/release-unfenced/tests/property/test_sim
    run 'the simulator catches the unfenced mutant' 300 tools/tap-fails.sh 'an unfenced world is caught' \
        env POLIS_SIM_SEEDS=60 build/release-unfenced/tests/property/test_sim
    for p in $(programs system); do run "$p" 900 "build/release/$p"; done
    for p in tests/system/*.sh; do [ -f "$p" ] && run "$p" 600 bash "$p"; done
}

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(tidy unit golden fuzz compilers sanitizers system)
for stage in "${stages[@]}"; do
    [ -z "${SAN:-}" ] || case "$stage" in tidy|unit|golden) ;; *) continue ;; esac
    "stage_$stage"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
