#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "dns/types.h"
#include "net/tls.h"
#include "server/rrl.h"
#include "server/tap.h"

namespace server {

/// Query types counted on their own; all others count as the last, "other".
inline constexpr std::array kCountedTypes = {
    dns::RRType::A,    dns::RRType::AAAA, dns::RRType::CNAME,  dns::RRType::MX,  dns::RRType::NS,
    dns::RRType::TXT,  dns::RRType::SOA,  dns::RRType::PTR,    dns::RRType::SRV, dns::RRType::HTTPS,
    dns::RRType::SVCB, dns::RRType::DS,   dns::RRType::DNSKEY, dns::RRType::CAA, dns::RRType::ANY};
inline constexpr std::size_t kTypeSlots = kCountedTypes.size() + 1;
[[nodiscard]] std::size_t type_slot(dns::RRType type) noexcept;

inline constexpr std::size_t kRoles = 2;       // Role::Auth, Role::Recursive
inline constexpr std::size_t kTransports = 5;  // Transport
inline constexpr std::size_t kHandshakes = 3;  // net::TlsObserver::Handshake
inline constexpr std::size_t kRCodes = 24;     // RCODEs 0..22, and the rest in the last

enum class DropReason : std::uint8_t {
    Malformed,      // less than a header
    Response,       // QR was set
    QueueFull,      // too many deferred queries
    SendFailed,     // the kernel did not take the answer
    TcpLimit,       // too many TCP clients
    RateLimited,    // response rate limiting
    ReceiveBuffer,  // the kernel's: more came than limits.udp_rcvbuf holds
    kCount,
};
[[nodiscard]] std::string_view to_text(DropReason reason) noexcept;

/// A limit that was met: meridian_limit_hits_total{limit}.
enum class LimitHit : std::uint8_t {
    TcpClients,           // a connection had to make room, or was turned away
    TcpClientsPerPrefix,  // likewise, because of limits.tcp_clients_per_prefix
    TcpIdle,              // an idle connection was closed
    TcpSlow,              // closed: a message that does not get whole, answers that nobody reads
    TcpOutstanding,       // a connection has as many questions open as it may; the rest waits
    TcpHeld,              // closed: connections hold too many octets that nobody takes
    TlsHandshake,         // closed: the handshake did not end in time
    Descriptors,          // the process, or the system, has no descriptor left
    // DNS over HTTPS, as of the last second; see net::HttpCounters.
    DohBadRequests,  // refused before they were looked at as DNS
    DohTimeouts,     // heads and bodies that came too slowly
    DohSlowReaders,  // answers that were not taken, and whoever held too much
    DohAbuse,        // connections closed for frames that bring no request
    kCount,
};
[[nodiscard]] std::string_view to_text(LimitHit limit) noexcept;

/// Upper bounds in seconds of the query duration histogram; one more bucket for what is above.
inline constexpr std::array<double, 12> kDurationBuckets = {
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0};

/// Counters of one worker: written by it alone (plain relaxed adds, no lock prefix), read by any
/// thread. Aligned so that workers do not share cache lines.
class alignas(64) WorkerStats {
  public:
    /// An atomic that has one writer, so that adding needs no locked instruction.
    class Counter {
      public:
        void add(std::uint64_t by = 1) noexcept { set(get() + by); }
        /// Of what goes up and down, and is measured now and then.
        void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
        [[nodiscard]] std::uint64_t get() const noexcept {
            return value_.load(std::memory_order_relaxed);
        }

      private:
        std::atomic<std::uint64_t> value_{0};
    };

    /// So many queries that took so long.
    void count(std::size_t role, base::Duration took, std::uint64_t how_many) noexcept;
    /// An answer that was not sent as it was.
    void count(const Rrl::Judgement& judged) noexcept;

    Counter queries[kRoles][kTransports][kTypeSlots][kRCodes];
    Counter dropped[static_cast<std::size_t>(DropReason::kCount)];
    Counter limit_hits[static_cast<std::size_t>(LimitHit::kCount)];
    Counter duration_buckets[kRoles][kDurationBuckets.size() + 1];
    Counter duration_sum_us[kRoles];
    Counter resolver_hits, resolver_misses, resolver_stale;
    Counter rrl_dropped[kRrlKinds], rrl_truncated[kRrlKinds];
    Counter tcp_accepted, tcp_closed;  // of all transports over TCP
    Counter doh_held;                  // octets, as of the last second
    Counter tls_handshakes[kTransports][kHandshakes];
    Counter deferred;
    Counter packet_cache_hits;
};

}  // namespace server
