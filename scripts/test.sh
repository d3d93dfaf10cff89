#!/usr/bin/env bash
# test.sh [--quick]: installs what is missing, builds, runs every test.
#
#   0. the layout of the code, if clang-format 14 is there (it is not installed for this)
#   1. the program with release flags: end-to-end tests, tests/wire/
#   2. instructions for each kind of answer, compared with tests/bench/answer_cost.txt
#   3. every test program (gtest), the layering test and the fuzz corpora, under AddressSanitizer and
#      UndefinedBehaviorSanitizer
#   4. the programs that involve threads under ThreadSanitizer
#
# What a stage builds is built behind the tests of the stage before, which wait a lot.
# --quick does 3 with the dev build instead, and leaves out 2, 4 and what needs peers. Logs:
# build/logs. What was skipped is named at the end, with the reason. The last line is like
# "812 passed, 0 failed, 3 skipped"; the exit status is 0 only when nothing failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=no
case ${1:-} in
"") ;;
--quick) quick=yes ;;
*) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# The test programs in which threads meet; stage 2 builds and runs these, of the sources that their
# CMakeLists.txt name. What is in net belongs to one thread, but for the doors of its loop, which
# server and admin go through.
thread_tests=(zones server resolver base admin)
program_timeout_s=600
jobs=$(nproc)
logs=build/logs
passed=0 failed=0 skipped=0
skips=()
started=$SECONDS

say() { printf '[%4d s] %s\n' $((SECONDS - started)) "$*"; }
finish() {
    if [ ${#skips[@]} -gt 0 ]; then
        say "skipped:"
        printf '  %s\n' "${skips[@]}"
    fi
    say "logs are in $logs"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
# A stage that could not run counts as one failure, with the end of its log.
stage_failed() { # MESSAGE LOG
    say "FAILED: $1 (log: $2)"
    grep -E 'error|FAILED|warning: ' -A 8 "$2" | head -n 60
    tail -n 15 "$2"
    failed=$((failed + 1))
}
behind=
trap 'echo; say "interrupted"; kill $behind 2>/dev/null; failed=$((failed + 1)); finish' INT TERM

build() { # PRESET TARGET...
    local preset=$1 log=$logs/$1-build.log from=$SECONDS options=() alone=() known=0 done=no
    shift
    say "building $preset ($jobs jobs; log: $log)"
    case $preset in
    asan | tsan) options=(-DMERIDIAN_PCH=ON -DMERIDIAN_BATCHED=ON -DMERIDIAN_ALONE=) ;;
    esac
    while :; do
        if ! cmake --preset "$preset" "${options[@]}" >"$log" 2>&1; then break; fi
        if cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"} -- -k 0 >>"$log" 2>&1; then
            done=yes
            break
        fi
        # Two sources of a batch may use one name in their unnamed namespaces, which is no fault. So
        # those that have errors go alone; errors that stay are real.
        [ ${#options[@]} -gt 1 ] || break
        known=${#alone[@]}
        mapfile -t alone < <({
            printf '%s\n' "${alone[@]}"
            grep -oP '(?<!tests/)(admin|base|dns|net|resolver|server|zones)/[a-z0-9_]+\.cc:[0-9]+:[0-9]+: error' "$log" |
                cut -d: -f1
        } | grep . | sort -u)
        [ ${#alone[@]} -gt "$known" ] || break
        say "building $preset again, these sources not in batches: ${alone[*]} (add them to cmake/meridian.cmake)"
        options[2]=-DMERIDIAN_ALONE=$(IFS=';' && echo "${alone[*]}")
    done
    if [ $done = no ]; then
        stage_failed "the build of $preset" "$log"
        return 1
    fi
    # Programs that an older state of the sources had would be run as tests.
    ninja -C "build/$preset" -t cleandead >>"$log"
    say "built $preset in $((SECONDS - from)) s"
}

# The same, while something else runs, which it leaves the processors to.
build_behind() { # PRESET TARGET...
    # In a process of its own, which counts nothing of the failure that it prints.
    (renice -n 19 -p "$BASHPID" >/dev/null && build "$@") &
    behind=$!
}
built_behind() {
    wait "$behind" && return
    failed=$((failed + 1))
    return 1
}

# Reads gtest's own JSON, so that what is counted is what was run: the three counts, then a line for
# each test that skipped itself. gtest 1.12 does not write the reason there; the log has it.
count() { # FILE
    python3 - "$1" <<'PY'
import json, sys
passed = failed = 0
skipped = []
for suite in json.load(open(sys.argv[1]))["testsuites"]:
    for test in suite["testsuite"]:
        if test.get("failures"):
            failed += 1
        elif test.get("result") == "SKIPPED":
            skipped.append(suite["name"] + "." + test["name"])
        elif test.get("status") == "RUN":
            passed += 1
print(passed, failed, len(skipped))
print(*skipped, sep="\n")
PY
}

# What a test said when it skipped itself: the line after the place in the source.
reason_of() { # TEST LOG
    awk -v test="$1" '$0 == "[ RUN      ] " test { inside = 1; next }
        inside && /: Skipped$/ { getline; print; exit }' "$2"
}

# The tests of the store take as long as all others together, and those of admin come last: in parts,
# so that no core waits long for the other.
shards_of() { # PROGRAM
    case $1 in
    */zones_tests) echo 6 ;;
    */admin_tests) echo 3 ;;
    *) echo 1 ;;
    esac
}

# One part of a test program. Its end is told by a file with exit status and seconds.
run_shard() { # STAGE PROGRAM SHARD SHARDS
    local log=$logs/$1-$(basename "$2").log json=$logs/$1-$(basename "$2").json from=$SECONDS status=0
    GTEST_TOTAL_SHARDS=$4 GTEST_SHARD_INDEX=$3 timeout --kill-after=10 "$program_timeout_s" \
        "$2" --gtest_output="json:$json.$3" --gtest_brief=0 >"$log.$3" 2>&1 </dev/null || status=$?
    echo "$status $((SECONDS - from))" >"$log.$3.end"
}

# Adds up what the parts of a program say. A crash, a sanitizer's report or a time-out is one failure
# more.
report_program() { # STAGE PROGRAM
    local name=$1-$(basename "$2") status=0 p=0 f=0 s=0 took=0
    local log=$logs/$name.log json=$logs/$name.json shard
    for ((shard = 0; shard < $(shards_of "$2"); shard++)); do
        local of_this lasted lines=("0 0 0") line a b c
        read -r of_this lasted <"$log.$shard.end"
        if [ -s "$json.$shard" ]; then mapfile -t lines < <(count "$json.$shard"); fi
        read -r a b c <<<"${lines[0]}"
        for line in "${lines[@]:1}"; do
            [ -z "$line" ] || skips+=("$name $line: $(reason_of "$line" "$log.$shard")")
        done
        if [ "$of_this" -ne 0 ]; then status=$of_this; fi
        if [ "$of_this" -ne 0 ] && [ "$b" -eq 0 ]; then b=1; fi
        p=$((p + a)) f=$((f + b)) s=$((s + c)) took=$((took + lasted))
    done
    rm -f "$log".*.end
    cat "$log".* >"$log"
    rm -f "$log".*
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '  %-44s %5d passed, %d failed, %d skipped, %d s\n' "$name" "$p" "$f" "$s" "$took"
    if [ "$f" -ne 0 ]; then
        echo "  exit status $status (124: over $program_timeout_s s); log: $log"
        grep -E 'Failure$|\[  FAILED  \]|ERROR: |WARNING: ThreadSanitizer|runtime error' -A 12 "$log" |
            head -n 120 || tail -n 40 "$log"
    fi
}

# Runs test programs, as many parts at a time as there are cores (up to 4), and tells of each program
# when all its parts have ended. Seconds are those of the parts added up.
run_programs() { # STAGE PROGRAM...
    local stage=$1 program shard part pid still running=() slots=$((jobs < 4 ? jobs : 4)) waiting=()
    shift
    report_ended() {
        local one left=()
        for one in "${waiting[@]}"; do
            if [ "$(find "$logs" -name "$stage-$(basename "$one").log.*.end" | wc -l)" -eq "$(shards_of "$one")" ]; then
                report_program "$stage" "$one"
            else
                left+=("$one")
            fi
        done
        waiting=("${left[@]}")
    }
    say "running $# programs, $slots at a time"
    for program in "$@"; do rm -f "$logs/$stage-$(basename "$program")".{json,log}*; done
    waiting=("$@")
    local parts=()
    for program in "$@"; do
        for ((shard = 0; shard < $(shards_of "$program"); shard++)); do parts+=("$program $shard"); done
    done
    for part in "${parts[@]}"; do
        read -r program shard <<<"$part"
        if [ "${#running[@]}" -ge "$slots" ]; then
            wait -n "${running[@]}"
            still=()
            for pid in "${running[@]}"; do if kill -0 "$pid" 2>/dev/null; then still+=("$pid"); fi; done
            running=("${still[@]}")
            report_ended
        fi
        run_shard "$stage" "$program" "$shard" "$(shards_of "$program")" &
        running+=($!)
    done
    wait "${running[@]}"
    report_ended
}
# The longest one, zones, comes first.
programs_of() { find "build/$1/tests" -type f -name '*_tests' -perm -u+x | sort -r; }

# Versions of the tool lay code out differently: only the one that .clang-format was made for counts.
check_layout() {
    local log=$logs/layout.log files
    if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
        skipped=$((skipped + 1)) skips+=("layout of the code: clang-format 14 is not installed")
        return
    fi
    mapfile -t files < <(find admin base dns net resolver server tests zones -name '*.h' -o -name '*.cc' | sort)
    if clang-format --dry-run --Werror "${files[@]}" >"$log" 2>&1; then
        passed=$((passed + 1))
        say "the layout of ${#files[@]} files is that of .clang-format"
    else
        stage_failed "files are not laid out as .clang-format wants (clang-format -i)" "$log"
    fi
}

scripts/install-packages.sh build run test || exit 1
# What ccache keeps serves every clone of the project on this machine, wherever it lies.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
mkdir -p "$logs"
check_layout

# The bench build is the release build with tools beside it.
with_release_flags=(bench meridian answer_cost)
[ "$quick" = no ] || with_release_flags=(release)
released=no
if build "${with_release_flags[@]}"; then released=yes; fi

if [ "$quick" = no ]; then build_behind asan; else build_behind dev; fi
if [ $released = yes ]; then
    say "end to end: tests/wire"
    wire=(--binary "build/${with_release_flags[0]}/server/meridian" --jobs $((jobs < 4 ? jobs : 4)))
    [ "$quick" = no ] || wire+=(--quick)
    python3 tests/wire/run.py "${wire[@]}" 2>&1 | tee "$logs/wire.log"
    status=${PIPESTATUS[0]}
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$logs/wire.log" | tail -n 1)
    if [ -n "$line" ]; then
        read -r p _ f _ s _ <<<"$line"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        mapfile -t -O "${#skips[@]}" skips < <(sed -n 's/^  skipped /wire /p' "$logs/wire.log")
    fi
    if [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then stage_failed "tests/wire ended with $status" "$logs/wire.log"; fi
fi

if [ "$quick" = yes ]; then
    if built_behind; then
        mapfile -t programs < <(programs_of dev)
        run_programs dev "${programs[@]}"
    fi
    finish
fi

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:suppressions=$PWD/tests/support/tsan.supp
asan_built=no
if built_behind; then asan_built=yes; fi
build_behind tsan "${thread_tests[@]/%/_tests}"
if [ $asan_built = yes ]; then
    mapfile -t programs < <(programs_of asan)
    run_programs asan "${programs[@]}"
fi
tsan_built=no
if built_behind; then tsan_built=yes; fi
# Counting keeps one core busy and does not care what else happens.
counting=
if [ $released = yes ]; then
    say "instructions of an answer, meanwhile: tests/bench/answer_cost.py"
    nice python3 tests/bench/answer_cost.py --build build/bench >"$logs/answer_cost.log" 2>&1 &
    counting=$!
fi
if [ $tsan_built = yes ]; then
    # Long, and of one thread.
    export GTEST_FILTER=-PacketChanges.AgreesWithAWorkerThatHasJustBegun:PacketChanges.WhateverChangesAnAnswerIsSeenAtOnce
    programs=()
    for name in "${thread_tests[@]}"; do programs+=("build/tsan/tests/$name/${name}_tests"); done
    run_programs tsan "${programs[@]}"
fi
if [ -n "$counting" ]; then
    if wait "$counting"; then
        passed=$((passed + 1))
    else
        stage_failed "answers do not cost what tests/bench/answer_cost.txt says" "$logs/answer_cost.log"
    fi
fi
finish
