#!/usr/bin/env bash
# tests/engine/setup.sh FOLDER - puts llama.cpp (node-llama-cpp with its ready binary for linux-x64, about 85 MB) and our
# server into FOLDER, once: what is whole stays, what is not is made anew. Nothing is compiled, no install script runs
# and no optional package (those for GPUs are hundreds of MB) is taken. Prints why it cannot be done, and exits 1
# when that is the machine's business or the network's, 2 when it is ours.
# tests/engine/setup.sh lock: after a new version in package.json, writes package-lock.json as it is kept here: only what
# is installed, by version and digest, without addresses.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
flags=(--ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier --loglevel=error)
no() { echo "$*"; exit 1; }

command -v node >/dev/null || no "no node on this machine"
command -v npm >/dev/null || no "no npm on this machine"
[ "$(node -p 'process.versions.node.split(".")[0] >= 20')" = true ] || no "node $(node --version) is older than 20"
[ "$(node -p 'process.platform + process.arch')" = linuxx64 ] || no "no binary for $(uname -sm)"

if [ "${1:?which folder}" = lock ]; then
    cd "$here" || exit 1
    rm -f package-lock.json
    npm install --package-lock-only --omit-lockfile-registry-resolved "${flags[@]}" || exit 1
    exec node -e '
        const fs = require("fs"), lock = JSON.parse(fs.readFileSync("package-lock.json"));
        for (const [place, entry] of Object.entries(lock.packages)) {
            if (entry.optional) delete lock.packages[place];
            else if (place !== "") for (const name of Object.keys(entry))
                if (!["version", "integrity", "dependencies", "engines"].includes(name)) delete entry[name];
        }
        fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 1) + "\n");'
fi

folder=$1
mkdir -p "$folder" || no "cannot make $folder"
exec 9>"$folder.lock"
flock -w 400 9 || no "another set-up of $folder does not end"
want=$(cat "$here/package.json" "$here/package-lock.json" | cksum)
addon=$folder/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/llama-addon.node
if [ "$(cat "$folder/whole" 2>/dev/null)" != "$want" ] || [ ! -f "$addon" ]; then
    rm -rf "$folder"
    mkdir -p "$folder" && cp "$here/package.json" "$here/package-lock.json" "$folder" || no "cannot write to $folder"
    log=$(cd "$folder" && timeout -k 5 300 npm ci "${flags[@]}" 2>&1 </dev/null)
    status=$?
    if [ "$status" -ne 0 ]; then
        code=$(sed -nE '/^npm (error|ERR!) code /{s///p;q}' <<<"$log")
        echo "npm installs nothing here: ${code:-$([ "$status" -ge 124 ] && echo "no end in 300 s" || echo "status $status")}"
        case $code in EUSAGE | EINTEGRITY | EJSONPARSE) exit 2 ;; *) exit 1 ;; esac
    fi
    echo "$want" >"$folder/whole"
fi
cp "$here/gguf.mjs" "$here/server.mjs" "$folder" || no "cannot write to $folder"
