#!/usr/bin/env bash
# import.sh [--records N] [--zones N] [--binary FILE]: what bringing zones in costs. One zone of N
# (1,000,000) records without a server, over HTTP as a master file and as NDJSON, and N (10,000)
# zones of 10 records with --list into a server that runs. Prints CPU seconds and the largest
# memory of client and server, and the seconds it took.
#
# Needs 600 octets of disk for each record under /tmp. Exit status 1 when an aim is missed: 6
# CPU-seconds for a million records, client and server together.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

records=1000000 zones=10000 binary=
while [ $# -gt 0 ]; do
    case $1 in
    --records) records=${2:?} && shift ;;
    --zones) zones=${2:?} && shift ;;
    --binary) binary=${2:?} && shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done

if [ -z "$binary" ]; then
    scripts/install-packages.sh build run test
    mkdir -p build/logs
    echo "building (log: build/logs/bench-build.log)"
    { cmake --preset bench && cmake --build --preset bench -j "$(nproc)" --target meridian; } >build/logs/bench-build.log 2>&1 ||
        { tail -n 40 build/logs/bench-build.log >&2; exit 1; }
    binary=build/bench/server/meridian
fi

work=$(mktemp -d /tmp/meridian-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 tests/bench/import.py "$binary" "$work" "$records" "$zones"
