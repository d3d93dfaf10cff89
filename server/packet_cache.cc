#include "server/packet_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "base/ascii.h"
#include "base/huge_pages.h"
#include "dns/name.h"
#include "dns/types.h"

namespace server {

PacketCache::PacketCache(std::size_t entries)
    : seed_(dns::NameHash::seed()),
      set_mask_(std::bit_floor(std::max(entries, kWays)) / kWays - 1) {
    // Zeroes are empty entries and sets: memory that nobody asks for is never touched.
    static_assert(std::is_aggregate_v<Entry> && std::is_aggregate_v<Set>);
    entries_ = static_cast<Entry*>(base::allocate_huge(octets(set_mask_)));
    sets_ = reinterpret_cast<Set*>(entries_ + this->entries());
}

PacketCache::~PacketCache() {
    base::free_huge(entries_, octets(set_mask_));
}

std::size_t PacketCache::octets(std::size_t set_mask) noexcept {
    return (set_mask + 1) * (kWays * sizeof(Entry) + sizeof(Set));
}

std::uint64_t PacketCache::hash(base::Octets query) const noexcept {
    // With the bit that tells cases apart set everywhere, more than names fall together that differ
    // in case alone; `find` tells those apart.
    constexpr std::uint64_t kCaseBits = 0x2020202020202020ULL;
    const std::uint8_t* at = query.data() + kIdOctets;
    const std::size_t size = query.size() - kIdOctets;
    std::uint64_t state = seed_ ^ (size * 0x9e3779b97f4a7c15ULL);
    const auto mix = [&state](std::uint64_t word) {
        const auto product = static_cast<unsigned __int128>(state ^ word) *
                             static_cast<unsigned __int128>(0xa0761d6478bd642fULL);
        state = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    for (std::size_t i = 0; i + 8 < size; i += 8) mix(base::load_word(at + i) | kCaseBits);
    mix(base::load_word(at + size - 8) | kCaseBits);
    return state;
}

/// The same question in every octet, but for the case of the name.
bool PacketCache::same_query(const Entry& entry, base::Octets query) noexcept {
    if (entry.query_size != query.size()) return false;
    const std::uint8_t* stored = entry.query.data();
    const std::uint8_t* asked = query.data();
    if (std::memcmp(stored + kIdOctets, asked + kIdOctets, query.size() - kIdOctets) == 0) {
        return true;
    }
    const std::size_t behind = dns::kHeaderOctets + entry.qname_size;
    return std::memcmp(stored + kIdOctets, asked + kIdOctets, dns::kHeaderOctets - kIdOctets) ==
               0 &&
           base::equal_ignoring_case(stored + dns::kHeaderOctets, asked + dns::kHeaderOctets,
                                     entry.qname_size) &&
           std::memcmp(stored + behind, asked + behind, query.size() - behind) == 0;
}

void PacketCache::approach(std::uint64_t hash) const noexcept {
    __builtin_prefetch(&sets_[set_of(hash)]);
}

void PacketCache::approach_entry(std::uint64_t hash) const noexcept {
    const std::size_t place = place_of(hash);
    if (place == entries()) return;
    const auto* entry = reinterpret_cast<const std::uint8_t*>(&entries_[place]);
    // What most of them fill.
    for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(entry + line * 64);
}

std::size_t PacketCache::find(std::uint64_t hash, base::Octets query, const Scope& scope,
                              const Now& now, base::MutableOctets reply,
                              const Account*& account) noexcept {
    const std::size_t place = place_of(hash);
    if (place == entries()) return 0;
    Entry& entry = entries_[place];
    if (entry.hash != hash || entry.scope != scope || !same_query(entry, query) ||
        !entry.reliance.holds(now.changes, now.revision)) {
        return 0;
    }
    std::memcpy(reply.data(), entry.reply.data(), entry.reply_size);
    std::memcpy(reply.data(), query.data(), kIdOctets);
    // The name as it is asked now: who plays with its case looks at it (0x20).
    std::memcpy(reply.data() + dns::kHeaderOctets, query.data() + dns::kHeaderOctets,
                entry.qname_size);
    account = &entry.account;
    return entry.reply_size;
}

bool PacketCache::seen(std::uint64_t hash) noexcept {
    std::array<std::uint32_t, kWays>& last = sets_[set_of(hash)].seen;
    const std::uint32_t tag = tag_of(hash);
    if (last[0] == tag || last[1] == tag) return true;
    last[1] = last[0];
    last[0] = tag;
    return false;
}

void PacketCache::store(std::uint64_t hash, base::Octets query, std::size_t qname_octets,
                        const Scope& scope, const zones::Reliance& reliance, base::Octets reply,
                        const Account& account) noexcept {
    if (reply.size() > kMaxReplyOctets) return;
    // In its own place if it stands there already, or in one that is of no use any more.
    const std::size_t set = set_of(hash);
    std::size_t place = place_of(hash);
    for (std::size_t i = set * kWays; i < (set + 1) * kWays && place == entries(); ++i) {
        if (entries_[i].scope.generation != scope.generation) place = i;
    }
    if (place == entries()) place = set * kWays + next_way_++ % kWays;
    Entry& entry = entries_[place];
    entry.hash = hash;
    entry.account = account;
    entry.scope = scope;
    entry.reliance = reliance;
    entry.query_size = static_cast<std::uint16_t>(query.size());
    entry.reply_size = static_cast<std::uint16_t>(reply.size());
    entry.qname_size = static_cast<std::uint8_t>(qname_octets);
    std::memcpy(entry.query.data(), query.data(), query.size());
    std::memcpy(entry.reply.data(), reply.data(), reply.size());
    sets_[set].stored[place % kWays] = tag_of(hash);
}

}  // namespace server
