#include "server/tcp_table.h"

#include <algorithm>

namespace server {

void TcpTable::add(Entry& entry, const base::IpAddress& prefix, base::MonoTime now) {
    const auto [found, made] = prefixes_.try_emplace(prefix);
    Prefix& mine = found->second;
    if (made) mine.address = prefix;
    entry.used_ = now;
    entry.prefix_ = &mine;
    entry.in_all_ = all_.insert(all_.end(), &entry);
    entry.in_prefix_ = mine.entries.insert(mine.entries.end(), &entry);
    recount(mine, mine.entries.size() - 1, mine.entries.size());
}

void TcpTable::remove(Entry& entry) {
    Prefix& mine = *entry.prefix_;
    all_.erase(entry.in_all_);
    mine.entries.erase(entry.in_prefix_);
    entry.prefix_ = nullptr;
    recount(mine, mine.entries.size() + 1, mine.entries.size());
    if (mine.entries.empty()) prefixes_.erase(base::IpAddress(mine.address));
}

void TcpTable::touch(Entry& entry, base::MonoTime now) {
    entry.used_ = now;
    all_.splice(all_.end(), all_, entry.in_all_);
    std::list<Entry*>& mine = entry.prefix_->entries;
    mine.splice(mine.end(), mine, entry.in_prefix_);
}

void TcpTable::recount(Prefix& prefix, std::size_t before, std::size_t after) {
    std::list<Prefix*> moved;
    if (before == 0) {
        moved.push_back(&prefix);
        prefix.in_count = moved.begin();
    } else {
        const auto old = by_count_.find(before);
        moved.splice(moved.end(), old->second, prefix.in_count);
        if (old->second.empty()) by_count_.erase(old);
    }
    if (after == 0) return;
    std::list<Prefix*>& there = by_count_[after];
    there.splice(there.end(), moved);
}

TcpTable::Entry* TcpTable::oldest() const noexcept {
    return all_.empty() ? nullptr : all_.front();
}

const base::IpAddress& TcpTable::prefix_of(const Entry& entry) const noexcept {
    return entry.prefix_->address;
}

TcpTable::Entry* TcpTable::idle_in(const Prefix& prefix) noexcept {
    std::size_t looks = 0;
    for (Entry* entry : prefix.entries) {
        if (!entry->waits_for_us()) return entry;
        if (++looks == kLooks) break;
    }
    return prefix.entries.front();
}

TcpTable::Entry* TcpTable::victim() const noexcept {
    if (all_.empty()) return nullptr;
    const std::size_t most = by_count_.rbegin()->first;
    std::size_t looks = 0;
    // Where nobody is greedy, the first that is looked at is the one.
    for (Entry* entry : all_) {
        if (entry->prefix_->entries.size() == most && !entry->waits_for_us()) return entry;
        if (++looks == kLooks) break;
    }
    return idle_in(*by_count_.rbegin()->second.front());
}

TcpTable::Entry* TcpTable::victim_of(const base::IpAddress& prefix) const noexcept {
    const auto found = prefixes_.find(prefix);
    return found == prefixes_.end() ? nullptr : idle_in(found->second);
}

}  // namespace server
