#!/usr/bin/env bash
# Runs the unit tests, the checked-in inputs of the fuzz targets and the failing allocations of
# libcurl in a build with --coverage (of the preset `coverage`), and compares what they ran with
# uncovered.txt. The last line is `N passed, N failed`.
#
#     tests/coverage/run.sh [build/coverage]
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
build=$(readlink -f "${1:-$here/../../build/coverage}")
log=$build/coverage-tests.log

find "$build" -name '*.gcda' -delete
run() {
    ctest --test-dir "$build" -j "$(nproc)" --no-tests=error --output-on-failure "$@"
}
if ! { run -L '^(unit|fuzz)$' && run -R '^curl_memory$'; } >"$log" 2>&1; then
    grep -E '\*\*\*|tests failed|ERROR|LINE' "$log" || tail -n 40 "$log"
    echo "1 failed: the tests (what they printed: $log)"
    echo "0 passed, 1 failed"
    exit 1
fi
python3 "$here/gate.py" "$build"
