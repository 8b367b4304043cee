#!/usr/bin/env bash
# Collects the texts that people read into po/outpost.pot, and brings the translations po/LANGUAGE.po up to date.
#
#     po/update.sh             writes po/outpost.pot
#     po/update.sh --check     says whether it is up to date; changes nothing
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

pot=$(mktemp)
trap 'rm -f "$pot"' EXIT
version=$(sed -nE 's/^project\(outpost VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
# The date would differ each time; the rest does not.
find base db sync ui src/app -name '*.[ch]' | LC_ALL=C sort |
    xgettext --files-from=- --language=C --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=ngettext:1,2 \
        --add-comments=translators --no-location --sort-output --package-name=outpost \
        --package-version="$version" --copyright-holder="the Outpost authors" --output=- |
    sed -e '/^"POT-Creation-Date:/d' -e 's/charset=CHARSET/charset=UTF-8/' >"$pot"

if [ "${1:-}" = --check ]; then
    diff -u po/outpost.pot "$pot"
    exit
fi
cp "$pot" po/outpost.pot
for po in po/*.po; do
    [ -e "$po" ] || continue
    msgmerge --quiet --update --backup=none "$po" po/outpost.pot
done
msgfmt --check-format --output-file=/dev/null po/outpost.pot || true
