#include "zones/zone_table.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <new>

namespace zones {

namespace {

constexpr std::uint32_t kPlaceMask = 0x00ffffff;  // of words: entries of 64 MiB a shard
constexpr std::size_t kWord = sizeof(std::uint32_t);
// From so many zones on a look-up misses the processor's caches.
constexpr std::size_t kFarFrom = 1024;
// A zone that stands farther from where it belongs is fetched when it is looked for.
constexpr unsigned kApproachLooks = 8;

std::uint64_t hash_of(dns::NameView name) noexcept {
    return name.hash(dns::NameHash::seed());
}
std::size_t shard_of(std::uint64_t hash) noexcept {
    return static_cast<std::size_t>(hash >> 52);  // the top 12 bits; slots use the low ones
}
static_assert(ZoneTable::kShards == std::size_t{1} << 12);
std::uint32_t tag_of(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash >> 20) & ~kPlaceMask;
}
std::size_t start_of(std::uint64_t hash, std::size_t capacity) noexcept {
    return static_cast<std::size_t>(((hash & 0xffffffffU) * capacity) >> 32);
}
std::size_t words_of(std::size_t variants, std::size_t apex_size) noexcept {
    return (sizeof(ZoneEntry) + variants * sizeof(ZoneEntry::Variant) + apex_size + kWord - 1) /
           kWord;
}

}  // namespace

bool ZoneRow::same_ids(const ZoneEntry& entry) const noexcept {
    return base == entry.base() && std::equal(variants.begin(), variants.end(),
                                              entry.variants().begin(), entry.variants().end());
}

const ZoneEntry* ZoneTable::entry_at(const std::uint32_t* entries, std::uint32_t slot) noexcept {
    return reinterpret_cast<const ZoneEntry*>(entries + (slot & kPlaceMask) - 1);
}

void ZoneTable::append(Shard& shard, dns::NameView apex, ZoneId base,
                       std::span<const ZoneEntry::Variant> variants) {
    const std::size_t at = shard.entries.size();
    shard.entries.resize(at + words_of(variants.size(), apex.size()));
    auto* place = reinterpret_cast<std::uint8_t*>(&shard.entries[at]);
    new (place) ZoneEntry(base, static_cast<std::uint16_t>(variants.size()),
                          static_cast<std::uint8_t>(apex.size()));
    place += sizeof(ZoneEntry);
    if (!variants.empty()) std::memcpy(place, variants.data(), variants.size_bytes());
    std::memcpy(place + variants.size_bytes(), apex.data(), apex.size());
}

/// Makes the slots, at most two thirds full, so that every search ends at an empty one.
void ZoneTable::index(Shard& shard) {
    shard.entries.shrink_to_fit();
    const auto each = [&shard](const auto& visit) {
        for (std::size_t at = 0; at < shard.entries.size();) {
            const auto* entry = reinterpret_cast<const ZoneEntry*>(&shard.entries[at]);
            visit(at, *entry);
            at += words_of(entry->variants().size(), entry->apex().size());
        }
    };
    std::size_t count = 0;
    each([&count](std::size_t, const ZoneEntry&) { ++count; });
    const std::size_t capacity = count == 0 ? 0 : count + count / 2 + 1;
    shard.slots.assign(capacity, 0);
    each([&shard, capacity](std::size_t place, const ZoneEntry& entry) {
        const std::uint64_t hash = hash_of(entry.apex());
        std::size_t at = start_of(hash, capacity);
        while (shard.slots[at] != 0) at = at + 1 == capacity ? 0 : at + 1;
        shard.slots[at] = tag_of(hash) | static_cast<std::uint32_t>(place + 1);
    });
}

void ZoneTable::count_labels(dns::NameView apex) noexcept {
    const std::size_t labels = apex.label_count();
    label_counts_[labels / 64] |= std::uint64_t{1} << (labels % 64);
}

void ZoneTable::put(std::size_t shard, Shard made) {
    auto shared = std::make_shared<const Shard>(std::move(made));
    places_[shard] = {shared->slots.data(), shared->entries.data(), shared->slots.size()};
    shards_[shard] = std::move(shared);
}

ZoneTable::ZoneTable() : shards_(kShards), places_(kShards) {
    const auto empty = std::make_shared<const Shard>();
    std::fill(shards_.begin(), shards_.end(), empty);
}

const ZoneEntry* ZoneTable::find(dns::NameView qname, const dns::LabelOffsets& labels, ViewId view,
                                 bool above_apex) const noexcept {
    if (size_ == 0) return nullptr;
    // From the whole name upward: the first apex met is the longest.
    for (std::size_t skip = above_apex ? 1 : 0; skip <= labels.count; ++skip) {
        const std::size_t count = labels.count - skip;
        if (!has_apex_of(count)) continue;
        const std::size_t start = skip < labels.count ? labels.offset[skip] : qname.size() - 1;
        const dns::NameView candidate(qname.octets().subspan(start));
        const ZoneEntry* entry = find_exact(candidate);
        if (entry != nullptr && entry->visible_in(view)) return entry;
    }
    return nullptr;
}

bool ZoneTable::is_nearest(const ZoneEntry& hint, dns::NameView qname,
                           const dns::LabelOffsets& labels, ViewId view) const noexcept {
    const dns::NameView apex = hint.apex();
    if (labels.count >= 63 || apex.size() > qname.size()) return false;
    const std::size_t above = qname.size() - apex.size();
    const std::size_t depth = hint.depth_of(qname, labels);
    // No apex has as many labels as a longer name above the qname has.
    const std::uint64_t longer = ((std::uint64_t{2} << labels.count) - 1) &
                                 ~((std::uint64_t{2} << (labels.count - depth)) - 1);
    const bool at_label = depth == labels.count ? apex.is_root() : labels.offset[depth] == above;
    return (label_counts_[0] & longer) == 0 && at_label &&
           base::equal_ignoring_case(qname.data() + above, apex.data(), apex.size()) &&
           hint.visible_in(view);
}

const ZoneEntry* ZoneTable::find_near(const ZoneEntry* hint, dns::NameView qname,
                                      const dns::LabelOffsets& labels, ViewId view) const noexcept {
    const bool near = hint != nullptr && is_nearest(*hint, qname, labels, view);
    return near ? hint : find(qname, labels, view);
}

std::uint64_t ZoneTable::approach(dns::NameView qname,
                                  const dns::LabelOffsets& labels) const noexcept {
    if (size_ < kFarFrom) return 0;
    std::size_t skip = 0;
    while (skip <= labels.count && !has_apex_of(labels.count - skip)) ++skip;
    if (skip >= labels.count) return 0;
    const std::uint64_t hash =
        dns::NameView(qname.octets().subspan(labels.offset[skip])).hash(seed_);
    const Place& place = places_[shard_of(hash)];
    if (place.capacity == 0) return 0;
    __builtin_prefetch(place.slots + start_of(hash, place.capacity));
    return hash | 1U;
}

void ZoneTable::approach_zone(std::uint64_t approached) const noexcept {
    const Place& place = places_[shard_of(approached)];
    const std::uint32_t tag = tag_of(approached);
    std::size_t at = start_of(approached, place.capacity);
    for (unsigned looks = 0; looks < kApproachLooks; ++looks) {
        const std::uint32_t slot = place.slots[at];
        if (slot == 0) return;
        if ((slot & ~kPlaceMask) == tag) {
            const auto* entry = entry_at(place.entries, slot);
            __builtin_prefetch(entry);
            // It may begin at the end of a line.
            __builtin_prefetch(reinterpret_cast<const std::uint8_t*>(entry) + 32);
            return;
        }
        at = at + 1 == place.capacity ? 0 : at + 1;
    }
}

const ZoneEntry* ZoneTable::find_exact(dns::NameView apex) const noexcept {
    const std::uint64_t hash = apex.hash(seed_);
    const Place& place = places_[shard_of(hash)];
    const std::size_t capacity = place.capacity;
    if (capacity == 0) return nullptr;
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t at = start_of(hash, capacity);; at = at + 1 == capacity ? 0 : at + 1) {
        const std::uint32_t slot = place.slots[at];
        if (slot == 0) return nullptr;
        if ((slot & ~kPlaceMask) != tag) continue;
        const ZoneEntry* entry = entry_at(place.entries, slot);
        if (entry->apex().equals(apex)) return entry;
    }
}

std::shared_ptr<const ZoneTable> ZoneTable::edited(const std::vector<Edit>& edits) const {
    auto table = std::make_shared<ZoneTable>(*this);
    // The last edit of an apex counts.
    std::map<std::size_t, std::vector<const Edit*>> by_shard;
    for (const Edit& edit : edits) by_shard[shard_of(hash_of(edit.row.apex))].push_back(&edit);
    for (const auto& touched : by_shard) {
        const Shard& old = *shards_[touched.first];
        Shard fresh;
        for (auto last = touched.second.rbegin(); last != touched.second.rend(); ++last) {
            const ZoneRow& row = (*last)->row;
            const bool later = std::any_of(touched.second.rbegin(), last, [&row](const Edit* edit) {
                return edit->row.apex.view().equals(row.apex);
            });
            if (later) continue;
            if (find_exact(row.apex) != nullptr) --table->size_;
            if ((*last)->remove) continue;
            append(fresh, row.apex, row.base, row.variants);
            table->count_labels(row.apex);
            ++table->size_;
        }
        for (const std::uint32_t slot : old.slots) {
            if (slot == 0) continue;
            const ZoneEntry& entry = *entry_at(old.entries.data(), slot);
            const bool replaced = std::any_of(
                touched.second.begin(), touched.second.end(),
                [&entry](const Edit* edit) { return edit->row.apex.view().equals(entry.apex()); });
            if (!replaced) append(fresh, entry.apex(), entry.base(), entry.variants());
        }
        // The bits of label counts stay: another apex may have as many, and one too many costs but
        // a look-up.
        index(fresh);
        table->put(touched.first, std::move(fresh));
    }
    return table;
}

std::shared_ptr<const ZoneTable> ZoneTable::with(ZoneRow row) const {
    std::vector<Edit> edits(1);
    edits[0].row = std::move(row);
    return edited(edits);
}

std::shared_ptr<const ZoneTable> ZoneTable::without(const dns::Name& apex) const {
    std::vector<Edit> edits(1);
    edits[0].row.apex = apex;
    edits[0].remove = true;
    return edited(edits);
}

ZoneTable::Builder::Builder() : table_(std::make_shared<ZoneTable>()), shards_(kShards) {}
ZoneTable::Builder::~Builder() = default;

void ZoneTable::Builder::add(const ZoneRow& row) {
    append(shards_[shard_of(hash_of(row.apex))], row.apex, row.base, row.variants);
    table_->count_labels(row.apex);
    ++table_->size_;
}

std::shared_ptr<const ZoneTable> ZoneTable::Builder::finish() {
    for (std::size_t i = 0; i < kShards; ++i) {
        if (shards_[i].entries.empty()) continue;
        index(shards_[i]);
        table_->put(i, std::move(shards_[i]));
    }
    return std::move(table_);
}

std::shared_ptr<const ZoneTable> ZoneTable::build(const std::vector<ZoneRow>& rows) {
    Builder builder;
    for (const ZoneRow& row : rows) builder.add(row);
    return builder.finish();
}

}  // namespace zones
