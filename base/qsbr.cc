#include "base/qsbr.h"

#include <algorithm>
#include <vector>

namespace base {

Qsbr::~Qsbr() {
    for (const Retired& item : retired_) item.free(item.object);
}

Qsbr::Reader& Qsbr::add_reader() {
    const std::lock_guard lock(mutex_);
    return readers_.emplace_back(*this);
}

void Qsbr::remove_reader(Reader& reader) {
    const std::lock_guard lock(mutex_);
    readers_.remove_if([&](const Reader& candidate) { return &candidate == &reader; });
}

void Qsbr::retire(void* object, void (*free)(void*)) {
    const std::lock_guard lock(mutex_);
    // A reader that goes through a quiescent state from now on sees an epoch above this one.
    retired_.push_back({epoch_.fetch_add(1), object, free});
}

std::size_t Qsbr::reclaim() {
    std::vector<Retired> ready;
    std::size_t waiting = 0;
    {
        const std::lock_guard lock(mutex_);
        const std::uint64_t oldest = oldest_seen();
        while (!retired_.empty() && retired_.front().epoch < oldest) {
            ready.push_back(retired_.front());
            retired_.pop_front();
        }
        waiting = retired_.size();
    }
    for (const Retired& item : ready) item.free(item.object);
    return waiting;
}

bool Qsbr::passed(std::uint64_t ticket) {
    const std::lock_guard lock(mutex_);
    return ticket < oldest_seen();
}

std::uint64_t Qsbr::oldest_seen() const noexcept {
    std::uint64_t oldest = kOffline;
    for (const Reader& reader : readers_) oldest = std::min(oldest, reader.seen_.load());
    return oldest;
}

}  // namespace base
