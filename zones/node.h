#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"
#include "dns/rrset.h"
#include "dns/types.h"

namespace zones {

using base::Octets;

/// Everything one owner name holds in one zone variant, as stored and as served:
///
///     flags u8 | owner size u8 | rrset count u16 | size u32 | owner | rrset count x entry
///     entry: entry flags u16 | answer count u16 | packed RRset (dns/rrset.h)
///            | if weighted: one weight u16 per record
///
/// Big-endian. `size` is the octets of the whole node. `owner` is relative to the apex: its labels
/// in wire form without the root, in the case in which they were entered; empty at the apex.
/// Entries stand in ascending order of type. A node without entries is an empty non-terminal
/// (RFC 8499), stored so that its existence needs no search (RFC 4592, 2.2.2).
inline constexpr std::size_t kNodeHeaderOctets = 8;

enum NodeFlag : std::uint8_t {
    kNodeWildcardChild = 0x01,  // `*.owner` exists in this zone variant
    kNodePolicy = 0x02,         // a policy of the PolicyTable answers for this owner
};
enum EntryFlag : std::uint16_t {
    kEntryWeighted = 0x0001,  // weights follow the RRset
    kEntryHidden = 0x0002,    // overlay only: the base's RRset of this type is not there (count 0)
};

/// One RRset of a node with how it is to be answered.
struct NodeEntry {
    dns::RRsetView rrset;
    std::uint16_t flags = 0;
    std::uint16_t answer_count = 0;         // weighted: how many records an answer holds
    const std::uint8_t* weights = nullptr;  // big-endian u16 each; null: not weighted

    [[nodiscard]] bool hidden() const noexcept { return (flags & kEntryHidden) != 0; }
    [[nodiscard]] std::uint16_t weight(std::size_t index) const noexcept {
        return base::load_be16(weights + 2 * index);
    }
};

inline constexpr std::size_t kEntryHeaderOctets = 4;
/// Octets of the whole entry that stands at `at`.
[[nodiscard]] inline std::size_t node_entry_size(const std::uint8_t* at) noexcept {
    const dns::RRsetView rrset(at + kEntryHeaderOctets);
    std::size_t size = kEntryHeaderOctets + rrset.octets().size();
    if ((base::load_be16(at) & kEntryWeighted) != 0) size += std::size_t{2} * rrset.count();
    return size;
}

/// A node, borrowed from a NodeSource or from octets that `check` has accepted.
class NodeView {
  public:
    constexpr NodeView() noexcept = default;
    explicit NodeView(const std::uint8_t* at) noexcept : at_(at) {}
    /// Octets that come from disk: counts and sizes must add up to exactly `octets`.
    [[nodiscard]] static std::optional<NodeView> check(Octets octets) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return at_ != nullptr; }
    [[nodiscard]] std::uint8_t flags() const noexcept { return at_[0]; }
    [[nodiscard]] bool has(NodeFlag flag) const noexcept { return (at_[0] & flag) != 0; }
    [[nodiscard]] std::size_t entry_count() const noexcept { return base::load_be16(at_ + 2); }
    [[nodiscard]] bool empty() const noexcept { return entry_count() == 0; }
    [[nodiscard]] Octets octets() const noexcept { return {at_, base::load_be32(at_ + 4)}; }
    /// Labels below the apex in wire form, without the root.
    [[nodiscard]] Octets relative_owner() const noexcept {
        return {at_ + kNodeHeaderOctets, at_[1]};
    }

    /// `for (NodeEntry entry : node)`.
    class Iterator {
      public:
        Iterator(const std::uint8_t* at, std::size_t left) noexcept : at_(at), left_(left) {}
        [[nodiscard]] NodeEntry operator*() const noexcept {
            NodeEntry entry;
            entry.flags = base::load_be16(at_);
            entry.answer_count = base::load_be16(at_ + 2);
            entry.rrset = dns::RRsetView(at_ + kEntryHeaderOctets);
            if ((entry.flags & kEntryWeighted) != 0) {
                entry.weights = at_ + kEntryHeaderOctets + entry.rrset.octets().size();
            }
            return entry;
        }
        [[nodiscard]] dns::RRType type() const noexcept {
            return dns::RRsetView(at_ + kEntryHeaderOctets).type();
        }
        Iterator& operator++() noexcept {
            // Past the last entry there is nothing that may be read.
            if (--left_ > 0) at_ += node_entry_size(at_);
            return *this;
        }
        friend bool operator==(const Iterator& a, const Iterator& b) noexcept {
            return a.left_ == b.left_;
        }

      private:
        const std::uint8_t* at_;
        std::size_t left_;
    };
    [[nodiscard]] Iterator begin() const noexcept {
        return {at_ + kNodeHeaderOctets + at_[1], entry_count()};
    }
    [[nodiscard]] Iterator end() const noexcept { return {nullptr, 0}; }

    /// The entry of a type, hidden ones too.
    [[nodiscard]] std::optional<NodeEntry> find(dns::RRType type) const noexcept {
        for (Iterator at = begin(); at != end(); ++at) {
            if (at.type() == type) return *at;
            if (at.type() > type) break;
        }
        return std::nullopt;
    }

  private:
    const std::uint8_t* at_ = nullptr;
};

/// A node in parts, for changing it. Off the hot path.
struct NodeParts {
    struct Entry {
        dns::RRset rrset;
        std::uint16_t flags = 0;
        std::uint16_t answer_count = 0;
        std::vector<std::uint16_t> weights;  // empty: not weighted; else one per record
    };

    std::uint8_t flags = 0;
    std::vector<std::uint8_t> relative_owner;
    std::vector<Entry> entries;  // `pack` sorts them by type

    NodeParts() = default;
    explicit NodeParts(NodeView node);
    [[nodiscard]] Entry* find(dns::RRType type) noexcept;
    void erase(dns::RRType type);
    [[nodiscard]] std::vector<std::uint8_t> pack();
};

}  // namespace zones
