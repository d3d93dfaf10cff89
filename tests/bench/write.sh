#!/usr/bin/env bash
# write.sh [--names N] [--seconds S] [--rounds R]: what changes cost, and what they do to answers.
#
# 1. durable single-record changes through the store: 16 writers, and one;
# 2. the same over HTTP, each followed by a query that must find the new address;
# 3. how long answers take at half of what the server can do: alone, while 16 writers change
#    records, and while zones of N names are imported and dropped again, for two seconds each, in R
#    rounds one after the other. The host takes the processor away now and then, in some rounds more
#    than in others: the medians are what to compare. What the database flushed and compacted
#    meanwhile is counted, and the longest turn of a worker's loop is told.
#
# N is 1,000,000, S 10, R 15. Exit status 1 if an answer after an acknowledgement was an old one.
set -euo pipefail
names=1000000 seconds=10 rounds=15 pace_seconds=2
while [ $# -gt 0 ]; do
    case $1 in
    --names) names=${2:?} && shift ;;
    --seconds) seconds=${2:?} && shift ;;
    --rounds) rounds=${2:?} && shift ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
prepare meridian write_bench node_cache changes_bench dnspace dnsblast
memory=$((256 + names / 5000))
echo "load of the machine: $(cut -d' ' -f1-3 /proc/loadavg)"

echo "through the store:"
"$tools/node_cache" "$work/store" "$names" 1000 "$memory" >/dev/null
"$tools/write" "$work/store" "$names" 16 "$seconds"
"$tools/write" "$work/store" "$names" 1 "$seconds"
rm -rf "$work/store"

data=$work/data
mkdir -p "$data"
zone_file() {
    awk -v n="$names" 'BEGIN {
        print "@ 3600 IN SOA ns1.provider.test. hostmaster.provider.test. 1 7200 900 1209600 300"
        print "@ 3600 IN NS ns1.provider.test."
        for (i = 0; i < n; i++) printf "h%09d 300 IN A 192.0.2.%d\n", i, i % 255
    }'
}
zone_file >"$work/zone.db"
"$meridian" zone import example "$work/zone.db" --offline --data-dir "$data" >/dev/null
server 1 "$memory"
first_answer h000000000.example. >/dev/null
loaded
echo "over HTTP:"
# Who changes stands for other machines: behind the server, which it would not take the processor of.
change() { # WRITERS SECONDS
    nice -n 19 "$tools/changes" -u "$data/admin.sock" -p "$port" -z example. -n "$names" -c "$1" -t "$2"
}
change 16 "$seconds"
change 1 "$seconds"

awk -v n="$names" 'BEGIN { srand(1); for (i = 0; i < 100000; i++) printf "h%09d.example A\n", int(rand() * n) }' >"$work/queries"
capacity=$("$tools/dnsblast" -p "$port" -f "$work/queries" -n 400000 -s 8 -w 32 | sed -n 's/.*: \([0-9]*\) q\/s.*/\1/p')
rate=$((capacity / 2))
echo "answers at $rate queries/s, half of what is answered at most:"
files() { find "$data/store" -name '*.sst' | sort; }
longest() { metric meridian_loop_longest_turn_seconds; }
slow_turns() {
    curl -sf "http://127.0.0.1:$web/metrics" | awk '
        /^meridian_loop_turn_duration_seconds_bucket{le="0.01"}/ { fast = $2 }
        /^meridian_loop_turn_duration_seconds_count/ { print $2 - fast }'
}
declare -A p99s turns files_written
pace() { # WHAT
    local before turns_before told
    before=$(files)
    turns_before=$(slow_turns)
    told=$("$tools/dnspace" -p "$port" -f "$work/queries" -r "$rate" -t "$pace_seconds" | sed 's/.*lost/lost/')
    printf '%-12s %s\n' "$1" "$told"
    p99s[$1]+="$(sed 's/.*window: median \([0-9.]*\).*/\1/' <<<"$told") "
    turns[$1]=$((${turns[$1]:-0} + $(slow_turns) - turns_before))
    files_written[$1]=$((${files_written[$1]:-0} + $(comm -13 <(echo "$before") <(files) | wc -l)))
}
importing() {
    while :; do
        nice -n 19 "$meridian" zone import other.example "$work/zone.db" --server "$data/admin.sock" >/dev/null 2>&1 || return 0
        nice -n 19 "$meridian" zone delete other.example --server "$data/admin.sock" >/dev/null 2>&1 || return 0
    done
}
for ((round = 0; round < rounds; round++)); do
    pace alone
    change 16 $((pace_seconds + 1)) >"$work/changes.log" 2>&1 &
    writers=$!
    pace "16 writers"
    wait "$writers" || { cat "$work/changes.log" >&2; exit 1; }
    importing &
    importer=$!
    pids+=("$importer")
    sleep 1 # so that one is under way
    pace importing
    kill "$importer" 2>/dev/null || true
    wait "$importer" 2>/dev/null || true
    sleep 1
done
middle() { tr ' ' '\n' | sort -n | awk 'NF { v[++n] = $1 } END { print v[int((n + 1) / 2)] }'; }
echo "p99 of a window of 100 ms, median of $rounds rounds:"
for what in alone "16 writers" importing; do
    printf '%-12s %s ms; files of the database written: %s; loop turns over 10 ms: %s\n' "$what" \
        "$(middle <<<"${p99s[$what]}")" "${files_written[$what]}" "${turns[$what]}"
done
echo "longest turn of a worker's loop since the start: $(longest) s, of the admin loop: $(metric meridian_admin_loop_longest_turn_seconds) s"
