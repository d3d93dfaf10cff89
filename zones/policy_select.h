#pragma once

#include <cstdint>

#include "base/ip.h"
#include "base/random.h"
#include "zones/policy_document.h"
#include "zones/policy_table.h"

namespace zones {

/// Which of a member's data an answer wants. Health is per address family.
enum class MemberKind : std::uint8_t { A, Aaaa, Target };

/// The state of a pool for one kind of answer (steering, 5).
struct PoolHealth {
    std::size_t members = 0;    // that have data of this kind
    std::size_t available = 0;  // of them up and not drained
    bool up = true;             // weight of the up members at least min_up of the total
    bool any_down = false;
};
[[nodiscard]] PoolHealth pool_health(const PoolDocument& pool, MemberKind kind,
                                     const HealthSnapshot& health) noexcept;

enum class Candidates : std::uint8_t {
    Up,   // the usual
    All,  // all are down: better an answer that may work than none
};

/// Chooses members of `pool` by its select method into `out`. `client` is the prefix that hash
/// selection goes by. No allocation.
void select_members(const PoolDocument& pool, MemberKind kind, Candidates which,
                    const HealthSnapshot& health, const base::IpAddress& client,
                    base::RandomSource& random, PolicyDecision& out) noexcept;

}  // namespace zones
