#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/name.h"
#include "zones/ids.h"

namespace zones {

/// A zone as the query path sees it. Immutable once published.
struct ZoneEntry {
    struct Variant {
        ViewId view = kDefaultView;
        ZoneId id = 0;

        friend bool operator==(const Variant&, const Variant&) = default;
    };

    dns::Name apex;
    ZoneId base = 0;                // 0: the zone exists only in the views of `variants`
    std::vector<Variant> variants;  // a view's overlay of the base, or its own zone if base is 0

    /// The overlay (or own data) of a view; 0: none.
    [[nodiscard]] ZoneId variant(ViewId view) const noexcept {
        for (const Variant& candidate : variants) {
            if (candidate.view == view) return candidate.id;
        }
        return 0;
    }
    [[nodiscard]] bool same_ids(const ZoneEntry& other) const noexcept {
        return base == other.base && variants == other.variants;
    }
    [[nodiscard]] bool visible_in(ViewId view) const noexcept {
        return base != 0 || variant(view) != 0;
    }
};

/// All zones of one revision, looked up by longest match. Immutable and shared; a change makes a
/// new table that shares all but one shard with the old one, so that its cost does not grow with
/// the number of zones. Any thread.
class ZoneTable {
  public:
    static constexpr std::size_t kShards = 4096;

    ZoneTable();  // empty

    /// The zone whose apex is the longest at or above `qname` and that exists in `view`; null if
    /// there is none. With `above_apex`, the apex itself does not count: a question for DS is the
    /// parent's (RFC 4035, 3.1.4.1). No allocation.
    [[nodiscard]] const ZoneEntry* find(dns::NameView qname, ViewId view,
                                        bool above_apex = false) const noexcept;
    [[nodiscard]] const ZoneEntry* find_exact(dns::NameView apex) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    template <class Each>
    void for_each(const Each& each) const {
        for (const auto& shard : shards_) {
            for (const auto& entry : *shard) {
                if (entry != nullptr) each(*entry);
            }
        }
    }

    [[nodiscard]] std::shared_ptr<const ZoneTable> with(ZoneEntry entry) const;
    [[nodiscard]] std::shared_ptr<const ZoneTable> without(dns::NameView apex) const;

    /// Fills a table while nobody reads it: start-up with many zones.
    [[nodiscard]] static std::shared_ptr<const ZoneTable> build(std::vector<ZoneEntry> entries);

  private:
    // Open-addressed by hash within the shard, made anew with each change of the shard.
    using Shard = std::vector<std::shared_ptr<const ZoneEntry>>;
    std::vector<std::shared_ptr<const Shard>> shards_;
    std::size_t size_ = 0;
    std::uint64_t label_counts_[2] = {};  // bit n: some apex has n labels; skips hopeless look-ups
};

}  // namespace zones
