#!/bin/sh
# Installs the Debian packages of tools/packages.txt that are missing: tools/setup.sh [build|test]. `test` is what the
# tests need beside `build`; without a word it is build. Does nothing, quickly, when all are there. Exit status: 69 when
# somebody with more rights has to do it, and then the line to type is on stderr.
set -eu

wanted=${1:-build}
list=$(dirname "$0")/packages.txt

case $wanted in
build | test) ;;
*)
    echo "setup: '$wanted' is neither build nor test" >&2
    exit 64
    ;;
esac

# The names below [build], and below [test] when that was asked for.
names=$(awk -v wanted="$wanted" '
    /^#/ || NF == 0 { next }
    /^\[/ { section = substr($1, 2, length($1) - 2); next }
    section == "build" || section == wanted { print $1 }' "$list")

if ! command -v dpkg-query >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # one line of words
    echo "setup: this is no Debian; install what corresponds to:" $names >&2
    exit 69
fi

# Names that dpkg has never heard of make it fail and are simply not among the lines it prints.
# shellcheck disable=SC2086 # several words on purpose
present=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $names 2>/dev/null | awk '$1 == "ii" { print $2 }' || true)
missing=
for name in $names; do
    case "
$present
" in
    *"
$name
"*) ;;
    *) missing="$missing $name" ;;
    esac
done
[ -n "$missing" ] || exit 0

echo "setup: missing:$missing" >&2
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "setup: as root, type:  apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 69
fi

install() {
    # shellcheck disable=SC2086 # several words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

# The lists may be absent or old: fetched when the first try fails.
if ! install >&2; then
    echo "setup: trying again with fresh package lists" >&2
    # shellcheck disable=SC2086
    $as_root apt-get update -q >&2
    install >&2 || {
        echo "setup: the packages cannot be installed; is there a connection to a package mirror?" >&2
        exit 69
    }
fi
