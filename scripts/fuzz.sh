#!/usr/bin/env bash
# fuzz.sh [SECONDS] [STEM...]: runs every libFuzzer target (or those named) for SECONDS each (300).
# What it learns goes to build/fuzz/corpus, what it finds to build/fuzz/findings; a finding belongs
# into tests/fuzz/corpus/<stem>/ once it is understood. Exit status 1 on a finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-300}
[[ $seconds =~ ^[0-9]+$ ]] || { echo "usage: fuzz.sh [SECONDS] [STEM...]" >&2; exit 2; }
shift || true

scripts/install-packages.sh build fuzz
mkdir -p build/logs build/fuzz
echo "building the fuzz targets with clang (log: build/logs/fuzz-build.log)"
if ! { cmake --preset fuzz && cmake --build --preset fuzz --target fuzz; } >build/logs/fuzz-build.log 2>&1; then
    grep -E 'error|FAILED' -A 6 build/logs/fuzz-build.log | head -n 60 >&2
    exit 1
fi

if [ $# -eq 0 ]; then
    mapfile -t stems < <(find tests/fuzz -maxdepth 1 -name '*.cc' ! -name replay_main.cc -printf '%f\n' | sed 's/\.cc$//' | sort)
else
    stems=("$@")
fi

findings=0
for stem in "${stems[@]}"; do
    corpus=build/fuzz/corpus/$stem found=build/fuzz/findings/$stem log=build/logs/fuzz-$stem.log
    mkdir -p "$corpus" "$found" "tests/fuzz/corpus/$stem"
    printf '%-28s ' "$stem"
    if ASAN_OPTIONS=detect_leaks=1 build/fuzz/tests/fuzz/"fuzz_$stem" "$corpus" "tests/fuzz/corpus/$stem" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 \
        -artifact_prefix="$found/" -print_final_stats=1 >"$log" 2>&1; then
        awk '/stat::number_of_executed_units/ { runs = $2 } /cov:/ { for (i = 1; i < NF; ++i) if ($i == "cov:") cov = $(i + 1) }
             END { printf "clean: %d runs, coverage %s\n", runs, cov }' "$log"
    else
        echo "FINDING (log: $log, input in $found/)"
        grep -E 'ERROR|runtime error|SUMMARY|#[0-9] ' "$log" | head -n 15
        findings=$((findings + 1))
    fi
done
echo "${#stems[@]} targets, $seconds s each, $findings with findings"
[ "$findings" -eq 0 ]
