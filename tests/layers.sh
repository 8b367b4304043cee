#!/usr/bin/env bash
# Floors and their doors: which folder may include what. Each rule is one test; violations are shown
# as FILE:LINE:TEXT, and the last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=0
failed=0

# rule SENTENCE PATTERN EXCEPTION FOLDER...: no source in the folders has a line that matches
# PATTERN, unless it matches EXCEPTION too (`-` for none).
rule() {
    local sentence=$1 pattern=$2 exception=$3 folder found=""
    shift 3
    for folder in "$@"; do
        [ -d "$folder" ] || continue
        found+=$(grep -rnE --include='*.[ch]' "$pattern" "$folder" |
            { if [ "$exception" = - ]; then cat; else grep -vE "$exception"; fi; } || true)$'\n'
    done
    found=$(sed '/^$/d' <<<"$found")
    if [ -z "$found" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'Broken: %s\n%s\n' "$sentence" "$found"
    fi
}

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

rule "base includes nothing above it" "$include[\"<](db|sync|ui|src|app|backend)/" - base
rule "db includes only db and base" "$include[\"<](sync|ui|src|app|backend)/" - db
rule "sync includes only sync, db and base" "$include[\"<](ui|src|app|backend)/" - sync
rule "ui includes only ui, db, base and sync/sync.h" \
    "$include[\"<](sync|src|app|backend)/" 'include "sync/sync\.h"' ui
rule "the backend includes only itself, db and base" "$include[\"<](ui|sync|src/app|app)/" - src/backend
rule "the app includes nothing of the backend" "$include[\"<](src/)?backend/" - src/app
rule "only ui includes curses" \
    "$include[\"<](ncursesw/|ncurses/)?(n?curses|panel|form|menu|term)\\.h[\">]" - base db sync src
rule "only sync includes curl" "$include[\"<]curl/" - base db ui src
rule "only db and the backend include sqlite3.h" "$include[\"<]sqlite3(ext)?\\.h" - base sync ui src/app
rule "ui includes no cJSON" "$include[\"<](cjson/)?cJSON" - ui
rule "only the backend includes microhttpd.h" "$include[\"<]microhttpd\\.h" - base db sync ui src/app
rule "no source climbs with .. in an include" "$include[\"<][^\">]*\\.\\./" - base db sync ui src
for folder in base db sync sync/convex ui src/backend src/app; do
    others=()
    for other in base db sync ui src; do
        [ "$other" = "${folder%%/*}" ] || others+=("$other")
    done
    rule "private headers of $folder stay there" "$include\"$folder/[^/\"]*_priv\\.h\"" - "${others[@]}"
done
rule "no unbounded or shell call" \
    '(^|[^A-Za-z0-9_>.])(strcpy|strcat|sprintf|vsprintf|gets|system|popen|strtok|atoi|atol)[[:space:]]*\(' \
    '^[^:]*:[0-9]+:[[:space:]]*(\*|/\*|//)' base db sync ui src

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
