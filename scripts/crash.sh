#!/bin/sh
# What was acknowledged, after the worst: ROUNDS (200 unless told otherwise) times SIGKILL of a
# running server under writers over HTTP, and of the store under writes and imports with small
# buffers, so that tables are being written and merged when it dies; then as many seeds of a disk
# that loses its power, fails, and flips bits. The ordinary tests do fewer of each.
#
#     scripts/crash.sh [ROUNDS]
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-200}
cmake --preset dev
cmake --build build/dev --target zones_tests meridian
MERIDIAN_CRASH_ROUNDS=$rounds MERIDIAN_FAULT_SEEDS=$rounds build/dev/tests/zones/zones_tests \
    --gtest_filter='StoreCrash.*:StoreFaults.*'
MERIDIAN_CRASH_ROUNDS=$rounds python3 tests/wire/run.py --binary build/dev/server/meridian \
    test_random_kill_9_during_acknowledged_writes
