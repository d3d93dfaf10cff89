#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zones/kv.h"
#include "zones/node_cache.h"

namespace zones {

/// The store as it will be: the newest state of the database with changes laid over it that are
/// not written yet. One draft stands for a group of change sets, another over it for the change
/// set that is being validated; that one is merged down or dropped. The committer's thread.
///
/// A read that fails gives nothing and is remembered in `failed`: look before anything is decided.
class Draft {
  public:
    explicit Draft(KeyValueStore& store) : store_(store) {}
    /// Takes the nodes that stand in `cache` from there, at `newest`, the revision of the database:
    /// the thread is online in the cache's Qsbr while it calls `node`.
    Draft(KeyValueStore& store, const NodeCache& cache, Revision newest)
        : store_(store), cache_(&cache), newest_(newest) {}
    explicit Draft(Draft& below) : store_(below.store_), below_(&below) {}
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    [[nodiscard]] std::optional<std::string> get(Family family, const std::string& key);
    /// The value of a node's key.
    [[nodiscard]] std::optional<std::string> node(ZoneId zone, Octets relative_owner);
    void put(Family family, std::string key, std::string value);
    void erase(Family family, std::string key);
    /// For data that nothing refers to any more: it may still be seen by `get` and `first`.
    void erase_range(Family family, std::string from, std::string to);
    /// The same for all of the zones with these ids, `end` not among them.
    void erase_zones(ZoneId from, ZoneId end);

    /// The first key at or after `from` that begins with `prefix`, with its value.
    using Row = std::pair<std::string, std::string>;
    [[nodiscard]] std::optional<Row> first(Family family, const std::string& from,
                                           std::string_view prefix);
    /// Each row with a prefix, in the order of keys, until `each` says false; however many there
    /// are, one is held at a time. The draft must not be changed meanwhile.
    using Each = std::function<bool(std::string_view key, std::string_view value)>;
    void walk(Family family, const std::string& prefix, const Each& each);
    /// All rows with a prefix.
    [[nodiscard]] std::vector<Row> all(Family family, const std::string& prefix);

    /// About how much a range takes on disk; what is not written yet does not count.
    [[nodiscard]] std::uint64_t approximate_octets(Family family, const std::string& from,
                                                   const std::string& to) const {
        return store_.approximate_octets(family, from, to);
    }

    /// When the batch has been written: the space of the ranges that were erased, of which nobody
    /// can be reading.
    void reclaim() const;

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] bool empty() const;
    /// What the draft below holds, where this draft has not changed it.
    [[nodiscard]] std::optional<std::string> before(Family family, const std::string& key);

    void merge_down();
    [[nodiscard]] KeyValueBatch batch() const;
    using Rows = std::map<std::string, std::optional<std::string>, std::less<>>;
    [[nodiscard]] const Rows& rows(Family family) const {
        return rows_[static_cast<std::size_t>(family)];
    }

  private:
    struct Range {
        Family family;
        std::string from, to;
    };

    [[nodiscard]] std::optional<std::string> read(Family family, const std::string& key);

    KeyValueStore& store_;
    const NodeCache* cache_ = nullptr;  // of the lowest draft, or none
    Revision newest_ = 0;
    Draft* below_ = nullptr;
    Rows rows_[kFamilies];  // no value: deleted
    std::vector<Range> ranges_;
    bool failed_ = false;
};

}  // namespace zones
