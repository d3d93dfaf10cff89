#include "server/stats.h"

#include <algorithm>

namespace server {

namespace {

/// Of the types below 512, among which all are that are counted.
constexpr std::array<std::uint8_t, 512> type_slots() {
    std::array<std::uint8_t, 512> slots{};
    for (std::uint8_t& slot : slots) slot = kCountedTypes.size();
    for (std::size_t i = 0; i < kCountedTypes.size(); ++i) {
        slots[static_cast<std::size_t>(kCountedTypes[i])] = static_cast<std::uint8_t>(i);
    }
    return slots;
}

}  // namespace

std::size_t type_slot(dns::RRType type) noexcept {
    static constexpr std::array<std::uint8_t, 512> kSlots = type_slots();
    const auto number = static_cast<std::size_t>(type);
    return number < kSlots.size() ? kSlots[number] : kCountedTypes.size();
}

void WorkerStats::count(std::size_t role, base::Duration took, std::uint64_t how_many) noexcept {
    if (how_many == 0) return;
    const double seconds = std::chrono::duration<double>(took).count();
    std::size_t bucket = 0;
    while (bucket < kDurationBuckets.size() && seconds > kDurationBuckets[bucket]) ++bucket;
    duration_buckets[role][bucket].add(how_many);
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    duration_sum_us[role].add(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)) * how_many);
}

void WorkerStats::count(const Rrl::Judgement& judged) noexcept {
    const auto kind = static_cast<std::size_t>(judged.kind);
    if (judged.verdict == Rrl::Verdict::Truncate) {
        rrl_truncated[kind].add();
    } else {
        rrl_dropped[kind].add();
        dropped[static_cast<std::size_t>(DropReason::RateLimited)].add();
    }
}

std::string_view to_text(DropReason reason) noexcept {
    switch (reason) {
        case DropReason::Malformed:
            return "malformed";
        case DropReason::Response:
            return "response";
        case DropReason::QueueFull:
            return "queue_full";
        case DropReason::SendFailed:
            return "send_failed";
        case DropReason::TcpLimit:
            return "tcp_limit";
        case DropReason::RateLimited:
            return "rate_limited";
        case DropReason::ReceiveBuffer:
            return "receive_buffer";
        case DropReason::kCount:
            break;
    }
    return "unknown";
}

std::string_view to_text(LimitHit limit) noexcept {
    switch (limit) {
        case LimitHit::TcpClients:
            return "tcp_clients";
        case LimitHit::TcpClientsPerPrefix:
            return "tcp_clients_per_prefix";
        case LimitHit::TcpIdle:
            return "tcp_idle";
        case LimitHit::TcpSlow:
            return "tcp_slow";
        case LimitHit::TcpOutstanding:
            return "tcp_outstanding";
        case LimitHit::TcpHeld:
            return "tcp_held";
        case LimitHit::TlsHandshake:
            return "tls_handshake";
        case LimitHit::Descriptors:
            return "descriptors";
        case LimitHit::DohBadRequests:
            return "doh_bad_requests";
        case LimitHit::DohTimeouts:
            return "doh_timeouts";
        case LimitHit::DohSlowReaders:
            return "doh_slow_readers";
        case LimitHit::DohAbuse:
            return "doh_abuse";
        case LimitHit::kCount:
            break;
    }
    return "unknown";
}

}  // namespace server
