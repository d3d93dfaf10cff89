# For the benchmarks beside it (sourced by bash): builds, starts and measures one server.
#
# Sets `meridian`, `tools` and `work` (a directory that goes away at the end; below
# $MERIDIAN_BENCH_DIR, else /tmp: large ones want some GB).
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

pids=()
clean_up() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
prepare() { # TARGET...
    scripts/install-packages.sh build run test
    mkdir -p build/logs
    echo "building (log: build/logs/bench-build.log)"
    { cmake --preset bench && cmake --build build/bench -j "$(nproc)" --target "$@"; } >build/logs/bench-build.log 2>&1 ||
        { tail -n 40 build/logs/bench-build.log >&2; exit 1; }
    meridian=$PWD/build/bench/server/meridian
    tools=$PWD/build/bench/tests/bench
    work=$(mktemp -d "${MERIDIAN_BENCH_DIR:-/tmp}/meridian-bench.XXXXXX")
    trap clean_up EXIT
}

# Starts a server on `$port` and `$web` with `$data` as its directory, and returns at once.
# server WORKERS MEMORY_MB [LINES_OF_LIMITS]
server() {
    port=$((20000 + RANDOM % 10000))
    web=$((port + 1))
    cat >"$work/meridian.toml" <<TOML
data_dir = "$data"
workers = $1
[[listener]]
address = "127.0.0.1:$port"
role = "auth"
[[admin.listener]]
address = "127.0.0.1:$web"
[limits]
memory_mb = $2
${3:-}
TOML
    started=$EPOCHREALTIME
    "$meridian" serve --config "$work/meridian.toml" >>"$work/server.log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
}
# Waits until NAME is answered with NOERROR, looking every 5 ms; prints the seconds since `server`.
first_answer() { # NAME [LIMIT_S]
    python3 - "$port" "$1" "${2:-120}" "$started" <<'PY'
import socket
import sys
import time

port, name, limit, start = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
question = b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".")) + b"\0\0\1\0\1"
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(0.005)
client.connect(("127.0.0.1", port))
while time.time() - start < limit:
    try:
        client.send(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + question)
        reply = client.recv(4096)
    except TimeoutError:
        continue
    except OSError:
        time.sleep(0.005)
        continue
    if reply[3] & 15 == 0:
        print("%.3f" % (time.time() - start))
        sys.exit(0)
sys.exit("no answer for %s within %g s" % (name, limit))
PY
}
metric() { # NAME
    curl -sf "http://127.0.0.1:$web/metrics" | sed -n "s/^$1 //p"
}
# Waits until the store has been read into memory, as far as there is room for it: the thread that
# does it stands behind all others, so it may seem to stand still for a while.
loaded() {
    local i nodes before=-1 still=0
    for ((i = 0; i < 1200; i++)); do
        [ "$(metric meridian_node_cache_complete)" = 1 ] && return 0
        nodes=$(metric meridian_node_cache_nodes)
        if [ "$nodes" = "$before" ] && [ "$nodes" != 0 ]; then still=$((still + 1)); else still=0; fi
        if [ "$still" -ge 10 ]; then return 0; fi
        before=$nodes
        sleep 1
    done
    echo "the store is not in memory yet" >&2
    return 1
}
rss_kb() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }
peak_kb() { sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"; }
# CPU time of a process and its threads, in milliseconds.
cpu_ms() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%d", ($12 + $13) * 1000 / hz }' "/proc/$1/stat"
}
# A key (P-256) and a certificate for localhost, in `key` and `certificate`.
make_certificate() {
    certificate=$work/certificate.pem key=$work/key.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$key" -out "$certificate" -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}
stop_server() {
    kill "$pid"
    wait "$pid" || true
}
