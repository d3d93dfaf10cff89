#pragma once

#include <array>
#include <cstddef>

#include "zones/answer_node.h"
#include "zones/zone_table.h"

namespace zones {

/// The NSEC records that prove what an answer says is not there (RFC 4035, 3.1.3): references,
/// collected while the answer is found and written once, in the authority section. No record
/// stands in it twice. Borrows nodes until the source's `release`.
class Proofs {
  public:
    struct Proof {
        const ZoneEntry* zone = nullptr;
        NodeView node;  // holds the NSEC
    };

    /// The NSEC of `relative_owner` if the name has one, else the one that covers it.
    [[nodiscard]] Look add(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
                           base::Octets relative_owner) noexcept;
    /// The NSEC that proves that `*` below `encloser` does not exist (RFC 4035, 3.1.3.2).
    [[nodiscard]] Look add_wildcard_of(NodeSource& nodes, const ZoneEntry& zone,
                                       const ZoneLayers& layers, base::Octets encloser) noexcept;
    /// The NSEC at the owner of this node, if it has one.
    void add_own(const ZoneEntry& zone, NodeView node) noexcept;

    [[nodiscard]] const Proof* begin() const noexcept { return proofs_.data(); }
    [[nodiscard]] const Proof* end() const noexcept { return proofs_.data() + count_; }
    void clear() noexcept { count_ = 0; }

  private:
    // One for each link of a chain that a wildcard made, and two at its end.
    static constexpr std::size_t kMaxProofs = 20;
    std::array<Proof, kMaxProofs> proofs_;
    std::size_t count_ = 0;
};

}  // namespace zones
