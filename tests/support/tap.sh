# What the shell tests share: results as TAP. `work` is a folder of the test's own; standard output and error of the last
# command are in $out and $err. Sourced, not run.
count=0
out=$work/out err=$work/err

ok() { count=$((count + 1)); echo "ok $count - $1"; }
bad() { count=$((count + 1)); echo "not ok $count - $1"; sed 's/^/# /' "$out" "$err" 2>/dev/null | tail -15; }
holds() { # holds NAME COMMAND...: the command succeeds
    local name=$1
    shift
    if "$@"; then ok "$name"; else bad "$name"; fi
}
# says NAME STATUS PATTERN... -- COMMAND...: exit status, and every pattern in stdout or stderr.
says() {
    local name=$1 want=$2 patterns=() status missing=
    shift 2
    while [ "$1" != -- ]; do patterns+=("$1"); shift; done
    shift
    timeout 120 "$@" >"$out" 2>"$err" </dev/null
    status=$?
    for p in "${patterns[@]}"; do grep -qE -e "$p" "$out" "$err" || missing="$missing [$p]"; done
    if [ "$status" -eq "$want" ] && [ -z "$missing" ]; then ok "$name"; else
        bad "$name (status $status, wanted $want; missing:$missing)"; fi
}
children() { # children RUN: the processes that the process RUN started, as folders of /proc
    local process parent
    for process in /proc/[0-9]*; do
        { read -r _ _ _ parent _ <"$process/stat"; } 2>/dev/null || continue
        [ "$parent" = "$1" ] && echo "$process"
    done
}
child() { # child RUN ROLE: the number of the first of these that is a polis of that role
    local process
    for process in $(children "$1"); do
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "^polis $2 " && echo "${process#/proc/}" && return
    done
}
committed() { "$polis" status "$1" --json 2>/dev/null | grep -oE '"committed": ?[0-9]+' | grep -oE '[0-9]+$'; } # steps of RUN
