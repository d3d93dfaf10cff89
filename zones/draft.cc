#include "zones/draft.h"

#include "zones/key.h"

namespace zones {

std::optional<std::string> Draft::get(Family family, const std::string& key) {
    const Rows& own = rows(family);
    const auto row = own.find(key);
    if (row != own.end()) return row->second;
    return before(family, key);
}

std::optional<std::string> Draft::before(Family family, const std::string& key) {
    if (below_ != nullptr) {
        auto value = below_->get(family, key);
        failed_ = failed_ || below_->failed_;
        return value;
    }
    return read(family, key);
}

std::optional<std::string> Draft::node(ZoneId zone, Octets relative_owner) {
    const std::string key = node_key(zone, relative_owner);
    Draft* lowest = this;
    for (;; lowest = lowest->below_) {
        const Rows& own = lowest->rows(Family::Nodes);
        const auto row = own.find(key);
        if (row != own.end()) return row->second;
        if (lowest->below_ == nullptr) break;
    }
    if (lowest->cache_ != nullptr) {
        // Only what is there counts: a zone that was loaded and is not served yet is in the
        // database alone.
        const auto found = lowest->cache_->find(zone, relative_owner, lowest->newest_);
        if (found.hit == NodeCache::Hit::Present) {
            return std::string(base::as_text(found.node.octets()));
        }
    }
    auto value = lowest->read(Family::Nodes, key);
    failed_ = failed_ || lowest->failed_;
    return value;
}

std::optional<std::string> Draft::read(Family family, const std::string& key) {
    std::string value;
    switch (store_.get(family, key, nullptr, true, value)) {
        case KeyValueStore::Read::Found:
            return value;
        case KeyValueStore::Read::Absent:
            return std::nullopt;
        case KeyValueStore::Read::WouldBlock:
        case KeyValueStore::Read::Failed:
            break;
    }
    failed_ = true;
    return std::nullopt;
}

void Draft::put(Family family, std::string key, std::string value) {
    rows_[static_cast<std::size_t>(family)].insert_or_assign(std::move(key), std::move(value));
}

void Draft::erase(Family family, std::string key) {
    rows_[static_cast<std::size_t>(family)].insert_or_assign(std::move(key), std::nullopt);
}

void Draft::erase_range(Family family, std::string from, std::string to) {
    ranges_.push_back({family, std::move(from), std::move(to)});
}

void Draft::erase_zones(ZoneId from, ZoneId end) {
    for (const KeyRange& range : zone_ranges(from, end)) {
        erase_range(Family::Nodes, range.from, range.to);
        erase_range(Family::Meta, range.from, range.to);
    }
}

std::optional<Draft::Row> Draft::first(Family family, const std::string& from,
                                       std::string_view prefix) {
    std::unique_ptr<KeyValueStore::Cursor> cursor;
    std::string at = from;
    for (;;) {
        // The least key at or after `at` of what lies below, then of this draft.
        std::optional<Row> found;
        if (below_ != nullptr) {
            found = below_->first(family, at, prefix);
            failed_ = failed_ || below_->failed_;
        } else {
            if (cursor == nullptr) cursor = store_.cursor(family, nullptr, true);
            cursor->seek(at);
            if (cursor->valid() && cursor->key().starts_with(prefix)) {
                found = Row(cursor->key(), cursor->value());
            } else if (!cursor->valid() && cursor->status() != KeyValueStore::Read::Found) {
                failed_ = true;
            }
        }
        const Rows& own = rows(family);
        const auto row = own.lower_bound(at);
        const bool mine = row != own.end() && row->first.starts_with(prefix) &&
                          (!found || row->first <= found->first);
        if (!mine) return found;
        if (row->second) return Row(row->first, *row->second);
        at = row->first;  // deleted here: go on after it
        at.push_back('\0');
    }
}

void Draft::walk(Family family, const std::string& prefix, const Each& each) {
    // What the drafts say of these keys, the uppermost first.
    std::map<std::string_view, const std::optional<std::string>*> changed;
    for (const Draft* draft = this; draft != nullptr; draft = draft->below_) {
        const Rows& own = draft->rows(family);
        for (auto row = own.lower_bound(prefix); row != own.end() && row->first.starts_with(prefix);
             ++row) {
            changed.emplace(row->first, &row->second);
        }
    }
    auto mine = changed.begin();
    // Those before `end`, or all: false once `each` has enough.
    const auto tell_mine = [&](const std::string_view* end) {
        for (; mine != changed.end() && (end == nullptr || mine->first < *end); ++mine) {
            if (*mine->second && !each(mine->first, **mine->second)) return false;
        }
        return true;
    };
    const auto cursor = store_.cursor(family, nullptr, true);
    for (cursor->seek(prefix); cursor->valid() && cursor->key().starts_with(prefix);
         cursor->next()) {
        const std::string_view key = cursor->key();
        if (!tell_mine(&key)) return;
        if (mine != changed.end() && mine->first == key) continue;  // told with the next ones
        if (!each(key, cursor->value())) return;
    }
    if (!cursor->valid() && cursor->status() != KeyValueStore::Read::Found) failed_ = true;
    (void)tell_mine(nullptr);
}

std::vector<Draft::Row> Draft::all(Family family, const std::string& prefix) {
    std::vector<Row> rows;
    walk(family, prefix, [&rows](std::string_view key, std::string_view value) {
        rows.emplace_back(key, value);
        return true;
    });
    return rows;
}

void Draft::reclaim() const {
    for (const Range& range : ranges_) store_.reclaim(range.family, range.from, range.to);
}

bool Draft::empty() const {
    for (const Rows& rows : rows_) {
        if (!rows.empty()) return false;
    }
    return ranges_.empty();
}

void Draft::merge_down() {
    for (std::size_t i = 0; i < kFamilies; ++i) {
        for (auto& row : rows_[i]) {
            below_->rows_[i].insert_or_assign(row.first, std::move(row.second));
        }
        rows_[i].clear();
    }
    for (Range& range : ranges_) below_->ranges_.push_back(std::move(range));
    ranges_.clear();
}

KeyValueBatch Draft::batch() const {
    KeyValueBatch batch;
    for (std::size_t i = 0; i < kFamilies; ++i) {
        const auto family = static_cast<Family>(i);
        for (const auto& row : rows_[i]) {
            if (row.second) {
                batch.put(family, row.first, *row.second);
            } else {
                batch.erase(family, row.first);
            }
        }
    }
    // Last: what was written to a zone that goes in the same group goes with it.
    for (const Range& range : ranges_) batch.erase_range(range.family, range.from, range.to);
    return batch;
}

}  // namespace zones
