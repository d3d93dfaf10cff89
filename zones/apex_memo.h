#pragma once

#include <array>
#include <cstdint>

#include "dns/prepared_section.h"
#include "zones/answer_node.h"
#include "zones/answer_proof.h"
#include "zones/zone_table.h"

namespace zones {

/// What negative answers need of an apex, as one view sees it.
struct ApexNotes {
    bool dname = false;  // redirects everything below it
    // Of each layer: has the apex a wildcard child?
    bool wildcard_in_overlay = false;
    bool wildcard_in_base = false;
    Denial::Kind denial = Denial::Kind::None;
    // With the TTL for negative answers (RFC 2308, 5).
    dns::PreparedSection soa;
    dns::PreparedSection signed_soa;  // for who sets DO; empty where it is too long
};

/// The apexes that one worker answers from, looked at once and remembered until they change. Fixed
/// size, direct-mapped: the newer goes before the older, and only for zones that
/// are seen twice, so that negative answers from a million zones cost no more than without it. One
/// thread; no allocation.
class ApexMemo {
  public:
    /// What follows is answered from this revision of a generation of what is published, which has
    /// a number. `changes` are those of the store, and outlive the memo.
    void follow(std::uint32_t generation, Revision revision, const ChangeMarks& changes) noexcept {
        generation_ = generation;
        revision_ = revision;
        changes_ = &changes;
    }

    /// Null: not known, look at the apex itself. Valid until the next call; `nodes` is told that
    /// the answer relies on what was noted.
    [[nodiscard]] const ApexNotes* of(NodeSource& nodes, const ZoneEntry& zone,
                                      const ZoneLayers& layers) noexcept;

  private:
    static constexpr std::size_t kPlaces = 128;

    struct Place {
        const ZoneEntry* zone = nullptr;
        ZoneId overlay = 0;
        std::uint32_t generation = 0;
        bool noted = false;  // else: seen once
        Reliance reliance;   // of the notes
        ApexNotes notes;
    };

    static std::size_t place_of(const ZoneEntry& zone) noexcept;
    static bool note(NodeSource& nodes, const ZoneEntry& zone, const ZoneLayers& layers,
                     ApexNotes& out) noexcept;

    std::uint32_t generation_ = 0;
    Revision revision_ = 0;
    const ChangeMarks* changes_ = nullptr;
    std::array<Place, kPlaces> places_;
};

}  // namespace zones
