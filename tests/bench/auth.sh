#!/usr/bin/env bash
# auth.sh [--rounds N] [--stream hot|mix|nxdomain] [--queries N]: CPU per query of authoritative
# answers, Meridian beside Debian's NSD and gdnsd and a batched UDP echo.
#
# All servers run with one worker and the same zone; each round measures each of them once on the
# same stream, and the medians of the per-round ratios count, with their quartiles. Absolute
# figures move by a third within a day on a shared machine; ratios of one round hardly do. Exit
# status 1 when Meridian's median is above NSD's on the stream.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rounds=9 stream=hot queries=300000
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --stream) stream=${2:?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ "$rounds" -ge 1 ] || { echo "auth.sh: --rounds wants a number" >&2; exit 2; }

scripts/install-packages.sh build run test
mkdir -p build/logs
echo "building (log: build/logs/bench-build.log)"
{ cmake --preset bench && cmake --build --preset bench -j "$(nproc)"; } >build/logs/bench-build.log 2>&1 ||
    { tail -n 40 build/logs/bench-build.log >&2; exit 1; }
meridian=$PWD/build/bench/server/meridian
tools=$PWD/build/bench/tests/bench

work=$(mktemp -d /tmp/meridian-bench.XXXXXX)
pids=()
clean_up() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
python3 tests/bench/make_zone.py "$work"
[ -f "$work/$stream.txt" ] || { echo "auth.sh: no stream $stream" >&2; exit 2; }

declare -A port pid
base=$((20000 + RANDOM % 10000))
port=([floor]=$base [meridian]=$((base + 1)) [nsd]=$((base + 2)) [gdnsd]=$((base + 3)))
web=$((base + 4))

start() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    pid[$name]=$!
    pids+=($!)
}
# Waits until a server answers a name of the zone; the echo answers anything.
ready() {
    local name=$1 i
    for ((i = 0; i < 200; i++)); do
        kill -0 "${pid[$name]}" 2>/dev/null || break
        if dig @127.0.0.1 -p "${port[$name]}" +tries=1 +time=1 +short host000000.bench.example A 2>/dev/null | grep -q '^10\.'; then
            return 0
        fi
        sleep 0.1
    done
    echo "auth.sh: $name does not answer:" >&2
    tail -n 20 "$work/$name.log" >&2
    exit 1
}

start floor "$tools/udp_echo" "${port[floor]}"

cat >"$work/meridian.toml" <<TOML
data_dir = "$work/meridian"
workers = 1
[[listener]]
address = "127.0.0.1:${port[meridian]}"
role = "auth"
[[admin.listener]]
address = "127.0.0.1:$web"
TOML
start meridian "$meridian" serve --config "$work/meridian.toml"
for ((i = 0; i < 100; i++)); do curl -sf -o /dev/null "http://127.0.0.1:$web/healthz" && break || sleep 0.1; done
"$meridian" zone import bench.example "$work/bench.zone" --server "$work/meridian/admin.sock" >/dev/null

mkdir -p "$work/nsd"
cat >"$work/nsd.conf" <<CONF
server:
  server-count: 1
  ip-address: 127.0.0.1@${port[nsd]}
  username: ""
  chroot: ""
  database: ""
  pidfile: "$work/nsd/pid"
  xfrdfile: ""
  xfrdir: "$work/nsd"
  zonelistfile: "$work/nsd/list"
  zonesdir: "$work"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "bench.example"
  zonefile: "bench.zone"
CONF
start nsd "$(PATH=$PATH:/usr/sbin command -v nsd)" -d -c "$work/nsd.conf"

mkdir -p "$work/gdnsd/zones" "$work/gdnsd/run" "$work/gdnsd/state"
# gdnsd takes the zone's name from the file's and wants A records only where a CNAME is not.
cp "$work/bench.zone" "$work/gdnsd/zones/bench.example"
cat >"$work/gdnsd/config" <<CONF
options => {
  listen => { 127.0.0.1:${port[gdnsd]} => { udp_threads = 1, tcp_threads = 1 } }
  http_listen => []
  run_dir => "$work/gdnsd/run"
  state_dir => "$work/gdnsd/state"
  zones_strict_data => false
}
CONF
sed -i '/http_listen/d' "$work/gdnsd/config"
start gdnsd "$(PATH=$PATH:/usr/sbin command -v gdnsd)" -c "$work/gdnsd" start

dig() { command dig "$@" || true; }
for name in meridian nsd gdnsd; do ready "$name"; done

# NSD answers in a process two forks down; the whole family's CPU time is charged.
family() {
    local child
    echo "$1"
    for child in $(pgrep -P "$1" || true); do family "$child"; done
}

names=(floor meridian nsd gdnsd)
echo "$rounds rounds of $queries queries, stream $stream, CPU microseconds per query:"
printf '%-6s' round; printf '%10s' "${names[@]}"; echo
: >"$work/figures"
for ((round = 0; round <= rounds; round++)); do
    line=
    for name in "${names[@]}"; do
        charged=()
        for each in $(family "${pid[$name]}"); do charged+=(-P "$each"); done
        output=$("$tools/dnsblast" -p "${port[$name]}" -f "$work/$stream.txt" -n "$queries" -s 4 -w 64 "${charged[@]}")
        figure=$(sed -n 's/.*server cpu \([0-9.]*\) us.*/\1/p' <<<"$output")
        answered=$(sed -n 's/^answered \([0-9]*\) .*/\1/p' <<<"$output")
        if [ "$answered" -lt $((queries * 99 / 100)) ]; then
            echo "auth.sh: $name answered only $answered of $queries: $output" >&2
            exit 1
        fi
        if [ "$figure" = 0.000 ]; then
            echo "auth.sh: no CPU time was charged to $name (pids ${charged[*]})" >&2
            exit 1
        fi
        line+="$figure "
    done
    # Round 0 warms caches and is not counted.
    [ "$round" -eq 0 ] || { echo "$line" >>"$work/figures"; printf '%-6s' "$round"; printf '%10s' $line; echo; }
done

python3 - "$work/figures" "$stream" "${names[@]}" <<'PY'
import statistics
import sys

rows = [[float(word) for word in line.split()] for line in open(sys.argv[1])]
stream, names = sys.argv[2], sys.argv[3:]
column = {name: index for index, name in enumerate(names)}


def ratios(over, under):
    values = sorted(row[column[over]] / row[column[under]] for row in rows)
    quartiles = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return quartiles


for name in names:
    print("%-9s median %.3f us/query" % (name, statistics.median(row[column[name]] for row in rows)))
for over, under in [("meridian", n) for n in names if n != "meridian"] + [("nsd", "floor"), ("gdnsd", "floor")]:
    low, middle, high = ratios(over, under)
    print("%s / %s: median %.3f (quartiles %.3f to %.3f)" % (over, under, middle, low, high))
slower = ratios("meridian", "nsd")[1] > 1.0
print("Meridian is %s than NSD on the %s stream" % ("SLOWER" if slower else "not slower", stream))
sys.exit(1 if slower else 0)
PY
