# What the scripts of this folder share: a folder of their own, a backend, devices, checks and the count.
# Sourced, with the build folder as first argument; needs $name, the script's.

build=$(readlink -f "${1:?usage: $name.sh BUILD_DIR}")
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
outpost=$build/src/app/outpost backend_program=$build/src/backend/outpost-backend
[ -x "$outpost" ] && [ -x "$backend_program" ] || { echo "There are no programs in $build." >&2; exit 2; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/outpost-$name.XXXXXX")
email=maria@example.org port=0 url= passed=0 failed=0 backend=

unset OUTPOST_TOKEN OUTPOST_SERVER OUTPOST_CONFIG OUTPOST_DATA_DIR
export LC_ALL=C.UTF-8 LANGUAGE= TZ=UTC PYTHONDONTWRITEBYTECODE=1

cleanup() {
    stop_backend
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

# exits CODE COMMAND...
exits() {
    local want=$1 got=0
    shift
    "$@" || got=$?
    [ "$got" -eq "$want" ] || { echo "exit code $got, not $want"; return 1; }
}

# prints TEXT COMMAND...: whatever its exit code
prints() {
    local text=$1 out
    shift
    out=$("$@" 2>&1)
    case $out in
        *"$text"*) ;;
        *) echo "no \"$text\" in: ${out:0:1200}"; return 1 ;;
    esac
}

# same TEXT TEXT
same() { [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; return 1; }; }

# field NAME: of the flat JSON objects on stdin.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
# status DEVICE NAME VALUE
status() { same "$(device "$1" status --json | field "$2")" "$3"; }
# summary NUMBER-OF-LINES FILE
lines() { same "$(wc -l <"$2")" "$1"; }

# device NAME COMMAND...: its data are in $dir/NAME, its definitions in $dir/NAME.tables.
device() {
    local who=$1
    shift
    [ -e "$dir/$who.conf" ] || echo "tables_dir = $dir/$who.tables" >"$dir/$who.conf"
    "$outpost" --data-dir "$dir/$who" --config "$dir/$who.conf" "$@" </dev/null
}
sign_in() { device "$1" login --server "$url" --user "$email" --password-file "$dir/password"; }
office() { "$here/../story/office.py" "$url" "$email" "$dir/password" "$@"; }

# A table that is not in the repository: 12 columns, all types, a reference, a word of SQL.
write_boreholes() {
    cat >"$1" <<'JSON'
{
  "name": "boreholes", "label": "Boreholes", "labelOne": "borehole", "title": "place", "done": "isSealed",
  "list": ["isSealed", "ground", "place", "drilledOn", "task"],
  "sorts": [ { "name": "drilled", "column": "drilledOn" }, { "name": "place", "column": "place" },
             { "name": "depth", "column": "depth", "descending": true } ],
  "columns": [
    { "name": "place", "label": "Place", "type": "text", "required": true, "maxLength": 80 },
    { "name": "isSealed", "label": "Sealed", "type": "bool", "default": false },
    { "name": "casings", "label": "Casings", "type": "integer", "min": 0, "max": 40, "default": 2 },
    { "name": "depth", "label": "Depth", "type": "real", "min": 0.5, "max": 900, "unit": "m" },
    { "name": "drilledOn", "label": "Drilled", "type": "date" },
    { "name": "levelReadAt", "label": "Level read", "type": "timestamp" },
    { "name": "ground", "label": "Ground", "type": "choice", "default": "clay",
      "choices": ["clay", { "value": "sand", "label": "sand and gravel" }, "rock"] },
    { "name": "task", "label": "Task", "type": "reference", "table": "tasks" },
    { "name": "yieldURL", "label": "Yield page", "type": "text", "maxLength": 200, "help": "Where it is published." },
    { "name": "order", "label": "Order", "type": "integer" },
    { "name": "permitNumber", "label": "Permit", "type": "text", "readOnly": true },
    { "name": "log", "label": "Drill log", "type": "text", "multiline": true }
  ]
}
JSON
}

make_account() {
    echo "correct horse battery" >"$dir/password"
    "$backend_program" user add "$email" --db "$dir/backend.db" <"$dir/password" >/dev/null || exit 1
}

# start_backend TABLES-DIR: on the same port each time.
start_backend() {
    rm -f "$dir/listening"
    mkfifo "$dir/listening"
    "$backend_program" serve --db "$dir/backend.db" --listen "127.0.0.1:$port" --tables "$1" \
        >"$dir/listening" 2>>"$dir/backend.log" </dev/null &
    backend=$!
    # Opening waits for the backend, and reading for its line or its end.
    read -r -t 20 _ url <"$dir/listening" || { cat "$dir/backend.log"; exit 1; }
    port=${url##*:}
}

stop_backend() {
    [ -n "$backend" ] || return 0
    kill -TERM "$backend" 2>/dev/null
    wait "$backend" 2>/dev/null
    backend=
}

# agree TABLE COUNT DEVICE...: office and devices have the same COUNT records, each once.
agree() {
    local table=$1 count=$2 who files=("$dir/office.jsonl")
    shift 2
    office list "$table" >"$dir/office.jsonl" || return 1
    for who; do
        device "$who" export --table "$table" >"$dir/$who.jsonl" || return 1
        files+=("$dir/$who.jsonl")
    done
    prints "$count" "$here/../story/same.py" "${files[@]}"
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
