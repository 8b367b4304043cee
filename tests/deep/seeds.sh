# A campaign of the simulation program, to be sourced from the root of the repository, after ledger.sh, with
#
#   campaign     its name in the ledger
#   arguments    (array) of the program, beside seeds, time and processes
#   counted      sed -E: what of the program's output is counted in the ledger, e.g. "500 seeds"
#
# Seeds that no slice before had are run on all processors, and a line is added to the ledger for each five minutes.
# Told to end (TERM, INT), the program finishes the seeds that it began, and they are in the ledger. The last line
# printed is `N passed, N failed`.
[ "${1:-}" = --seconds ] && [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "usage: $campaign --seconds N" >&2; exit 2; }
program=${OUTPOST_BUILD:-build/release}/tests/simulation/simulation
most=300                                # seconds of a line in the ledger
enough=5                                # violations in one line: then somebody must look
end=$((SECONDS + $2))
log=$(mktemp)
trap 'rm -f "$log"' EXIT
pid=""
is_over=""
trap 'is_over=1; [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true' TERM INT
passed=0
failed=0

# run FIRST SECONDS: the program, to its end, also when this script is told to end meanwhile.
run() {
    "$program" --from "$1" --seeds 1000000000 --seconds "$2" --jobs 0 "${arguments[@]}" >"$log" 2>&1 &
    pid=$!
    [ -z "$is_over" ] || kill -TERM "$pid" || true
    while kill -0 "$pid" 2>/dev/null; do wait "$pid" || true; done
    pid=""
}

# finish FIRST: counts what was run; what it found stays on the screen.
finish() {
    local range seeds="" bad
    range=$(sed -nE 's/^seeds ([0-9]+-[0-9]+) in .*/\1/p' "$log")
    read -r seeds bad < <(sed -nE 's/^([0-9]+) seeds, ([0-9]+) violations$/\1 \2/p' "$log") || true
    if [ -z "$seeds" ]; then            # it did not come to its end
        cat "$log"
        ledger_add "$campaign" "$1-$1" "0 seeds" 1
        failed=$((failed + 1)) is_over=1
        return
    fi
    if [ "$bad" -gt 0 ]; then grep -vE '^  .{44} +[0-9]+ +[0-9]+$' "$log" || true; fi
    passed=$((passed + seeds - bad))
    failed=$((failed + bad))
    if [ "$seeds" -gt 0 ]; then ledger_add "$campaign" "$range" "$(sed -nE "$counted" "$log")" "$bad"; fi
    [ "$bad" -lt "$enough" ] || is_over=1
}

while [ -z "$is_over" ] && [ "$SECONDS" -lt "$end" ]; do
    first=$(ledger_next "$campaign")
    left=$((end - SECONDS))
    run "$first" $((left < most ? left : most))
    finish "$first"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
