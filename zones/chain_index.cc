#include "zones/chain_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "zones/answer_proof.h"
#include "zones/key.h"
#include "zones/node_rules.h"

namespace zones {

namespace {

constexpr unsigned kFirstBits = 4;
// Fuller than this the table grows: searches for what is not there stay short.
constexpr std::size_t most_used(std::size_t capacity) {
    return capacity / 4 * 3;
}

}  // namespace

std::size_t ChainIndex::octets() const noexcept {
    const std::size_t ordered =
        std::visit([](const auto& index) noexcept { return index.octets(); }, order);
    return sizeof(ChainIndex) + salt.capacity() + ordered;
}

bool is_chain_link(NodeView node, const dns::Nsec3Parameters* chain) noexcept {
    if (chain == nullptr) return node.find(dns::RRType::NSEC).has_value();
    const auto entry = node.find(dns::RRType::NSEC3);
    if (!entry) return false;
    for (const Octets rdata : entry->rrset) {
        const auto nsec3 = dns::Nsec3Parameters::read(rdata);
        if (nsec3 && nsec3->same_hashes(*chain)) return true;
    }
    return false;
}

ChainIndexes::ChainIndexes(base::Qsbr& qsbr, NodeCache& cache, std::size_t max_octets)
    : qsbr_(qsbr), cache_(cache), max_octets_(max_octets), table_(new Table(kFirstBits)) {
    account(static_cast<std::ptrdiff_t>(table_.load()->octets()));
}

ChainIndexes::~ChainIndexes() {
    const Table* table = table_.load();
    for (std::size_t i = 0; i < table->capacity(); ++i) {
        const ChainIndex* index = table->slots[i].load();
        if (index != dead()) delete index;
    }
    delete table;
}

const ChainIndex* ChainIndexes::dead() noexcept {
    static const ChainIndex taken_before;
    return &taken_before;
}

const ChainIndex* ChainIndexes::find(ZoneId zone, Revision revision) const noexcept {
    // Sequentially consistent, as Qsbr asks of whoever loads what may be retired.
    const Table* table = table_.load();
    const std::size_t mask = table->capacity() - 1;
    for (std::size_t at = table->start(zone);; at = (at + 1) & mask) {
        const ChainIndex* index = table->slots[at].load();
        if (index == nullptr) return nullptr;
        // The dead one has the id of no zone.
        if (index->zone == zone) return index->since <= revision ? index : nullptr;
    }
}

ChainIndexes::Slot& ChainIndexes::place(const Table& table, ZoneId zone) noexcept {
    const std::size_t mask = table.capacity() - 1;
    Slot* free = nullptr;
    for (std::size_t at = table.start(zone);; at = (at + 1) & mask) {
        Slot& slot = table.slots[at];
        const ChainIndex* index = slot.load(std::memory_order_relaxed);
        if (index == nullptr) return free != nullptr ? *free : slot;
        if (index == dead()) {
            if (free == nullptr) free = &slot;
        } else if (index->zone == zone) {
            return slot;
        }
    }
}

/// Room for one more, in a larger table or, where many are gone, in one of the same size.
void ChainIndexes::reserve() {
    const Table* old = table_.load(std::memory_order_relaxed);
    if (used_ < most_used(old->capacity())) return;
    unsigned bits = kFirstBits;
    while (zones_ >= (std::size_t{1} << bits) / 2) ++bits;
    auto table = std::make_unique<Table>(bits);
    for (std::size_t i = 0; i < old->capacity(); ++i) {
        const ChainIndex* index = old->slots[i].load(std::memory_order_relaxed);
        if (index != nullptr && index != dead()) place(*table, index->zone).store(index);
    }
    used_ = zones_;
    account(static_cast<std::ptrdiff_t>(table->octets()) -
            static_cast<std::ptrdiff_t>(old->octets()));
    table_.store(table.release());
    qsbr_.retire(old);
}

bool ChainIndexes::put(std::unique_ptr<const ChainIndex> index) {
    const std::lock_guard lock(mutex_);
    if (index->octets() > room()) return false;
    reserve();
    Slot& slot = place(*table_.load(std::memory_order_relaxed), index->zone);
    const ChainIndex* before = slot.load(std::memory_order_relaxed);
    if (before == nullptr) ++used_;
    if (before == nullptr || before == dead()) ++zones_;
    account(static_cast<std::ptrdiff_t>(index->octets()));
    slot.store(index.release());
    if (before != nullptr && before != dead()) retire(before);
    return true;
}

void ChainIndexes::remove(ZoneId zone) {
    Slot& slot = place(*table_.load(std::memory_order_relaxed), zone);
    const ChainIndex* index = slot.load(std::memory_order_relaxed);
    if (index == nullptr || index == dead()) return;
    slot.store(dead());
    --zones_;
    retire(index);
}

void ChainIndexes::drop(ZoneId zone) {
    const std::lock_guard lock(mutex_);
    remove(names_id(zone));
    remove(hashed_id(zone));
}

void ChainIndexes::clear() {
    const std::lock_guard lock(mutex_);
    const Table* table = table_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < table->capacity(); ++i) {
        const ChainIndex* index = table->slots[i].load(std::memory_order_relaxed);
        if (index != nullptr && index != dead()) remove(index->zone);
    }
}

void ChainIndexes::retire(const ChainIndex* index) {
    account(-static_cast<std::ptrdiff_t>(index->octets()));
    qsbr_.retire(index);
}

void ChainIndexes::account(std::ptrdiff_t octets) {
    octets_.fetch_add(static_cast<std::size_t>(octets));
    cache_.charge(octets);
}

ChainIndexes::Size ChainIndexes::size() const {
    const std::lock_guard lock(mutex_);
    return {octets_.load(), zones_};
}

std::size_t ChainIndexes::room() const {
    const std::size_t used = octets_.load();
    return used < max_octets_ ? max_octets_ - used : 0;
}

bool ChainBuilder::wanted(NodeView apex) noexcept {
    if (!signed_elsewhere(apex)) return false;
    OwnerNode node;
    node.base = apex;
    return denial_of(node).kind != Denial::Kind::None;
}

void ChainBuilder::see(const Published& at, ZoneId zone, std::string_view key, NodeView node) {
    if (zone != zone_) {
        end(at);
        begin(at, zone, key, node);
    }
    if (kind_ == Kind::Nsec && is_chain_link(node, nullptr)) {
        owners_.add(key.substr(sizeof(ZoneId)));
        if (owners_.octets() > room_) kind_ = Kind::None;
    }
    if (kind_ == Kind::Nsec3) add_hash(node);
}

void ChainBuilder::see_damaged(const Published& at, ZoneId zone) {
    if (zone != zone_) end(at);
    zone_ = zone;
    kind_ = Kind::None;
}

void ChainBuilder::begin(const Published& at, ZoneId zone, std::string_view key, NodeView node) {
    zone_ = zone;
    room_ = indexes_.room();
    std::string value;
    NodeView apex;
    if (zone < kHashedIds) {
        // The apex comes first. A zone whose apex is damaged has no index.
        if (key.size() == sizeof(ZoneId)) apex = node;
    } else if (store_.get(Family::Nodes, node_key(names_id(zone), {}), at.snapshot.get(), true,
                          value) == KeyValueStore::Read::Found) {
        apex = NodeView::check(base::as_octets(value)).value_or(NodeView());
    }
    if (!apex || !signed_elsewhere(apex)) return;
    OwnerNode owner;
    owner.base = apex;
    const Denial denial = denial_of(owner);
    const bool hashed = denial.kind == Denial::Kind::Nsec3;
    if (denial.kind == Denial::Kind::None || hashed != (zone >= kHashedIds)) return;
    index_ = std::make_unique<ChainIndex>();
    index_->zone = zone;
    if (hashed) {
        index_->algorithm = denial.nsec3.algorithm;
        index_->iterations = denial.nsec3.iterations;
        index_->salt.assign(denial.nsec3.salt.begin(), denial.nsec3.salt.end());
    }
    kind_ = hashed ? Kind::Nsec3 : Kind::Nsec;
}

void ChainBuilder::add_hash(NodeView node) {
    const dns::Nsec3Parameters chain = index_->parameters();
    if (!is_chain_link(node, &chain)) return;
    const auto hash = hash_of_owner(node.relative_owner());
    if (!hash || hashes_.size() * sizeof(dns::Nsec3Hash) > room_) {
        kind_ = Kind::None;
        return;
    }
    hashes_.push_back(*hash);
}

void ChainBuilder::end(const Published& at) {
    const Kind kind = std::exchange(kind_, Kind::None);
    auto index = std::exchange(index_, nullptr);
    auto owners = std::exchange(owners_, {}).finish();
    auto hashes = std::exchange(hashes_, {});
    zone_ = 0;
    if (kind == Kind::Nsec && owners && owners->size() > 0) {
        index->order = std::move(*owners);
    } else if (kind == Kind::Nsec3 && !hashes.empty()) {
        index->order = HashIndex(std::move(hashes));
    } else {
        return;
    }
    index->since = at.revision;
    (void)indexes_.put(std::move(index));
}

}  // namespace zones
