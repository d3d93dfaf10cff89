#!/usr/bin/env bash
# workers.sh [--rounds N] [--queries N] [--names N] [--svg FILE]: CPU per query with 1, 2, 4 and 8
# workers, beside as many processes of a UDP echo on one port, which share nothing.
#
# The load grows with the workers (4 sockets of 64 outstanding queries for each), so that batches
# stay alike. Medians of N (9) rounds' ratios to one worker count; exit status 1 when they rise by
# more than 5 % with the workers, beyond what the echo's do: then counters or caches contend.
set -euo pipefail
rounds=9 queries=200000 names=131570 svg=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    --names) names=${2:?} && shift ;;
    --svg) svg=$(realpath "${2:?}") && shift ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. tests/bench/peers.sh
prepare meridian dnsblast udp_echo
python3 tests/bench/make_zone.py "$work" --names "$names" --queries 100000
origin=bench.example zone_file=$work/bench.zone counts=(1 2 4 8)

# A shell that waits for its children, so that the family can be charged and ended as one.
start_echoes() { # COUNT
    launch "echo$1" bash -c 'trap "kill \$(jobs -p); exit" TERM
        for ((i = 0; i < $1; i++)); do "$2" "$3" & done; wait' echoes "$1" "$tools/udp_echo" "${port_of[echo$1]}"
}
contenders=()
for count in "${counts[@]}"; do
    eval "start_echo$count() { start_echoes $count; }"
    eval "start_meridian$count() { fill_meridian meridian$count && serve_meridian meridian$count $count; }"
    contenders+=("echo$count" "meridian$count")
done
start_contenders "${contenders[@]}"

# As many senders as workers.
options_for() { # NAME
    local count=${1//[a-z]/}
    echo "-s $((4 * count)) -w 64"
}
streams=(mix)
rounds_of "$rounds"
python3 tests/bench/workers.py "$work/figures" "$svg"
