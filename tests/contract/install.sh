#!/usr/bin/env bash
# Installs the packages that the lock file names, once for each lock file: `install.sh [DIR]`. Only npm itself
# comes from the machine; what it installs includes the Node that runs the functions. Nothing is run at install.
set -euo pipefail
cd "${1:-$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")}"
mark=node_modules/.outpost-installed
if [ -e "$mark" ] && [ "$(cat "$mark")" = "$(sha256sum <package-lock.json)" ]; then
    exit 0
fi
npm ci --ignore-scripts --no-audit --no-fund
sha256sum <package-lock.json >"$mark"
