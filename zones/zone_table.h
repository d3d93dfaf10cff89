#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dns/name.h"
#include "zones/ids.h"
#include "zones/node_memory.h"

namespace zones {

/// What the query path knows of a zone: 8 octets, in memory followed by the variants and the octets
/// of the apex. Lives in a ZoneTable, as long as that does; never made on its own.
class ZoneEntry {
  public:
    struct Variant {
        ViewId view = kDefaultView;
        ZoneId id = 0;

        friend bool operator==(const Variant&, const Variant&) = default;
    };

    ZoneEntry(const ZoneEntry&) = delete;
    ZoneEntry& operator=(const ZoneEntry&) = delete;

    /// In the case in which it was entered.
    [[nodiscard]] dns::NameView apex() const noexcept {
        return dns::NameView(
            {reinterpret_cast<const std::uint8_t*>(this + 1) + variant_count_ * sizeof(Variant),
             apex_size_});
    }
    /// How many labels of a name at or below the apex stand below it.
    [[nodiscard]] std::size_t depth_of(dns::NameView qname,
                                       const dns::LabelOffsets& labels) const noexcept {
        const std::size_t below = qname.size() - apex_size_;
        std::size_t depth = 0;
        while (depth < labels.count && labels.offset[depth] < below) ++depth;
        return depth;
    }
    /// 0: the zone exists only in the views of `variants`.
    [[nodiscard]] ZoneId base() const noexcept { return base_; }
    /// Of each view its overlay of the base, or its own zone if there is no base.
    [[nodiscard]] std::span<const Variant> variants() const noexcept {
        return {reinterpret_cast<const Variant*>(this + 1), variant_count_};
    }
    /// The overlay (or own data) of a view; 0: none.
    [[nodiscard]] ZoneId variant(ViewId view) const noexcept {
        for (const Variant& candidate : variants()) {
            if (candidate.view == view) return candidate.id;
        }
        return 0;
    }
    [[nodiscard]] bool visible_in(ViewId view) const noexcept {
        return base_ != 0 || variant(view) != 0;
    }

  private:
    friend class ZoneTable;

    ZoneEntry(ZoneId base, std::uint16_t variant_count, std::uint8_t apex_size) noexcept
        : base_(base), variant_count_(variant_count), apex_size_(apex_size) {}

    ZoneId base_;
    std::uint16_t variant_count_;
    std::uint8_t apex_size_;
};
static_assert(sizeof(ZoneEntry) == 8);

/// The same in parts, for making tables.
struct ZoneRow {
    dns::Name apex;
    ZoneId base = 0;
    std::vector<ZoneEntry::Variant> variants;

    [[nodiscard]] bool same_ids(const ZoneEntry& entry) const noexcept;
};

/// All zones of one revision, looked up by longest match. Immutable and shared. A change makes a
/// new table that shares all but the shards it touches with the old one, so that its cost does not
/// grow with the number of zones; a zone takes some 45 octets in all. Any thread.
class ZoneTable {
  public:
    static constexpr std::size_t kShards = 4096;

    ZoneTable();  // empty

    /// The zone whose apex is the longest at or above `qname` and that exists in `view`; null if
    /// there is none. With `above_apex`, the apex itself does not count: a question for DS is the
    /// parent's (RFC 4035, 3.1.4.1). No allocation.
    [[nodiscard]] const ZoneEntry* find(dns::NameView qname, const dns::LabelOffsets& labels,
                                        ViewId view, bool above_apex = false) const noexcept;
    [[nodiscard]] const ZoneEntry* find(dns::NameView qname, ViewId view,
                                        bool above_apex = false) const noexcept {
        return find(qname, dns::LabelOffsets(qname), view, above_apex);
    }
    /// The same, where `hint`, an entry of this table or null, is probably the one.
    [[nodiscard]] const ZoneEntry* find_near(const ZoneEntry* hint, dns::NameView qname,
                                             const dns::LabelOffsets& labels,
                                             ViewId view) const noexcept;
    /// Is `hint`, an entry of this table, what `find` gives? False also where that is not plain.
    [[nodiscard]] bool is_nearest(const ZoneEntry& hint, dns::NameView qname,
                                  const dns::LabelOffsets& labels, ViewId view) const noexcept;
    /// Brings near what `find` will read, of the longest apex that a name may have; with what it
    /// gives, not 0, as a second step the zone itself. Not where the whole table is near anyhow.
    [[nodiscard]] std::uint64_t approach(dns::NameView qname,
                                         const dns::LabelOffsets& labels) const noexcept;
    void approach_zone(std::uint64_t approached) const noexcept;
    [[nodiscard]] const ZoneEntry* find_exact(dns::NameView apex) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// In no order.
    template <class Each>
    void for_each(const Each& each) const {
        for (const auto& shard : shards_) {
            for (const std::uint32_t slot : shard->slots) {
                if (slot != 0) each(*entry_at(shard->entries.data(), slot));
            }
        }
    }

    /// Zones put (in place of one with the same apex) or taken away.
    struct Edit {
        ZoneRow row;
        bool remove = false;  // then only the apex counts
    };
    [[nodiscard]] std::shared_ptr<const ZoneTable> edited(const std::vector<Edit>& edits) const;
    [[nodiscard]] std::shared_ptr<const ZoneTable> with(ZoneRow row) const;
    [[nodiscard]] std::shared_ptr<const ZoneTable> without(const dns::Name& apex) const;

    /// Fills a table while nobody reads it: start-up with many zones. Each apex once.
    class Builder;
    [[nodiscard]] static std::shared_ptr<const ZoneTable> build(const std::vector<ZoneRow>& rows);

  private:
    /// Entries one after the other, found through a table of slots: the place of the entry in words
    /// of four octets plus one, and eight bits of the hash on top; 0 is empty.
    struct Shard {
        std::vector<std::uint32_t, NodeAllocator<std::uint32_t>> slots;
        std::vector<std::uint32_t, NodeAllocator<std::uint32_t>> entries;
    };
    /// Where a shard's slots and entries are, for all shards side by side: one step less.
    struct Place {
        const std::uint32_t* slots = nullptr;
        const std::uint32_t* entries = nullptr;
        std::size_t capacity = 0;
    };
    [[nodiscard]] static const ZoneEntry* entry_at(const std::uint32_t* entries,
                                                   std::uint32_t slot) noexcept;
    void put(std::size_t shard, Shard made);
    [[nodiscard]] bool has_apex_of(std::size_t labels) const noexcept {
        return ((label_counts_[labels / 64] >> (labels % 64)) & 1) != 0;
    }
    static void append(Shard& shard, dns::NameView apex, ZoneId base,
                       std::span<const ZoneEntry::Variant> variants);
    static void index(Shard& shard);
    void count_labels(dns::NameView apex) noexcept;

    std::vector<std::shared_ptr<const Shard>> shards_;
    std::vector<Place> places_;
    std::uint64_t seed_ = dns::NameHash::seed();
    std::size_t size_ = 0;
    std::uint64_t label_counts_[2] = {};  // bit n: some apex has n labels; skips hopeless look-ups
};

/// Takes the zones one by one, so that a million of them need not be held twice. One thread.
class ZoneTable::Builder {
  public:
    Builder();
    ~Builder();
    Builder(const Builder&) = delete;
    Builder& operator=(const Builder&) = delete;
    void add(const ZoneRow& row);
    [[nodiscard]] std::shared_ptr<const ZoneTable> finish();

  private:
    std::shared_ptr<ZoneTable> table_;
    std::vector<Shard> shards_;
};

}  // namespace zones
