# Sourced by ./run and ./check: install_packages SECTION... makes sure that the packages of those
# sections of packages.txt are there. It installs what is missing, as root or through sudo; where it
# may not, it says which command a person with the right to would type, and returns 1.

packages_list=$(dirname "${BASH_SOURCE[0]}")/packages.txt

# The names in the given sections.
packages_named() {
    local section
    for section in "$@"; do
        awk -v want="[$section]" '/^\[/ { on = ($1 == want) } on && /^[a-z0-9]/ { print $1 }' "$packages_list"
    done
}

# Of those, the ones that are not installed; but for those of which only a program is wanted, which may have come from
# elsewhere (packages.txt says which).
packages_missing() {
    local name program
    for name in $(packages_named "$@"); do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ] || continue
        program=$(awk -v name="$name" '$1 == name { print $2; exit }' "$packages_list")
        [ -n "$program" ] && command -v "$program" >/dev/null || echo "$name"
    done
}

install_packages() {
    local missing as_root=() log failed=0
    if ! command -v dpkg-query >/dev/null; then
        echo "This is not Debian: nothing is installed. Needed are (by their Debian names):" \
            $(packages_named "$@") >&2
        return 0
    fi
    missing=$(packages_missing "$@" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        # Without a terminal nobody can type a password.
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n)
        if ! command -v sudo >/dev/null || ! "${as_root[@]}" true; then
            printf 'These packages are missing: %s\nInstall them as root, then start again:\n' "$missing" >&2
            printf '    apt-get update && apt-get install --no-install-recommends %s\n' "$missing" >&2
            return 1
        fi
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300)
    echo "Installing: $missing"
    log=$(mktemp)
    # $missing is a list of words.
    { "${as_root[@]}" update && "${as_root[@]}" install --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null || failed=1
    if [ "$failed" -ne 0 ]; then
        cat "$log" >&2
        printf 'Could not install: %s\n' "$missing" >&2
    fi
    rm -f "$log"
    return "$failed"
}
