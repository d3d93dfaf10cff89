#!/usr/bin/env bash
# overload.sh [--rounds N] [--seconds S] [--stream hot|mix|nxdomain] [--rcvbuf OCTETS]: a server with
# one worker is sent twice what it can carry over UDP; it should answer at 90 % of its best rate, and
# TCP and the API should stay responsive.
#
# The whole server is pinned to one core and the generators to another. A busy loop has half of the
# server's core: a generator costs about as much for a question as the server for its answer, so that
# one core could not send another twice what it can take.
set -euo pipefail
seconds=6 stream=mix rounds=3 rcvbuf=4194304
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=${2:?} && shift ;;
    --rounds) rounds=${2:?} && shift ;;
    --rcvbuf) rcvbuf=${2:?} && shift ;;
    --stream) stream=${2:?} && shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ "$seconds" -ge 4 ] && [ "$rounds" -ge 1 ] && [ "$rcvbuf" -ge 4096 ] ||
    { echo "overload.sh: --seconds (from 4), --rounds, --rcvbuf want numbers" >&2; exit 2; }
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ "$(nproc)" -ge 2 ] || { echo "overload.sh: needs two cores" >&2; exit 1; }
prepare meridian dnsblast dnspace

python3 tests/bench/make_zone.py "$work" --names 131570 --queries 100000
[ -f "$work/$stream.txt" ] || { echo "overload.sh: no stream $stream" >&2; exit 2; }
data=$work/data
"$meridian" zone import bench.example "$work/bench.zone" --offline --data-dir "$data" >/dev/null
server 1 1024 "udp_rcvbuf = $rcvbuf"
taskset -apc 0 "$pid" >/dev/null
first_answer bench.example >/dev/null
loaded
taskset -apc 0 "$pid" >/dev/null # threads that were made meanwhile
taskset -c 0 bash -c 'while :; do :; done' &
pids+=($!)
taskset -c 1 python3 tests/bench/overload.py "$port" "$web" "$(cat "$data/admin.token")" "$tools" "$work/$stream.txt" \
    "$seconds" "$rounds"
