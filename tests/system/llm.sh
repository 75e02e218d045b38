#!/usr/bin/env bash
# Runs that ask language models, as a person has them: recorded, answered from the record, forked, swept, looked at; and
# who gets to see a key. TAP; run from the project's root. The models are scripts in the gateway, or nobody.
set -u
polis=$(readlink -f "${POLIS_BINARY:-build/release/polis}")
work=$(mktemp -d "${TMPDIR:-/tmp}/polis-llm-XXXXXX")
run=0
trap '[ "$run" -gt 0 ] && kill "$run" 2>/dev/null; wait; rm -rf "$work"' EXIT
. tests/support/tap.sh
cd "$work" || exit 2
printf '# swarm.worker, version 2\nYou work for tokens.\n' >swarm.worker.md
cat >models.yaml <<'END'
name: models
agents: [{type: honest, count: 5}, {type: llm, count: 4}]
simulation: {epochs: 2, steps_per_epoch: 5}
llm:
  providers: {s: {dialect: scripted, options: {script: [{reply: '{}', fill: drawn}]}, models: {m: {price: {in: 1, cached: 0, out: 2}}}}}
  roles: {worker: {chain: [s/m, rules]}}
END
canonical() { "$polis" export "$1" --format canonical | sha256sum; }
same() { [ "$(canonical "$1")" = "$(canonical "$2")" ]; }

# ---- recorded, repeated, forked ----
says 'a run records its models' 0 -- "$polis" run models.yaml --out record --json
holds 'in its call log' test -s record/calls.log
says 'it is answered from that log' 0 -- "$polis" run models.yaml --out replay --llm replay=record --json
holds 'and writes none' test ! -e replay/calls.log
holds 'the log is the same' same record replay
says 'also with other processes' 0 -- "$polis" run models.yaml --out many --llm replay=record --workers 3 --inproc --json
holds 'the log is the same' same record many
says 'a replay is a run to replay' 0 -- "$polis" run models.yaml --out again --llm replay_loose=replay --json
holds 'the log is the same' same record again
says 'live keeps no call log' 0 -- "$polis" run models.yaml --out live --llm live --json
holds 'and is the same run' same record live
holds 'without calls' test ! -e live/calls.log
says 'so it cannot be replayed from' 66 'llm.parent: live has kept no call log' -- "$polis" run models.yaml --out none --llm replay=live
holds 'and nothing is made' test ! -e none
says 'other questions are not in the log' 65 'cannot go on without llm-gateway' -- \
    "$polis" run models.yaml -s llm.roles.worker.temperature=0.1 --out miss --llm replay=record
says 'branching off it asks them' 0 -- \
    "$polis" run models.yaml -s llm.roles.worker.temperature=0.1 --out branch --llm branch=record --json
says 'rules ask nobody' 0 -- "$polis" run models.yaml --out rules --llm rules --json
holds 'which is another run' eval '! same record rules'
says 'a log of inputs' 0 -- "$polis" run models.yaml -s log.detail=inputs --out inputs --json
says 'is computed again without models' 0 'steps replayed' -- "$polis" replay inputs
says 'and checked' 0 'steps checked' -- "$polis" check inputs --deep
says 'and described' 0 'swarm.worker' -- "$polis" describe inputs
says 'and forked' 0 -- "$polis" fork inputs@5 --out inputs_fork --json
says 'an unchanged fork' 0 -- "$polis" fork record@5 --out fork --json
says 'has the same future' 0 'steps 6 to 10 are the same' -- "$polis" diff record fork
rm -rf moved && mv record moved
says 'a fork of the fork needs neither' 0 -- "$polis" fork fork@7 --out grandchild --json
says 'and has the same future' 0 'steps 8 to 10 are the same' -- "$polis" diff fork grandchild
says 'several branches' 0 -- "$polis" fork moved@5 -n 3 --out branches
says 'stopped' 75 -- "$polis" run models.yaml --out stopped --until 4 --json
says 'and gone on with, in the same way' 0 -- "$polis" resume stopped --json
holds 'the log is the same' same moved stopped
says 'stopped while it repeats' 75 -- "$polis" run models.yaml --out halfway --llm replay=moved --until 4 --json
says 'and gone on with' 0 -- "$polis" resume halfway --json
holds 'the log is the same' same moved halfway

# ---- killed ----
says 'a longer run' 0 -- "$polis" run models.yaml --epochs 30 --out whole --json
POLIS_WORKER_DELAY_MS=4 "$polis" run models.yaml --epochs 30 --out killed --json >run.out 2>run.err &
run=$!
kills=0
for role in llm-gateway agents world llm-gateway; do
    before=$(committed killed) tries=0
    until [ "$(committed killed)" -gt "$((${before:-0} + 3))" ] 2>/dev/null || [ "$tries" -gt 200 ]; do tries=$((tries + 1)); sleep 0.02; done
    victim=$(child "$run" "$role")
    [ -n "$victim" ] && kill -9 "$victim" && kills=$((kills + 1))
done
wait "$run"
holds 'ends all the same' test $? -eq 0
run=0
holds 'though processes were killed' test "$kills" -eq 4
holds 'the log is the same' same whole killed

# ---- sweeps ----
printf 'scenario: models.yaml\ngrid: {llm.roles.worker.temperature: [0, 1]}\nseeds: 2\n' >sweep.yaml
says 'a sweep' 0 'keep all keeps what was paid for' -- "$polis" sweep sweep.yaml --out swept --jobs 2
says 'keeps its logs when told to' 0 -- "$polis" sweep sweep.yaml --out kept --keep all --jobs 2 --quiet
holds 'of every run' test "$(ls kept/runs/*/calls.log 2>/dev/null | wc -l)" -eq 4

# ---- wrong words ----
says 'no such mode' 65 "did you mean 'replay'" -- "$polis" run models.yaml --llm reply=moved --out none
says 'nobody is asked' 65 'no section llm' -- "$polis" run baseline --llm live --out none
holds 'and nothing is made' test ! -e none

# ---- keys ----
cat >keys.yaml <<'END'
extends: models.yaml
simulation: {epochs: 1000, steps_per_epoch: 1000}
llm:
  providers: {p: {dialect: openai, base_url: 'http://127.0.0.1:9', key_env: POLIS_TEST_KEY, models: {m: {price: free}}}}
  roles: {worker: {chain: [p/m, rules], attempts: 1, deadline_ms: 1000}}
END
unset POLIS_TEST_KEY
says 'a key that is not set' 0 'POLIS_TEST_KEY is unset' '127.0.0.1 port 9: ' -- "$polis" doctor keys.yaml
says 'stops the run' 66 'POLIS_TEST_KEY' -- "$polis" run keys.yaml --out unset
says 'rules need no key' 0 -- "$polis" run keys.yaml --epochs 1 -s simulation.steps_per_epoch=3 --llm rules --out no_key --json
export POLIS_TEST_KEY=a-key-that-nobody-may-see-0123456789
says 'one that is set is not shown' 0 'POLIS_TEST_KEY is set' -- "$polis" doctor keys.yaml
holds 'nor a part of it' eval '! grep -q may-see "$out" "$err"'
"$polis" run keys.yaml --out keys >run.out 2>run.err &
run=$!
tries=0
until [ "$(grep -ls connected keys/log/*.1 keys/log/agents.2 2>/dev/null | wc -l)" -ge 3 ] || [ "$tries" -gt 300 ]; do
    tries=$((tries + 1)); sleep 0.1
done
sleep 0.2
seen=0 there=0
for process in $(children "$run"); do
    there=$((there + 1))
    if tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -q may-see; then
        seen=$((seen + 1)); tr '\0' ' ' <"$process/cmdline" >>"$err"
    fi
done
holds 'its processes are there' test "$there" -ge 5
holds 'none has the key in its environment' test "$seen" -eq 0
says 'status says what models cost' 0 'models \(record\)' 'p/m: .*breaker' -- "$polis" status keys
says 'as JSON, too' 0 '"llm":\{"mode":"record"' -- "$polis" status keys --json
says 'and what is counted' 0 '^# EOF' 'gen_ai_request_model="m"' -- "$polis" status keys --metrics
says 'who was given up may be asked again' 0 'asked again' -- "$polis" ctl keys llm-reload
kill -INT "$run"
wait "$run"
holds 'it ends when it is told to' test $? -eq 75
run=0
holds 'the key is in none of its files' eval '! grep -rq may-see keys run.out run.err'
says 'a short one' 0 -- "$polis" run keys.yaml --epochs 1 -s simulation.steps_per_epoch=3 --out short --json
unset POLIS_TEST_KEY
says 'is repeated without a key' 0 -- "$polis" run keys.yaml --epochs 1 -s simulation.steps_per_epoch=3 --llm replay=short --out shorter --json
holds 'the log is the same' same short shorter
says 'and forked, as a replay' 0 -- "$polis" fork short@2 --llm replay --out shortest --json
says 'but not to ask' 66 'POLIS_TEST_KEY' -- "$polis" fork short@2 --out asks
says 'a run without models has none' 69 'asks no models' -- sh -c "'$polis' run baseline --epochs 1 --out plain -q >/dev/null && '$polis' status plain --metrics"
echo "1..$count"
