#include "zones/policy_select.h"

#include <algorithm>
#include <span>

#include "zones/weights.h"

namespace zones {

namespace {

constexpr std::size_t kMaxPoolMembers = 255;  // what parse_pool lets in

bool has_kind(const PoolMember& member, MemberKind kind) noexcept {
    switch (kind) {
        case MemberKind::A:
            return member.a.has_value();
        case MemberKind::Aaaa:
            return member.aaaa.has_value();
        case MemberKind::Target:
            return member.target.has_value();
    }
    return false;
}

bool is_up(const PoolDocument& pool, const PoolMember& member, MemberKind kind,
           const HealthSnapshot& health) noexcept {
    if (member.status == MemberStatus::Up) return true;
    if (member.status == MemberStatus::Down) return false;
    for (const auto& [key, state] : health.members) {
        if (key.first != pool.id || key.second != member.id) continue;
        if (kind == MemberKind::A) return state.up_v4;
        if (kind == MemberKind::Aaaa) return state.up_v6;
        return state.up_v4 || state.up_v6;
    }
    return true;  // at first start a member counts as up
}

/// Rendezvous hashing: each client ranks all members by chance of its own, so that a member that
/// goes away moves only its own clients.
std::uint64_t rendezvous(const base::IpAddress& client, const PoolMember& member) noexcept {
    std::uint64_t hash = client.hash() ^ 0xcbf29ce484222325ULL;
    for (const char c : member.id) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ (hash >> 33);
}

}  // namespace

PoolHealth pool_health(const PoolDocument& pool, MemberKind kind,
                       const HealthSnapshot& health) noexcept {
    PoolHealth out;
    std::uint64_t total = 0;
    std::uint64_t up = 0;
    for (const PoolMember& member : pool.members) {
        if (!has_kind(member, kind)) continue;
        ++out.members;
        if (member.status == MemberStatus::Drain) continue;  // in neither side of the fraction
        total += member.weight;
        if (is_up(pool, member, kind, health)) {
            up += member.weight;
            ++out.available;
        } else {
            out.any_down = true;
        }
    }
    out.up = total == 0 || static_cast<double>(up) >= pool.min_up * static_cast<double>(total);
    return out;
}

void select_members(const PoolDocument& pool, MemberKind kind, Candidates which,
                    const HealthSnapshot& health, const base::IpAddress& client,
                    base::RandomSource& random, PolicyDecision& out) noexcept {
    std::uint16_t candidates[kMaxPoolMembers];
    std::size_t count = 0;
    // With all down, drained members are the very last resort.
    for (const bool drained : {false, true}) {
        if (drained && (count > 0 || which == Candidates::Up)) break;
        for (std::size_t i = 0; i < pool.members.size() && count < kMaxPoolMembers; ++i) {
            const PoolMember& member = pool.members[i];
            if (!has_kind(member, kind)) continue;
            if ((member.status == MemberStatus::Drain) != drained) continue;
            if (which == Candidates::Up && !is_up(pool, member, kind, health)) continue;
            candidates[count++] = static_cast<std::uint16_t>(i);
        }
    }
    std::size_t wanted = std::min<std::size_t>({count, pool.count, PolicyDecision::kMaxMembers});
    if (kind == MemberKind::Target) wanted = std::min<std::size_t>(wanted, 1);

    std::uint16_t order[kMaxPoolMembers];
    for (std::size_t i = 0; i < count; ++i) order[i] = candidates[i];
    if (pool.select == SelectMethod::Weighted) {
        std::uint32_t weights[kMaxPoolMembers];
        std::uint16_t picks[PolicyDecision::kMaxMembers];
        for (std::size_t i = 0; i < count; ++i) weights[i] = pool.members[candidates[i]].weight;
        wanted = draw_weighted({weights, count}, random, {picks, wanted});
        for (std::size_t i = 0; i < wanted; ++i) order[i] = candidates[picks[i]];
    } else if (pool.select == SelectMethod::Hash) {
        std::sort(order, order + count, [&](std::uint16_t a, std::uint16_t b) {
            const std::uint64_t x = rendezvous(client, pool.members[a]);
            const std::uint64_t y = rendezvous(client, pool.members[b]);
            return x != y ? x > y : a < b;
        });
    }
    for (std::size_t i = 0; i < wanted; ++i) {
        const PoolMember& member = pool.members[order[i]];
        out.member_indices[i] = static_cast<std::uint8_t>(order[i]);
        if (i == 0) out.member = member.id;
        if (kind == MemberKind::A) out.addresses[i] = member.a->data();
        if (kind == MemberKind::Aaaa) out.addresses[i] = member.aaaa->data();
        if (kind == MemberKind::Target) out.target = &*member.target;
    }
    out.count = static_cast<std::uint8_t>(wanted);
}

}  // namespace zones
