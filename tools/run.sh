#!/usr/bin/env bash
# tools/run.sh SCENARIO [options] - polis run, for `make run`. Where a scenario asks models of a server on this machine
# and nobody listens there, the stand-in for model servers that the tests use answers instead: made-up answers, so that
# everything can be seen at work without a model. It says so.
set -eu
cd "$(dirname "$0")/.."
scenario=$1
shift

# Ports on this machine that the scenario's providers are at; nothing where it asks no models.
ports_of() {
    ./polis scenario show "$scenario" 2>/dev/null |
        sed -nE 's#^ *base_url: *"?http://(127\.0\.0\.1|localhost):([0-9]+).*#\2#p' | sort -u
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

started=
stop() {
    for pid in $started; do
        kill "$pid" 2>/dev/null || true
    done
}
trap stop EXIT

for port in $(ports_of); do
    listens "$port" && continue
    double=build/release/tests/support/llmdouble/llmdouble
    make --no-print-directory llmdouble >/dev/null
    echo "No model server listens on port $port: a stand-in answers there, with made-up answers. They mean nothing." >&2
    "$double" --port "$port" >/dev/null &
    started="$started $!"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        listens "$port" && break
        sleep 0.1
    done
done
./polis run "$scenario" "$@"
