#include "server/tcp_clients.h"

#include <algorithm>

namespace server {

namespace {

constexpr unsigned kIpv6Bits = 56;

}  // namespace

base::IpAddress client_prefix(const base::IpAddress& client) noexcept {
    const base::IpAddress plain = client.unmapped();
    return plain.is_v4() ? plain : plain.masked(kIpv6Bits);
}

base::IpPrefix counted_prefix(const base::IpAddress& prefix) noexcept {
    return {prefix, static_cast<std::uint8_t>(prefix.is_v4() ? 32 : kIpv6Bits)};
}

std::uint32_t doh_places(std::uint32_t places) noexcept {
    return std::max<std::uint32_t>(places / 2, 1);
}

std::uint32_t doh_places_per_prefix(std::uint32_t places, std::uint32_t per_prefix) noexcept {
    constexpr std::uint32_t kLeast = 4;  // a browser or two
    const std::uint32_t share = per_prefix != 0 ? per_prefix : std::max(places / 8, kLeast);
    return std::min(share, doh_places(places));
}

TcpClients::Shard& TcpClients::shard_of(const base::IpAddress& prefix) noexcept {
    return shards_[(prefix.hash() >> 32U) % kShards];
}

TcpClients::Admission TcpClients::admit(const base::IpAddress& prefix) {
    if (per_prefix_ != 0) {
        Shard& shard = shard_of(prefix);
        const std::lock_guard lock(shard.mutex);
        std::uint32_t& count = shard.counts[prefix];
        if (count >= per_prefix_) return Admission::PrefixFull;
        ++count;
    }
    // Several workers may come together, so that the number is taken first and given back.
    if (used_.fetch_add(1, std::memory_order_relaxed) < clients_) return Admission::Admitted;
    leave(prefix);
    return Admission::Full;
}

void TcpClients::leave(const base::IpAddress& prefix) {
    used_.fetch_sub(1, std::memory_order_relaxed);
    if (per_prefix_ == 0) return;
    Shard& shard = shard_of(prefix);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.counts.find(prefix);
    if (--found->second == 0) shard.counts.erase(found);
}

}  // namespace server
