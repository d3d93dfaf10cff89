#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dns/nsec3.h"
#include "dns/rdata.h"
#include "zones/answer_node.h"
#include "zones/zone_table.h"

namespace zones {

/// How a signed zone proves what is not there.
struct Denial {
    enum class Kind : std::uint8_t { None, Nsec, Nsec3 } kind = Kind::None;
    dns::Nsec3Parameters nsec3;  // of the chain that is complete (RFC 5155, 4); borrows the apex
};
/// NSEC3 where the apex says that there is such a chain; no name of such a zone needs an NSEC.
[[nodiscard]] Denial denial_of(const OwnerNode& apex) noexcept;

/// Is this RRSIG one for the type (RFC 4034, 3.1.1)?
[[nodiscard]] inline bool covers(base::Octets signature, dns::RRType type) noexcept {
    return dns::signature_head(signature).covered == type;
}
[[nodiscard]] inline bool is_signed(const OwnerNode& node, dns::RRType type) noexcept {
    const NodeEntry signatures = node.find(dns::RRType::RRSIG);
    if (!signatures.rrset) return false;
    for (const base::Octets rdata : signatures.rrset) {
        if (covers(rdata, type)) return true;
    }
    return false;
}

/// What a proof is about: a name in one zone as one client sees it. Borrowed.
struct Denied {
    NodeSource& nodes;
    const ZoneEntry& zone;
    ZoneId id = 0;  // a zone that was signed elsewhere has one layer: overlays are refused
    const Denial& denial;
    dns::NameView qname;
    std::size_t encloser_labels = 0;  // of the closest encloser

    /// The ancestor of the qname, or itself, that has so many labels.
    [[nodiscard]] dns::NameView ancestor(std::size_t labels) const noexcept {
        return qname.parent(qname.label_count() - labels);
    }
    [[nodiscard]] std::optional<dns::Name> wildcard_at(std::size_t labels) const noexcept {
        return dns::Name::wildcard_of(ancestor(labels));
    }
};

/// The NSEC or NSEC3 records that prove what an answer says is not there (RFC 4035, 3.1.3; RFC
/// 5155, 7.2): references, collected while the answer is found and written once, in the authority
/// section. No record stands in it twice. Borrows nodes until the source's `release`.
///
/// Each function gives Found when it has what the zone has to show; a record that a signed zone
/// does not have is not made up. Failed is the collision of RFC 5155, 7.2.9 too.
class Proofs {
  public:
    struct Proof {
        const ZoneEntry* zone = nullptr;
        NodeView node;
        dns::RRType type{};  // of the record in it
    };

    /// Neither the name nor a wildcard that covers it (RFC 4035, 3.1.3.2; RFC 5155, 7.2.2).
    [[nodiscard]] Look name_error(const Denied& denied) noexcept;
    /// The name, here `own`, without the type (RFC 4035, 3.1.3.1; RFC 5155, 7.2.3 and 7.2.4), or a
    /// cut without DS (RFC 4035, 3.1.4.1; RFC 5155, 7.2.7).
    [[nodiscard]] Look no_data(const Denied& denied, NodeView own) noexcept;
    /// The wildcard, here `own`, without the type (RFC 4035, 3.1.3.4; RFC 5155, 7.2.5).
    [[nodiscard]] Look wildcard_no_data(const Denied& denied, NodeView own) noexcept;
    /// The wildcard's RRset, where the name itself is not (RFC 4035, 3.1.3.3; RFC 5155, 7.2.6).
    [[nodiscard]] Look expansion(const Denied& denied) noexcept;

    [[nodiscard]] const Proof* begin() const noexcept { return proofs_.data(); }
    [[nodiscard]] const Proof* end() const noexcept { return proofs_.data() + count_; }
    void clear() noexcept { count_ = 0; }

  private:
    // One for each link of a chain that a wildcard made, and three at its end.
    static constexpr std::size_t kMaxProofs = 24;

    [[nodiscard]] Look take(const Denied& denied, dns::RRType type,
                            const NodeFound& found) noexcept;
    void add(const ZoneEntry& zone, dns::RRType type, NodeView node) noexcept;
    /// The NSEC of `owner` if it has one, else the one that covers it.
    [[nodiscard]] Look nsec(const Denied& denied, base::Octets owner) noexcept;

    // answer_nsec3.cc
    /// The NSEC3 of a name that exists; Missing if its zone has none for it.
    [[nodiscard]] Look matching(const Denied& denied, dns::NameView name) noexcept;
    /// The NSEC3 that shows that a name does not exist; Missing if it has one of its own.
    [[nodiscard]] Look covering(const Denied& denied, dns::NameView name) noexcept;
    /// RFC 5155, 7.2.1: the closest encloser, whose labels come in, or with opt-out the closest one
    /// that has an NSEC3, whose labels go out; and that the next closer name does not exist.
    [[nodiscard]] Look closest_encloser(const Denied& denied, std::size_t& labels) noexcept;
    /// The name that was to be covered has the hash of one that exists: RFC 5155, 7.2.9.
    [[nodiscard]] static Look no_collision(Look cover) noexcept {
        return cover == Look::Missing ? Look::Failed : cover;
    }

    std::array<Proof, kMaxProofs> proofs_;
    std::size_t count_ = 0;
};

}  // namespace zones
