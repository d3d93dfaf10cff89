#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/ip.h"

namespace zones {

/// Address space cut into prefixes, each with an outcome; neighbours of equal outcome are joined,
/// so the depth of the leaf that holds an address is the widest prefix around it for which the
/// outcome is true: the ECS scope (RFC 7871, 7.2.1). Leaves never overlap. Immutable once built;
/// any thread.
class PrefixTrie {
  public:
    using Outcome = std::uint32_t;
    struct Found {
        Outcome outcome = 0;
        std::uint8_t depth = 0;
    };

    PrefixTrie() = default;  // one outcome, 0, for all

    /// `boundaries`: every prefix inside or outside of which the outcome may differ. `evaluate` is
    /// asked once for each piece between them, with an address of the piece.
    [[nodiscard]] static PrefixTrie build(
        base::IpFamily family, const std::vector<base::IpPrefix>& boundaries,
        const std::function<Outcome(const base::IpAddress&)>& evaluate);

    [[nodiscard]] Found find(const base::IpAddress& address) const noexcept;
    [[nodiscard]] std::size_t nodes() const noexcept { return nodes_.size(); }

  private:
    // A child is a node's index, or an outcome with kLeaf set.
    static constexpr std::uint32_t kLeaf = 0x80000000U;
    struct Node {
        std::uint32_t child[2] = {kLeaf, kLeaf};
    };
    std::vector<Node> nodes_;
    std::uint32_t root_ = kLeaf;
};

}  // namespace zones
