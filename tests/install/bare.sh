#!/usr/bin/env bash
# Proof that nothing but a bare Debian 12 is needed: makes one in a folder, copies the committed
# project into it, and runs a command of the project there (default ./check).
#
#     tests/install/bare.sh [COMMAND [ARGUMENT...]]
#
# As root, with debootstrap. Packages come from wherever this machine's apt takes them. The mounts
# live in a namespace of their own, and everything started there ends with it.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

suite=bookworm

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || die "bare.sh wants to be root: it makes a root of its own and enters it"
for tool in debootstrap unshare git; do
    command -v "$tool" >/dev/null || die "bare.sh needs $tool: apt-get install debootstrap util-linux git"
done
[ $# -gt 0 ] || set -- ./check

# `deb URI RELEASE COMPONENT` of the Debian archive and its updates, as apt itself resolves its
# sources.
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    grep -E " $suite(-updates|-security|/updates)? main\$" | sort -u) || true
mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' <<<"$sources")
[ -n "$mirror" ] || die "apt on this machine has no source for Debian $suite"
proxy=$(apt-config dump | grep -E '^Acquire::https?::Proxy' || true)
http_proxy_of_apt=$(sed -nE 's/^Acquire::http::Proxy "(http[^"]*)";$/\1/p' <<<"$proxy")
if [ -n "$http_proxy_of_apt" ]; then
    export http_proxy=$http_proxy_of_apt
fi

root=$(mktemp -d "${TMPDIR:-/tmp}/outpost-bare.XXXXXX")
child=""
# Ends what still runs there, and with it the namespace and its mounts, before the folder goes.
clean() {
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    rm -rf --one-file-system "$root" "$root.log"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$root"

# In the background, because bash takes no signal while it waits for a program in front.
inside() {
    local rc=0
    unshare --mount --propagation private --pid --fork --kill-child "$@" &
    child=$!
    wait "$child" || rc=$?
    child=""
    return "$rc"
}

echo "== a bare Debian ($suite) in $root"
more=()
[[ $mirror != https:* ]] || more=(--include=ca-certificates)
inside debootstrap --variant=minbase "${more[@]}" "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 30 "$root.log" >&2
    die "debootstrap failed"
}
printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
printf '%s\n' "$proxy" >"$root/etc/apt/apt.conf.d/99proxy"
for file in /etc/resolv.conf /etc/hosts /etc/apt/auth.conf /etc/npmrc "$HOME/.npmrc"; do
    [ ! -e "$file" ] || cp -L "$file" "$root${file/#$HOME/\/root}"
done
# The authority that this machine's npm trusts, if it has one of its own.
if [ -e "${NODE_EXTRA_CA_CERTS:-}" ]; then
    cp -L "$NODE_EXTRA_CA_CERTS" "$root/srv/npm-ca.crt"
    export npm_config_cafile=/srv/npm-ca.crt
fi
mkdir "$root/srv/outpost"
git archive HEAD | tar -x -C "$root/srv/outpost"

echo "== there: $*"
# The script gets the root, and then the command.
inside bash -euc '
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        CI=true ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
        ${npm_config_cafile:+"npm_config_cafile=$npm_config_cafile" "NODE_EXTRA_CA_CERTS=$npm_config_cafile"} \
        bash -c "cd /srv/outpost && exec \"\$@\"" bare "$@"
' bare "$root" "$@" </dev/null
