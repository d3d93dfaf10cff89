#include "zones/zone_table.h"

#include <algorithm>

namespace zones {

namespace {

std::uint64_t hash_of(dns::NameView name) noexcept {
    return name.hash(dns::NameHash::seed());
}
std::size_t shard_of(std::uint64_t hash) noexcept {
    return static_cast<std::size_t>(hash >> 52);  // the top 12 bits; slots use the low ones
}
static_assert(ZoneTable::kShards == std::size_t{1} << 12);

using EntryPointer = std::shared_ptr<const ZoneEntry>;

const EntryPointer* find_in(const std::vector<EntryPointer>& shard, dns::NameView apex,
                            std::uint64_t hash) noexcept {
    if (shard.empty()) return nullptr;
    const std::size_t mask = shard.size() - 1;
    for (std::size_t at = static_cast<std::size_t>(hash) & mask; shard[at] != nullptr;
         at = (at + 1) & mask) {
        if (shard[at]->apex.view().equals(apex)) return &shard[at];
    }
    return nullptr;
}

/// At most half full, so that every search ends at an empty slot.
std::vector<EntryPointer> make_shard(const std::vector<EntryPointer>& entries) {
    if (entries.empty()) return {};
    std::size_t capacity = 2;
    while (capacity < 2 * entries.size()) capacity *= 2;
    std::vector<EntryPointer> shard(capacity);
    for (const EntryPointer& entry : entries) {
        std::size_t at = static_cast<std::size_t>(hash_of(entry->apex)) & (capacity - 1);
        while (shard[at] != nullptr) at = (at + 1) & (capacity - 1);
        shard[at] = entry;
    }
    return shard;
}

/// The entries of a shard but the one of `apex`.
std::vector<EntryPointer> others(const std::vector<EntryPointer>& shard, dns::NameView apex) {
    std::vector<EntryPointer> entries;
    for (const EntryPointer& entry : shard) {
        if (entry != nullptr && !entry->apex.view().equals(apex)) entries.push_back(entry);
    }
    return entries;
}

}  // namespace

ZoneTable::ZoneTable() : shards_(kShards) {
    const auto empty = std::make_shared<const Shard>();
    std::fill(shards_.begin(), shards_.end(), empty);
}

const ZoneEntry* ZoneTable::find(dns::NameView qname, ViewId view, bool above_apex) const noexcept {
    if (size_ == 0) return nullptr;
    const dns::LabelOffsets labels(qname);
    // From the whole name upward: the first apex met is the longest.
    for (std::size_t skip = above_apex ? 1 : 0; skip <= labels.count; ++skip) {
        const std::size_t count = labels.count - skip;
        if (((label_counts_[count / 64] >> (count % 64)) & 1) == 0) continue;
        const std::size_t start = skip < labels.count ? labels.offset[skip] : qname.size() - 1;
        const dns::NameView candidate(qname.octets().subspan(start));
        const ZoneEntry* entry = find_exact(candidate);
        if (entry != nullptr && entry->visible_in(view)) return entry;
    }
    return nullptr;
}

const ZoneEntry* ZoneTable::find_exact(dns::NameView apex) const noexcept {
    const std::uint64_t hash = hash_of(apex);
    const EntryPointer* entry = find_in(*shards_[shard_of(hash)], apex, hash);
    return entry == nullptr ? nullptr : entry->get();
}

std::shared_ptr<const ZoneTable> ZoneTable::with(ZoneEntry entry) const {
    auto table = std::make_shared<ZoneTable>(*this);
    const std::size_t index = shard_of(hash_of(entry.apex));
    if (find_exact(entry.apex) == nullptr) ++table->size_;
    std::vector<EntryPointer> entries = others(*shards_[index], entry.apex);
    const std::size_t labels = entry.apex.view().label_count();
    table->label_counts_[labels / 64] |= std::uint64_t{1} << (labels % 64);
    entries.push_back(std::make_shared<const ZoneEntry>(std::move(entry)));
    table->shards_[index] = std::make_shared<const Shard>(make_shard(entries));
    return table;
}

std::shared_ptr<const ZoneTable> ZoneTable::without(dns::NameView apex) const {
    auto table = std::make_shared<ZoneTable>(*this);
    if (find_exact(apex) == nullptr) return table;
    const std::size_t index = shard_of(hash_of(apex));
    table->shards_[index] =
        std::make_shared<const Shard>(make_shard(others(*shards_[index], apex)));
    // The bit of the label count stays: another apex may have as many, and it costs but a look-up.
    --table->size_;
    return table;
}

std::shared_ptr<const ZoneTable> ZoneTable::build(std::vector<ZoneEntry> entries) {
    auto table = std::make_shared<ZoneTable>();
    std::vector<std::vector<EntryPointer>> shards(kShards);
    for (ZoneEntry& entry : entries) {
        const std::size_t labels = entry.apex.view().label_count();
        table->label_counts_[labels / 64] |= std::uint64_t{1} << (labels % 64);
        const std::size_t index = shard_of(hash_of(entry.apex));
        shards[index].push_back(std::make_shared<const ZoneEntry>(std::move(entry)));
    }
    for (std::size_t index = 0; index < kShards; ++index) {
        if (shards[index].empty()) continue;
        table->shards_[index] = std::make_shared<const Shard>(make_shard(shards[index]));
    }
    table->size_ = entries.size();
    return table;
}

}  // namespace zones
