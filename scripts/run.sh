#!/usr/bin/env bash
# run.sh [--check]: installs what is missing, builds release, starts the server with a demo zone.
#
# Runs in the foreground until Ctrl-C and prints lines to copy. Data live in ./meridian-data; run
# it again and it starts in seconds with what is there. --check tries the printed lines, stops the
# server and tells by its exit status whether they gave what they promise.
set -euo pipefail
invoked_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

check=no
case ${1:-} in
"") ;;
--check) check=yes ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

scripts/install-packages.sh build run
mkdir -p build/logs
if [ ! -f build/release/build.ninja ]; then
    echo "configuring (log: build/logs/release-configure.log)"
    cmake --preset release >build/logs/release-configure.log 2>&1 || { cat build/logs/release-configure.log >&2; exit 1; }
fi
echo "building; the first time takes some minutes"
# Ninja's "[12/345]" lines are the progress; on a terminal they overwrite each other.
cmake --build --preset release -j "$(nproc)"

meridian=$root/build/release/server/meridian
data=$invoked_from/meridian-data
socket=$data/admin.sock
web=http://127.0.0.1:8053
mkdir -p "$data"
python3 scripts/demo/make_mmdb.py "$data/demo.mmdb" scripts/demo/networks.txt
printf '# Written by scripts/run.sh.\n[geo]\ncity = ["%s/demo.mmdb"]\n' "$data" >"$data/demo.toml"

"$meridian" serve --config "$data/demo.toml" --data-dir "$data" &
server=$!
stop() { kill -TERM "$server" 2>/dev/null || true; }
trap stop INT TERM EXIT
until curl -sf -o /dev/null --unix-socket "$socket" http://localhost/healthz; do
    # It has said on stderr what is wrong, for instance who holds the port.
    kill -0 "$server" 2>/dev/null || { trap - EXIT; wait "$server" || exit 1; exit 1; }
    sleep 0.1
done

api() { curl -sS --fail-with-body --unix-socket "$socket" -H 'Content-Type: application/json' "$@"; }
# The last document that is written tells whether the demo is all there.
if ! api -o /dev/null http://localhost/v1/networks/127.0.0.2%2F32 2>/dev/null; then
    echo "loading the demo zone"
    "$meridian" zone import demo.example scripts/demo/demo.zone --server "$socket"
    while read -r path document; do
        case $path in "" | \#*) continue ;; esac
        api -o "$data/answer.json" -X PUT -d "$document" "http://localhost/v1$path" ||
            { echo "run.sh: PUT /v1$path was refused:" >&2; cat "$data/answer.json" >&2; exit 1; }
    done <scripts/demo/documents.txt
    rm -f "$data/answer.json"
fi

shown=${data/#"$invoked_from/"/}
cat <<TEXT

Meridian answers on 127.0.0.1 port 5300. Try, in another terminal:

  an address, over UDP and TCP, and through a wildcard
    dig @127.0.0.1 -p 5300 www.demo.example A
    dig @127.0.0.1 -p 5300 +tcp demo.example MX
    dig @127.0.0.1 -p 5300 any.wild.demo.example A
  a name, a type that are not there, and a delegation
    dig @127.0.0.1 -p 5300 nothing.demo.example A
    dig @127.0.0.1 -p 5300 www.demo.example MX
    dig @127.0.0.1 -p 5300 +norecurse below.sub.demo.example A
  one name, two places (the locations are made up)
    dig @127.0.0.1 -p 5300 +subnet=198.51.100.0/25 geo.demo.example A
    dig @127.0.0.1 -p 5300 +subnet=203.0.113.0/24 geo.demo.example A
  three answers of four are 192.0.2.201
    dig @127.0.0.1 -p 5300 +short weighted.demo.example A
  inside and outside see different addresses
    dig @127.0.0.1 -p 5300 +short intranet.demo.example A
    dig @127.0.0.1 -p 5300 +short -b 127.0.0.2 intranet.demo.example A
  somebody else's name, looked up from the root servers (needs the Internet)
    dig @127.0.0.1 -p 5300 debian.org A
  add a record over HTTP/1.1, change it over HTTP/2 if nobody else did meanwhile, ask for it
    TOKEN=\$(cat $shown/admin.token); URL=$web/v1/zones/demo.example/rrsets/new/A
    curl -i -X PUT -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"ttl": 60, "records": ["192.0.2.7"]}' \$URL
    ETAG=\$(curl -s -o /dev/null -w '%header{etag}' -H "Authorization: Bearer \$TOKEN" \$URL)
    curl -i --http2-prior-knowledge -X PUT -H "Authorization: Bearer \$TOKEN" -H "If-Match: \$ETAG" -H 'Content-Type: application/json' -d '{"ttl": 60, "records": ["192.0.2.8"]}' \$URL
    dig @127.0.0.1 -p 5300 +short new.demo.example A
  watch queries as they happen, here or in a browser
    ${meridian/#"$invoked_from/"/} feed --server $shown/admin.sock
    $web/   (the token is in $shown/admin.token; the line above that says "login" holds a one-time link)

Ctrl-C stops the server; scripts/run.sh starts it again with the same data.
TEXT

if [ "$check" = yes ]; then
    failed=0
    # Runs a line as it was printed and looks for what it promises.
    try() { # EXPECTED COMMAND...
        local expected=$1 output
        shift
        output=$("$@" 2>&1) || true
        if [[ $output == *"$expected"* ]]; then
            echo "ok      ${*//$token/TOKEN}"
        else
            printf 'FAILED  %s\n        wanted: %s\n%s\n' "${*//$token/TOKEN}" "$expected" "$output"
            failed=1
        fi
    }
    dig=(dig @127.0.0.1 -p 5300 +tries=1)
    token=$(cat "$data/admin.token")
    auth="Authorization: Bearer $token"
    url=$web/v1/zones/demo.example/rrsets/new/A
    json='Content-Type: application/json'
    echo
    try 192.0.2.80 "${dig[@]}" www.demo.example A
    try "10 mail.demo.example." "${dig[@]}" +tcp demo.example MX
    try 192.0.2.99 "${dig[@]}" any.wild.demo.example A
    try "NXDOMAIN" "${dig[@]}" nothing.demo.example A
    try "ns.sub.demo.example." "${dig[@]}" +norecurse below.sub.demo.example A
    try 192.0.2.102 "${dig[@]}" +subnet=198.51.100.128/25 geo.demo.example A
    try 192.0.2.101 "${dig[@]}" +subnet=198.51.100.0/25 geo.demo.example A
    try 192.0.2.103 "${dig[@]}" +subnet=203.0.113.0/24 geo.demo.example A
    try 192.0.2.20 "${dig[@]}" +short weighted.demo.example A
    try 192.0.2.81 "${dig[@]}" +short intranet.demo.example A
    try 10.0.0.81 "${dig[@]}" +short -b 127.0.0.2 intranet.demo.example A
    try '"192.0.2.7"' curl -sS -i -X PUT -H "$auth" -H "$json" -d '{"ttl": 60, "records": ["192.0.2.7"]}' "$url"
    etag=$(curl -s -o /dev/null -w '%header{etag}' -H "$auth" "$url")
    try "HTTP/2 200" curl -sS -i --http2-prior-knowledge -X PUT -H "$auth" -H "If-Match: $etag" -H "$json" -d '{"ttl": 60, "records": ["192.0.2.8"]}' "$url"
    try "HTTP/2 412" curl -sS -i --http2-prior-knowledge -X PUT -H "$auth" -H "If-Match: $etag" -H "$json" -d '{"ttl": 60, "records": ["192.0.2.9"]}' "$url"
    try 192.0.2.8 "${dig[@]}" +short new.demo.example A
    try "<title>" curl -sS "$web/"
    trap - EXIT
    stop
    wait "$server" || { echo "FAILED  the server ended with status $?"; failed=1; }
    exit $failed
fi

# A signal ends `wait` early; the server then finishes what it has in hand.
status=0
wait "$server" || status=$?
while kill -0 "$server" 2>/dev/null; do
    status=0
    wait "$server" || status=$?
done
trap - EXIT
exit "$status"
