#!/usr/bin/env bash
# Runs that ask a server of models which answers badly: the same log whoever asks, whatever went wrong once it is
# recorded, without the server and without a network; a changed run pays only for what changed; budgets hold; an
# estimate says what a run then does. TAP; run from the project's root.
set -u
polis=$(readlink -f "${POLIS_BINARY:-build/release/polis}")
double=$(readlink -f "${POLIS_LLMDOUBLE:-$(dirname "$polis")/tests/support/llmdouble/llmdouble}")
work=$(mktemp -d "${TMPDIR:-/tmp}/polis-double-XXXXXX")
server=0 run=0
trap '[ "$run" -gt 0 ] && kill "$run" 2>/dev/null; [ "$server" -gt 0 ] && kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
. tests/support/tap.sh
cd "$work" || exit 2
[ -x "$double" ] || { echo "Bail out! no $double"; exit 2; }

start() { # start RULES: a fresh double; its port is in $port
    [ "$server" -gt 0 ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    : >listening
    "$double" --rules "$1" --parent >listening &
    server=$!
    for _ in $(seq 100); do grep -q listening listening && break; sleep 0.05; done
    port=$(sed -nE 's/^listening ([0-9]+) .*/\1/p' listening)
    control=$(sed -nE 's/^listening [0-9]+ ([0-9]+).*/\1/p' listening)
    sed "s/PORT/$port/" scenario.yaml >models.yaml
}
# How many requests the double has had.
asked() { exec 3<>"/dev/tcp/127.0.0.1/$control" && printf 'GET /stats HTTP/1.0\r\n\r\n' >&3 && grep -oE '"requests": ?[0-9]+' <&3 | grep -oE '[0-9]+$' | head -1; }
stop() { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; server=0; }
canonical() { "$polis" export "$1" --format canonical | sha256sum; }
same() { [ "$(canonical "$1")" = "$(canonical "$2")" ]; }
calls() { "$polis" export "$1" --table model_calls; }
# column NAME: values of a column of the calls on stdin
column() { awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR > 1 { print $at }'; }

cat >scenario.yaml <<'END'
name: models
agents:
  - {type: honest, count: 4}
  - {type: deceptive, count: 2}
  - {type: llm, count: 12, role: worker}
  - {type: llm, count: 5, role: poster}
  - {type: llm, count: 3, role: verifier}
simulation: {epochs: 2, steps_per_epoch: 4}
sandbox: {memory_max: 255}
llm:
  providers:
    p: {dialect: openai, base_url: 'http://127.0.0.1:PORT/v1', models: {m: {price: {in: 1, out: 4}}}}
  roles:
    worker: {chain: [p/m, rules], out_max: 300, deadline_ms: 20000, reask: 1}
    poster: {chain: [p/m, rules], out_max: 300, deadline_ms: 20000}
    verifier: {chain: [p/m, rules], out_max: 300, deadline_ms: 20000}
END
printf 'seed: 3\nsteady: true\nrules: [{reply: sandbox}]\n' >well.yaml
printf 'seed: 3\nsteady: true\nrules: [{reply: sandbox, pace: {ttft_ms: 25}}]\n' >slow.yaml
cat >ill.yaml <<'END'
seed: 3
steady: true
rules:
  - {match: {hash_mod: [43, 0], nth: 1}, reply: sandbox, fault: F10}
  - {match: {hash_mod: [43, 1], nth: 1}, reply: sandbox, fault: F14}
  - {match: {hash_mod: [43, 2], nth: 1}, reply: sandbox, fault: F16}
  - {match: {hash_mod: [43, 3], nth: 1}, reply: sandbox, fault: F12}
  - {match: {hash_mod: [13, 0]}, reply: sandbox, fault: F31}
  - {match: {hash_mod: [13, 1]}, reply: sandbox, fault: F18}
  - {match: {hash_mod: [13, 2]}, reply: sandbox, fault: F19}
  - {match: {hash_mod: [13, 3]}, reply: sandbox, fault: F30}
  - {match: {hash_mod: [13, 4]}, reply: {hostile: inject}}
  - {match: {hash_mod: [13, 5]}, reply: {hostile: number}}
  - {match: {hash_mod: [13, 6]}, reply: sandbox, fault: F38}
  - {reply: sandbox}
END

# ---- who asks ----
start well.yaml
says 'one worker' 0 -- "$polis" run models.yaml --workers 1 --out one --json
for workers in 2 8; do
    says "$workers workers, three agents a chunk" 0 -- \
        "$polis" run models.yaml --workers "$workers" -s cluster.chunk=3 --out "w$workers" --json
    holds 'the log is the same' same one "w$workers"
done
says 'all in one process' 0 -- "$polis" run models.yaml --inproc --out inproc --json
holds 'the log is the same' same one inproc
calls one | column status | sort | uniq -c >"$out"
holds 'every answer was used' eval '[ "$(calls one | column status | sort -u)" = ok ]'

# ---- budgets ----
says 'seven calls a step' 0 -- \
    "$polis" run models.yaml --workers 1 -s llm.budgets.max_calls_per_step=7 --out few --json
says 'with others who ask' 0 -- \
    "$polis" run models.yaml --workers 8 -s cluster.chunk=2 -s llm.budgets.max_calls_per_step=7 --out few8 --json
holds 'are the same seven' same few few8
most=$(calls few | awk -F, 'NR > 1 && $7 != "budget" { n[$1]++ } END { for (s in n) if (n[s] > m) m = n[s]; print m }')
holds 'and never eight' test "$most" -eq 7
# A cap of the run keeps the price of one dearest call back, for answers that cost more than was thought.
says 'a twentieth of a coin in all' 0 -- "$polis" run models.yaml -s llm.budgets.max_cost_per_run=0.05 --out poor --json
holds 'is not passed' test "$(calls poor | column paid | awk '{ s += $1 } END { print s }')" -le 50000
holds 'and is used' test "$(calls poor | column paid | awk '{ s += $1 } END { print s }')" -gt 10000

# ---- killed while budgets are given out ----
start slow.yaml
capped=(models.yaml --epochs 12 -s cluster.chunk=3 -s llm.budgets.max_calls_per_step=11)
says 'eleven calls a step of a slow server' 0 -- "$polis" run "${capped[@]}" --workers 1 --out whole --json
"$polis" run "${capped[@]}" --workers 3 --out killed --json >run.out 2>run.err &
run=$!
kills=0
for role in llm-gateway agents broker world llm-gateway agents; do
    before=$(committed killed) tries=0
    until [ "$(committed killed)" -gt "$((${before:-0} + 2))" ] 2>/dev/null || [ "$tries" -gt 300 ]; do tries=$((tries + 1)); sleep 0.02; done
    victim=$(child "$run" "$role")
    [ -n "$victim" ] && kill -9 "$victim" && kills=$((kills + 1))
done
wait "$run"
holds 'with processes killed, ends all the same' test $? -eq 0
run=0
holds 'though they were killed' test "$kills" -eq 6
holds 'the log is the same' same whole killed
most=$(calls killed | awk -F, 'NR > 1 && $7 != "budget" { n[$1]++ } END { for (s in n) if (n[s] > m) m = n[s]; print m }')
holds 'and no step had twelve calls' test "$most" -le 11

# ---- an estimate ----
start well.yaml
says 'an estimate' 0 -- "$polis" run models.yaml --epochs 1 --dry-run --json
estimated=$(grep -oE '"total": \{"calls": [0-9]+' "$out" | grep -oE '[0-9]+$')
says 'keeps nothing' 0 -- "$polis" run models.yaml --epochs 1 --llm rules --out rules --json
holds 'and counts the questions of a run that the fallbacks decide' test "$estimated" -eq "$(($(calls rules | wc -l) - 1))"

# ---- ill, recorded, without a network ----
start ill.yaml
says 'a server that fails in many ways' 0 -- "$polis" run models.yaml --workers 2 --out ill --json
holds 'gave answers' eval '[ "$(calls ill | column status | grep -c "^ok$")" -gt 20 ]'
holds 'some of them mended' eval 'calls ill | column status | grep -q "^repaired$"'
holds 'and refusals' eval 'calls ill | column status | grep -q "^refused$"'
holds 'and some that nobody could use' eval 'calls ill | column status | grep -q "^fallback$"'
stop
alone=()
if unshare -rn true 2>/dev/null; then alone=(unshare -rn); else echo "# no network namespaces here: only the server is gone"; fi
for workers in 1 2 8; do
    says "answered from the record by $workers, without a network" 0 -- \
        "${alone[@]}" "$polis" run models.yaml --llm replay=ill --workers "$workers" -s cluster.chunk=4 --out "again$workers" --json
    holds 'the log is the same' same ill "again$workers"
done
says 'replayed' 0 'all as the log says' -- "${alone[@]}" "$polis" replay ill --verify

# ---- a branch ----
start well.yaml
sed "s/PORT/$port/" scenario.yaml >models.yaml
says 'a fork that changes nothing' 0 -- "$polis" fork one@4 -s llm.providers.p.base_url="http://127.0.0.1:$port/v1" --out still --json
holds 'asks nobody' eval '[ "$(calls still | column source | sort -u)" = replay ]'
holds 'pays nothing' eval '[ "$(calls still | column paid | sort -u)" = 0 ]'
says 'a fork with an audit' 0 -- "$polis" fork one@4 -s governance.random_audit.prob=0.5 \
    -s llm.providers.p.base_url="http://127.0.0.1:$port/v1" --out changed --json
holds 'asks about what is new' eval 'calls changed | column source | grep -q live'
holds 'is charged for that alone' eval \
    '[ "$(calls changed | awk -F, "NR > 1 && \$8 != \"live\" { s += \$19 } END { print s + 0 }")" -eq 0 ]'
says 'recorded at this server' 0 -- "$polis" run models.yaml --out here --json
before=$(asked)
says 'an audit asks a share again' 0 -- \
    "$polis" run models.yaml --llm audit=here -s llm.audit_per_mille=500 --out audit --json
holds 'the log is the same' same here audit
holds 'the server was asked' test "$(($(asked) - before))" -gt 40
holds 'but not about all' test "$(($(asked) - before))" -lt "$(calls here | wc -l)"
stop
says 'and is repeated from its own log' 0 'all as the log says' -- "${alone[@]}" "$polis" replay changed --verify
echo "1..$count"
