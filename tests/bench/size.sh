#!/usr/bin/env bash
# size.sh [--max EXPONENT] [--rounds N] [--svg FILE]: CPU per query from a thousand to 10^EXPONENT (6)
# names in one zone, and zones (at most a million), beside a batched UDP echo, which does no DNS.
#
# Each size has a server of its own with one worker and everything in memory; each round measures
# the echo, random names and 256 hot names, and medians of N (5) rounds are shown, and drawn to FILE.
set -euo pipefail
max=6 rounds=5 svg=
while [ $# -gt 0 ]; do
    case $1 in
    --max) max=${2:?} && shift ;;
    --rounds) rounds=${2:?} && shift ;;
    --svg) svg=$(realpath "${2:?}") && shift ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
prepare meridian dnsblast udp_echo
python3 tests/bench/size.py "$meridian" "$tools" "$work" "$max" "$rounds" "$svg"
