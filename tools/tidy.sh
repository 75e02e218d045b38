#!/usr/bin/env bash
# tools/tidy.sh - what a reader would trip over: lines over 120 columns (160 in tables), tabs, trailing blanks, functions over 70
# lines, words that admit something unfinished, calls that are not to be used here. One line an offence; exit 1 if any.
set -u
cd "$(dirname "$0")/.." || exit 2
files=$(git ls-files --cached --others --exclude-standard -- '*.c' '*.h' | sort -u | while read -r f; do [ -f "$f" ] && echo "$f"; done)
bad=0
# shellcheck disable=SC2086
awk '
    FNR == 1 { start = 0; table = 0 }
    /clang-format off/ { table = 1 }
    /clang-format on/ { table = 0 }
    length($0) > (table ? 160 : 120) { print FILENAME ":" FNR ": " length($0) " columns"; bad = 1 }
    /\t/ { print FILENAME ":" FNR ": a tab"; bad = 1 }
    /[ \t]$/ { print FILENAME ":" FNR ": blanks at the end"; bad = 1 }
    /^{$/ { start = FNR }
    /^}/ { if (start && FNR - start > 71) { print FILENAME ":" start ": a function of " FNR - start - 1 " lines"; bad = 1 } start = 0 }
    END { exit bad }' $files || bad=1
# shellcheck disable=SC2086
grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $files && bad=1
# No libm doubles, shared random numbers or unbounded text in rooms whose results reach the log.
logged=$(echo "$files" | grep -E '^(core|proto|world|agents|governance)/')
# shellcheck disable=SC2086
grep -nE '[^a-z_](exp|log|pow|tanh|sin|cos|tan|atan|expf|logf|powf|rand|srand|drand48|random|gets|strcpy|strcat|sprintf|time|localtime|setlocale)[[:space:]]*\(' \
    $logged | grep -vE ':[0-9]+:[[:space:]]*(\*|/\*|//)' | grep -vE '/\*.*(exp|log|pow|tanh|sin|cos|time|random)[[:space:]]*\(' && bad=1
exit $bad
