#!/usr/bin/env bash
# Everything about tables with the real programs, one script after the other; the last line counts all of them.
#
#     tests/tables/all.sh BUILD_DIR
set -uo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
build=$(readlink -f "${1:?usage: all.sh BUILD_DIR}")
passed=0 failed=0

for script in schema.py dropin.sh matrix.sh sync.py demo.sh cost.sh convex.sh; do
    echo "== $script"
    rc=0
    said=$("$here/$script" "$build" 2>&1) || rc=$?
    printf '%s\n' "$said"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' <<<"$said" | tail -n 1)
    read -r good _ bad _ <<<"${line:-0 passed, 0 failed}"
    passed=$((passed + good)) failed=$((failed + bad))
    # An end without a count, or a bad end without a failed check, is a failure too.
    if [ -z "$line" ] || { [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "FAIL $script: exit $rc"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
