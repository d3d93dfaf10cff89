#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "net/certificate.h"
#include "resolver/settings.h"
#include "server/tap.h"
#include "zones/geo.h"

namespace server {

/// How long `node` may be: it stands in each answer to who asks for it (RFC 5001).
inline constexpr std::size_t kMaxNodeOctets = 128;

/// One [[listener]]. Of the transports over TCP it has one at most: each needs a port of its own.
struct ListenerConfig {
    base::Endpoint address;
    bool udp = true;
    bool tcp = true;
    bool dot = false;
    bool doh = false;
    Role role = Role::Auth;
    std::string tls;  // names a TlsTable; dot and doh need it

    friend bool operator==(const ListenerConfig&, const ListenerConfig&) = default;
};

/// One [tls.NAME].
struct TlsTable {
    enum class ClientAuth : std::uint8_t { None, Optional, Require };

    std::string name;
    std::vector<net::CertificateFiles> certificates;  // one at least
    ClientAuth client_auth = ClientAuth::None;
    std::string client_ca;  // PEM; with None empty, else not
};

/// One [[admin.listener]].
struct AdminListenerConfig {
    base::Endpoint address;
    bool api = true, ui = true, metrics = true, health = true;  // expose
    std::string tls;  // names a TlsTable; without one it is on loopback, or shows little

    friend bool operator==(const AdminListenerConfig&, const AdminListenerConfig&) = default;
};

/// The configuration file (TOML) with every default filled in; see docs and interface. Keys that
/// are unknown are errors with their line; keys whose feature is not built yet are refused by
/// name rather than ignored.
struct Config {
    std::string data_dir = "./meridian-data";
    std::string run_dir;                    // empty: data_dir
    unsigned workers = 0;                   // 0: one per core
    std::string node;                       // empty: the host's name
    std::vector<ListenerConfig> listeners;  // empty: the defaults, filled by `finish`
    std::vector<AdminListenerConfig> admin_listeners;
    std::vector<TlsTable> tls;

    bool geo_configured = false;
    zones::GeoDatabases::Files geo;
    std::vector<base::IpPrefix> ecs_trusted;  // default: everyone

    std::uint16_t udp_payload = 1232;  // RFC 9715
    bool nsid = true;
    bool cookies = true;
    bool require_cookies = false;
    std::string cookie_secret;  // 32 hexadecimal digits; empty: the server's own, changing daily
    std::string version_bind;

    std::vector<base::IpPrefix> recursion_allow;  // default: loopback
    resolver::Settings recursion;

    std::uint32_t tcp_clients = 10000;         // over all workers
    std::uint32_t tcp_clients_per_prefix = 0;  // 0: as many as there are
    std::uint32_t tcp_idle_ms = 10000;
    std::uint32_t tcp_backlog = 4096;
    std::uint32_t udp_rcvbuf = 4194304;
    std::uint32_t responses_per_second = 0;  // response rate limiting (rrl.h); 0: off
    std::uint32_t rrl_slip = 2;
    std::vector<base::IpPrefix> rrl_exempt;
    std::uint64_t memory_mb = 0;  // node cache and what belongs to it; 0: a quarter of the machine
    std::uint64_t min_free_mb = 256;
    std::uint32_t keep_days = 90;  // history; 0: however old
    std::uint64_t keep_mb = 4096;  // 0: however much
    std::uint32_t head_timeout_ms = 10000;
    std::uint32_t body_timeout_ms = 10000;
    std::uint32_t body_grace_ms = 30000;
    std::uint32_t min_body_rate = 1000;     // octets/s of a body, from the grace on; 0: any
    std::uint32_t body_total_ms = 3600000;  // for a whole body; 0: any
    std::uint32_t write_timeout_ms = 30000;
    std::uint32_t max_head_octets = 65536;
    std::uint32_t max_zone_mb = 1024;  // of a zone that a request puts in whole
    std::uint32_t idle_timeout_ms = 15000;
    std::uint32_t max_connections = 10000;  // HTTP
    std::uint32_t max_connections_per_client = 256;
    std::uint32_t max_websocket_message = 1048576;
    bool diagnostics = false;  // /debug, for anybody who reaches an admin listener with `api`
    std::vector<std::string> cors_origins;  // "https://panel.example", or "*"
    std::string log_level = "info";
    std::string log_format = "text";

    /// The defaults with no file at all.
    [[nodiscard]] static Config defaults();
    /// `FILE:LINE: what` on the first fault.
    [[nodiscard]] static base::Result<Config> load(const std::string& file);
    /// From text, for tests; `name` stands in messages.
    [[nodiscard]] static base::Result<Config> parse(const std::string& text,
                                                    const std::string& name);

    /// The parts of the file, as it names them, that say something else than another configuration
    /// does, and that a server only reads when it starts: all but [tls.*] and the log's level.
    [[nodiscard]] std::vector<std::string> sections_unlike(const Config& other) const;
};

}  // namespace server
