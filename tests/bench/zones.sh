#!/usr/bin/env bash
# zones.sh [--zones N] [--memory-mb MB]: many zones in one server. Makes N (1,000,000) zones of 10
# records, imports them without a server, starts one on them, and prints records a second, the time
# from start to the first answer, and the memory once everything that fits is loaded.
#
# Needs 4.5 KB of disk for each zone under /tmp. Exit status 1 when an aim is missed: 100,000
# records/s, an answer within 5 s, memory within the budget and 300 MB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

zones=1000000 memory=256
while [ $# -gt 0 ]; do
    case $1 in
    --zones) zones=${2:?} && shift ;;
    --memory-mb) memory=${2:?} && shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done

scripts/install-packages.sh build run test
mkdir -p build/logs
echo "building (log: build/logs/bench-build.log)"
{ cmake --preset bench && cmake --build --preset bench -j "$(nproc)" --target meridian; } >build/logs/bench-build.log 2>&1 ||
    { tail -n 40 build/logs/bench-build.log >&2; exit 1; }

work=$(mktemp -d /tmp/meridian-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
python3 tests/bench/zones.py build/bench/server/meridian "$work" "$zones" "$memory"
