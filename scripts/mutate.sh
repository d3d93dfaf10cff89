#!/bin/sh
# A million mutated datagrams and 100,000 mutated TCP streams, in two halves at once, at a server
# built with AddressSanitizer and UndefinedBehaviorSanitizer: a report of theirs ends the server,
# and a leak makes its exit status other than 0. The ordinary tests send a few.
#
#     scripts/mutate.sh [SEED]
set -eu
cd "$(dirname "$0")/.."
seed=${1:-1}
cmake --preset asan
cmake --build build/asan --target meridian
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
python3 tests/wire/mutate.py --binary build/asan/server/meridian --streams 0 --seed "$seed" &
datagrams=$!
python3 tests/wire/mutate.py --binary build/asan/server/meridian --datagrams 0 --seed "$seed"
wait "$datagrams"
