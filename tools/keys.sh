#!/usr/bin/env bash
# tools/keys.sh - parameters that nothing reads: each row P(S, KIND, name, ...) of a parameter list must be used as a
# member (->name or .name) in its own folder: in its own file where that is a policy's, lever's or provider's. One line
# an offence; exit 1 if any. What a scenario can say and nobody hears is worse than a key that is refused.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0
while IFS=: read -r file name; do
    case $file in
    agents/policies/* | governance/levers/* | llm-gateway/providers/*) place=$file ;;
    world/compat/*) place=world/compat ;;
    *) place=$(dirname "$file") ;;
    esac
    places=$place
    # The original took these and used none; its files load here, and docs/compat.md says so.
    case $place:$name in
    world/compat:bandwidth_cap | world/compat:collusion_correlation_threshold | world/compat:bid_deadline_epochs) continue ;;
    esac
    # What core declares, the rooms read; what the plan declares, the processes and the operator's commands.
    case $file in core/*) places="core world agents governance" ;; world/plan.h) places="world control" ;; llm-gateway/llm_config.h) places="llm-gateway control" ;; esac
    # shellcheck disable=SC2086
    grep -rEqs --include='*.c' --include='*.h' "(->|\.)$name\b|\"$name\"" $places || {
        echo "$file: parameter $name: nothing reads it"
        bad=1
    }
done < <(git ls-files --cached --others --exclude-standard -- 'core/*.[ch]' 'world/*.[ch]' 'agents/*.[ch]' 'governance/*.[ch]' 'llm-gateway/*.[ch]' |
    xargs -r awk '/^ *P\(S, *[A-Z0-9]+, *[a-z_0-9]+,/ { split($0, part, /, */); print FILENAME ":" part[3] }')
exit $bad
