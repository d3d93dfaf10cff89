#!/usr/bin/env bash
# compare.sh [--rounds N] [DIRECTORY]: everything docs/benchmarks.md says of peers, workers and
# transports, with its plots (auth.svg, signed-nsec.svg, signed-nsec3.svg, tcp.svg, transports.svg,
# workers.svg) in DIRECTORY (docs). Wants a quiet machine and half an hour with 9 rounds.
#
# Exit status 1 when a benchmark missed its bar; the others are run all the same.
set -euo pipefail
rounds=9 directory=docs
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    -*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) directory=$1 ;;
    esac
    shift
done
directory=$(realpath "$directory")
cd "$(dirname "${BASH_SOURCE[0]}")"
figures=$(mktemp -d)
trap 'rm -rf "$figures"' EXIT
missed=()
run() { # SCRIPT ARGUMENTS...
    echo "== $*"
    "./$1" --rounds "$rounds" "${@:2}" || missed+=("$*")
}
run auth.sh --svg "$directory/auth.svg" --keep "$figures/udp"
run auth.sh --zones 1000000
for kind in nsec nsec3; do run auth.sh --signed $kind --svg "$directory/signed-$kind.svg"; done
run wildcard.sh
run workers.sh --svg "$directory/workers.svg"
run tcp.sh --svg "$directory/tcp.svg" --keep "$figures/tcp"
if [ -f "$figures/udp" ] && [ -f "$figures/tcp" ]; then
    echo "== UDP and TCP"
    # It has said above who is below whom.
    python3 ratios.py UDP="$figures/udp" TCP="$figures/tcp" --svg "$directory/transports.svg" || true
fi
for each in "${missed[@]}"; do echo "missed its bar, or failed: $each"; done
[ ${#missed[@]} -eq 0 ]
