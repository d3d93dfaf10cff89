#!/usr/bin/env bash
# encrypted.sh [--rounds N] [--transport tcp|dot|doh|h2load]... [--stream hot|mix|nxdomain] [--peers "NAME..."]
#              [--queries N] [--names N] [--connections N] [--outstanding N] [--svg FILE] [--keep FILE]:
# CPU per query of authoritative answers over TCP, DNS over TLS and DNS over HTTPS, Meridian beside
# Debian's NSD (TCP, TLS), BIND, Unbound and dnsdist (all three).
#
# All run with one worker, one certificate (P-256) and the same zone; Unbound serves it as an
# auth-zone, dnsdist asks the NSD beside it and keeps the answers in its cache, and only its own CPU
# is charged. dnsperf asks over 10 connections that stay, with 200 questions outstanding, DoH by GET.
# dnsperf 2.10 takes one answer of each TLS record and loses the others, which dnsdist sends there: its
# DoH is asked by h2load alone, as that of all others is once more, over as many connections.
# Each of N (9) rounds measures each of them once on each transport, and the medians of the per-round
# ratios count. The bar: at most half of the best of them; exit status 1 when it is missed.
set -euo pipefail
rounds=9 transports=() stream=hot peers="nsd bind unbound dnsdist" queries=200000 names=131570 connections=10
outstanding=200 svg= keep=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --transport) transports+=("${2:?}") && shift ;;
    --stream) stream=${2:?} && shift ;;
    --peers) peers=${2?} && shift ;;
    --queries) queries=${2:?} && shift ;;
    --names) names=${2:?} && shift ;;
    --connections) connections=${2:?} && shift ;;
    --outstanding) outstanding=${2:?} && shift ;;
    --svg) svg=$(realpath "${2:?}") && shift ;;
    --keep) keep=$(realpath "${2:?}") && shift ;;
    *) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
[ "$rounds" -ge 1 ] && [ "$queries" -ge 1 ] && [ "$names" -ge 100 ] && [ "$connections" -ge 1 ] && [ "$outstanding" -ge 1 ] ||
    { echo "encrypted.sh: --rounds, --queries, --names (at least 100), --connections, --outstanding want numbers" >&2; exit 2; }
[ ${#transports[@]} -gt 0 ] || transports=(tcp dot doh h2load)
for transport in "${transports[@]}"; do
    case $transport in tcp | dot | doh | h2load) ;; *) echo "encrypted.sh: no transport $transport" >&2; exit 2 ;; esac
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. tests/bench/peers.sh
package_of+=([unbound]=unbound [dnsdist]=dnsdist)
program_of+=([unbound]=unbound [dnsdist]=dnsdist)
all_peers+=(unbound dnsdist)

prepare meridian
scripts/install-packages.sh bench || echo "going on with what is installed"
for tool in dnsperf h2load; do
    command -v $tool >/dev/null || { echo "encrypted.sh: $tool is not installed" >&2; exit 1; }
done
peers=$(installed_peers $peers)

python3 tests/bench/make_zone.py "$work" --names "$names" --queries 100000
questions=$work/$stream.txt
[ -f "$questions" ] || { echo "encrypted.sh: no stream $stream" >&2; exit 2; }
lines=$(wc -l <"$questions")
origin=bench.example zone_file=$work/bench.zone
python3 - "$questions" >"$work/encoded" <<'PY'
import base64
import sys

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
for line in open(sys.argv[1], encoding="ascii"):
    name, qtype = line.split()
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.rstrip(".").split("."))
    query = b"\0\0\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + TYPES[qtype].to_bytes(2, "big") + b"\0\1"
    print(base64.urlsafe_b64encode(query).decode().rstrip("="))
PY
make_certificate

# Where each listens, beside port_of for UDP and TCP; empty: it does not speak that.
dot_port() { echo $((port_of[$1] + 200)); }
doh_port() { case $1 in nsd) ;; *) echo $((port_of[$1] + 300)) ;; esac; }
port_for() { # TRANSPORT NAME
    case $1 in
    tcp) echo "${port_of[$2]}" ;;
    dot) dot_port "$2" ;;
    doh) [ "$2" = dnsdist ] || doh_port "$2" ;;
    h2load) doh_port "$2" ;;
    esac
}

start_meridian() {
    fill_meridian meridian
    web=$((port_of[meridian] + 100))
    cat >"$work/meridian.toml" <<TOML
data_dir = "$work/meridian"
workers = 1
[[listener]]
address = "127.0.0.1:${port_of[meridian]}"
[[listener]]
address = "127.0.0.1:$(dot_port meridian)"
protocols = ["dot"]
tls = "bench"
[[listener]]
address = "127.0.0.1:$(doh_port meridian)"
protocols = ["doh"]
tls = "bench"
[[admin.listener]]
address = "127.0.0.1:$web"
[tls.bench]
certificates = [{ certificate = "$certificate", key = "$key" }]
TOML
    launch meridian "$meridian" serve --config "$work/meridian.toml"
}
start_nsd() {
    mkdir -p "$work/nsd"
    cat >"$work/nsd.conf" <<CONF
server:
  server-count: 1
  ip-address: 127.0.0.1@${port_of[nsd]}
  ip-address: 127.0.0.1@$(dot_port nsd)
  tls-port: $(dot_port nsd)
  tls-service-key: "$key"
  tls-service-pem: "$certificate"
  username: ""
  chroot: ""
  database: ""
  pidfile: "$work/nsd/pid"
  xfrdfile: ""
  xfrdir: "$work/nsd"
  zonelistfile: "$work/nsd/list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: "$origin"
  zonefile: "$zone_file"
CONF
    launch nsd nsd -d -c "$work/nsd.conf"
}
start_bind() {
    mkdir -p "$work/bind"
    cat >"$work/bind/named.conf" <<CONF
tls bench { key-file "$key"; cert-file "$certificate"; };
http bench { endpoints { "/dns-query"; }; };
options {
  directory "$work/bind";
  pid-file none;
  session-keyfile none;
  listen-on port ${port_of[bind]} { 127.0.0.1; };
  listen-on port $(dot_port bind) tls bench { 127.0.0.1; };
  listen-on port $(doh_port bind) tls bench http bench { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  notify no;
  querylog no;
};
controls { };
logging { category default { null; }; };
zone "$origin" { type primary; file "$zone_file"; check-names ignore; };
CONF
    launch bind named -f -n 1 -c "$work/bind/named.conf"
}
start_unbound() {
    cat >"$work/unbound.conf" <<CONF
server:
  num-threads: 1
  username: ""
  chroot: ""
  directory: "$work"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  interface: 127.0.0.1@${port_of[unbound]}
  interface: 127.0.0.1@$(dot_port unbound)
  interface: 127.0.0.1@$(doh_port unbound)
  tls-port: $(dot_port unbound)
  https-port: $(doh_port unbound)
  tls-service-key: "$key"
  tls-service-pem: "$certificate"
  access-control: 127.0.0.0/8 allow
  incoming-num-tcp: 1000
  module-config: "iterator"
auth-zone:
  name: "$origin"
  zonefile: "$zone_file"
  for-downstream: yes
  for-upstream: no
CONF
    launch unbound unbound -d -c "$work/unbound.conf"
}
start_dnsdist() {
    cat >"$work/dnsdist.lua" <<CONF
setLocal('127.0.0.1:${port_of[dnsdist]}')
addTLSLocal('127.0.0.1:$(dot_port dnsdist)', '$certificate', '$key')
addDOHLocal('127.0.0.1:$(doh_port dnsdist)', '$certificate', '$key', '/dns-query')
newServer({address='127.0.0.1:${port_of[nsd]}', checkName='$origin'})
getPool(''):setCache(newPacketCache(1000000, {maxTTL=86400}))
CONF
    launch dnsdist dnsdist --supervised --disable-syslog -C "$work/dnsdist.lua"
}

contenders=(meridian $peers)
# dnsdist asks the NSD, which is there for it even where nobody measures it.
case " $peers " in
*" dnsdist "*) case " $peers " in *" nsd "*) start_contenders "${contenders[@]}" ;; *) start_contenders nsd "${contenders[@]}" ;; esac ;;
*) start_contenders "${contenders[@]}" ;;
esac

measure() { # NAME TRANSPORT.txt QUERIES
    local transport port enough=$(($3 * 99 / 100))
    transport=$(basename "$2" .txt)
    port=$(port_for "$transport" "$1")
    if [ -z "$port" ]; then
        echo -
    elif [ "$transport" = h2load ]; then
        sed "s|^|https://127.0.0.1:$port/dns-query?dns=|" "$work/encoded" >"$work/uris"
        each_us "$1" "$enough" "${process_of[$1]}" ask_by_h2load "$((outstanding / connections))" "$3" -i "$work/uris"
    else
        each_us "$1" "$enough" "${process_of[$1]}" ask_by_dnsperf "$port" "$transport" "$questions" "$3"
    fi
}
streams=("${transports[@]}")
rounds_of "$rounds"
[ -z "$keep" ] || cp "$work/figures" "$keep"
python3 tests/bench/ratios.py "$work/figures" --at-most 0.5 \
    --title "CPU of the server per query over TCP, TLS and HTTPS, microseconds" ${svg:+--svg "$svg"}
