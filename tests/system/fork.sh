#!/usr/bin/env bash
# Forks, and what tells runs apart: polis fork, polis diff, polis describe. TAP; run from the project's root.
set -u
polis=${POLIS_BINARY:-build/release/polis}
work=$(mktemp -d "${TMPDIR:-/tmp}/polis-fork-XXXXXX")
trap 'rm -rf "$work"' EXIT
. tests/support/tap.sh
state() { "$polis" replay "$1" 2>/dev/null | grep '^state'; }
rows_behind() { "$polis" export "$1" --table "$3" 2>/dev/null | awk -F, -v step="$2" 'NR > 1 && $1 > step'; }

# ---- nothing changed: the parent's own future ----
# kinds of run that a fork must continue to the bit: NAME, then options of polis run
kinds() {
    echo 'free baseline'
    echo 'governed status_game'
    echo 'watched adversarial_attack'
    echo 'sequential status_game -s simulation.turns=sequential'
    echo 'inputs status_game -s log.detail=inputs'
}
while read -r kind scenario options; do
    parent=$work/$kind
    # shellcheck disable=SC2086
    "$polis" run "$scenario" --epochs 5 $options --inproc --quiet --out "$parent" >/dev/null 2>&1
    for step in 0 1 10 23 30 49; do
        fork=$work/$kind-$step
        says "$kind: a fork behind step $step" 0 -- "$polis" fork "$parent@$step" --inproc --quiet --out "$fork"
        says "$kind: comes to the same records and states" 0 "steps $((step + 1)) to 50 are the same" -- \
            "$polis" diff "$parent" "$fork"
        says "$kind: and replays" 0 '50 steps replayed' -- "$polis" replay "$fork" --verify
        rm -rf "$fork"
    done
done < <(kinds)
"$polis" fork "$work/governed@25" --inproc --quiet --out "$work/rows" >/dev/null 2>&1
for table in interactions actions judgements; do
    rows_behind "$work/governed" 25 $table >"$work/a" && rows_behind "$work/rows" 25 $table >"$work/b"
    holds "$table behind the step are the same rows" sh -c "[ -s '$work/a' ] && cmp -s '$work/a' '$work/b'"
done
says 'no row before the step is in its log' 0 -- "$polis" export "$work/rows" --table interactions
holds 'its rows begin behind the step' sh -c "[ \"\$(awk -F, 'NR == 2 { print \$1 }' '$out')\" = 26 ]"
says 'as a cluster, too' 0 -- "$polis" fork "$work/governed@epoch:2" --quiet --out "$work/cluster"
says 'the same future' 0 'steps 21 to 50 are the same' -- "$polis" diff "$work/governed" "$work/cluster"

# ---- where it begins ----
says 'the newest step' 65 'nothing would be left' -- "$polis" fork "$work/governed" --out "$work/none"
says 'the end' 0 -- "$polis" fork "$work/governed@end" --epochs 7 --inproc --quiet --out "$work/longer"
says 'goes on behind it' 1 'steps? 50, .*step 70' 'no step is in both' -- "$polis" diff "$work/governed" "$work/longer"
says 'a run of seven epochs has the same future' 0 -- "$polis" run status_game --epochs 7 --inproc --quiet --out "$work/seven"
holds 'to the bit' sh -c "[ '$(state "$work/longer")' = '$(state "$work/seven")' ]"
says 'a step that is not there' 66 'come to step 50, not to step 51' -- "$polis" fork "$work/governed@51" --out "$work/none"
says 'an epoch that is not there' 66 'no epoch 9' -- "$polis" fork "$work/governed@epoch:9" --out "$work/none"
says 'not a step' 65 'epoch:N or end' -- "$polis" fork "$work/governed@noon" --out "$work/none"
says 'no number of an epoch' 65 "not 'epoch:'" -- "$polis" fork "$work/governed@epoch:" --out "$work/none"
says 'no branches' 64 'from 1 to 100000' -- "$polis" fork "$work/governed@20" -n 0 --out "$work/none"
says 'no such run' 66 'no run' -- "$polis" fork "$work/nowhere@3" --out "$work/none"
says 'a step of the parent of a fork' 66 'begins behind step 50' -- "$polis" fork "$work/longer@20" --out "$work/none"

# ---- what may change, and what may not ----
says 'a lever more' 0 -- "$polis" fork "$work/governed@20" -s governance.random_audit.prob=0.5 --inproc --quiet --out "$work/lever"
says 'differs behind the step only' 1 'governance.random_audit' 'first difference is in step 2[1-9]' -- \
    "$polis" diff "$work/governed" "$work/lever"
says 'its invariants hold' 0 -- "$polis" check "$work/lever" --deep
says 'a lever with a stake' 0 -- "$polis" fork "$work/governed@24" -s governance.staking=true --inproc --quiet --out "$work/stake"
says 'money is kept together' 0 -- "$polis" check "$work/stake" --deep
says 'all levers off' 0 -- "$polis" fork "$work/watched@24" -s governance=null --inproc --quiet --out "$work/lawless"
says 'stakes are free again' 0 -- "$polis" check "$work/lawless" --deep
holds 'nothing is judged any more' sh -c "[ \"\$('$polis' export '$work/lawless' --table judgements | wc -l)\" = 1 ]"
says 'other payoffs' 0 -- "$polis" fork "$work/free@20" -s sandbox.payoff.h=4 -s sandbox.eta=0.3 --inproc --quiet --out "$work/payoff"
says 'are named by diff' 1 'sandbox.payoff.h: 2 . 4' 'sandbox.eta: 0.1 . 0.3' -- "$polis" diff "$work/free" "$work/payoff"
says 'tighter limits' 0 -- "$polis" fork "$work/free@25" -s sandbox.rails.budget_per_epoch=1 -s sandbox.rails.max_votes=0 --inproc --quiet --out "$work/rails"
says 'hold from there on' 0 -- "$polis" check "$work/rails" --deep
says 'from every decision to inputs only' 0 -- "$polis" fork "$work/governed@20" -s log.detail=inputs --inproc --quiet --out "$work/slim"
says 'its replay asks the policies' 0 -- "$polis" replay "$work/slim" --verify
holds 'and comes to the same state' sh -c "[ '$(state "$work/slim")' = '$(state "$work/governed")' ]"
says 'a run with only its inputs can be checked' 0 -- "$polis" check "$work/slim" --deep
"$polis" run network_effects --epochs 4 --inproc --quiet --out "$work/linked" >/dev/null 2>&1
says 'links that must be stronger' 0 -- "$polis" fork "$work/linked@33" -s sandbox.network.weight_min=0.5 --inproc --quiet --out "$work/strong"
says 'hold, too' 0 -- "$polis" check "$work/strong" --deep
refused() { says "refused: $1" 65 "cannot change $2" -- "$polis" fork "$work/governed@20" -s "$1" --out "$work/refused"; }
refused agents[0].count=9 'agents.0..count from 3 to 9'
refused agents[1].type=honest "agents.1..type from opportunistic to honest"
refused agents[0].role=poster "agents.0..role from worker to poster"
refused simulation.steps_per_epoch=5 'simulation.steps_per_epoch from 10 to 5'
refused sandbox.trust_slots=9 'sandbox.trust_slots'
refused sandbox.feed.feed_capacity=9 'sandbox.feed.feed_capacity'
refused sandbox.initial_resources=9 'sandbox.initial_resources|agents.0..initial_resources'
says 'refused: a wrong value' 65 'simulation.epochs' -- "$polis" fork "$work/governed@20" -s simulation.epochs=many --out "$work/refused"
holds 'what is refused leaves no folder' sh -c "[ -z \"\$(ls -d '$work'/refused* 2>/dev/null)\" ]"
says 'a folder that is there' 73 'not empty' -- "$polis" fork "$work/governed@20" --out "$work/lever"

# ---- a fork of a fork, and alone in the world ----
says 'a fork of a fork' 0 -- "$polis" fork "$work/lever@37" --inproc --quiet --out "$work/second"
says 'goes on as the first one' 0 'steps 38 to 50 are the same' -- "$polis" diff "$work/lever" "$work/second"
says 'its parent is named' 0 'lever, behind step 37' -- "$polis" describe "$work/second"
mv "$work/lever" "$work/gone" && mv "$work/governed" "$work/gone-too"
says 'replays without its parents' 0 -- "$polis" replay "$work/second" --verify
says 'checks without its parents' 0 -- "$polis" check "$work/second" --deep
mv "$work/gone" "$work/lever" && mv "$work/gone-too" "$work/governed"

# ---- killed ----
"$polis" fork "$work/watched@20" --inproc --quiet --out "$work/whole" >/dev/null 2>&1
whole=$("$polis" export "$work/whole" --format canonical | sha256sum)
for point in create:1 create:2 create:3 before-put:1 between-puts:1 between-puts:2; do
    POLIS_CRASH=$point "$polis" fork "$work/watched@20" --inproc --quiet --out "$work/half" >"$out" 2>"$err"
    holds "killed at $point: no folder, or nothing of it" sh -c "[ $? -eq 137 ] && [ ! -e '$work/half' ]"
    rm -rf "$work"/half*
done
for point in create:4 before-commit:3 after-commit:2 after-append:9 snapshot:1 after-gather:14 after-verdict:20; do
    POLIS_CRASH=$point "$polis" fork "$work/watched@20" -s log.snapshot_every=7 --inproc --quiet --out "$work/half" >"$out" 2>"$err"
    status=$?
    says "killed at $point (status $status): resumed" 0 -- "$polis" resume "$work/half" --inproc --quiet
    holds "$point: the same log" sh -c "[ $status -eq 137 ] && [ '$("$polis" export "$work/half" --format canonical | sha256sum)' = '$whole' ]"
    rm -rf "$work"/half*
done
POLIS_WORKER_DELAY_MS=3 "$polis" fork "$work/watched@20" --quiet --out "$work/half" >"$out" 2>"$err" &
pid=$!
for _ in $(seq 200); do [ "$(committed "$work/half")" -gt 24 ] 2>/dev/null && break; sleep 0.05; done
kill -9 "$(cat "$work/half/world.lock")" $pid
wait $pid 2>/dev/null
for _ in $(seq 200); do pgrep -f "run $work/half" >/dev/null || break; sleep 0.05; done # the others follow their parent
says 'a whole cluster killed with -9: resumed' 0 -- "$polis" resume "$work/half" --quiet
holds 'the same log' sh -c "[ '$("$polis" export "$work/half" --format canonical | sha256sum)' = '$whole' ]"

# ---- many futures ----
says 'three branches' 0 'branch +seed' '^ +mean' '95% low' '95% high' -- "$polis" fork "$work/governed@20" -n 3 --quiet --out "$work/three"
says 'the first has the same future' 0 'steps 21 to 50 are the same' -- "$polis" diff "$work/governed" "$work/three/0"
says 'the next has another one' 1 'both branched off governed behind step 20' 'simulation.seed: 42 . 43' \
    'first difference is in step 2[1-9], exchange [0-9]+, [a-z]+ .*: [a-z_]+, row [0-9]+' -- "$polis" diff "$work/three/0" "$work/three/1"
says 'each is a run' 0 -- "$polis" replay "$work/three/2" --verify
says 'seeds from a number on' 0 '"seed": 1000' '"seed": 1001' '"mean"' '"low"' -- \
    "$polis" fork "$work/free@20" -n 2 --seed-from 1000 --json --quiet --out "$work/json"
cp "$out" "$work/text.json" # read by the house's own reader, which knows JSON as a part of YAML
says 'is a whole document' 65 'unknown section .schema' -- "$polis" scenario validate "$work/text.json"
says 'stopped on the way' 75 'polis resume' -- "$polis" fork "$work/free@20" -n 2 --until 30 --quiet --out "$work/until"
says 'and resumed' 0 -- "$polis" resume "$work/until/1" --inproc --quiet
says 'another seed alone' 0 -- "$polis" fork "$work/free@20" --seed-from 7 --inproc --quiet --out "$work/reseed"
says 'the past is the same' 1 'simulation.seed: 42 . 7' -- "$polis" diff "$work/free" "$work/reseed"
holds 'the state behind the step is, too' sh -c "! grep -q 'another state' '$out'"

# ---- diff ----
says 'a run and itself' 0 'steps 1 to 50 are the same' -- "$polis" diff "$work/free" "$work/free"
"$polis" run baseline --epochs 5 --inproc --quiet --out "$work/again" >/dev/null 2>&1
says 'the same run made again' 0 'scenarios are the same' 'steps 1 to 50 are the same' -- "$polis" diff "$work/free" "$work/again"
"$polis" run baseline --epochs 5 -s agents[0].params.interact=0.41 --inproc --quiet --out "$work/other" >/dev/null 2>&1
says 'another run: place, row and agent' 1 'agents.0..params.interact: 0.4 . 0.41' \
    'step [0-9]+, exchange [0-9]+, [a-z]+ \(sandbox\.[a-z]+\): [a-z_]+, row [0-9]+, agent [0-9]+: .* \| ' -- "$polis" diff "$work/free" "$work/other"
says 'as JSON' 1 '"path": "agents.0..params.interact"' '"field": ' '"agent": ' '"equal": false' -- "$polis" diff "$work/free" "$work/other" --json
cp "$out" "$work/text.json"
says 'is a whole document, too' 65 'unknown section .schema' -- "$polis" scenario validate "$work/text.json"
says 'no such run to compare with' 66 'no run' -- "$polis" diff "$work/free" "$work/nowhere"

# ---- describe ----
says 'the whole description' 0 '^## 1. Purpose and patterns' '^## 2. Entities, state variables, and scales' \
    '^## 3. Process overview and scheduling' '^## 4. Design concepts' '^### Basic principles' '^### Emergence' \
    '^### Adaptation' '^### Objectives' '^### Learning' '^### Prediction' '^### Sensing' '^### Interaction' \
    '^### Stochasticity' '^### Collectives' '^### Observation' '^## 5. Initialisation' '^## 6. Input data' '^## 7. Submodels' \
    '21 agents' '5 epochs of 10 steps, 50 steps' '`honest` \| 8 \| worker' '\*\*random_audit\*\*' '`prob` \| `0.4` \| `0.1`' \
    'seed is 42' 'head of the chain' 'hash of the manifest' 'protocol 1' -- "$polis" describe "$work/watched" --odd
says 'a scenario' 0 '^# ' '20 agents, 20 epochs of 10 steps' 'No lever is on' '`simulation.epochs` \| `20` \| `10`' -- "$polis" describe baseline
says 'a scenario with a change' 0 '`sandbox.eta` \| `0.7` \| `0.1`' -- "$polis" describe baseline -s sandbox.eta=0.7
says 'only what differs from a policy is named' 0 'id 3 \| .red_team' 'strategy sybil \|$' -- "$polis" describe red_team \
    -s 'agents=[{type: honest, count: 3}, {type: red_team, count: 1, params: {strategy: sybil}}]' -s 'metrics_to_track=[]'
says 'what a scenario adds' 0 '^- \*Market of bounties' '^- \*Norms' '^- \*Contagion' '^- \*Discourse' -- "$polis" describe red_team --odd
says 'a network is space' 0 '^- \*Network' '^- .Communities|Space is a network' -- "$polis" describe network_effects --odd
says 'what is off is not told' 0 -- "$polis" describe baseline --odd
holds 'not even one of them' sh -c "! grep -q 'This scenario adds' '$out'"
for section in network market projects contagion discourse norms moderation; do
    holds "$section has a description" grep -q "\"sandbox.$section" control/odd.c
done
says 'every scenario can be described' 0 -- sh -c "for f in configs/scenarios/*.yaml; do '$polis' describe \"\$f\" --odd || exit 1; done"
says 'neither run nor scenario' 66 'no scenario' -- "$polis" describe "$work/nowhere"

echo "1..$count"
