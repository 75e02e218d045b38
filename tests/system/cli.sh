#!/usr/bin/env bash
# What a person types, and what they are answered. TAP; run from the project's root.
set -u
polis=${POLIS_BINARY:-build/release/polis}
work=$(mktemp -d "${TMPDIR:-/tmp}/polis-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
. tests/support/tap.sh
wrong() { # wrong NAME PATTERN FILE-CONTENT: the scenario is refused with that message, and no run folder appears
    printf '%b' "$3" >"$work/wrong.yaml"
    says "scenario: $1" 65 "$2" -- "$polis" scenario validate "$work/wrong.yaml"
    if "$polis" run "$work/wrong.yaml" --out "$work/none" --quiet >/dev/null 2>&1 || [ -e "$work/none" ]; then
        bad "scenario: $1: run refuses it, too"; rm -rf "$work/none"
    fi
}

# ---- help ----
says 'no words: an overview' 0 'polis run' -- "$polis" help
says 'help of a command' 0 'SCENARIO' '--seed' -- "$polis" help run
says 'unknown command names the nearest' 64 "did you mean.*run" -- "$polis" rnu
says 'unknown option names the nearest' 64 'seed' -- "$polis" run baseline --sede 4
says 'manual page' 0 '^\.TH' -- "$polis" help --man
says 'completion' 0 'complete ' -- "$polis" help --completion
completes() { # completes NAME WANTED WORDS...: what the shell offers for the last word has WANTED in it
    local name=$1 want=$2
    shift 2
    if PATH=$(dirname "$(readlink -f "$polis")"):$PATH bash -c '. <(polis help --completion)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _polis; printf "%s\n" "${COMPREPLY[@]}"' bash "$@" >"$out" 2>"$err" &&
        grep -qxF -e "$want" "$out"; then ok "completes $name"; else bad "completes $name"; fi
}
completes 'commands' sweep polis swe
completes 'scenarios' status_game polis run stat
completes 'scenarios to describe' norm_drafting polis describe norm
completes 'sweeps' red_team polis sweep red
completes 'options of a sweep' --resume polis sweep --re
completes 'options of a fork' --seed-from polis fork x --seed
completes 'verbs of ctl' unfreeze polis ctl x unf
completes 'tables' notes polis export x --table no
says 'version' 0 '[0-9]+\.[0-9]+' -- "$polis" version
says 'doctor' 0 'canary' -- "$polis" doctor
says 'scenario list' 0 baseline status_game adversarial_attack hundred_thousand -- "$polis" scenario list
for f in configs/scenarios/*.yaml; do says "valid: $(basename "$f")" 0 -- "$polis" scenario validate "$f"; done
says 'scenario show' 0 '^name: market' 'market:' 'escrow_fee' -- "$polis" scenario show marketplace_economy
says 'scenario show --resolved has every section' 0 'market:' 'projects:' 'contagion:' 'discourse:' 'norms:' \
    'moderation:' 'network:' -- "$polis" scenario show baseline --resolved
says 'the manual of parameters has them, too' 0 'bounties' 'contagion' 'moderators' -- "$polis" scenario schema --document
for command in sweep fork diff describe ctl; do says "help $command" 0 "polis $command " -- "$polis" help $command; done
says 'schema is JSON' 0 '"additionalProperties": ?false' -- "$polis" scenario schema

# ---- wrong scenarios ----
base='agents:\n  - {type: honest, count: 3}\n'
wrong 'unknown key' 'wrong.yaml:4:.*epohcs.*did you mean .epochs' "${base}simulation:\n  epohcs: 3\n"
wrong 'unknown top-level key' 'wrong.yaml:3:.*simulatoin.*simulation' "${base}simulatoin:\n  epochs: 3\n"
wrong 'wrong type' 'wrong.yaml:4:11.*number' "${base}simulation:\n  epochs: [3]\n"
wrong 'text for a number' 'wrong.yaml:4:11.*number' "${base}simulation:\n  epochs: many\n"
wrong 'out of range' 'wrong.yaml:4:11.*between' "${base}simulation:\n  epochs: 0\n"
wrong 'fraction for a count' 'wrong.yaml:4:11' "${base}simulation:\n  epochs: 3.5\n"
wrong 'duplicate key' 'wrong.yaml:5:.*epochs' "${base}simulation:\n  epochs: 3\n  epochs: 4\n"
wrong 'tab' 'wrong.yaml:4' "${base}simulation:\n\tepochs: 3\n"
wrong 'unknown policy' 'wrong.yaml:2:.*honset.*honest' 'agents:\n  - {type: honset, count: 3}\n'
wrong 'unknown role' 'wrong.yaml:2:.*wroker.*worker' 'agents:\n  - {type: honest, count: 3, role: wroker}\n'
wrong 'unknown policy parameter' 'wrong.yaml:2:' 'agents:\n  - {type: honest, count: 3, params: {explorashun: 0.2}}\n'
wrong 'unknown lever' 'wrong.yaml:4:.*transaction_tax' "${base}governance:\n  transaction_taxx: {rate: 0.1}\n"
wrong 'lever out of range' 'wrong.yaml:4:.*between' "${base}governance:\n  transaction_tax: {rate: 1.5}\n"
wrong 'not YAML' 'wrong.yaml:[0-9]+:[0-9]+' 'agents: [\n'
wrong 'alias bomb' 'wrong.yaml:1:' 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n'
wrong 'several documents' 'wrong.yaml' "${base}---\na: 1\n"
wrong 'empty file' 'wrong.yaml' ''
wrong 'no agents' 'wrong.yaml.*agents|agents' 'simulation: {epochs: 3}\n'
says 'missing file' 66 'nowhere.yaml' -- "$polis" run "$work/nowhere.yaml"
says 'a near name is offered' 66 'baseline' -- "$polis" run baselin
says 'wrong override names -s' 65 '-s' 'epochs' -- "$polis" run baseline -s simulation.epohcs=3

# ---- a run and what can be done with it ----
run=$work/run
says 'run' 0 'toxicity' "$run" -- "$polis" run status_game --epochs 6 --out "$run"
says 'the folder must be new' 73 'exist|empty' -- "$polis" run status_game --epochs 6 --out "$run"
says 'replay' 0 '60' -- "$polis" replay "$run" --verify
says 'replay with the policies asked again' 0 '60' -- "$polis" replay "$run" --recompute
says 'check' 0 -- "$polis" check "$run"
says 'run that logs inputs only' 0 -- "$polis" run status_game --epochs 6 -s log.detail=inputs --out "$work/inputs" --quiet
says 'its replay asks the policies again' 0 '60' -- "$polis" replay "$work/inputs" --verify
a=$("$polis" replay "$run" | grep '^state') b=$("$polis" replay "$work/inputs" | grep '^state')
if [ -n "$a" ] && [ "$a" = "$b" ]; then ok 'and comes to the same state'; else bad "and comes to the same state ($a, $b)"; fi
says 'check --deep' 0 -- "$polis" check "$run" --deep
says 'status of an ended run' 0 '60' -- "$polis" status "$run"
says 'tail of an ended run' 0 '60' -- "$polis" tail "$run"
says 'export tables' 0 epochs interactions actions -- "$polis" export "$run" --tables
says 'export csv' 0 '^step,' -- "$polis" export "$run" --format csv --table interactions
says 'export jsonl' 0 '^\{"step":' -- "$polis" export "$run" --format jsonl --table actions
says 'export of notes, by name' 0 '^[0-9]+,[0-9]+,[0-9]+,task_created,' -- "$polis" export "$run" --table notes
says 'export of an unknown table' 64 "did you mean 'notes'" -- "$polis" export "$run" --table note
says 'replay up to a step' 0 '20 steps' -- "$polis" replay "$run" --until 20
says 'ctl of an ended run' 69 'is not going on' -- "$polis" ctl "$run" freeze 1
says 'describe' 0 '^# status_game' 'seed 42' 'reputation_decay' -- "$polis" describe "$run"
says 'export of figures' 0 'toxicity_rate' -- "$polis" export "$run" --format csv --table epochs
lines=$("$polis" export "$run" --format csv --table epochs | wc -l)
if [ "$lines" -eq 7 ]; then ok 'six epochs and a heading'; else bad "six epochs and a heading ($lines lines)"; fi
says 'json summary' 0 '"toxicity_rate"' -- "$polis" run baseline --epochs 2 --inproc --json --out "$work/json"
says 'no run there' 66 'nowhere' -- "$polis" replay "$work/nowhere"

# ---- a damaged log is found ----
cp -r "$run" "$work/damaged"
size=$(stat -c %s "$work/damaged/log.mdb")
for part in $(seq 2 30); do # many places: some of the file's pages hold nothing
    printf '\xff\xfe\xfd\xfc' | dd of="$work/damaged/log.mdb" bs=1 seek=$((size / 32 * part + 300)) conv=notrunc 2>/dev/null
done
timeout 60 "$polis" check "$work/damaged" --deep >"$out" 2>"$err"
status=$?
if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then ok "damage is found (status $status)"; else bad "damage is found (status $status)"; fi

# ---- interrupted ----
for signal in INT TERM; do
    part=$work/part-$signal
    POLIS_WORKER_DELAY_MS=3 "$polis" run status_game --epochs 40 --out "$part" >"$out" 2>"$err" &
    pid=$!
    for _ in $(seq 200); do [ "$(committed "$part")" -gt 5 ] 2>/dev/null && break; sleep 0.05; done
    kill -$signal $pid
    wait $pid
    status=$?
    if [ $status -eq 75 ] && grep -q 'polis resume' "$out" "$err"; then ok "$signal: stops with 75 and says how to go on"; else
        bad "$signal: stops with 75 and says how to go on (status $status)"; fi
    says "$signal: resume ends it" 0 -- "$polis" resume "$part" --quiet
    "$polis" run status_game --epochs 40 --out "$part-whole" --inproc --quiet >/dev/null 2>&1
    a=$("$polis" export "$part" --format canonical | sha256sum) b=$("$polis" export "$part-whole" --format canonical | sha256sum)
    if [ "$a" = "$b" ]; then ok "$signal: the same log"; else bad "$signal: the same log"; fi
done

# ---- an agent that ends every worker ----
POLIS_WORKER_POISON_AGENT=5 "$polis" run status_game --epochs 3 --out "$work/poison" >"$out" 2>"$err"
status=$?
if [ $status -eq 71 ] && ls "$work"/poison/poison/*.msgpack >/dev/null 2>&1; then ok 'a poison chunk stops the run and is dumped'; else
    bad "a poison chunk stops the run and is dumped (status $status)"; fi
says 'without the poison it goes on' 0 -- "$polis" resume "$work/poison" --quiet

# ---- a late listener has no gap ----
tail_run=$work/tail
POLIS_WORKER_DELAY_MS=3 "$polis" run status_game --epochs 30 --out "$tail_run" --quiet >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do [ -e "$tail_run/log.mdb" ] && break; sleep 0.02; done
sleep 0.3
timeout 60 "$polis" tail "$tail_run" --json >"$out" 2>"$err"
status=$?
wait $pid
steps=$(grep -oE '"step": ?[0-9]+' "$out" | grep -oE '[0-9]+')
first=$(echo "$steps" | head -1) last=$(echo "$steps" | tail -1)
distinct=$(echo "$steps" | sort -nu | wc -l)
if [ $status -eq 0 ] && [ "${last:-0}" -eq 300 ] && [ "$first" -gt 0 ] && [ "$distinct" -eq $((last - first + 1)) ]; then
    ok "tail: steps $first to $last without a gap"; else bad "tail: steps ${first:-?} to ${last:-?}, $distinct of them (status $status)"; fi

# ---- commands ----
ctl=$work/ctl
POLIS_WORKER_DELAY_MS=3 "$polis" run status_game --epochs 60 --out "$ctl" --quiet >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do "$polis" status "$ctl" >/dev/null 2>&1 && break; sleep 0.05; done
says 'pause' 0 'paused' -- "$polis" ctl "$ctl" pause
says 'status while paused' 0 'paused' -- "$polis" status "$ctl" --json
says 'go on' 0 'going on' -- "$polis" ctl "$ctl" resume
says 'kill switch' 0 'applied at step' -- "$polis" ctl "$ctl" kill_switch on
says 'kill switch off' 0 'applied at step' -- "$polis" ctl "$ctl" kill_switch off
says 'freeze an agent' 0 'applied at step' -- "$polis" ctl "$ctl" freeze 1
says 'freeze one for some epochs' 0 'applied at step' -- "$polis" ctl "$ctl" freeze 2 40
says 'unfreeze it' 0 'applied at step' -- "$polis" ctl "$ctl" unfreeze 1
says 'freeze whom there is not' 65 'no agent 6: they are 0 to 5' -- "$polis" ctl "$ctl" freeze 6
says 'freeze needs an agent' 64 'freeze takes AGENT .EPOCHS.' -- "$polis" ctl "$ctl" freeze
says 'unfreeze takes no epochs' 64 'unfreeze takes AGENT' -- "$polis" ctl "$ctl" unfreeze 1 3
says 'pause takes nothing' 64 'pause takes nothing' -- "$polis" ctl "$ctl" pause now
says 'unknown verb' 64 'kill_switch' -- "$polis" ctl "$ctl" explode
says 'stop' 0 'stopping' -- "$polis" ctl "$ctl" stop
wait $pid
says 'what agents decided' 0 -- "$polis" export "$ctl" --table decisions
frozen=$(awk -F, 'NR > 1 && $4 == 2 { n = $1 } END { print n }' "$out") last=$(tail -1 "$out" | cut -d, -f1)
if [ "$frozen" -lt "$last" ]; then ok "agent 2 acts last in step $frozen of $last"; else bad "agent 2 acts in step $frozen of $last"; fi
says 'commands are replayed' 0 -- "$polis" replay "$ctl" --verify

echo "1..$count"
