#!/usr/bin/env bash
# wildcard.sh [--rounds N] [--queries N]: what it saves that a listener on 0.0.0.0 has a socket of
# its own for each address of the machine.
#
# One server, asked at 127.0.0.1, for which it has such a socket, and at 127.0.0.2, which is only
# routed here and served by the socket for all addresses, with the address as a control message
# (IP_PKTINFO). Medians of N (9) rounds. Exit status 1 when the sockets of their own save nothing.
set -euo pipefail
rounds=9 queries=200000
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. tests/bench/peers.sh
prepare meridian dnsblast udp_echo
python3 tests/bench/make_zone.py "$work" --names 20000 --queries 100000
origin=bench.example zone_file=$work/bench.zone streams=(hot)
start_meridian() { fill_meridian meridian && serve_meridian meridian 1 0.0.0.0; }
start_contenders floor meridian
port_of[wildcard]=${port_of[meridian]} process_of[wildcard]=${process_of[meridian]} asked_at[wildcard]=127.0.0.2
contenders=(floor wildcard meridian)
rounds_of "$rounds" -s 4 -w 64
python3 tests/bench/ratios.py "$work/figures"
