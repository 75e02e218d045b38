#!/usr/bin/env bash
# tools/tap-fails.sh NAME COMMAND...: one test of that name, which passes when the command ends with status 1.
name=$1; shift
"$@" >/dev/null 2>&1
status=$?
if [ $status -eq 1 ]; then echo "ok 1 - $name"; else echo "not ok 1 - $name (status $status)"; exit 1; fi
