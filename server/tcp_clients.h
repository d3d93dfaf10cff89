#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/ip.h"

namespace server {

/// Whose connection it is, where clients are counted: an IPv4 address, or the first 56 bits of an
/// IPv6 address, which is what one customer gets (RFC 6177). Shorter IPv4 prefixes would make
/// neighbours pay: unlike that of a datagram the address of a connection is not forged.
[[nodiscard]] base::IpAddress client_prefix(const base::IpAddress& client) noexcept;
/// The same with its length, from what `client_prefix` gave.
[[nodiscard]] base::IpPrefix counted_prefix(const base::IpAddress& prefix) noexcept;

struct ClientPrefixHash {
    std::size_t operator()(const base::IpAddress& prefix) const noexcept {
        return static_cast<std::size_t>(prefix.hash());
    }
};

/// Of so many places for connections, those that DNS over HTTPS may take: half, so that nobody ends
/// DNS over TCP with it.
[[nodiscard]] std::uint32_t doh_places(std::uint32_t places) noexcept;
/// The same for one client prefix: `per_prefix`, where it is set, else an eighth of all places.
[[nodiscard]] std::uint32_t doh_places_per_prefix(std::uint32_t places,
                                                  std::uint32_t per_prefix) noexcept;

/// How many TCP connections all workers hold together, and each client prefix of them. Any thread;
/// a connection costs one atomic addition, and one lock where prefixes are limited.
class TcpClients {
  public:
    enum class Admission : std::uint8_t { Admitted, Full, PrefixFull };

    /// `per_prefix` 0: a prefix may hold as many as there are.
    TcpClients(std::uint32_t clients, std::uint32_t per_prefix)
        : clients_(clients), per_prefix_(per_prefix) {}

    /// Counts one connection if there is room for it; then `leave` is owed.
    [[nodiscard]] Admission admit(const base::IpAddress& prefix);
    void leave(const base::IpAddress& prefix);

    [[nodiscard]] std::uint32_t limit() const noexcept { return clients_; }
    [[nodiscard]] std::uint32_t used() const noexcept {
        return used_.load(std::memory_order_relaxed);
    }

  private:
    struct Shard {
        std::mutex mutex;
        /// Connections of each prefix that has any; guarded by mutex.
        std::unordered_map<base::IpAddress, std::uint32_t, ClientPrefixHash> counts;
    };
    static constexpr std::size_t kShards = 16;

    Shard& shard_of(const base::IpAddress& prefix) noexcept;

    const std::uint32_t clients_;
    const std::uint32_t per_prefix_;
    std::atomic<std::uint32_t> used_{0};
    std::array<Shard, kShards> shards_;
};

}  // namespace server
