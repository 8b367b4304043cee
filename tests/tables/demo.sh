#!/usr/bin/env bash
# The 25 tables of assets/tables/maintenance with the records of assets/demo/maintenance: all of them are taken, every
# reference leads somewhere, and they reach the office and a second device.
#
#     tests/tables/demo.sh BUILD_DIR
set -uo pipefail
name=demo
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
assets=$here/../../assets
tables=$assets/tables/maintenance

ln -s "$(readlink -f "$tables")" "$dir/one.tables"
ln -s "$(readlink -f "$tables")" "$dir/two.tables"
python3 "$assets/demo/maintenance.py" "$dir/made"
check "the records are what their script writes" diff -r "$dir/made" "$assets/demo/maintenance"
check "every reference leads to a record of its table" "$here/references.py" "$tables" "$assets/demo/maintenance"

make_account
start_backend "$tables"
check "device one signs in" sign_in one
count=0
for file in "$assets"/demo/maintenance/*.jsonl; do
    table=$(basename "$file" .jsonl) records=$(wc -l <"$file")
    count=$((count + records))
    check "$records $table" prints "$records created, 0 changed, 0 as they were, 0 refused" \
        device one import --table "$table" "$file"
done
check "all wait" status one pending "$count"
check "they are sent in one round" exits 0 device one sync
check "none is refused" status one pending 0
check "device two signs in" sign_in two
for file in "$assets"/demo/maintenance/*.jsonl; do
    table=$(basename "$file" .jsonl)
    check "all agree on the $table" agree "$table" "$(wc -l <"$file")" one two
done
finish
