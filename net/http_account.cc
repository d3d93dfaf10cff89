#include "net/http_account.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "net/http_connection.h"

namespace net {

namespace {

// Who has not moved for so long is given up first when too much is held.
constexpr std::chrono::seconds kStill{1};
// But not who holds no more than this, as one that waits for an answer does: they are the last.
constexpr std::size_t kLittle = 64 * 1024;

}  // namespace

HttpAccount::HttpAccount(Loop& loop, std::size_t max_octets)
    : loop_(loop), max_octets_(max_octets), room_(loop) {}

std::size_t HttpAccount::count() {
    for (Holder* holder : holders_) {
        holder->each_connection([](HttpConnection& connection) { connection.count_queue(); });
    }
    return held_;
}

void HttpAccount::leave(Holder& holder) {
    holders_.erase(std::remove(holders_.begin(), holders_.end(), &holder), holders_.end());
}

void HttpAccount::want_room() {
    if (std::exchange(room_wanted_, true)) return;
    room_.start(std::chrono::milliseconds(0), [this] { make_room(); });
}

/// Too much is held, or was: what waits in a transport is looked at here, not whenever the kernel
/// takes some of it. Who takes or brings something is the last to go: a download that goes on holds
/// as much as one that nobody reads.
void HttpAccount::make_room() {
    room_wanted_ = false;
    struct Held {
        bool still;
        std::size_t octets;
        HttpConnection* connection;
    };
    const base::MonoTime now = loop_.now();
    std::vector<Held> all;
    for (Holder* holder : holders_) {
        holder->each_connection([&](HttpConnection& connection) {
            connection.count_queue();
            const std::size_t octets = connection.held();
            const bool still = octets > kLittle && connection.moved_at() + kStill <= now;
            if (octets > 0) all.push_back({still, octets, &connection});
        });
    }
    if (held_ <= max_octets_ / 4 * 3) return;  // it went meanwhile
    std::sort(all.begin(), all.end(), [](const Held& a, const Held& b) {
        return a.still != b.still ? a.still : a.octets > b.octets;
    });
    for (const Held& each : all) {
        if (held_ <= max_octets_ / 2) return;
        each.connection->give_up();
    }
}

}  // namespace net
