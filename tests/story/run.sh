#!/usr/bin/env bash
# The story of two devices and an office, told with the real programs on the command line alone: captures go on
# without a backend, processes are killed at bad moments, and in the end everybody has every record once.
#
#     tests/story/run.sh BUILD_DIR
set -uo pipefail

build=$(readlink -f "${1:?usage: run.sh BUILD_DIR}")
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
outpost=$build/src/app/outpost backend_program=$build/src/backend/outpost-backend
dir=$(mktemp -d "${TMPDIR:-/tmp}/outpost-story.XXXXXX")
email=maria@example.org port=0 url= passed=0 failed=0
bulk=20000
backend= follower= device=

unset OUTPOST_TOKEN OUTPOST_SERVER OUTPOST_CONFIG OUTPOST_DATA_DIR
export LC_ALL=C.UTF-8 LANGUAGE= TZ=UTC PYTHONDONTWRITEBYTECODE=1

cleanup() {
    local pid
    for pid in $follower $device $backend; do
        { kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
    done
    if [ "$failed" -eq 0 ]; then rm -rf "$dir"; else echo "What is left: $dir"; fi
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

# check SENTENCE COMMAND...: runs the command; its exit code decides.
check() {
    local sentence=$1
    shift
    if "$@" >"$dir/said" 2>&1; then
        echo "ok   $sentence"
        passed=$((passed + 1))
    else
        echo "FAIL $sentence"
        sed 's/^/     /' "$dir/said" | head -n 20
        failed=$((failed + 1))
    fi
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# wait_for SECONDS COMMAND...: until the command is content. It looks again 100 times a second.
wait_for() {
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$end" ] || { echo "waited in vain for: $*"; return 1; }
        read -rt 0.01 <&"$never" || true
    done
}
exec {never}<> <(:)                     # a pipe in which nothing ever comes: the clock of wait_for

# exits CODE COMMAND...
exits() {
    local want=$1 got=0
    shift
    "$@" || got=$?
    [ "$got" -eq "$want" ] || { echo "exit code $got, not $want"; return 1; }
}

# prints TEXT COMMAND...
prints() {
    local text=$1 out
    shift
    out=$("$@" 2>&1)
    case $out in
        *"$text"*) ;;
        *) echo "no \"$text\" in: ${out:0:600}"; return 1 ;;
    esac
}

device_one=("$outpost" --data-dir "$dir/one" --config "$dir/device.conf")
device_two=("$outpost" --data-dir "$dir/two" --config "$dir/device.conf")
one() { "${device_one[@]}" "$@" </dev/null; }
two() { "${device_two[@]}" "$@" </dev/null; }
office() { "$here/office.py" "$url" "$email" "$dir/password" "$@"; }

# field NAME: of the flat JSON object on stdin.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
# status DEVICE NAME VALUE: is it so?
status() { [ "$("$1" status --json | field "$2")" = "$3" ]; }
# grep reads to the end: with -q it leaves at the first match, and who writes on fails with a broken pipe.
office_has() { office list tasks | grep "\"text\": \"$1\"" >/dev/null; }
has() { "$1" list --all --json | grep "\"text\":\"$2\"" >/dev/null; }
lines() { wc -l <"$1"; }

start_backend() {
    : >"$dir/listening"
    "$backend_program" serve --db "$dir/backend.db" --listen "127.0.0.1:$port" --tables "$dir/strict" \
        >"$dir/listening" 2>>"$dir/backend.log" </dev/null &
    backend=$!
    wait_for 10 grep -q '^listening ' "$dir/listening" || { cat "$dir/backend.log"; exit 1; }
    url=$(sed -n 's/^listening //p' "$dir/listening")
    port=${url##*:}
}

kill_backend() {
    { kill -KILL "$backend" && wait "$backend"; } 2>/dev/null
    backend=
}

kill_device() {
    { kill -KILL "$device" && wait "$device"; } 2>/dev/null
    device=
}

# everybody_agrees TABLE COUNT: office and both devices have the same COUNT records, each once.
everybody_agrees() {
    office list "$1" >"$dir/office.jsonl" && one export --table "$1" >"$dir/one.jsonl" &&
        two export --table "$1" >"$dir/two.jsonl" || return 1
    prints "$2" "$here/same.py" "$dir/office.jsonl" "$dir/one.jsonl" "$dir/two.jsonl"
}

# definition MAX: of the table `checks`; the devices allow more characters than the backend.
definition() {
    cat <<JSON
{ "name": "checks", "label": "Checks", "labelOne": "check", "title": "note", "columns": [
  { "name": "note", "label": "Note", "type": "text", "required": true, "maxLength": $1 } ] }
JSON
}

# make_lines FROM TO NAME: JSON Lines with client ids of their own.
make_lines() {
    awk -v from="$1" -v to="$2" -v name="$3" 'BEGIN { for (i = from; i <= to; i++)
        printf "{\"clientId\":\"01990000-0000-7000-8000-%012x\",\"text\":\"%s %d\"}\n", i, name, i }'
}

echo "-- two devices sign in"
mkdir "$dir/strict" "$dir/lax"
definition 20 >"$dir/strict/checks.json"
definition 200 >"$dir/lax/checks.json"
echo "tables_dir = $dir/lax" >"$dir/device.conf"
echo "correct horse battery" >"$dir/password"
echo "wrong horse battery" >"$dir/wrong"
"$backend_program" user add "$email" --db "$dir/backend.db" <"$dir/password" >/dev/null || exit 1
start_backend
check "before the sign-in a command says how to begin" prints "outpost login" one list
check "and its exit code is 3" exits 3 one list
check "a wrong password is refused with 3" \
    exits 3 one login --server "$url" --user "$email" --password-file "$dir/wrong"
check "a server that is not there is told with 4" \
    exits 4 one login --server http://127.0.0.1:1 --user "$email" --password-file "$dir/password"
check "device one signs in" one login --server "$url" --user "$email" --password-file "$dir/password"
check "device two signs in" two login --server "$url" --user "$email" --password-file "$dir/password"
check "its first sync is complete" status two complete true
if [ "$failed" -ne 0 ]; then
    echo "$passed passed, $failed failed"
    exit 1
fi

echo "-- online"
check "one adds a task with options" one add "Replace valve V-14" --set priority=high --set dueAt=2026-11-28
check "and a plain one" one add Read meters, rows A to F
check "a round sends them" exits 0 one sync
check "they are at the office" office_has "Replace valve V-14"
check "a round of two gets them" exits 0 two sync
check "two lists them" prints "Replace valve V-14" two list
valve=$(two list --find valve --json | field clientId)
check "two edits by a part of the id" two edit "${valve:0:23}" --set notes="Old seal is swollen."
check "and marks it as done" two done "$valve"
check "a round of two sends it" exits 0 two sync
check "a round of one gets it" exits 0 one sync
check "one shows the edit" prints "Old seal is swollen." one show "$valve"
check "one lists it as done" prints "Replace valve" one list --done
check "a task with escape sequences is kept" one add $'red \e[31m and \u202e turned'
check "and reaches no terminal raw" bash -c '! "$@" list | grep "$(printf "\033\|\342\200\256")" >/dev/null' - \
    "$outpost" --data-dir "$dir/one" --config "$dir/device.conf"
one sync >/dev/null

echo "-- the backend is gone"
kill_backend
captured=0
for i in {1..20}; do
    one add "one offline $i" >/dev/null && two add "two offline $i" >/dev/null && captured=$((captured + 1))
done
check "20 captures on each device go on" [ "$captured" -eq 20 ]
check "so does an edit" one edit "$valve" --set priority=low
check "and reopening" two reopen "$valve"
check "a round says that the server is not reached: 4" exits 4 one sync
check "what waits is counted" status one pending 21
check "status says offline" status one network offline

echo "-- a device is killed while it captures"
make_lines 1 "$bulk" "import" >"$dir/import.jsonl"
"${device_one[@]}" import "$dir/import.jsonl" >/dev/null 2>&1 </dev/null &
device=$!
# The write-ahead log grows with what is imported, and looking at it costs next to nothing.
log_grows() { [ "$(stat -c %s "$dir"/one/*.db-wal)" -gt 1000000 ]; }
check "an import of $bulk is under way" wait_for 20 log_grows
kill_device
arrived=$(one list --all --json --find import | wc -l)
check "the kill came in between ($arrived are there)" [ "$arrived" -gt 0 -a "$arrived" -lt "$bulk" ]
check "what is there came in whole batches" [ $((arrived % 500)) -eq 0 ]
check "the import is done again, without duplicates" \
    prints "\"unchanged\":$arrived" one import "$dir/import.jsonl" --json
check "all are there once" [ "$(one list --all --json --find import | sort -u | wc -l)" -eq "$bulk" ]
check "and wait" status one pending $((bulk + 21))

echo "-- the backend is back; a device is killed while it sends"
start_backend
"${device_one[@]}" sync >/dev/null 2>&1 </dev/null &
device=$!
some_are_sent() { [ "$(one status --json 2>>"$dir/looks" | field pending)" -lt "$bulk" ]; }
check "a round is under way" wait_for 20 some_are_sent
kill_device
left=$(one status --json | field pending)
check "the kill came in between ($left are left)" [ "$left" -gt 0 ]

echo "-- the backend is killed while a device sends"
"${device_one[@]}" sync >"$dir/said-sync" 2>&1 </dev/null &
device=$!
less_are_left() { [ "$(one status --json 2>>"$dir/looks" | field pending)" -lt "$left" ]; }
check "a round is under way" wait_for 20 less_are_left
kill_backend
ended=0
wait "$device" || ended=$?
device=
check "the round says that the server is not reached: 4" [ "$ended" -eq 4 ]
start_backend
"${device_one[@]}" sync >"$dir/said-sync" 2>&1 </dev/null &
device=$!
while kill -0 "$device" 2>/dev/null; do
    one status --json >/dev/null 2>>"$dir/looks"
done
ended=0
wait "$device" || ended=$?
device=
check "the next round sends the rest" [ "$ended" -eq 0 ]
check "who looked on meanwhile was always answered" diff /dev/null "$dir/looks"
check "nothing waits on one" status one pending 0
check "two sends and gets everything" exits 0 two sync
tasks=$((bulk + 43))
check "one gets what two sent" exits 0 one sync
check "office and devices have the same $tasks tasks, each once" everybody_agrees tasks "$tasks"

echo "-- the office edits and deletes"
meters=$(one list --find "read meters" --json | field clientId)
check "the office edits a task" office update tasks "$meters" 'text="Read meters, rows A to K"' 'priority="low"'
check "and deletes another" office remove tasks "$valve"
check "a round of one gets it" exits 0 one sync
check "the edit is on one" prints "rows A to K" one show "$meters"
check "the deleted one is gone from one" exits 1 one show "$valve"
check "a round of two gets it" exits 0 two sync
tasks=$((tasks - 1))
check "all agree on $tasks tasks" everybody_agrees tasks "$tasks"

echo "-- sync --follow"
"${device_two[@]}" sync --follow >"$dir/follow" 2>&1 </dev/null &
follower=$!
check "it says that it is online" wait_for 5 grep -q online "$dir/follow"
id=$(two add "while following")
check "what another process adds is at the office within 2 s" wait_for 2 office_has "while following"
check "a round asked for elsewhere is done by it" exits 0 two sync
kill_backend
two add "while the backend was away" >/dev/null
check "it says that it is offline" wait_for 5 grep -q offline "$dir/follow"
gave_up_often() { [ "$(grep -c 'try [0-9]* failed' "$dir/two/outpost.log")" -ge $((tries + 4)) ]; }
tries=$(grep -c 'try [0-9]* failed' "$dir/two/outpost.log")
check "it goes on trying" wait_for 20 gave_up_often
start_backend
check "within 2 s of the backend's return it has delivered" wait_for 2 office_has "while the backend was away"
kill -TERM "$follower"
ended=0
wait "$follower" || ended=$?
follower=
check "SIGTERM ends it with 0" [ "$ended" -eq 0 ]
check "nothing waits on two" status two pending 0

echo "-- a change that the backend refuses"
awk 'BEGIN { for (i = 1; i <= 100; i++)
    printf "{\"note\":\"%s %d\"}\n", i == 50 ? "more than twenty characters," : "check", i }' >"$dir/checks.jsonl"
check "100 checks are captured, one longer than the backend allows" one import --table checks "$dir/checks.jsonl"
has_failed() { one sync >/dev/null 2>&1; status one failed 1; }
check "after three refusals it has failed" wait_for 40 has_failed
check "the other 99 are at the office" [ "$(office list checks | wc -l)" -eq 99 ]
check "a round says so: 5" exits 5 one sync
check "queue says why" prints "20" one queue
check "and which" prints "more than twenty characters" one queue
bad=$(one queue --json | field clientId)
check "it was refused three times" prints "Refused      3 times" one queue show "$bad"
check "an edit that fits" one edit --table checks "$bad" --set note="short enough"
check "is sent with the next round" exits 0 one sync
check "nothing waits on one" status one pending 0
two sync >/dev/null
check "all agree on 100 checks" everybody_agrees checks 100

echo "-- signing out and in"
kill_backend
one add "kept over a sign-out" >/dev/null
check "signing out says what is kept" prints "1 change is not sent" one logout
check "a capture then wants a sign-in: 3" exits 3 one add "nobody"
start_backend
check "after signing in again" one login --server "$url" --user "$email" --password-file "$dir/password"
check "the change is at the office" office_has "kept over a sign-out"
check "two gets it" exits 0 two sync
tasks=$((tasks + 3))
check "all agree on $tasks tasks" everybody_agrees tasks "$tasks"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
