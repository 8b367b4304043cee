#!/usr/bin/env bash
# Everything about Convex: its project as a user would deploy it, and its functions against the same expectations
# as the embedded backend.
#
#     check.sh BUILD_DIR      with src/app/outpost and src/backend/outpost-backend in it
set -uo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
build=$(readlink -f "${1:?usage: check.sh BUILD_DIR}")
contract=$(dirname "$here") root=$(readlink -f "$here/../../..")
project=$root/assets/convex
dir=$(mktemp -d "${TMPDIR:-/tmp}/outpost-convex-check.XXXXXX")
passed=0 failed=0
trap 'rm -rf "$dir"' EXIT
export PYTHONDONTWRITEBYTECODE=1 OUTPOST_PROGRAM=$build/src/app/outpost

# check SENTENCE COMMAND...: one case; its exit code decides.
check() {
    local sentence=$1
    shift
    if "$@" >"$dir/said" 2>&1; then
        echo "ok $sentence"
        passed=$((passed + 1))
    else
        echo "FAIL $sentence"
        tail -n 40 "$dir/said" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
}

# counted COMMAND...: what ends with a line `N passed, N failed`.
counted() {
    local rc=0 line ok=0 bad=0
    echo "-- $(basename "$1") ${*:2}"
    "$@" >"$dir/said" 2>&1 || rc=$?
    cat "$dir/said"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$dir/said" | tail -n 1)
    [ -n "$line" ] && read -r ok _ bad _ <<<"${line/,/ }"
    passed=$((passed + ok)) failed=$((failed + bad))
    # An end without a line, or a bad end without a failed case, is a failure too.
    if [ -z "$line" ] || { [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "FAIL $(basename "$1"): exit $rc"
        failed=$((failed + 1))
    fi
}

# The code that `convex deploy` would generate is the code that is checked in.
generated_is_current() {
    cp -r "$project/convex" "$project/package.json" "$dir/" && ln -s "$project/node_modules" "$dir/node_modules" &&
        (cd "$dir" && node_modules/.bin/convex codegen --system-udfs --url http://127.0.0.1:9 \
            --admin-key 'x|y' --typecheck disable) && diff -r "$project/convex/_generated" "$dir/convex/_generated"
}

tables_ts_is_current() {
    "$OUTPOST_PROGRAM" --data-dir "$dir/data" tables convex --dir "$dir/none" --out "$dir/tables.ts" &&
        diff "$project/convex/tables.ts" "$dir/tables.ts"
}

no_registry_in_lock_files() {
    ! grep -n '"resolved"' "$contract/package-lock.json" "$project/package-lock.json"
}

check "the packages are installed as locked" "$contract/install.sh" "$contract"
check "and those of the project that users deploy" "$contract/install.sh" "$project"
node=$(find "$contract"/node_modules/node-linux-*/bin -name node -print -quit)
PATH=$(dirname "$node"):$PATH
check "the lock files name no registry" no_registry_in_lock_files
mkdir "$dir/none"
check "tables.ts follows from the definitions" tables_ts_is_current
check "_generated is current" generated_is_current
check "tsc finds nothing, strictly" "$project/node_modules/.bin/tsc" -p "$project/convex"
counted "$contract/run.py" --convex
counted "$node" "$here/inside.mjs"
counted "$here/limits.py"
counted "$contract/http-client/run.py" --convex
counted "$contract/http-client/run.py" "$build/src/backend/outpost-backend"
counted "$root/tests/story/backends.py" "$build"
"$here/live.py"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
