#!/usr/bin/env bash
# tools/study.sh BUILD [NAME ...] - runs the studies of the sandbox and writes their tables to docs/results, with the
# commands that made them, the seeds and how long they took. NAMES: selection governance statics regimes red_team compat
# (default: all). The sweeps' folders stay in BUILD/study until the next run.
set -eu
cd "$(dirname "$0")/.." || exit 2
build=$1; shift
polis=$build/polis; study=$build/tools/study; work=$build/study; out=docs/results
[ $# -gt 0 ] || set -- selection governance statics regimes red_team compat
mkdir -p "$work" "$out"

# sweep NAME: makes DIR anew and says what it took.
sweep() {
    local start=$SECONDS
    rm -rf "${work:?}/$1"
    "$polis" sweep "$1" --out "$work/$1" --quiet >/dev/null
    echo "    polis sweep $1    # $(wc -l <"$work/$1/journal.jsonl" | awk '{print $1 - 1}') runs, $((SECONDS - start)) s"
}
machine() { echo "$(nproc) cores; $("$polis" version | head -1)"; }
head_of() { # TITLE, then the lines of the sweeps
    echo "# $1"; echo; echo "Made by \`make study\` ($(machine)):"; echo; shift; printf '%s\n' "$@"; echo
    echo "30 seeds (1 to 30), the same in every configuration; brackets are 95 % intervals (Student's t) of means, or of differences seed by seed; * marks a difference whose interval excludes zero. Intervals are not widened for the number of comparisons."; echo
}

study_selection() {
    local a b
    a=$(sweep study_honest); b=$(sweep study_adverse)
    head_of "1. Selection: is what gets accepted better than what is refused?" "$a" "$b"
    echo "gap_epochs: epochs (of 20 or 30) in which something was accepted and something refused; adverse_epochs: those of them in which the accepted was worse (quality_gap < 0). bad_label: the soft label p of accepted bad work (v = -1); bad_reputation_gain: what such a piece adds to its author's reputation; bad_payoff: what it pays its author by its label; welfare_hard: what all accepted work is worth in truth."; echo
    "$study" means "$work/study_honest" quality_gap gap_epochs adverse_epochs acceptance_rate toxicity_rate hard_toxicity
    echo
    "$study" means "$work/study_adverse" quality_gap gap_epochs adverse_epochs hard_toxicity bad_label bad_reputation_gain bad_payoff total_welfare welfare_hard
}
study_governance() {
    local a b
    a=$(sweep governance); b=$(sweep levers)
    head_of "2. Governance: each lever against none" "$a" "$b"
    echo "Toxicity, soft (mean 1 - p of accepted work) and hard (share of it that is bad in truth), welfare by label and in truth, participation, volume. The seed's twelve configurations:"; echo
    "$study" effects "$work/governance" toxicity_rate hard_toxicity total_welfare welfare_hard participation_rate volume
    echo; echo "The other levers, alone:"; echo
    "$study" effects "$work/levers" toxicity_rate hard_toxicity total_welfare welfare_hard participation_rate volume
}
study_statics() {
    local a b c
    a=$(sweep study_audit); b=$(sweep study_penalty); c=$(sweep study_tax)
    head_of "3. Comparative statics" "$a" "$b" "$c"
    "$study" response "$work/study_audit" governance.random_audit.prob effort_opportunistic disguise_opportunistic hard_toxicity toxicity_rate acceptance_rate total_welfare
    echo
    "$study" response "$work/study_penalty" governance.random_audit.penalty effort_opportunistic disguise_opportunistic hard_toxicity toxicity_rate acceptance_rate total_welfare
    echo
    "$study" response "$work/study_tax" governance.transaction_tax.rate acceptance_rate accepted_interactions volume hard_toxicity toxicity_rate total_welfare
}
study_regimes() {
    local a
    a=$(sweep regimes)
    head_of "4. Regimes: adversarial share and governance" "$a"
    echo "+- is half of a 95 % interval. A bend is the place where a line of two pieces fits best; its interval and the p of a straight line come from 999 resamples of the seeds (core/change_point.h)."; echo
    for metric in hard_toxicity toxicity_rate total_welfare accepted_interactions; do
        "$study" regimes "$work/regimes" $metric; echo
    done
}
study_red_team() {
    local a
    a=$(sweep red_team)
    head_of "Red team: measured damage" "$a"
    echo "Four attackers in twenty agents, under moderate rules; the baseline has four more honest agents in their place. harm_* and influence_share_* are unknown where there are no attackers."; echo
    "$study" effects "$work/red_team" total_welfare welfare_hard harm hard_toxicity payoff_honest
    echo
    "$study" means "$work/red_team" influence_share_red_team wealth_share_red_team reputation_red_team caught_red_team freezes
}
study_compat() {
    echo "# 5. The earlier implementation's rules, reproduced"; echo
    if [ -z "${POLIS_VECTORS:-}" ] && [ ! -d ../shared/vectors ]; then
        echo "The measured cases are not here; set POLIS_VECTORS to their folder."; return
    fi
    echo "Made by \`make study\` with the golden cases; traces are compared figure by figure and draw by draw, sweeps by means within their standard errors."; echo
    echo '```'
    for test in golden_sim_trace golden_reference_sweep golden_agents_act golden_agents_accept_propose golden_observables golden_governance golden_governance_engine golden_governance_collusion golden_governance_security golden_marketplace golden_network golden_incoherence; do
        make --no-print-directory "$build/tests/golden/$test" >/dev/null
        POLIS_VECTORS=${POLIS_VECTORS:-../shared/vectors} "$build/tests/golden/$test" 2>/dev/null | grep -E '^    |values' || echo "$test: failed"
    done
    echo '```'
}

start=$SECONDS
for name in "$@"; do
    case $name in
    selection | governance | statics | regimes | red_team | compat) ;;
    *) echo "study: no study '$name': selection governance statics regimes red_team compat" >&2; exit 64 ;;
    esac
    "study_$name" >"$out/$name.md.new"
    mv "$out/$name.md.new" "$out/$name.md"
    cat "$out/$name.md"
done
echo "all in $((SECONDS - start)) s; tables in $out" >&2
