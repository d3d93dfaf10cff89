#!/usr/bin/env bash
# http.sh [--rounds N] [--stream h2c|h2|handshake]... [--peers "NAME..."] [--requests N] [--connections N]
#         [--at-once N] [--bytes N] [--seconds N] [--keep FILE]:
# CPU per request of the web module, beside Debian's nghttpd and nginx: a response of 1 kB over HTTP/2
# without and with TLS (h2c, h2), and full TLS handshakes (handshake), microseconds each.
#
# "meridian" is the module by itself (http_module.cc); "api" is the whole server, whose admin thread
# answers /debug/blob as a request of its API (handshakes: a worker that serves DNS over HTTPS), and is
# no peer. All run with one worker and the same certificate (P-256); nginx keeps its file open and
# writes no log. h2load asks over 10 connections that stay, with 32 requests at once on each; `openssl
# s_time` makes handshakes for some seconds, TLS 1.3 with X25519.
# Each of N (9) rounds measures each of them once on each stream, and the medians of the per-round
# ratios count. The bar: below nginx, and at most 1.1 times nghttpd; exit status 1 when it is missed.
set -euo pipefail
rounds=9 streams=() peers="nghttpd nginx" requests=100000 connections=10 at_once=32 bytes=1024 seconds=2 keep=
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=${2:?} && shift ;;
    --stream) streams+=("${2:?}") && shift ;;
    --peers) peers=${2?} && shift ;;
    --requests) requests=${2:?} && shift ;;
    --connections) connections=${2:?} && shift ;;
    --at-once) at_once=${2:?} && shift ;;
    --bytes) bytes=${2:?} && shift ;;
    --seconds) seconds=${2:?} && shift ;;
    --keep) keep=$(realpath "${2:?}") && shift ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done
for number in "$rounds" "$requests" "$connections" "$at_once" "$bytes" "$seconds"; do
    [ "$number" -ge 1 ] 2>/dev/null || { echo "http.sh: $number is no number from 1 on" >&2; exit 2; }
done
[ ${#streams[@]} -gt 0 ] || streams=(h2c h2 handshake)
for stream in "${streams[@]}"; do
    case $stream in h2c | h2 | handshake) ;; *) echo "http.sh: no stream $stream" >&2; exit 2 ;; esac
done
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. tests/bench/peers.sh
package_of+=([nghttpd]=nghttp2-server [nginx]=nginx-light)
program_of+=([nghttpd]=nghttpd [nginx]=nginx)
all_peers+=(nghttpd nginx)

prepare meridian http_module
scripts/install-packages.sh bench || echo "going on with what is installed"
command -v h2load >/dev/null || { echo "http.sh: h2load is not installed (nghttp2-client)" >&2; exit 1; }
peers=$(installed_peers $peers)

make_certificate
mkdir -p "$work/files/debug"
head -c "$bytes" /dev/zero | tr '\0' x >"$work/files/debug/blob"

# Each listens without TLS at port_of, with TLS at the next.
tls_port() { echo $((port_of[$1] + 1)); }
handshake_port() { [ "$1" = api ] && echo $((port_of[api] + 3)) || tls_port "$1"; }
start_meridian() {
    launch meridian "$tools/http_module" "${port_of[meridian]}" "$bytes" "$(tls_port meridian)" "$certificate" "$key"
}
start_api() {
    local listener=
    case " ${streams[*]} " in *" h2 "*) printf -v listener '[[admin.listener]]\naddress = "127.0.0.1:%s"\ntls = "bench"' "$(tls_port api)" ;; esac
    cat >"$work/meridian.toml" <<TOML
data_dir = "$work/api"
workers = 1
[[listener]]
address = "127.0.0.1:$((port_of[api] + 2))"
[[listener]]
address = "127.0.0.1:$(handshake_port api)"
protocols = ["doh"]
tls = "bench"
[admin]
diagnostics = true
idle_timeout_ms = 600000
[[admin.listener]]
address = "127.0.0.1:${port_of[api]}"
$listener
[tls.bench]
certificates = [{ certificate = "$certificate", key = "$key" }]
TOML
    launch api "$meridian" serve --config "$work/meridian.toml"
}
start_nghttpd() { # a server has one port
    launch nghttpd_tls nghttpd -a 127.0.0.1 -n 1 -d "$work/files" "$(tls_port nghttpd)" "$key" "$certificate"
    launch nghttpd nghttpd -a 127.0.0.1 -n 1 -d "$work/files" --no-tls "${port_of[nghttpd]}"
}
start_nginx() {
    cat >"$work/nginx.conf" <<CONF
daemon off;
user $(id -un);
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log error;
events { worker_connections 1024; }
http {
  access_log off;
  open_file_cache max=100;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_body_temp_path $work/nginx-body;
  proxy_temp_path $work/nginx-proxy;
  fastcgi_temp_path $work/nginx-fastcgi;
  uwsgi_temp_path $work/nginx-uwsgi;
  scgi_temp_path $work/nginx-scgi;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $certificate;
  ssl_certificate_key $key;
  server {
    listen 127.0.0.1:${port_of[nginx]} http2;
    listen 127.0.0.1:$(tls_port nginx) ssl http2;
    root $work/files;
  }
}
CONF
    launch nginx nginx -c "$work/nginx.conf" -e "$work/nginx.log"
}

url() { # STREAM NAME: all are asked the same, and who serves a file passes over the query
    local path="debug/blob?bytes=$bytes"
    case $1 in
    h2c) echo "http://127.0.0.1:${port_of[$2]}/$path" ;;
    *) echo "https://127.0.0.1:$(tls_port "$2")/$path" ;;
    esac
}
contenders=(meridian api $peers)
base=$((20000 + RANDOM % 10000))
for name in "${contenders[@]}"; do
    port_of[$name]=$base
    base=$((base + 4))
    "start_$name"
done
for name in "${contenders[@]}"; do
    for ((i = 0; ; i++)); do
        size=$(curl -sf --http2-prior-knowledge -o /dev/null -w '%{size_download}' "$(url h2c "$name")" || true)
        [ "$size" = "$bytes" ] && break
        if ! kill -0 "${process_of[$name]}" 2>/dev/null || [ "$i" -ge 100 ]; then
            echo "$name does not answer:" >&2
            tail -n 20 "$work/$name.log" >&2
            exit 1
        fi
        sleep 0.1
    done
done

ask_for_handshakes() { # PORT
    openssl s_time -connect "127.0.0.1:$1" -new -tls1_3 -time "$seconds" >"$work/asked.log" 2>&1 || true
    answered=$(sed -n 's/^\([0-9]*\) connections in [0-9.]* real seconds.*/\1/p' "$work/asked.log")
}
measure() { # NAME STREAM.txt REQUESTS
    local stream process=${process_of[$1]}
    stream=$(basename "$2" .txt)
    [ "$stream" = h2c ] || process=${process_of[$1_tls]:-$process}
    case $stream in
    handshake) each_us "$1" 10 "$process" ask_for_handshakes "$(handshake_port "$1")" ;;
    *) each_us "$1" "$3" "$process" ask_by_h2load "$at_once" "$3" "$(url "$stream" "$1")" ;;
    esac
}
queries=$requests
rounds_of "$rounds"
[ -z "$keep" ] || cp "$work/figures" "$keep"
python3 tests/bench/ratios.py "$work/figures" --peer nghttpd=1.1
