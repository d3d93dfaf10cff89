#!/usr/bin/env bash
# auth.sh [--rounds N] [--stream hot|mix|nxdomain|referral]... [--peers "NAME..."] [--queries N] [--names N]
#         [--zones N] [--signed nsec|nsec3] [--svg FILE] [--keep FILE]:
# CPU per query of authoritative answers over UDP, Meridian beside Debian's gdnsd, NSD, Knot,
# PowerDNS and BIND and a batched UDP echo, which is the floor.
#
# All run with one worker and the same zone of 250,000 records; each of N (9) rounds measures each
# of them once on each stream, and the medians of the per-round ratios count. --zones loads so many
# zones of 10 records into Meridian instead, beside the floor alone, and asks the mix over all of
# them. --signed signs a zone of 76,000 records, asks with DO, and compares with NSD, Knot and BIND.
# Exit status 1 when Meridian is not below every peer in every stream.
set -euo pipefail
rounds=9 streams=() peers= queries=200000 names= zones=0 signed= svg= keep=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --stream) streams+=("${2:?}") && shift ;;
    --peers) peers=${2?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    --names) names=${2:?} && shift ;;
    --zones) zones=${2:?} && shift ;;
    --signed) signed=${2:?} && shift ;;
    --svg) svg=$(realpath "${2:?}") && shift ;;
    --keep) keep=$(realpath "${2:?}") && shift ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
# 40,000 names (76,000 records) are signed in well under a minute; 131,570 are 250,000 records.
[ -n "$names" ] || { [ -n "$signed" ] && names=40000 || names=131570; }
case $signed in '' | nsec | nsec3) ;; *) echo "auth.sh: --signed wants nsec or nsec3" >&2; exit 2 ;; esac
[ "$rounds" -ge 1 ] && [ "$queries" -ge 1 ] && [ "$names" -ge 100 ] && [ "$zones" -ge 0 ] ||
    { echo "auth.sh: --rounds, --queries, --names (at least 100), --zones want numbers" >&2; exit 2; }
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. tests/bench/peers.sh

blast=(-s 4 -w 64) same=() bars=() title="CPU of the server per query, microseconds"
if [ "$zones" -gt 0 ]; then
    [ ${#streams[@]} -gt 0 ] || streams=(mix)
    peers= bars=(--bar mix=1.25)
elif [ -n "$signed" ]; then
    [ ${#streams[@]} -gt 0 ] || streams=(hot mix nxdomain referral)
    peers=${peers:-nsd knot bind} blast+=(-d) same=(--do) title="$title: signed (${signed^^}), asked with DO"
else
    [ ${#streams[@]} -gt 0 ] || streams=(hot mix nxdomain)
    peers=${peers:-${all_peers[*]}} bars=(--bar hot=1.04 --bar mix=1.10 --bar nxdomain=1.06)
fi
prepare meridian dnsblast udp_echo
[ -z "$peers" ] || scripts/install-packages.sh bench || echo "going on with what is installed"
peers=$(installed_peers $peers)

python3 tests/bench/make_zone.py "$work" --names "$names" --zones "$zones" --queries 100000
for stream in "${streams[@]}"; do
    [ -f "$work/$stream.txt" ] || { echo "auth.sh: no stream $stream" >&2; exit 2; }
done
origin=bench.example zone_file=$work/bench.zone
if [ -n "$signed" ]; then sign_zone "$signed"; fi
if [ "$zones" -gt 0 ]; then
    echo "importing $zones zones"
    "$meridian" zone import --offline --data-dir "$work/meridian" --list "$work/list" >"$work/import.log" 2>&1 ||
        { tail -n 20 "$work/import.log" >&2; exit 1; }
    origin=z0.example
    start_meridian() { serve_meridian meridian 1; }
fi
contenders=(floor meridian $peers)
start_contenders "${contenders[@]}"
if [ -n "$peers" ]; then
    asked=()
    for name in "${contenders[@]:1}"; do asked+=("$name=${port_of[$name]}"); done
    for stream in "${streams[@]}"; do
        python3 tests/bench/same_answers.py "$work/$stream.txt" "${same[@]}" "${asked[@]}"
    done
fi

rounds_of "$rounds" "${blast[@]}"
[ -z "$keep" ] || cp "$work/figures" "$keep"
python3 tests/bench/ratios.py "$work/figures" "${bars[@]}" --title "$title" ${svg:+--svg "$svg"}
