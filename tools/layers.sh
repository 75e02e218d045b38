#!/usr/bin/env bash
# tools/layers.sh - holds every #include "..." of the tree to tools/layers.txt, and every header to its own guard.
# Prints one line an offence; exit 1 when there is any.
set -u
cd "$(dirname "$0")/.." || exit 2
git ls-files --cached --others --exclude-standard -- '*.c' '*.h' | sort -u | while read -r file; do
    [ -f "$file" ] && grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "$file" /dev/null
done | awk '
    BEGIN {
        while ((getline line < "tools/layers.txt") > 0) {
            if (line ~ /^#/ || line !~ /:/) continue
            place = line; sub(/:.*/, "", place)
            rest = line; sub(/^[^:]*:/, "", rest)
            allowed[place] = rest
        }
    }
    {
        file = $0; sub(/:.*/, "", file)
        number = $0; sub(/^[^:]*:/, "", number); sub(/:.*/, "", number)
        target = $0; sub(/^[^"]*"/, "", target); sub(/".*/, "", target)
        best = ""
        for (place in allowed) if (index(file, place) == 1 && length(place) > length(best)) best = place
        if (best == "") { print file ":" number ": no layer holds this file"; bad = 1; next }
        own = file; sub(/[^\/]*$/, "", own)
        ok = index(target, own) == 1 || index(target, best) == 1
        count = split(allowed[best], prefixes, " ")
        for (i = 1; i <= count; i++) if (index(target, prefixes[i]) == 1) ok = 1
        if (target ~ /^\.\.?\//) ok = 0
        if (!ok) { print file ":" number ": " best " may not include \"" target "\""; bad = 1 }
    }
    END { exit bad }'
