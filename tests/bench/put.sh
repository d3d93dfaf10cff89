#!/usr/bin/env bash
# put.sh [--names N] [--rate R] [--seconds S] [--rounds N] [--queries Q] [--count C]: changes of single
# records over one HTTP/2 connection with durable writes, and what they do to answers.
#
# 1. how many changes a second there are at most, 100 at once;
# 2. C (100,000) changes, each followed by a query that must find the new address;
# 3. CPU time of the DNS thread per query at Q (20,000) queries a second, half of them for a hundred
#    names, half for any of those that are changed: beside R (5,000) changes a second, beside nothing,
#    and beside as many requests of the same size to /debug/echo, S (4) seconds each, in N (7) rounds,
#    every other one the other way round. What counts is the median of the ratios within a round.
#
# The bars: all R changes a second are made; every answer is new; a query costs beside changes at most
# what it costs beside the echo (5 % are noise). Exit status 1 if one is missed.
set -euo pipefail
names=100000 rate=5000 seconds=4 rounds=7 queries=20000 count=100000
while [ $# -gt 0 ]; do
    case $1 in
    --names) names=${2:?} && shift ;;
    --rate) rate=${2:?} && shift ;;
    --seconds) seconds=${2:?} && shift ;;
    --rounds) rounds=${2:?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    --count) count=${2:?} && shift ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
prepare meridian put_bench dnspace
echo "load of the machine: $(cut -d' ' -f1-3 /proc/loadavg)"

data=$work/data
mkdir -p "$data"
awk -v n="$names" 'BEGIN {
    print "@ 3600 IN SOA ns1.provider.test. hostmaster.provider.test. 1 7200 900 1209600 300"
    print "@ 3600 IN NS ns1.provider.test."
    for (i = 0; i < n; i++) printf "h%09d 300 IN A 192.0.2.%d\n", i, i % 255
}' >"$work/zone.db"
"$meridian" zone import example "$work/zone.db" --offline --data-dir "$data" >/dev/null
server 1 512 "[admin]
diagnostics = true"
first_answer h000000000.example. >/dev/null
loaded
# Who changes stands for other machines: behind the server, which it would not take the processor of.
put() { # OPTION...
    nice -n 19 "$tools/put" -w "$web" -k "$data/admin.token" -z example. -n "$names" "$@"
}
missed=0
put -r 1000000 -t 10
put -r 1000000 -t 3600 -m "$count" -p "$port" || missed=1

awk -v n="$names" 'BEGIN { srand(1); for (i = 0; i < 100000; i++) printf "h%09d.example A\n", int(rand() * (i % 2 ? n : 100)) }' >"$work/queries"
# CPU time of the threads of that name, in nanoseconds.
thread_ns() { # NAME
    local task sum=0 ns
    for task in "/proc/$pid/task/"*; do
        [ "$(cat "$task/comm")" = "$1" ] || continue
        read -r ns _ <"$task/schedstat"
        sum=$((sum + ns))
    done
    echo "$sum"
}
answered() {
    curl -sf "http://127.0.0.1:$web/metrics" | awk '/^meridian_dns_queries_total/ { n += $2 } END { printf "%d", n }'
}
measure() { # WHAT PUT_OPTION...
    local what=$1 ns_before queries_before beside=
    shift
    if [ $# -gt 0 ]; then
        put -r "$rate" -t $((seconds + 1)) "$@" >"$work/put.log" 2>&1 &
        beside=$!
        sleep 0.5
    fi
    queries_before=$(answered) ns_before=$(thread_ns worker)
    "$tools/dnspace" -p "$port" -f "$work/queries" -r "$queries" -t "$seconds" >/dev/null
    awk -v ns=$(($(thread_ns worker) - ns_before)) -v q=$(($(answered) - queries_before)) \
        'BEGIN { printf "%.0f\n", ns / q }' >>"$work/cost.$what"
    if [ -n "$beside" ]; then
        wait "$beside" || { cat "$work/put.log" >&2; exit 1; }
        sed 's/.*connection: \([0-9]*\)\/s.*/\1/' "$work/put.log" >>"$work/rate.$what"
    fi
}
for ((round = 0; round < rounds; round++)); do
    if ((round % 2 == 0)); then order="changes alone echo"; else order="echo alone changes"; fi
    for what in $order; do
        case $what in
        changes) measure changes -c 100 ;;
        echo) measure echo -c 100 -e ;;
        alone) measure alone ;;
        esac
    done
done
middle() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { # WHAT TO_WHAT: the median over the rounds, and the quartiles
    paste "$work/cost.$1" "$work/cost.$2" | awk '{ print $1 / $2 }' | sort -n |
        awk '{ v[NR] = $1 } END { printf "%.3f (%.3f to %.3f)", v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 3) / 4)] }'
}
made=$(middle "$work/rate.changes") ratio=$(ratio changes echo)
echo "CPU of the DNS thread per query at $queries queries/s: alone $(middle "$work/cost.alone") ns; beside $made changes/s $(middle "$work/cost.changes") ns; beside $(middle "$work/rate.echo") echoes/s $(middle "$work/cost.echo") ns"
echo "ratios within a round, with quartiles: changes to alone $(ratio changes alone), echoes to alone $(ratio echo alone), changes to echoes $ratio"
echo "longest turn of the admin loop: $(metric meridian_admin_loop_longest_turn_seconds) s"
if [ $((made * 100)) -lt $((rate * 98)) ]; then echo "MISSED: $rate changes a second" && missed=1; fi
if awk -v r="${ratio%% *}" 'BEGIN { exit !(r > 1.05) }'; then echo "MISSED: changes cost a query more than echoes do" && missed=1; fi
[ "$missed" = 0 ] && echo "all bars are met"
exit "$missed"
