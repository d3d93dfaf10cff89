# For the benchmarks that compare servers (sourced after common.sh): Meridian, the UDP echo that is
# the floor, and Debian's other servers, each with one worker, its own defaults for answers, no log
# of queries and no rate limits, serving one zone.
#
# Before `start_contenders`: `origin`, `zone_file`, and a prepared `work`. Afterwards `port_of[NAME]`
# and `process_of[NAME]`.
declare -A port_of=() process_of=()
declare -A asked_at=() # where it is asked, other than at 127.0.0.1
declare -A package_of=([gdnsd]=gdnsd [nsd]=nsd [knot]=knot [pdns]="pdns-server pdns-backend-bind" [bind]=bind9)
declare -A program_of=([gdnsd]=gdnsd [nsd]=nsd [knot]=knotd [pdns]=pdns_server [bind]=named)
PATH=$PATH:/usr/sbin
all_peers=(gdnsd nsd knot pdns bind)

# Prints those of the named peers that are installed; says on standard error which are not.
installed_peers() { # NAME...
    local name here=()
    for name in "$@"; do
        if [ -z "${program_of[$name]:-}" ]; then
            echo "there is no peer $name (there are: ${all_peers[*]})" >&2
            return 2
        fi
        if command -v "${program_of[$name]}" >/dev/null &&
            { [ "$name" != pdns ] || ls /usr/lib/*/pdns/libbindbackend.so >/dev/null 2>&1; }; then
            here+=("$name")
        else
            echo "left out: $name (not installed: ${package_of[$name]})" >&2
        fi
    done
    echo "${here[*]}"
}

launch() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    process_of[$name]=$!
    pids+=($!)
}

start_floor() { launch floor "$tools/udp_echo" "${port_of[floor]}"; }

start_meridian() { fill_meridian meridian && serve_meridian meridian 1; }
# Brings the zone into the store of one of ours; there may be several.
fill_meridian() { # NAME
    "$meridian" zone import "$origin" "$zone_file" --offline --data-dir "$work/$1" >"$work/import.log" 2>&1 ||
        { cat "$work/import.log" >&2; return 1; }
}
serve_meridian() { # NAME WORKERS [ADDRESS]
    web=$((port_of[$1] + 100))
    cat >"$work/$1.toml" <<TOML
data_dir = "$work/$1"
workers = $2
[[listener]]
address = "${3:-127.0.0.1}:${port_of[$1]}"
role = "auth"
[[admin.listener]]
address = "127.0.0.1:$web"
[limits]
memory_mb = 4096
TOML
    launch "$1" "$meridian" serve --config "$work/$1.toml"
}

start_gdnsd() {
    mkdir -p "$work/gdnsd/zones" "$work/gdnsd/run" "$work/gdnsd/state"
    # gdnsd takes the zone's name from the file's.
    cp "$zone_file" "$work/gdnsd/zones/$origin"
    cat >"$work/gdnsd/config" <<CONF
options => {
  listen => { 127.0.0.1:${port_of[gdnsd]} => { udp_threads = 1, tcp_threads = 1 } }
  run_dir => "$work/gdnsd/run"
  state_dir => "$work/gdnsd/state"
  zones_strict_data => false
}
CONF
    launch gdnsd gdnsd -c "$work/gdnsd" start
}

start_nsd() {
    mkdir -p "$work/nsd"
    cat >"$work/nsd.conf" <<CONF
server:
  server-count: 1
  ip-address: 127.0.0.1@${port_of[nsd]}
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

start_knot() {
    mkdir -p "$work/knot"
    cat >"$work/knot.conf" <<CONF
server:
  rundir: "$work/knot"
  listen: 127.0.0.1@${port_of[knot]}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: "$work/knot"
zone:
  - domain: $origin
    file: "$zone_file"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
CONF
    launch knot knotd -c "$work/knot.conf"
}

# One receiver, and one distributor: then it answers in the receiver's thread, as its documentation
# says is best for this backend. The packet and query caches are on by default; they hold an hour
# here, so that slow rounds of many servers fit into it.
start_pdns() {
    mkdir -p "$work/pdns"
    cat >"$work/pdns/named.conf" <<CONF
zone "$origin" { type native; file "$zone_file"; };
CONF
    cat >"$work/pdns/pdns.conf" <<CONF
launch=bind
bind-config=$work/pdns/named.conf
local-address=127.0.0.1
local-port=${port_of[pdns]}
receiver-threads=1
distributor-threads=1
cache-ttl=3600
query-cache-ttl=3600
negquery-cache-ttl=3600
socket-dir=$work/pdns
loglevel=3
log-dns-queries=no
consistent-backends=yes
CONF
    launch pdns pdns_server --config-dir="$work/pdns" --guardian=no --daemon=no --disable-syslog
}

start_bind() {
    mkdir -p "$work/bind"
    cat >"$work/bind/named.conf" <<CONF
options {
  directory "$work/bind";
  pid-file none;
  session-keyfile none;
  listen-on port ${port_of[bind]} { 127.0.0.1; };
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

# Starts the named servers (floor and meridian among them) and waits until all answer for the zone.
start_contenders() { # NAME...
    local name base i
    base=$((20000 + RANDOM % 10000))
    for name in "$@"; do
        port_of[$name]=$base
        base=$((base + 1))
        "start_$name" || return 1
    done
    for name in "$@"; do
        for ((i = 0; ; i++)); do
            if ! kill -0 "${process_of[$name]}" 2>/dev/null || [ "$i" -ge 1200 ]; then
                echo "$name does not answer:" >&2
                tail -n 20 "$work/$name.log" >&2
                return 1
            fi
            # The echo answers anything, with an address.
            if dig @127.0.0.1 -p "${port_of[$name]}" +tries=1 +time=1 +norecurse "$origin" SOA 2>/dev/null |
                grep -q 'status: NOERROR'; then
                break
            fi
            sleep 0.1
        done
    done
    for name in "$@"; do
        web=$((port_of[$name] + 100))
        case $name in meridian*) loaded || return 1 ;; esac
    done
}

# Replaces `zone_file` by its signed form, with one ECDSA key for everything. NSEC3 without salt and
# iterations, as RFC 9276 wants it.
sign_zone() { # nsec|nsec3
    local key how=()
    key=$(cd "$work" && dnssec-keygen -q -a ECDSAP256SHA256 -f KSK "$origin")
    cat "$work/$key.key" >>"$zone_file"
    [ "$1" = nsec ] || how=(-3 - -H 0)
    dnssec-signzone -q -z -x -o "$origin" -N keep -O full -f "$zone_file.signed" -d "$work" "${how[@]}" \
        "$zone_file" "$work/$key" >"$work/sign.log" 2>&1 || { tail -n 20 "$work/sign.log" >&2; return 1; }
    zone_file=$zone_file.signed
}

# A server and its children (NSD answers in a process two forks down): all of it is charged.
family() { # PID
    local child
    echo "$1"
    for child in $(pgrep -P "$1" || true); do family "$child"; done
}
# CPU time of a server, its children and their threads, in nanoseconds.
cpu_ns() { # PID
    local each
    for each in $(family "$1"); do cat "/proc/$each/task/"*/schedstat 2>/dev/null || true; done |
        awk '{ sum += $1 } END { printf "%.0f", sum }'
}
# Prints the CPU microseconds of each, where at least so many are answered: each_us NAME WANTED PID
# COMMAND..., a function that leaves its log in $work/asked.log and how many were answered in `answered`.
each_us() {
    local name=$1 wanted=$2 process=$3 before after answered=0
    shift 3
    before=$(cpu_ns "$process")
    "$@"
    after=$(cpu_ns "$process")
    if [ "${answered:-0}" -lt "$wanted" ]; then
        echo "$name answered ${answered:-0}, less than $wanted:" >&2
        tail -n 40 "$work/asked.log" >&2
        return 1
    fi
    awk -v ns="$((after - before))" -v answered="$answered" 'BEGIN { printf "%.3f", ns / 1000 / answered }'
}
# For each_us: dnsperf over `connections`, with `outstanding` questions at once.
ask_by_dnsperf() { # PORT TRANSPORT FILE QUERIES
    local lines
    lines=$(wc -l <"$3")
    dnsperf -s 127.0.0.1 -p "$1" -m "$2" -O doh-uri=https://localhost/dns-query -c "$connections" -q "$outstanding" \
        -d "$3" -n "$((($4 + lines - 1) / lines))" -t 5 >"$work/asked.log" 2>&1
    answered=$(sed -n 's/^ *Queries completed: *\([0-9]*\).*/\1/p' "$work/asked.log")
}
# For each_us: h2load over `connections`, with so many requests at once on each.
ask_by_h2load() { # AT_ONCE REQUESTS OPTION_OR_URL...
    local at_once=$1 requests=$2
    shift 2
    h2load -t 1 -n "$requests" -c "$connections" -m "$at_once" "$@" >"$work/asked.log" 2>&1
    answered=$(sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p' "$work/asked.log")
}
# Options of dnsblast for one contender alone; to be replaced where they differ.
options_for() { :; } # NAME
# CPU microseconds per query: measure NAME FILE QUERIES [dnsblast's options]
measure() {
    local name=$1 file=$2 queries=$3 charged=() each output answered figure
    shift 3
    for each in $(family "${process_of[$name]}"); do charged+=(-P "$each"); done
    output=$("$tools/dnsblast" -a "${asked_at[$name]:-127.0.0.1}" -p "${port_of[$name]}" -f "$file" -n "$queries" "$@" $(options_for "$name") "${charged[@]}")
    figure=$(sed -n 's/.*server cpu \([0-9.]*\) us.*/\1/p' <<<"$output")
    answered=$(sed -n 's/^answered \([0-9]*\) .*/\1/p' <<<"$output")
    if [ "${answered:-0}" -lt $((queries * 99 / 100)) ] || [ "$figure" = 0.000 ]; then
        echo "$name answered too little of $queries, or nothing was charged: $output" >&2
        return 1
    fi
    echo "$figure"
}
# Measures every contender on every stream in each of so many rounds (and a first one that warms
# caches and is not counted), prints the figures and leaves them in $work/figures for ratios.py.
# Every other round goes backwards: who comes after whom moves a figure by a tenth.
# Wants `streams`, `contenders` and `queries`; a stream is $work/STREAM.txt. A script may bring a
# `measure` of its own, which prints "-" for a server that has no such stream.
rounds_of() { # ROUNDS [dnsblast's options]
    local rounds=$1 round stream i name order
    local -A figure
    shift
    echo "$rounds rounds of $queries, CPU microseconds each:"
    printf '%-6s%-10s' round stream; printf '%11s' "${contenders[@]}"; echo
    for ((round = 0; round <= rounds; round++)); do
        order=("${contenders[@]}")
        if ((round % 2)); then
            order=()
            for ((i = ${#contenders[@]} - 1; i >= 0; i--)); do order+=("${contenders[i]}"); done
        fi
        for stream in "${streams[@]}"; do
            for name in "${order[@]}"; do
                figure[$name]=$(measure "$name" "$work/$stream.txt" "$queries" "$@") || return 1
            done
            [ "$round" -gt 0 ] || continue
            printf '%-6s%-10s' "$round" "$stream"
            for name in "${contenders[@]}"; do
                printf '%11s' "${figure[$name]}"
                [ "${figure[$name]}" = - ] || echo "$stream $name ${figure[$name]}" >>"$work/figures"
            done
            echo
        done
    done
}
