#!/usr/bin/env bash
# What a key on the screen costs does not depend on how many tables there are: with 25 and with 26 tables the real
# program runs the same statements and the same virtual-machine steps for each key, by SQLite's own counters.
#
#     tests/tables/cost.sh BUILD_DIR
set -uo pipefail
name=cost
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared "$here/count_sql.c" -o "$dir/count_sql.so" -lsqlite3 || exit 1
cp -r "$here/../../assets/tables/maintenance" "$dir/25.tables"
cp -r "$dir/25.tables" "$dir/26.tables"
echo '{ "name": "boreholes", "label": "Boreholes", "labelOne": "borehole", "title": "place",
    "columns": [ { "name": "place", "type": "text" } ] }' >"$dir/26.tables/boreholes.json"

for tables in 25 26; do
    rm -f "$dir"/backend.db*
    make_account
    "$backend_program" seed --user "$email" --count 60 --tables "$dir/25.tables" --db "$dir/backend.db" >/dev/null
    start_backend "$dir/$tables.tables"
    check "a device with $tables tables" sign_in "$tables"
    stop_backend
    "$here/cost.py" "$dir/count_sql.so" "$outpost" "$dir/$tables" "$dir/$tables.conf" >"$dir/$tables.costs" ||
        { failed=$((failed + 1)); finish; }
done
printf '%-22s %20s %20s\n' "" "with 25 tables" "with 26 tables"
paste "$dir/25.costs" "$dir/26.costs" | awk -F '\t' '{ printf "%-22s %20s %20s\n", $1, $2 " / " $3, $5 " / " $6 }'
echo "(statements / virtual-machine steps, of the screen's thread)"
check "each key costs the same" diff <(grep -v '^start' "$dir/25.costs") <(grep -v '^start' "$dir/26.costs")
# of_start TABLES FIELD: 2 is statements, 3 steps
of_start() { awk -F '\t' -v field="$2" '/^start/ { print $field }' "$dir/$1.costs"; }
check "the keys were counted" test "$(awk -F '\t' '!/^start/ { n += $2 } END { print n }' "$dir/25.costs")" -gt 20
check "at start there are at most 3 statements more" test $(($(of_start 26 2) - $(of_start 25 2))) -le 3
check "and at most 100 steps more" test $(($(of_start 26 3) - $(of_start 25 3))) -le 100
finish
