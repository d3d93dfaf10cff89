#!/usr/bin/env bash
# idle.sh [--transport tcp|tls|websocket] [--connections N] [--workers N]: what N (100,000) idle
# connections (tcp) cost a server with two workers: memory for each, CPU while nothing happens, and
# whether UDP, new connections, the idle ones and the API still answer, and how fast. TLS is that of
# DNS over TLS, and each may take 20 kB at most; WebSocket is that of /debug/ws.
#
# Server and client each need a descriptor for every connection: where the hard limit is lower and
# may not be raised, fewer are opened, and it says so.
set -euo pipefail
connections=100000 workers=2 transport=tcp
while [ $# -gt 0 ]; do
    case $1 in
    --connections) connections=${2:?} && shift ;;
    --transport) transport=${2:?} && shift ;;
    --workers) workers=${2:?} && shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ "$connections" -ge 1 ] && [ "$connections" -le 400000 ] && [ "$workers" -ge 1 ] ||
    { echo "idle.sh: --connections (at most 400000) and --workers want numbers" >&2; exit 2; }
case $transport in tcp | tls | websocket) ;; *) echo "idle.sh: no transport $transport" >&2; exit 2 ;; esac
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
prepare meridian
ulimit -n $((connections + 4096)) 2>/dev/null || ulimit -n "$(ulimit -Hn)"
# The server keeps 2048 descriptors for other things than clients.
may=$(($(ulimit -n) - 2048 - 500))
if [ "$connections" -gt "$may" ]; then
    connections=$may
    echo "a process may have $(ulimit -n) descriptors here: $connections connections are opened"
fi

python3 tests/bench/make_zone.py "$work" --names 1000 --queries 1000
data=$work/data
"$meridian" zone import bench.example "$work/bench.zone" --offline --data-dir "$data" >/dev/null
# More places than connections: with a table that fills up idle ones would be closed early.
more="tcp_clients = $((connections * 2))
tcp_idle_ms = 3600000"
tls_port=$((19000 + RANDOM % 1000))
case $transport in
tls)
    make_certificate
    more="$more
[tls.bench]
certificates = [{ certificate = \"$certificate\", key = \"$key\" }]
[[listener]]
address = \"127.0.0.1:$tls_port\"
protocols = [\"dot\"]
role = \"auth\"
tls = \"bench\""
    ;;
websocket)
    more="$more
[admin]
diagnostics = true
max_connections = $((connections * 2))
max_connections_per_client = $((connections * 2))"
    ;;
esac
server "$workers" 256 "$more"
first_answer bench.example >/dev/null
declare -A port_of=([tcp]=$port [tls]=$tls_port [websocket]=$web)
python3 tests/bench/idle.py "$transport" "${port_of[$transport]}" "$port" "$web" "$pid" "$connections" "$data/admin.token"
