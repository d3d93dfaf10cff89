#include "server/tap.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace server {

namespace {

/// What stands in the ring before the octets of one event. Records are contiguous: one that
/// would cross the end of the ring is preceded by a filler (`size` with `filler` set).
struct RecordHeader {
    std::uint32_t size = 0;  // of the whole record, rounded up to kAlign
    bool filler = false;
    Role role = Role::Auth;
    Transport transport = Transport::Udp;
    Action action = Action::Answered;
    CacheUse cache = CacheUse::None;
    std::uint8_t zone_size = 0, rule_size = 0, pool_size = 0, member_size = 0;
    std::uint16_t listener = 0, upstream_queries = 0;
    std::uint16_t request_size = 0, kept_response_size = 0;
    std::uint32_t response_size = 0, latency_us = 0, stale_age_s = 0;
    zones::ViewId view = 0;
    zones::Revision revision = 0;
    std::int64_t time_us = 0;
    base::Endpoint client, upstream;
};
constexpr std::size_t kAlign = 8;
constexpr std::size_t kMaxText = 255;
constexpr std::size_t kTapRequestOctets = 1024;

std::string_view clipped(std::string_view text) noexcept {
    return text.substr(0, kMaxText);
}

}  // namespace

std::string_view to_text(Role role) noexcept {
    switch (role) {
        case Role::Auth:
            return "auth";
        case Role::Recursive:
            return "recursive";
        case Role::Both:
            return "both";
    }
    return "";
}

std::string_view to_text(Transport transport) noexcept {
    switch (transport) {
        case Transport::Udp:
            return "udp";
        case Transport::Tcp:
            return "tcp";
        case Transport::Dot:
            return "dot";
        case Transport::Doh:
            return "doh";
        case Transport::Doq:
            return "doq";
    }
    return "";
}

std::string_view to_text(Action action) noexcept {
    switch (action) {
        case Action::Answered:
            return "answered";
        case Action::Refused:
            return "refused";
        case Action::Dropped:
            return "dropped";
        case Action::FormErr:
            return "formerr";
        case Action::NotImp:
            return "notimp";
        case Action::ServFail:
            return "servfail";
        case Action::Limited:
            return "limited";
    }
    return "";
}

std::string_view to_text(CacheUse use) noexcept {
    switch (use) {
        case CacheUse::None:
            return "";
        case CacheUse::Hit:
            return "hit";
        case CacheUse::Miss:
            return "miss";
        case CacheUse::Stale:
            return "stale";
    }
    return "";
}

Tap::Tap(std::size_t octets)
    : capacity_(std::bit_ceil(std::max<std::size_t>(octets, 16384))),
      ring_(std::make_unique<std::uint8_t[]>(capacity_)) {}

Tap::~Tap() = default;

void Tap::record(const TapEvent& event) noexcept {
    RecordHeader header;
    const base::Octets request =
        event.request.first(std::min(event.request.size(), kTapRequestOctets));
    const base::Octets response =
        event.response.first(std::min(event.response.size(), kTapResponseOctets));
    const std::string_view rule = clipped(event.rule);
    const std::string_view pool = clipped(event.pool);
    const std::string_view member = clipped(event.member);
    std::size_t size = sizeof(RecordHeader) + event.zone.size() + rule.size() + pool.size() +
                       member.size() + request.size() + response.size();
    size = (size + kAlign - 1) / kAlign * kAlign;

    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    const std::size_t at = head & (capacity_ - 1);
    const std::size_t to_end = capacity_ - at;
    const std::size_t skipped = size > to_end ? to_end : 0;
    if (head - tail + skipped + size > capacity_) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (skipped > 0 && skipped >= sizeof(RecordHeader)) {
        RecordHeader filler;
        filler.size = static_cast<std::uint32_t>(skipped);
        filler.filler = true;
        std::memcpy(&ring_[at], &filler, sizeof filler);
    }  // a rest too small for a header is known to be a filler by its size

    header.size = static_cast<std::uint32_t>(size);
    header.role = event.role;
    header.transport = event.transport;
    header.action = event.action;
    header.cache = event.cache;
    header.zone_size = static_cast<std::uint8_t>(event.zone.size());
    header.rule_size = static_cast<std::uint8_t>(rule.size());
    header.pool_size = static_cast<std::uint8_t>(pool.size());
    header.member_size = static_cast<std::uint8_t>(member.size());
    header.listener = event.listener;
    header.upstream_queries = event.upstream_queries;
    header.request_size = static_cast<std::uint16_t>(request.size());
    header.kept_response_size = static_cast<std::uint16_t>(response.size());
    header.response_size = event.response_size;
    header.latency_us = event.latency_us;
    header.stale_age_s = event.stale_age_s;
    header.view = event.view;
    header.revision = event.revision;
    header.time_us = base::to_unix_us(event.time);
    header.client = event.client;
    header.upstream = event.upstream;

    std::uint8_t* out = &ring_[(head + skipped) & (capacity_ - 1)];
    const auto put = [&out](const void* from, std::size_t count) {
        if (count > 0) std::memcpy(out, from, count);
        out += count;
    };
    put(&header, sizeof header);
    put(event.zone.data(), event.zone.size());
    put(rule.data(), rule.size());
    put(pool.data(), pool.size());
    put(member.data(), member.size());
    put(request.data(), request.size());
    put(response.data(), response.size());
    head_.store(head + skipped + size, std::memory_order_release);
}

std::size_t Tap::drain(std::size_t limit, const std::function<void(const TapEvent&)>& consume) {
    std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint64_t head = head_.load(std::memory_order_acquire);
    std::size_t count = 0;
    while (tail != head && count < limit) {
        const std::size_t at = tail & (capacity_ - 1);
        if (capacity_ - at < sizeof(RecordHeader)) {
            tail += capacity_ - at;
            continue;
        }
        RecordHeader header;
        std::memcpy(&header, &ring_[at], sizeof header);
        if (!header.filler) {
            const std::uint8_t* in = &ring_[at + sizeof header];
            const auto take = [&in](std::size_t size) {
                const base::Octets taken(in, size);
                in += size;
                return taken;
            };
            TapEvent event;
            event.zone = take(header.zone_size);
            event.rule = base::as_text(take(header.rule_size));
            event.pool = base::as_text(take(header.pool_size));
            event.member = base::as_text(take(header.member_size));
            event.request = take(header.request_size);
            event.response = take(header.kept_response_size);
            event.time = base::from_unix_us(header.time_us);
            event.latency_us = header.latency_us;
            event.role = header.role;
            event.transport = header.transport;
            event.action = header.action;
            event.cache = header.cache;
            event.stale_age_s = header.stale_age_s;
            event.listener = header.listener;
            event.client = header.client;
            event.view = header.view;
            event.revision = header.revision;
            event.response_size = header.response_size;
            event.upstream_queries = header.upstream_queries;
            event.upstream = header.upstream;
            consume(event);
            ++count;
        }
        tail += header.size;
        tail_.store(tail, std::memory_order_release);
    }
    tail_.store(tail, std::memory_order_release);
    return count;
}

}  // namespace server
