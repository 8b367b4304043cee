#!/usr/bin/env bash
# Takes the pictures of the screen, as text, from the running program: docs/pictures/*.txt, and the one in README.md
# between its two marks, if they are there.
#
#     docs/pictures.sh [BUILD]            BUILD: build/run
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

build=$(readlink -f "${1:-build/run}")
test -x "$build/tests/terminal/terminal_drawings_test" || {
    echo "Build the tests first: cmake --preset release && cmake --build --preset release; then $0 build/release" >&2
    exit 2
}
# The tests of the screens write what the program shows; their texts are the pictures, too.
LC_ALL=C.UTF-8 TZ=UTC OUTPOST_SCREENS=write "$build/tests/terminal/terminal_drawings_test" >/dev/null
mkdir -p docs/pictures
for name in login first-sync list-online list-offline sending refused editor queue help-1; do
    sed -e 's/HH:MM:SS/14:02:10/; s/HH:MM/14:02/g' "tests/terminal/screens/$name.80x24.txt" >"docs/pictures/$name.txt"
done

begin='<!-- picture: list-offline -->' end='<!-- end of picture -->'
if grep -qF "$begin" README.md && grep -qF "$end" README.md; then
    awk -v begin="$begin" -v end="$end" -v picture=docs/pictures/list-offline.txt '
        $0 == end { inside = 0 }
        !inside { print }
        $0 == begin {
            inside = 1
            print "```"
            while ((getline line < picture) > 0) if (line != "") print line
            print "```"
        }' README.md >README.md.new
    mv README.md.new README.md
fi
