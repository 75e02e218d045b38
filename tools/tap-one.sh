#!/usr/bin/env bash
# tools/tap-one.sh NAME COMMAND...: runs a command that says nothing of TAP as one test of that name.
name=$1; shift
if "$@"; then echo "ok 1 - $name"; else echo "not ok 1 - $name (status $?)"; exit 1; fi
