#!/usr/bin/env bash
# `outpost tables convex`: what it writes says what the definitions say, tsc accepts it, and a table that was dropped in
# as one file goes through the Convex functions to a second device. Needs npm.
#
#     tests/tables/convex.sh BUILD_DIR
set -uo pipefail
name=convex
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"
root=$(readlink -f "$here/../..")
contract=$root/tests/contract project=$root/assets/convex

"$contract/install.sh" "$contract" >"$dir/npm.log" 2>&1 && "$contract/install.sh" "$project" >>"$dir/npm.log" 2>&1 ||
    { cat "$dir/npm.log"; exit 1; }
node=$(find "$contract"/node_modules/node-linux-*/bin -name node -print -quit)
PATH=$(dirname "$node"):$PATH

# accepted FILE: by tsc, in the place of the project's tables.ts
accepted() {
    rm -rf "$dir/project"
    mkdir "$dir/project"
    cp -r "$project/convex" "$project/package.json" "$dir/project/" && cp "$1" "$dir/project/convex/tables.ts" &&
        ln -s "$project/node_modules" "$dir/project/node_modules" &&
        "$project/node_modules/.bin/tsc" -p "$dir/project/convex"
}

echo "-- the schema"
tables=$root/assets/tables/maintenance
ln -s "$tables" "$dir/one.tables"
check "for 25 tables" prints "25 tables" device one tables convex --out "$dir/25.ts"
check "it says what the definitions say" node "$here/convex_definitions.mjs" "$contract" "$dir/25.ts" "$tables"/*.json
check "tsc accepts it" accepted "$dir/25.ts"
sed 's/v.string()/v.strong()/' "$dir/25.ts" >"$dir/wrong.ts"
check "and would not accept just anything" exits 2 accepted "$dir/wrong.ts"

echo "-- names and texts that a careless generator would stumble over"
mkdir "$dir/odd"
cat >"$dir/odd/odd.json" <<'JSON'
{ "name": "constructor", "label": "\"*/ `${x}` \\", "labelOne": "o'dd\u2028", "title": "default",
  "columns": [
    { "name": "default", "label": "// \"${a}\" \\n", "type": "text", "required": true, "maxLength": 65536 },
    { "name": "class", "type": "bool", "default": true }, { "name": "toString", "type": "integer", "default": -0 },
    { "name": "hasOwnProperty", "type": "real", "min": -1e-7, "max": 1e21, "default": 0.1 },
    { "name": "kind", "type": "choice", "default": "a\"b", "choices":
      ["a\"b", "\\", "`${process.exit()}`", "*/", "</script>", "a\u2028b", "\u00fc \ud83d\udd27", "line\nbreak", "'"] },
    { "name": "note", "type": "text", "multiline": true, "default": "\"); throw 1; (\"" },
    { "name": "arguments", "type": "reference", "table": "constructor" } ] }
JSON
check "are written" prints "2 tables" device one tables convex --dir "$dir/odd" --out "$dir/odd.ts"
check "as they are" node "$here/convex_definitions.mjs" "$contract" "$dir/odd.ts" "$dir/odd/odd.json"
check "tsc accepts them" accepted "$dir/odd.ts"

echo "-- a table that is not in the repository"
rm "$dir/one.tables"
mkdir "$dir/tables"
ln -s "$dir/tables" "$dir/one.tables"
ln -s "$dir/tables" "$dir/two.tables"
write_boreholes "$dir/tables/boreholes.json"
check "its schema, into a folder" device one tables convex --out "$dir"
check "tsc accepts it" accepted "$dir/tables.ts"
echo '{ "name": "b", "label": ' >"$dir/tables/bad.json"
check "a folder elsewhere can be looked at, and is named in words" prints "bad.json: Not valid JSON" \
    device one tables --dir "$dir/tables"
check "with a bad definition nothing is written" exits 1 device one tables convex --out "$dir/none.ts"
check "at all" test ! -e "$dir/none.ts"
rm "$dir/tables/bad.json"

echo "correct horse battery" >"$dir/password"
mkfifo "$dir/listening" "$dir/hold"
# The server ends when its standard input does.
node "$contract/convex-server/server.mjs" --tables "$dir/tables.ts" \
    --account "$email" "correct horse battery" <>"$dir/hold" >"$dir/listening" 2>"$dir/convex.log" &
backend=$!
exec 7<"$dir/listening"
read -r -t 60 _ url <&7 || { cat "$dir/convex.log"; exit 1; }
check "device one signs in to the Convex functions" sign_in one
check "device two, too" sign_in two
id=$(device one add --table boreholes "North field 3" --set depth=87.5 --set ground=sand --set drilledOn=2026-11-20 \
    --set "levelReadAt=2026-11-21 14:05" --set casings=4 --set order=7 --set $'log=clay\nsand')
device one add --table boreholes "South field 1" --set isSealed=yes >/dev/null
check "one sends" exits 0 device one sync
check "nothing waits" status one pending 0
check "two gets" exits 0 device two sync
check "two edits" device two edit --table boreholes "$id" --set depth=90 --set ground=rock
check "two sends" exits 0 device two sync
check "one gets" exits 0 device one sync
check "the edit is on one" prints '"depth":90,' device one show --table boreholes "$id" --json
check "office and devices have the same" agree boreholes 2 one two
finish
