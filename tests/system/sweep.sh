#!/usr/bin/env bash
# polis sweep as a person uses it: the same table with any number of jobs, after a kill, with a cell that fails. TAP; run
# from the project's root.
set -u
polis=${POLIS_BINARY:-build/release/polis}
work=$(mktemp -d "${TMPDIR:-/tmp}/polis-sweep-XXXXXX")
trap 'rm -rf "$work"' EXIT
. tests/support/tap.sh
check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then ok "$name"; else bad "$name"; fi
}
sweep() { # sweep STATUS ARGUMENTS...
    local want=$1 status
    shift
    timeout 300 "$polis" sweep "$@" >"$out" 2>"$err" </dev/null
    status=$?
    [ "$status" -eq "$want" ] || { echo "# status $status, wanted $want"; return 1; }
}
lines() { wc -l <"$1"; }

cat >"$work/four.yaml" <<'END'
scenario: baseline
set: {simulation.epochs: 6}
grid: {governance.random_audit.prob: [0, 0.4], governance.transaction_tax.rate: [0.0, 0.1]}
seeds: 8
metrics: [toxicity_rate, hard_toxicity]
END

# ---- the plan ----
check 'a dry run' sweep 0 "$work/four.yaml" --dry-run --out "$work/dry"
check 'names cells and seeds' grep -q '4 cells x 8 seeds = 32 runs' "$out"
check 'and the values' grep -q 'governance.random_audit.prob=0.4  governance.transaction_tax.rate=0.1' "$out"
check 'and how long it takes' grep -q '^about ' "$out"
check 'and makes nothing' [ ! -e "$work/dry" ]
check 'as JSON' sweep 0 "$work/four.yaml" --dry-run --json
check 'which has the runs' grep -q '"runs": 32' "$out"
printf 'scenario: baseline\ngrid:\n  governance.random_audit.prob: [0.1, 1.5]\n' >"$work/wrong.yaml"
check 'a cell that is no scenario stops it' sweep 65 "$work/wrong.yaml" --out "$work/wrong"
check 'with its place and label' grep -qE 'cell 2 \(prob=1.5\): .*wrong.yaml:3:39' "$err"
check 'before anything is made' [ ! -e "$work/wrong" ]
check 'no such sweep' sweep 66 governnance
check 'the nearest one is named' grep -q "did you mean 'governance'" "$err"
check 'sweeps are listed' sweep 0 --list
check 'with what they are for' grep -qE '^red_team +Damage by attack' "$out"
check 'by name alone' sweep 0 --names
check 'a line each' [ "$(grep -cx regimes "$out")" -eq 1 ]
printf 'scenario: baseline\nset: {simulation.epochs: 2}\nzip: {label: [low, high], governance.random_audit.prob: [0.1, 0.9]}\n' >"$work/zip.yaml"
check 'a zip with labels' sweep 0 "$work/zip.yaml" --dry-run
check 'says once what is set in all cells' [ "$(grep -c 'in all cells: simulation.epochs=2' "$out")" -eq 1 ]
check 'and each cell by its label' grep -qE '^ +2  high +governance.random_audit.prob=0.9' "$out"
printf '' >"$work/empty.yaml"
check 'an empty file' sweep 65 "$work/empty.yaml"
printf 'scenario: baselin\n' >"$work/lost.yaml"
check 'a scenario that does not exist' sweep 66 "$work/lost.yaml"
check 'is named with the nearest' grep -q "lost.yaml:1:11: .*did you mean 'baseline'" "$err"
printf 'scenario: baseline\ngird: {simulation.epochs: [1]}\n' >"$work/key.yaml"
check 'an unknown key' sweep 65 "$work/key.yaml"
check 'with the nearest' grep -q "key.yaml:2:1: .*did you mean 'grid'" "$err"
check 'no jobs' sweep 64 "$work/four.yaml" --jobs 0
check '--resume of no folder' sweep 66 --resume "$work/nowhere"
check '--resume of a folder of something else' sweep 66 --resume "$work"
check 'says what is missing' grep -q 'no sweep.yaml in it' "$err"
check 'a file or --resume' sweep 64
check 'options that cannot go with --resume' sweep 64 --resume "$work" --seeds 3

# ---- the same tables ----
check 'one job' sweep 0 "$work/four.yaml" --jobs 1 --out "$work/one"
check 'the difference is shown' grep -qE 'prob=0.4 .*\*.*o' "$out"
check 'at most 120 columns' [ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' "$out")" -le 120 ]
check 'a row a run' [ "$(lines "$work/one/results.csv")" -eq 33 ]
check 'parameters in every row' [ "$(grep -cE '^[1-4],[^,]*,6,0\.?4?,0(\.[01])?,[1-8],done,0\.' "$work/one/results.csv")" -eq 32 ]
check 'a row a cell and figure' [ "$(lines "$work/one/summary.csv")" -eq 9 ]
check 'no folder of a run is left' [ ! -e "$work/one/runs" ]
check 'three jobs' sweep 0 "$work/four.yaml" --jobs 3 --out "$work/three" --json
check 'the same results' cmp "$work/one/results.csv" "$work/three/results.csv"
check 'the same summary' cmp "$work/one/summary.csv" "$work/three/summary.csv"
check 'JSON has the cells' grep -q '"label": "prob=0.4 rate=0.1".*"toxicity_rate": {"n": 8, "mean": 0\.' "$out"
check 'what was asked, once more' sweep 0 "$work/one/sweep.yaml" --out "$work/again" --quiet
check 'gives the same' cmp "$work/one/results.csv" "$work/again/results.csv"
check 'a run by itself' "$polis" run baseline --inproc --json --epochs 6 --seed 3 -s governance.random_audit.prob=0.4 \
    -s governance.transaction_tax.rate=0.1 --out "$work/alone"
alone=$("$polis" run baseline --inproc --json --epochs 6 --seed 3 -s governance.random_audit.prob=0.4 \
    -s governance.transaction_tax.rate=0.1 --out "$work/alone2" 2>/dev/null | grep -oE '"toxicity_rate": [0-9.]+' | head -1)
check 'comes to what its row says' grep -qE "^4,[^,]*,6,0.4,0.1,3,done,${alone#*: }," "$work/one/results.csv"
check 'kept runs' sweep 0 "$work/four.yaml" --seeds 1 --keep all --out "$work/kept" -s simulation.epochs=1
check 'can be replayed' "$polis" replay "$work/kept/runs/4-1" --verify
check 'are still there' sweep 0 --resume "$work/kept" --quiet
check 'after a resume without --keep' "$polis" check "$work/kept/runs/1-1"
check 'there must be no folder yet' sweep 73 "$work/four.yaml" --out "$work/one"

# ---- interrupted, killed ----
# interrupt SIGNAL FOLDER: the sweep is ended when some runs have ended.
interrupt() {
    POLIS_WORKER_DELAY_MS=1 "$polis" sweep "$work/four.yaml" --jobs 2 --out "$2" >"$out" 2>"$err" </dev/null &
    local pid=$!
    for _ in $(seq 400); do [ "$(cat "$2/journal.jsonl" 2>/dev/null | wc -l)" -gt 6 ] && break; sleep 0.02; done
    kill "-$1" $pid
    wait $pid 2>/dev/null
}
interrupt TERM "$work/term"
status=$?
if [ $status -eq 75 ] && grep -q 'polis sweep --resume' "$err"; then ok 'TERM: 75, and how to go on'; else bad "TERM (status $status)"; fi
for signal in TERM KILL; do
    folder=$work/$(echo $signal | tr A-Z a-z)
    [ $signal = KILL ] && interrupt KILL "$folder"
    check "$signal: no table yet" [ ! -e "$folder/results.csv" ]
    before=$(grep -c '"done"' "$folder/journal.jsonl")
    if [ "$before" -gt 0 ] && [ "$before" -lt 32 ]; then ok "$signal: some runs had ended ($before)"; else bad "$signal: $before runs"; fi
    check "$signal: goes on" sweep 0 --resume "$folder"
    check "$signal: with what was missing only" grep -q "^$((32 - before)) runs in" "$err"
    check "$signal: the same results" cmp "$work/one/results.csv" "$folder/results.csv"
    check "$signal: the same summary" cmp "$work/one/summary.csv" "$folder/summary.csv"
done
printf '{"cell": 1, "repl' >>"$work/kill/journal.jsonl"
check 'a line that was cut' sweep 0 --resume "$work/kill" --quiet
check 'is dropped' cmp "$work/one/results.csv" "$work/kill/results.csv"
check 'nothing to do' sweep 0 --resume "$work/kill"
check 'is nothing done' grep -q '^0 runs in' "$err"
echo '# changed' >>"$work/kill/sweep.yaml"
check 'a sweep.yaml that was changed' sweep 72 --resume "$work/kill"

# ---- a cell that fails ----
cat >"$work/poison.yaml" <<'END'
scenario: baseline
set: {simulation.epochs: 2}
list: [{label: few}, {label: many, set: {"agents[0].count": 12}}, {label: taxed, set: {governance.transaction_tax.rate: 0.1}}]
seeds: 4
END
export POLIS_WORKER_POISON_AGENT=22
check 'a cell that ends its process' sweep 1 "$work/poison.yaml" --out "$work/poison" --jobs 2
check 'is named' grep -qE 'failed: 4 of 4 runs of cell 2 \(many\): .*signal 6' "$out"
check 'and NA' [ "$(grep -cE '^2,many,.*,failed,NA,NA' "$work/poison/results.csv")" -eq 4 ]
check 'the others are there' [ "$(grep -cE '^[13],.*,done,0\.' "$work/poison/results.csv")" -eq 8 ]
check 'again, with one job' sweep 1 "$work/poison.yaml" --out "$work/poison1" --jobs 1 --keep failed
check 'the same table' cmp "$work/poison/results.csv" "$work/poison1/results.csv"
check 'what failed is kept' [ "$(echo "$work"/poison1/runs/*/ | wc -w)" -eq 4 ]
unset POLIS_WORKER_POISON_AGENT
check 'tried again when it has no reason to fail any more' sweep 0 --resume "$work/poison"
check 'only what had failed' grep -q '^4 runs in' "$err"
check 'no NA for a whole run is left' [ "$(grep -c ',failed,' "$work/poison/results.csv")" -eq 0 ]

# ---- fewer seeds where that is enough ----
cat >"$work/stop.yaml" <<'END'
scenario: baseline
set: {simulation.epochs: 3}
list: [{label: none}, {label: taxed, set: {governance.transaction_tax.rate: 0.01}}, {label: audited, set: {governance.random_audit.prob: 0.5}}]
seeds: 40
stop_when: {metric: hard_toxicity, half_width: 0.03, min_seeds: 6, batch: 3}
END
check 'stop_when' sweep 0 "$work/stop.yaml" --jobs 1 --out "$work/stop1"
rows=$(($(lines "$work/stop1/results.csv") - 1))
if [ "$rows" -ge 18 ] && [ "$rows" -lt 120 ]; then ok "ends early ($rows of 120 runs)"; else bad "$rows rows"; fi
a=$(grep -c '^1,' "$work/stop1/results.csv") b=$(grep -c '^2,' "$work/stop1/results.csv") c=$(grep -c '^3,' "$work/stop1/results.csv")
if [ "$b" -lt "$c" ] && [ "$a" -ge "$c" ]; then ok "a cell that hardly differs before one that swings ($a $b $c)"; else bad "$a $b $c"; fi
for jobs in 2 5; do
    check "with $jobs jobs" sweep 0 "$work/stop.yaml" --jobs $jobs --out "$work/stop$jobs" --quiet
    check "the same rows with $jobs jobs" cmp "$work/stop1/results.csv" "$work/stop$jobs/results.csv"
done

# ---- what comes with it ----
for f in configs/sweeps/*.yaml; do check "valid: $(basename "$f")" sweep 0 "$f" --dry-run --quiet; done
echo "1..$count"
