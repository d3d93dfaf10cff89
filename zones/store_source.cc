#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>

#include "zones/key.h"
#include "zones/store_parts.h"

namespace zones {

namespace {

// Many names without NSEC may follow each other, as below a cut, and hashes of another chain than
// the one that is used. A worker leaves long walks to a reader thread.
constexpr unsigned kMaxStepsOfWorker = 64;
constexpr unsigned kMaxStepsOfReader = 1U << 16;  // then SERVFAIL: nobody signs such a zone

class StoreSource : public Store::Source {
  public:
    StoreSource(KeyValueStore& store, Residency& residency, SourceCounters& counters,
                bool may_block)
        : store_(store),
          cache_(residency.cache()),
          residency_(residency),
          counters_(counters),
          may_block_(may_block) {
        counters_.add(own_);
    }
    ~StoreSource() override { counters_.remove(own_); }
    StoreSource(const StoreSource&) = delete;
    StoreSource& operator=(const StoreSource&) = delete;

    void use(const Published& published) override {
        published_ = &published;
        ++batch_;
    }
    [[nodiscard]] std::uint64_t approach(ZoneId zone, Octets relative_owner) override {
        const std::uint64_t hash = cache_.hash(zone, relative_owner);
        approached_[place_of(relative_owner)] = {relative_owner.data(), relative_owner.size(), zone,
                                                 batch_, hash};
        cache_.prefetch(hash);
        return hash | 1U;
    }
    void approach_node(std::uint64_t approached) override {
        if (approached != 0) cache_.prefetch_node(approached);
    }
    [[nodiscard]] bool may_wait() const override { return may_block_; }
    void release() override {
        if (!held_.empty()) held_.clear();
    }

    [[nodiscard]] NodeFound find(ZoneId zone, Octets relative_owner) override {
        if (zone == 0) return {};
        const std::uint64_t hash = hash_of(zone, relative_owner);
        reliance_.add(ChangeMarks::of(hash));
        return find(zone, relative_owner, hash);
    }
    [[nodiscard]] ChangeMarks::Mark mark_of(ZoneId zone, Octets relative_owner) override {
        return ChangeMarks::of(cache_.hash(zone, relative_owner));
    }

    [[nodiscard]] Presence has_descendant(ZoneId zone, Octets relative_owner) override {
        if (zone == 0) return Presence::Absent;
        reliance_.add_all();  // on every name below
        const std::string key = node_key(zone, relative_owner);
        const auto cursor = store_.cursor(Family::Nodes, published_->snapshot, may_block_);
        cursor->seek(key + '\0');
        if (cursor->valid()) {
            return cursor->key().starts_with(key) ? Presence::Present : Presence::Absent;
        }
        return presence(cursor->status() == KeyValueStore::Read::Found ? KeyValueStore::Read::Absent
                                                                       : cursor->status());
    }

    [[nodiscard]] NodeFound predecessor(ZoneId zone, Octets relative_owner, dns::RRType type,
                                        const dns::Nsec3Parameters* chain) override {
        if (zone == 0) return {};
        const bool of_wildcard =
            type == dns::RRType::NSEC && relative_owner.size() >= 2 && relative_owner[1] == '*';
        if (of_wildcard && wildcard_.is(zone, batch_, relative_owner)) {
            if (wildcard_.searched) reliance_.add_all();
            return wildcard_.found;
        }
        bool searched = false;
        const NodeFound found = link_before(zone, relative_owner, type, chain, searched);
        if (searched) reliance_.add_all();  // on every name between
        if (of_wildcard && found.presence == Presence::Present) {
            wildcard_.keep(zone, batch_, relative_owner, found, searched);
        }
        return found;
    }

  private:
    NodeFound find(ZoneId zone, Octets relative_owner, std::uint64_t hash) {
        const NodeCache::Found found =
            cache_.find(hash, zone, relative_owner, published_->revision);
        if (found.hit == NodeCache::Hit::Miss && !residency_.absent(hash)) {
            return read(zone, relative_owner);
        }
        SourceCounters::Own::count(own_.hits);
        if (found.hit != NodeCache::Hit::Present) return {};
        return {Presence::Present, found.node};
    }

    /// What covers a wildcard, for the names of one batch that its encloser does not have.
    struct WildcardCover {
        ZoneId zone = 0;
        std::uint32_t batch = 0;
        std::size_t size = 0;
        std::array<std::uint8_t, 64> owner;
        NodeFound found;
        bool searched = false;

        [[nodiscard]] bool is(ZoneId of, std::uint32_t now, Octets wildcard) const noexcept {
            return zone == of && batch == now && size == wildcard.size() &&
                   std::equal(wildcard.begin(), wildcard.end(), owner.begin());
        }
        void keep(ZoneId of, std::uint32_t now, Octets wildcard, const NodeFound& node,
                  bool by_search) noexcept {
            if (wildcard.size() > owner.size()) return;
            zone = of;
            batch = now;
            size = wildcard.size();
            std::copy(wildcard.begin(), wildcard.end(), owner.begin());
            found = node;
            searched = by_search;
        }
    };

    /// `searched`: it was looked for in the store, among names that may change. A zone that has an
    /// index never does.
    NodeFound link_before(ZoneId zone, Octets relative_owner, dns::RRType type,
                          const dns::Nsec3Parameters* chain, bool& searched) {
        const ChainIndex* index = residency_.chains().find(zone, published_->revision);
        if (index != nullptr) {
            const auto found = type == dns::RRType::NSEC3
                                   ? by_hashes(*index, zone, relative_owner, *chain)
                                   : by_owners(*index, zone, relative_owner);
            if (found) return *found;
        }
        searched = true;
        return search(zone, relative_owner, chain);
    }

    /// From an index of NSEC; nothing where that does not tell.
    std::optional<NodeFound> by_owners(const ChainIndex& index, ZoneId zone,
                                       Octets relative_owner) {
        const auto* owners = std::get_if<OwnerIndex>(&index.order);
        if (owners == nullptr) return std::nullopt;
        char key[kMaxNodeKeyOctets];
        const std::size_t size = write_node_key(zone, relative_owner, key);
        const std::string_view below_apex(key + sizeof(ZoneId), size - sizeof(ZoneId));
        const auto at = owners->at_or_before(base::as_octets(below_apex));
        if (!at) return NodeFound{};
        std::uint8_t copy[kMaxNodeKeyOctets];
        at->copy(copy);
        OwnerBuffer buffer;
        const Octets owner = owner_of_key({copy, at->size()}, buffer);
        return found_there(find(zone, owner, cache_.hash(zone, owner)));
    }

    /// From an index of NSEC3, whose owners are hashes; nothing where that does not tell.
    std::optional<NodeFound> by_hashes(const ChainIndex& index, ZoneId zone, Octets owner,
                                       const dns::Nsec3Parameters& chain) {
        const auto* hashes = std::get_if<HashIndex>(&index.order);
        const auto hash = hash_of_owner(owner);
        if (hashes == nullptr || !hash || !index.parameters().same_hashes(chain)) {
            return std::nullopt;
        }
        const dns::Nsec3Hash& at = hashes->at_or_before(*hash);
        if (at > *hash) return NodeFound{};  // around the ring: who asks goes on from its end
        const auto label = dns::nsec3_label(at);
        return found_there(find(zone, label, cache_.hash(zone, label)));
    }
    /// What an index names is there; should it not be, the store is asked.
    static std::optional<NodeFound> found_there(const NodeFound& found) {
        return found.presence == Presence::Absent ? std::nullopt : std::optional(found);
    }

    /// The last node at or before an owner that is a link of the chain (is_chain_link), looked for
    /// in the store: where there is no index.
    NodeFound search(ZoneId zone, Octets relative_owner, const dns::Nsec3Parameters* chain) {
        const std::string prefix = zone_prefix(zone);
        const auto cursor = store_.cursor(Family::Nodes, published_->snapshot, may_block_);
        // No label begins with 00: what comes right after the owner itself, before all below it.
        cursor->seek_before(node_key(zone, relative_owner) + '\0');
        for (unsigned step = 0; cursor->valid(); ++step, cursor->previous()) {
            if (!cursor->key().starts_with(prefix)) return {};
            if (!may_block_ && step == kMaxStepsOfWorker) return {Presence::WouldBlock, {}};
            if (step == kMaxStepsOfReader) return {Presence::Failed, {}};
            const auto seen = NodeView::check(base::as_octets(cursor->value()));
            if (!seen) {
                store_.damage().report_key(cursor->key());
                return {Presence::Failed, {}};
            }
            if (!is_chain_link(*seen, chain)) continue;
            held_.emplace_back(cursor->value());
            return {Presence::Present, NodeView(base::as_octets(held_.back()).data())};
        }
        return {
            presence(cursor->status() == KeyValueStore::Read::Found ? KeyValueStore::Read::Absent
                                                                    : cursor->status()),
            {}};
    }

    /// Hashes that `approach` has made, for `find` of the same octets in the same batch: until it
    /// ends no query of it changes.
    struct Approached {
        const std::uint8_t* owner = nullptr;
        std::size_t size = 0;
        ZoneId zone = 0;
        std::uint32_t batch = 0;
        std::uint64_t hash = 0;
    };
    static constexpr std::size_t kApproached = 64;

    static std::size_t place_of(Octets relative_owner) noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(relative_owner.data());
        return (address ^ (address >> 6)) % kApproached;
    }
    [[nodiscard]] std::uint64_t hash_of(ZoneId zone, Octets relative_owner) const noexcept {
        const Approached& known = approached_[place_of(relative_owner)];
        const bool same = known.owner == relative_owner.data() &&
                          known.size == relative_owner.size() && known.zone == zone &&
                          known.batch == batch_;
        return same ? known.hash : cache_.hash(zone, relative_owner);
    }

    static Presence presence(KeyValueStore::Read read) {
        switch (read) {
            case KeyValueStore::Read::Found:
                return Presence::Present;
            case KeyValueStore::Read::Absent:
                return Presence::Absent;
            case KeyValueStore::Read::WouldBlock:
                return Presence::WouldBlock;
            case KeyValueStore::Read::Failed:
                break;
        }
        return Presence::Failed;
    }

    NodeFound read(ZoneId zone, Octets relative_owner) {
        SourceCounters::Own::count(own_.misses);
        char key[kMaxNodeKeyOctets];
        const std::size_t size = write_node_key(zone, relative_owner, key);
        std::string value;
        const KeyValueStore::Read result =
            store_.get(Family::Nodes, {key, size}, published_->snapshot.get(), may_block_, value);
        if (result != KeyValueStore::Read::Found) return {presence(result), {}};
        held_.push_back(std::move(value));
        const auto node = NodeView::check(base::as_octets(held_.back()));
        if (!node) {
            store_.damage().report_key({key, size});
            return {Presence::Failed, {}};
        }
        cache_.fill(published_->revision, zone, *node);
        return {Presence::Present, *node};
    }

    KeyValueStore& store_;
    NodeCache& cache_;
    const Residency& residency_;
    SourceCounters& counters_;
    const bool may_block_;
    const Published* published_ = nullptr;
    std::uint32_t batch_ = 0;
    std::array<Approached, kApproached> approached_;
    WildcardCover wildcard_;
    std::deque<std::string> held_;  // nodes read since `release`; a deque keeps them in place
    SourceCounters::Own own_;
};

}  // namespace

std::unique_ptr<Store::Source> make_store_source(KeyValueStore& store, Residency& residency,
                                                 SourceCounters& counters, bool may_block) {
    return std::make_unique<StoreSource>(store, residency, counters, may_block);
}

}  // namespace zones
