#include "server/limit_events.h"

namespace server {

void LimitEvents::set_active(bool active) {
    const std::lock_guard lock(mutex_);
    active_.store(active, std::memory_order_relaxed);
    times_.clear();
}

void LimitEvents::note(const LimitEvent& event) {
    if (!active()) return;
    const std::lock_guard lock(mutex_);
    if (!active()) return;  // switched off in between
    const Key key{event.limit, event.kind, event.prefix};
    const auto found = times_.find(key);
    if (found != times_.end()) {
        found->second += event.times;
    } else if (times_.size() < kMaxEntries) {
        times_.emplace(key, event.times);
    } else {
        dropped_.fetch_add(1, std::memory_order_relaxed);
    }
}

std::vector<LimitEvent> LimitEvents::take() {
    const std::lock_guard lock(mutex_);
    std::vector<LimitEvent> out;
    out.reserve(times_.size());
    for (const auto& entry : times_) {
        const Key& key = entry.first;
        out.push_back({.limit = std::get<0>(key),
                       .kind = std::get<1>(key),
                       .prefix = std::get<2>(key),
                       .times = entry.second});
    }
    times_.clear();
    return out;
}

}  // namespace server
