#!/bin/sh
# The store against a model, at length: random change sets, STEPS for each SEED (10^6 and one seed
# unless told otherwise). The ordinary tests walk 10,000 steps of one seed.
#
#     scripts/model.sh [STEPS [SEED...]]
set -eu
cd "$(dirname "$0")/.."
steps=${1:-1000000}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- 20261121
cmake --preset dev
cmake --build build/dev --target zones_tests
for seed; do
    echo "seed $seed, $steps steps"
    MERIDIAN_MODEL_STEPS=$steps MERIDIAN_MODEL_SEED=$seed \
        build/dev/tests/zones/zones_tests --gtest_filter='*StoreModel*'
done
