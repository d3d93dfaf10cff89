#!/usr/bin/env bash
# bare-system.sh [--test] [--keep] [--dir DIR]: shows on a bare Debian 12 that a fresh clone works.
#
# Bootstraps Debian 12 (minbase) into a temporary directory with this machine's mirror and apt
# settings, clones the committed state of this repository into it, and runs there what README.md
# promises: scripts/run.sh twice (it must be ready in under 10 minutes, then under 10 seconds),
# and with --test also scripts/test.sh. Needs root and debootstrap. Unmounts and removes what it
# made; --keep leaves the directory.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

run_tests=no keep=no root=
while [ $# -gt 0 ]; do
    case $1 in
    --test) run_tests=yes ;;
    --keep) keep=yes ;;
    --dir) root=${2:?--dir wants a directory} && shift ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    esac
    shift
done
[ "$(id -u)" -eq 0 ] || { echo "bare-system.sh: needs root (debootstrap, chroot)" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare-system.sh: install debootstrap first" >&2; exit 1; }
[ -n "$root" ] || root=$(mktemp -d /tmp/meridian-bare.XXXXXX)
mkdir -p "$root"

clean_up() {
    for at in dev/pts dev/shm dev sys proc; do
        if mountpoint -q "$root/$at"; then umount "$root/$at" || umount -l "$root/$at"; fi
    done
    if [ "$keep" = no ] && ! grep -q " $root/" /proc/mounts; then rm -rf --one-file-system "$root"; fi
}
trap clean_up EXIT

# The first Debian archive that this machine itself uses.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -oE '(https?|file|mirror)[^ ]*/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
mirror=${mirror:-http://deb.debian.org/debian}

started=$SECONDS
say() { printf '[%4d s] %s\n' $((SECONDS - started)) "$*"; }

if [ ! -e "$root/etc/debian_version" ]; then
    say "debootstrap bookworm (minbase) from $mirror"
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -n 20 "$root.log" >&2; exit 1; }
    rm -f "$root.log"
fi
# How this machine reaches the archive (proxy, validity checks), not what it installs from it.
for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
    if [ -f "$file" ] && grep -qE '^ *Acquire::(http|https|Check|Retries)' "$file"; then
        mkdir -p "$root/etc/apt/apt.conf.d"
        grep -E '^ *Acquire::(http|https|Check|Retries)' "$file" >"$root/etc/apt/apt.conf.d/90$(basename "$file")"
    fi
done
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir -p "$root/proc" "$root/sys" "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --bind /dev "$root/dev"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"

say "cloning $(git -C "$here" rev-parse --short HEAD)"
rm -rf "$root/root/meridian"
git clone --quiet "$here" "$root/root/meridian"

inside() {
    chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        ${no_proxy:+no_proxy="$no_proxy"} bash -c "cd /root/meridian && $1"
}

failed=0
timed() { # NAME LIMIT_S COMMAND
    local from=$SECONDS
    say "$1"
    if ! inside "$3"; then
        say "FAILED: $1"
        failed=1
    elif [ $((SECONDS - from)) -gt "$2" ]; then
        say "TOO SLOW: $1 took $((SECONDS - from)) s, allowed are $2 s"
        failed=1
    else
        say "ok: $1 took $((SECONDS - from)) s (allowed: $2 s)"
    fi
}
timed "scripts/run.sh --check, first run" 600 "scripts/run.sh --check"
timed "scripts/run.sh --check, second run" 10 "scripts/run.sh --check"
[ "$run_tests" = no ] || timed "scripts/test.sh" 5400 "scripts/test.sh"
exit $failed
