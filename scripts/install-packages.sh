#!/usr/bin/env bash
# install-packages.sh GROUP...: installs what is missing of the named groups of packages.txt.
# Needs root or sudo only when something is missing. Never starts a service.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ $# -eq 0 ]; then
    echo "usage: install-packages.sh GROUP... (groups: $(sed -n 's/^\[\(.*\)\]$/\1/p' "$here/packages.txt" | xargs))" >&2
    exit 2
fi
if ! command -v dpkg-query >/dev/null; then
    echo "install-packages.sh: this is not a Debian system; install the packages of scripts/packages.txt by hand" >&2
    exit 1
fi

packages_of() {
    awk -v group="[$1]" '
        /^\[/ { inside = ($0 == group); found = found || inside; next }
        /^[[:space:]]*(#|$)/ { next }
        inside { print $1 }
        END { exit !found }' "$here/packages.txt" || {
        echo "install-packages.sh: packages.txt has no group [$1]" >&2
        exit 2
    }
}

wanted=()
for group in "$@"; do
    list=$(packages_of "$group")
    mapfile -t -O "${#wanted[@]}" wanted <<<"$list"
done

installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' 2>/dev/null | awk '$2 == "installed" { print $1 }')
missing=()
for package in "${wanted[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "packages: all ${#wanted[@]} for $* are installed"
    exit 0
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-packages.sh: run as root or install sudo; missing: ${missing[*]}" >&2
        exit 1
    fi
    sudo=(sudo)
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=no
clean_up() {
    rm -f "$log"
    if [ "$made_policy" = yes ]; then "${sudo[@]}" rm -f "$policy"; fi
}
trap clean_up EXIT

# Debian starts a service as it is installed; the tests start their own on other ports. 101 means
# "not allowed". A policy that somebody else put there is theirs and stays.
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    made_policy=yes
    "${sudo[@]}" chmod 755 "$policy"
fi

# Shows a line now and then; the whole story is in the log and is printed when apt fails.
run_apt() {
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 \
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@" </dev/null 2>&1 | tee -a "$log" | awk '
        / newly installed/ { total = $3; print "  " $0; fflush() }
        /^Need to get/ { print "  " $0; fflush() }
        /^Setting up/ && ++done % 20 == 0 { print "  " done " of " total " packages set up"; fflush() }'
}

echo "packages: installing ${missing[*]}"
if ! run_apt update || ! run_apt install -y --no-install-recommends "${missing[@]}"; then
    tail -n 40 "$log" >&2
    echo "install-packages.sh: apt-get failed; its last lines are above" >&2
    exit 1
fi

# Nor should they start with the machine because somebody once ran the tests on it.
if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
        case $package in
        nsd | knot | gdnsd)
            echo "  the service $package is disabled; 'systemctl enable --now $package' undoes this"
            "${sudo[@]}" systemctl disable --quiet "$package" || true
            ;;
        esac
    done
fi
echo "packages: done"
