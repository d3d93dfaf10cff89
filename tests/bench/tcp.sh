#!/usr/bin/env bash
# tcp.sh [--rounds N] [--stream hot|mix|nxdomain]... [--peers "NAME..."] [--queries N] [--names N]
#        [--connections N] [--outstanding N] [--svg FILE] [--keep FILE]:
# CPU per query of authoritative answers over TCP, Meridian beside Debian's NSD, Knot and BIND.
#
# All run with one worker and the same zone of 250,000 records; dnsperf asks over 10 connections that
# stay, with 200 questions outstanding. Each of N (9) rounds measures each of them once on each
# stream, and the medians of the per-round ratios count. The bar: at most half of the best of them;
# exit status 1 when it is missed.
set -euo pipefail
rounds=9 streams=() peers="nsd knot bind" queries=300000 names=131570 connections=10 outstanding=200 svg= keep=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --stream) streams+=("${2:?}") && shift ;;
    --peers) peers=${2?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    --names) names=${2:?} && shift ;;
    --connections) connections=${2:?} && shift ;;
    --outstanding) outstanding=${2:?} && shift ;;
    --svg) svg=$(realpath "${2:?}") && shift ;;
    --keep) keep=$(realpath "${2:?}") && shift ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ "$rounds" -ge 1 ] && [ "$queries" -ge 1 ] && [ "$names" -ge 100 ] && [ "$connections" -ge 1 ] && [ "$outstanding" -ge 1 ] ||
    { echo "tcp.sh: --rounds, --queries, --names (at least 100), --connections, --outstanding want numbers" >&2; exit 2; }
[ ${#streams[@]} -gt 0 ] || streams=(hot mix nxdomain)
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. tests/bench/peers.sh

prepare meridian
scripts/install-packages.sh bench || echo "going on with what is installed"
command -v dnsperf >/dev/null || { echo "tcp.sh: dnsperf is not installed" >&2; exit 1; }
peers=$(installed_peers $peers)

python3 tests/bench/make_zone.py "$work" --names "$names" --queries 100000
for stream in "${streams[@]}"; do
    [ -f "$work/$stream.txt" ] || { echo "tcp.sh: no stream $stream" >&2; exit 2; }
done
origin=bench.example zone_file=$work/bench.zone
contenders=(meridian $peers)
start_contenders "${contenders[@]}"
asked=()
for name in "${contenders[@]}"; do asked+=("$name=${port_of[$name]}"); done
for stream in "${streams[@]}"; do
    python3 tests/bench/same_answers.py "$work/$stream.txt" "${asked[@]}"
done

# In place of that of peers.sh, which asks over UDP.
measure() { # NAME FILE QUERIES
    each_us "$1" $(($3 * 99 / 100)) "${process_of[$1]}" ask_by_dnsperf "${port_of[$1]}" tcp "$2" "$3"
}
rounds_of "$rounds"
[ -z "$keep" ] || cp "$work/figures" "$keep"
python3 tests/bench/ratios.py "$work/figures" --at-most 0.5 \
    --title "CPU of the server per query over TCP, microseconds" ${svg:+--svg "$svg"}
