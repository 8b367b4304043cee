#!/usr/bin/env bash
# A table that is not in the repository is dropped in as one file, with 12 columns of all types and a reference.
# With no line of code it is listed, captured on the command line and on the screen, imported, sent to a second
# device and to the office, and exported. Then other files, good and bad, are put beside it.
#
#     tests/tables/dropin.sh BUILD_DIR
set -uo pipefail
name=dropin
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

one() { device one "$@"; }
two() { device two "$@"; }
# shown DEVICE ID COLUMN: as JSON prints it
shown() { device "$1" show --table boreholes "$2" --json | field "$3"; }

echo "-- one file in"
mkdir "$dir/tables"
ln -s "$dir/tables" "$dir/one.tables"
ln -s "$dir/tables" "$dir/two.tables"
write_boreholes "$dir/tables/boreholes.json"
make_account
start_backend "$dir/tables"
mkdir "$dir/three.tables"
write_boreholes "$dir/three.tables/boreholes.json"
sed -i 's/"name": "order", "label": "Order", "type": "integer"/"name": "order", "label": "Order", "type": "text"/' \
    "$dir/three.tables/boreholes.json"
check "device one signs in" sign_in one
check "device two signs in" sign_in two
check "so does one whose definition of the table says something else" sign_in three
check "the table is listed" prints "boreholes: Boreholes" one tables
check "with its columns" prints "levelReadAt          timestamp" one tables
check "what a reference leads to" prints "reference: tasks" one tables
check "and for programs" prints '"name":"depth","label":"Depth","type":"real"' one tables --json

echo "-- captured on the command line"
task=$(one add "Drill at the north field")
id=$(one add --table boreholes "North field 3" --set casings=4 --set "depth=87.5 m" --set drilledOn=2026-11-20 \
    --set "levelReadAt=2026-11-21 14:05" --set ground=Sand --set task="$task" --set order=7 \
    --set yieldURL=https://example.org/n3 --set $'log=0-12 m clay\n12-87 m sand')
check "a record with every kind of column" test -n "$id"
check "the integer" same "$(shown one "$id" casings)" 4
check "the real, typed with its unit" same "$(shown one "$id" depth)" 87.5
check "the date" same "$(shown one "$id" drilledOn)" 2026-11-20
check "the timestamp" same "$(shown one "$id" levelReadAt)" 1795269900000
check "the choice, typed in another case" same "$(shown one "$id" ground)" sand
check "the reference" same "$(shown one "$id" task)" "$task"
check "a word of SQL as a column" same "$(shown one "$id" order)" 7
check "the bool's default" same "$(shown one "$id" isSealed)" false
check "a person reads what the reference means" prints "Task        Drill at the north field ($task)" \
    one show --table boreholes "$id"
check "in the list, too" prints "2026-11-20  Drill at the north ~" one list --table boreholes
check "and a program reads its id" prints "\"task\":\"$task\"" one list --table boreholes --json
check "several lines" prints '0-12 m clay\n12-87 m sand' one show --table boreholes "$id" --json
plain=$(one add --table boreholes "South field 1")
check "defaults of what was not said" same "$(shown one "$plain" casings) $(shown one "$plain" ground)" "2 clay"
check "too deep is refused in words" prints "Depth" one add --table boreholes X --set depth=901
check "so is half a casing" prints "whole number" one add --table boreholes X --set casings=1.5
check "and a ground that is not in the list" prints "clay" one add --table boreholes X --set ground=lava
check "and a borehole without a place" exits 1 one add --table boreholes --set casings=1
check "and a column that is not there" prints "no column" one add --table boreholes X --set width=3
check "a read-only column is not for typing" prints "Permit" one edit --table boreholes "$plain" --set permitNumber=17
check "what was refused is not there" same "$(one list --table boreholes --all --json | wc -l)" 2
check "edit" one edit --table boreholes "$id" --set depth=90 --set yieldURL=
check "edited" same "$(shown one "$id" depth) $(shown one "$id" yieldURL)" "90 null"
check "done" one done --table boreholes "$plain"
check "the open ones" prints "North field 3" one list --table boreholes
check "the done ones" prints "South field 1" one list --table boreholes --done
check "found by a word" prints "North field 3" one list --table boreholes --all --find north

one add "Drill at the south field" >/dev/null
one add "Drill" >/dev/null
refers() { one edit --table boreholes "$id" --set "task=$1" && same "$(shown one "$id" task)" "$2"; }
check "a reference is typed as a title, in any case" refers "drill at the north FIELD" "$task"
check "or taken away" refers "" null
check "or words that only one has" refers "north field" "$task"
check "a title goes before words that several have" prints '"text":"Drill"' \
    one show --json "$(one edit --table boreholes "$id" --set task=drill >/dev/null; shown one "$id" task)"
check "or the beginning of an id, where no other begins so" refers "${task:0:30}" "$task"
check "words that several have are refused, with the titles" prints "Several Tasks match \"field\": Drill at the" \
    one edit --table boreholes "$id" --set task=field
check "so is what nobody is called" prints "No task is called \"lighthouse\", and no id begins so." \
    one add --table boreholes X --set task=lighthouse
check "an id may be of a record that is not here yet" refers 01990000-0000-7000-8000-00000000ffff \
    01990000-0000-7000-8000-00000000ffff
one edit --table boreholes "$id" --set "task=$task" >/dev/null

echo "-- imported, synced, exported"
awk 'BEGIN { for (i = 1; i <= 500; i++)
    printf "{\"place\":\"Row %03d\",\"depth\":%d.25,\"ground\":\"rock\",\"levelReadAt\":%d}\n",
        i, i, 1700000000000 + i }' >"$dir/rows.jsonl"
check "500 lines" prints "500 created" one import --table boreholes "$dir/rows.jsonl"
check "one sends" exits 0 one sync
check "nothing waits" status one pending 0
check "two gets" exits 0 two sync
check "the record is on two, with its edit" same "$(shown two "$id" depth)" 90
check "and what it refers to" prints "Drill at the north field" two show "$task"
check "two edits another column" two edit --table boreholes "$id" --set casings=5
check "two sends" exits 0 two sync
check "one gets" exits 0 one sync
check "it is on one" same "$(shown one "$id" casings)" 5
check "the office fills the read-only column" office update boreholes "$id" 'permitNumber="B-2026-17"'
check "one gets that" exits 0 one sync
check "and shows it" same "$(shown one "$id" permitNumber)" "B-2026-17"
two sync >/dev/null
check "office and devices have the same 502" agree boreholes 502 one two
one export --table boreholes "$dir/out.jsonl" 2>/dev/null
check "what was exported is imported as it was" prints "502 as they were" one import --table boreholes "$dir/out.jsonl"
check "by depth, deepest first" prints "Row 500" one list --table boreholes --all --sort depth --limit 1

echo "-- on the screen"
check "a record is captured on the screen" "$here/screen.py" "$outpost" "$dir/two" "$dir/two.conf" \
    Boreholes "Typed on the screen"
check "it is in the store" prints "Typed on the screen" two list --table boreholes
two sync >/dev/null
one sync >/dev/null
check "and on the other device" prints "Typed on the screen" one list --table boreholes

echo "-- other files beside it"
sed 's/"real"/"reel"/' "$dir/tables/boreholes.json" >"$dir/tables/zz.json"
check "a misspelt type: file, line, column and what would be right" \
    prints "zz.json: line 10, column \"depth\": \"reel\" is no type; it must be text, bool, integer" one tables
check "stops no other table" prints "North field 3" one list --table boreholes
printf '{ "name": "holes",\n  "label" "Holes" }\n' >"$dir/tables/zz.json"
check "broken JSON: file and line" prints "zz.json" one tables
check "capture goes on" one add --table boreholes "Beside a broken file"
rm "$dir/tables/zz.json"

sed 's/boreholes/springs/; s/"table": "tasks"/"table": "taks"/' "$dir/tables/boreholes.json" >"$dir/tables/zz.json"
check "a reference that leads nowhere is told" prints "reference: taks, which is no table here" one tables
check "and does no harm" prints "North field 3" one list --table boreholes
rm "$dir/tables/zz.json"

echo "-- the definition changes"
definition=$dir/tables/boreholes.json
sed -i 's/"name": "order", "label": "Order", "type": "integer"/"name": "order", "label": "Order", "type": "text"/' \
    "$definition"
check "another type is refused in words" prints "boreholes.json: line 17: column \"order\" of table \"boreholes\" \
changed its type from integer to text. Make a new column instead." one list --table boreholes
check "and the tasks can be used" prints "Drill at the north field" one list
write_boreholes "$definition"
sed -i '/"name": "order"/d' "$definition"
check "so is a dropped column" prints "boreholes.json: line 6: column \"order\" of table \"boreholes\" was dropped, \
and this device has data in it. Put the column back." one list --table boreholes
check "where it can be looked for, too" prints "was dropped" one doctor
write_boreholes "$definition"
check "with the old file all is there" prints "Beside a broken file" one list --table boreholes
mv "$definition" "$dir/boreholes.away"
check "without its file the table is unknown" prints "boreholes" one list --table boreholes
check "a round with a change of it waiting" exits 0 one sync
check "keeps that change" status one pending 1
mv "$dir/boreholes.away" "$definition"
check "with the file back it is sent" exits 0 one sync
check "nothing waits" status one pending 0
two sync >/dev/null
check "all agree" agree boreholes 504 one two

echo "-- a backend with bad definitions"
mkdir "$dir/bad"
echo '{ "name": "holes", "label": "Holes", "labelOne": "hole", "title": "no", "columns": [
    { "name": "no", "type": "txt" } ] }' >"$dir/bad/holes.json"
sed 's/"name": "order", "label": "Order", "type": "integer"/"name": "order", "label": "Order", "type": "text"/' \
    "$definition" >"$dir/bad/boreholes.json"
write_boreholes "$dir/bad/good.json"
sed -i 's/boreholes/springs/; s/Boreholes/Springs/' "$dir/bad/good.json"
mkdir "$dir/four.tables"
cp "$dir/bad/good.json" "$dir/four.tables/"
one add --table boreholes "Captured meanwhile" >/dev/null
one add "A task beside bad definitions" >/dev/null
stop_backend
: >"$dir/backend.log"
start_backend "$dir/bad"
check "it starts, and names file, line, column and what would be right" \
    prints "holes.json: line 2, column \"no\": \"txt\" is no type; it must be text, bool" cat "$dir/backend.log"
check "also for one that does not fit its records" prints "boreholes.json: line 17: column \"order\" of table" \
    cat "$dir/backend.log"
check "and says what would be right" prints "from integer to text. Make a new column instead." cat "$dir/backend.log"
check "and what it does serve" prints "2 left out, 2 tables are served" cat "$dir/backend.log"
check "a device syncs" exits 0 one sync
check "what belongs to the bad table is held, and does not count as refused" \
    same "$(one status --json | field pending) $(one status --json | field held) $(one status --json | field failed)" \
    "1 1 0"
check "the task has arrived" prints "A task beside bad definitions" office list tasks
check "another table of that backend can be used" sign_in four
write_boreholes "$dir/four.tables/boreholes.json"
check "a table that it does not serve blocks only itself" \
    prints "Boreholes were never synced: outpost sync. If that changes nothing, the server does not have the definition" \
    device four add --table boreholes "Cannot be captured yet"
check "and captured in" device four add --table springs "A spring"
check "and sent" prints "1 sent" device four sync
stop_backend
start_backend "$dir/tables"
check "with the right file the change that was held is sent" exits 0 one sync
check "nothing waits any more" status one pending 0
two sync >/dev/null
check "no record of the table was touched" agree boreholes 505 one two
check "records are invented for the good ones only, too" exits 0 \
    "$backend_program" seed --user "$email" --count 3 --tables "$dir/bad" --db "$dir/backend.db"

echo "-- a device whose definition says something else than the backend's"
one add "A task after the quarrel" >/dev/null
one sync >/dev/null
check "a round goes well all the same" exits 0 device three sync
check "the tasks come" prints "A task after the quarrel" device three list

echo "-- the built-in table, with a column more, and then without it"
mkdir "$dir/five.tables"
sed 's/"columns": \[/& { "name": "room", "type": "text" },/' "$here/../../assets/tables/tasks.json" \
    >"$dir/five.tables/tasks.json"
check "a device signs in" sign_in five
check "and has the column" device five add "In the boiler room" --set room=B2
rm "$dir/five.tables/tasks.json"
check "without the file no table is left, which is said" prints "no table to work with" device five list
check "as a mistake of whoever asks, not of the program" exits 2 device five export
check "the other commands work" exits 0 device five status
check "and a round harms nothing" same "$(device five sync >/dev/null 2>&1; device five status --json 2>&1 | field pending)" 1
sed 's/"columns": \[/& { "name": "room", "type": "text" },/' "$here/../../assets/tables/tasks.json" \
    >"$dir/five.tables/tasks.json"
check "with the file back it is all there" prints "In the boiler room" device five list
finish
