#!/usr/bin/env bash
# Definitions grow while devices are in the field. A device that was set up under version 1, and has 50 changes
# waiting, gets version 1, 2 or 3 in place, without a network; 50 more changes are made with all that its version
# has. Then it meets a backend of version 1, 2 or 3, then both become version 3. Nothing may be lost. Each version
# adds columns, choices and a table.
#
#     tests/tables/matrix.sh BUILD_DIR
set -uo pipefail
name=matrix
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib.sh"

# definitions VERSION DIR
definitions() {
    local more_choices=() more_columns=()
    mkdir -p "$2"
    [ "$1" -lt 2 ] || more_choices+=(', "flooded"')
    [ "$1" -lt 3 ] || more_choices+=(', "burnt"')
    [ "$1" -lt 2 ] || more_columns+=(', { "name": "level", "type": "real", "unit": "m" },
        { "name": "isUrgent", "type": "bool", "default": false }')
    [ "$1" -lt 3 ] || more_columns+=(', { "name": "seenOn", "type": "date" },
        { "name": "route", "type": "reference", "table": "routes" }')
    cat >"$2/visits.json" <<JSON
{ "name": "visits", "label": "Visits", "labelOne": "visit", "title": "place",
  "sorts": [ { "name": "state", "column": "state" }, { "name": "place", "column": "place" } ],
  "columns": [
    { "name": "place", "type": "text", "required": true },
    { "name": "state", "type": "choice", "choices": ["dry", "wet"${more_choices[*]}] },
    { "name": "count", "type": "integer", "default": 1 }${more_columns[*]} ] }
JSON
    [ "$1" -lt 2 ] || simple photos photo >"$2/photos.json"
    [ "$1" -lt 3 ] || simple routes route >"$2/routes.json"
}

simple() {
    echo "{ \"name\": \"$1\", \"label\": \"${1^}\", \"labelOne\": \"$2\", \"title\": \"name\"," \
        "\"columns\": [ { \"name\": \"name\", \"type\": \"text\" } ] }"
}

use() { ln -sfn "$dir/v$2" "$dir/$1.tables"; }          # use DEVICE VERSION

id_of() { printf '01990000-0000-7000-8000-%012x' "$1"; }

# rows FROM TO JSON: a change each of the records FROM to TO
rows() {
    local i
    for ((i = $1; i <= $2; i++)); do echo "{\"clientId\":\"$(id_of "$i")\",${3//#/$i}}"; done
}

# capture DEVICE FILE: also what the records must be in the end
capture() {
    cat "$2" >>"$dir/expected.jsonl"
    device "$1" import --table visits "$2" >/dev/null
}

# The last 50 changes, by a device of version $1: 25 with what every version has, 25 with the newest.
newest() {
    rows 101 125 '"place":"plain #","state":"dry","count":#'
    case $1 in
    1) rows 126 150 '"place":"new #","state":"wet"' ;;
    2) rows 126 135 '"place":"new #","level":#.5'
       rows 136 140 '"place":"new #","isUrgent":true,"level":2'
       rows 141 150 '"place":"new #","state":"flooded"' ;;
    3) rows 126 135 '"place":"new #","seenOn":"2026-11-20","level":#.5'
       rows 136 140 '"place":"new #","route":"01990000-0000-7000-8000-00000000ffff"'
       rows 141 150 '"place":"new #","state":"burnt"' ;;
    esac
}

waiting() { device field status --json | field "$1"; }

# round: sends and gets, whatever comes of it
round() { device field sync >"$dir/round" 2>&1 || true; }

for version in 1 2 3; do definitions "$version" "$dir/v$version"; done
make_account
use field 1
start_backend "$dir/v1"
check "the device is set up under version 1" sign_in field
rows 1 20 '"place":"old #","state":"wet"' >"$dir/rows"
capture field "$dir/rows"
check "and has 20 records" exits 0 device field sync
stop_backend
mkdir "$dir/begin"
cp -a "$dir/field" "$dir/begin/"
cp -a "$dir"/backend.db* "$dir/expected.jsonl" "$dir/begin/"

table=()
for of_device in 1 2 3; do
    line="device v$of_device"
    for of_backend in 1 2 3; do
        echo "-- device v$of_device, backend v$of_backend"
        rm -rf "$dir/field" "$dir/second" "$dir"/backend.db*
        cp -a "$dir/begin/." "$dir/"

        use field 1
        rows 1 20 '"count":1#' >"$dir/rows"
        rows 21 50 '"place":"made under v1 #"' >>"$dir/rows"
        capture field "$dir/rows"
        use field "$of_device"
        newest "$of_device" >"$dir/rows"
        capture field "$dir/rows"
        check "100 changes wait" same "$(waiting pending)" 100

        start_backend "$dir/v$of_backend"
        round
        left="$(waiting pending) $(waiting held) $(waiting failed)"
        if [ "$of_device" -le "$of_backend" ]; then
            check "all are sent" same "$left" "0 0 0"
        else
            check "what the backend can take is sent" test "$(waiting pending)" -le 25
            check "and none has failed" same "$(waiting failed)" 0
        fi
        line+=$(printf ' | %3d sent %2d held %2d failed' $((100 - $(waiting pending) - $(waiting failed))) \
            "$(waiting held)" "$(waiting failed)")

        echo '{"clientId":"'"$(id_of 7)"'","count":177}' >>"$dir/expected.jsonl"
        case $of_backend in
        1) column=state value='"dry"' ;;
        2) column=level value=7.25 ;;
        3) column=seenOn value='"2026-11-07"' ;;
        esac
        echo '{"clientId":"'"$(id_of 7)"'","'"$column"'":'"$value"'}' >>"$dir/expected.jsonl"
        check "the office writes into its newest column" office update visits "$(id_of 7)" "$column=$value"
        round
        check "the device shows it" prints "\"$column\":$value" device field show --table visits "$(id_of 7)" --json
        check "the device edits another column of it" device field edit --table visits "$(id_of 7)" --set count=177
        round
        check "which does no harm to the office's" prints "\"$column\": $value" bash -c \
            '"$@" list visits | grep '"$(id_of 7)" - "$here/../story/office.py" "$url" "$email" "$dir/password"
        check "other tables are not blocked" device field add "A task beside it"

        stop_backend
        start_backend "$dir/v3"
        round
        check "when the backend has grown, what was held is sent by itself" same "$(waiting held)" "0"
        # A choice that the backend did not know was refused, which counts: that waits for its time, or for a person.
        device field queue retry >/dev/null 2>&1
        round
        check "and what was refused, when a person retries it" same "$(waiting pending) $(waiting failed)" "0 0"
        use field 3
        round
        check "a device of version 3 has nothing left" same "$(waiting pending) $(waiting failed)" "0 0"
        use second 3
        check "another device signs in" sign_in second
        check "all three have the same 100 records" agree visits 100 field second
        lost=$("$here/expected.py" "$dir/expected.jsonl" "$dir/second.jsonl")
        check "with all that was typed" same "$lost" "0"
        check "and the new tables can be used" device field add --table routes "North loop"
        line+=" ${lost%% *} lost"
        stop_backend
    done
    table+=("$line")
done

echo
printf '%-9s | %-36s | %-36s | %s\n' "" "backend v1" "backend v2" "backend v3"
printf '%s\n' "${table[@]}"
echo

echo "-- a table that the backend no longer has"
rm -rf "$dir/field" "$dir"/backend.db*
cp -a "$dir/begin/." "$dir/"
use field 3
definitions 3 "$dir/less"
start_backend "$dir/v3"
check "the device gets its new tables" exits 0 device field sync
stop_backend
device field add --table routes "Waits for its table" >/dev/null
device field add --table visits "Does not wait" >/dev/null
rm "$dir/less/routes.json"
start_backend "$dir/less"
round
check "the change to it is held, the other one sent" same "$(waiting pending) $(waiting held) $(waiting failed)" "1 1 0"
stop_backend
start_backend "$dir/v3"
round
check "when it is back the change is sent" same "$(waiting pending) $(waiting failed)" "0 0"
finish
