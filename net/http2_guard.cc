#include "net/http2_guard.h"

#include <algorithm>

#include "net/http2_frames.h"

namespace net {

namespace {

using namespace http2;

// What an account holds at most and at first, and what it grows by.
struct Terms {
    double burst;
    double per_second;
    double per_request;
    double per_sent_octet;
};
constexpr double kWindowUpdateOctets = 1024;  // of ours, for each of the client's updates

constexpr Terms terms_for(Http2Abuse kind) {
    switch (kind) {
        case Http2Abuse::Reset:
            return {400, 40, 0, 0};
        case Http2Abuse::Settings:
            return {100, 1, 0, 0};
        case Http2Abuse::Ping:
            return {500, 20, 0, 0};
        case Http2Abuse::Priority:
            return {500, 10, 2, 0};
        case Http2Abuse::EmptyData:
            return {200, 10, 1, 0};
        case Http2Abuse::WindowUpdate:
            return {2000, 100, 4, 1 / kWindowUpdateOctets};
        case Http2Abuse::Frames:
            return {10000, 1000, 8, 1 / kWindowUpdateOctets};
        case Http2Abuse::Continuation:
        case Http2Abuse::Hpack:
            break;
    }
    return {0, 0, 0, 0};  // bounded by head, not by account
}

constexpr std::array<Terms, kHttp2Abuses> kTerms = [] {
    std::array<Terms, kHttp2Abuses> all{};
    for (std::size_t i = 0; i < kHttp2Abuses; ++i) all[i] = terms_for(static_cast<Http2Abuse>(i));
    return all;
}();

constexpr const Terms& terms_of(Http2Abuse kind) {
    return kTerms[static_cast<std::size_t>(kind)];
}

// The kinds that every request, and every octet sent, gives something to.
constexpr std::array kOwedToRequests{Http2Abuse::Priority, Http2Abuse::EmptyData,
                                     Http2Abuse::WindowUpdate, Http2Abuse::Frames};
constexpr std::array kOwedToOctets{Http2Abuse::WindowUpdate, Http2Abuse::Frames};
static_assert(static_cast<std::size_t>(std::count_if(kTerms.begin(), kTerms.end(),
                                                     [](const Terms& terms) {
                                                         return terms.per_request > 0;
                                                     })) == kOwedToRequests.size());
static_assert(static_cast<std::size_t>(std::count_if(kTerms.begin(), kTerms.end(),
                                                     [](const Terms& terms) {
                                                         return terms.per_sent_octet > 0;
                                                     })) == kOwedToOctets.size());

std::optional<Http2Abuse> kind_of(std::uint8_t type, std::uint8_t flags, std::size_t length) {
    switch (type) {
        case kResetStream:
            return Http2Abuse::Reset;
        case kSettings:
            if ((flags & kAck) != 0) break;
            return Http2Abuse::Settings;
        case kPing:
            if ((flags & kAck) != 0) break;
            return Http2Abuse::Ping;
        case kPriority:
        case kPriorityUpdate:
            return Http2Abuse::Priority;
        case kData:
            if (length > 0 || (flags & kEndStream) != 0) break;
            return Http2Abuse::EmptyData;
        case kWindowUpdate:
            return Http2Abuse::WindowUpdate;
        default:
            break;
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_text(Http2Abuse abuse) noexcept {
    switch (abuse) {
        case Http2Abuse::Reset:
            return "reset";
        case Http2Abuse::Settings:
            return "settings";
        case Http2Abuse::Ping:
            return "ping";
        case Http2Abuse::Priority:
            return "priority";
        case Http2Abuse::EmptyData:
            return "empty_data";
        case Http2Abuse::Continuation:
            return "continuation";
        case Http2Abuse::WindowUpdate:
            return "window_update";
        case Http2Abuse::Hpack:
            return "hpack";
        case Http2Abuse::Frames:
            return "frames";
    }
    return "";
}

Http2Guard::Http2Guard(std::size_t max_expanded, base::MonoTime now)
    : max_expanded_(max_expanded), grown_at_(now) {
    for (std::size_t i = 0; i < kHttp2Abuses; ++i) {
        left_[i] = kTerms[i].burst;
    }
}

void Http2Guard::grow(base::MonoTime now) {
    if (now == grown_at_) return;  // another frame of the same read
    const std::chrono::duration<double> passed = now - grown_at_;
    grown_at_ = now;
    for (std::size_t i = 0; i < kHttp2Abuses; ++i) {
        left_[i] = std::min(kTerms[i].burst, left_[i] + passed.count() * kTerms[i].per_second);
    }
}

void Http2Guard::give(Http2Abuse kind, double more) {
    double& left = left_[static_cast<std::size_t>(kind)];
    left = std::min(terms_of(kind).burst, left + more);
}

std::optional<Http2Abuse> Http2Guard::charge(Http2Abuse kind) {
    double& left = left_[static_cast<std::size_t>(kind)];
    left -= 1;
    if (left >= 0 || guilty_) return std::nullopt;
    guilty_ = true;
    return kind;
}

std::optional<Http2Abuse> Http2Guard::frame(std::uint8_t type, std::uint8_t flags,
                                            std::size_t length, base::MonoTime now) {
    grow(now);
    if (type == kHeaders) {
        continuations_ = 0;
        for (const Http2Abuse kind : kOwedToRequests) give(kind, terms_of(kind).per_request);
        return std::nullopt;
    }
    if (type == kContinuation && ++continuations_ > kMaxContinuations && !guilty_) {
        guilty_ = true;
        return Http2Abuse::Continuation;
    }
    if (const auto kind = kind_of(type, flags, length)) {
        if (auto abuse = charge(*kind)) return abuse;
    }
    // DATA that brings something pays for itself.
    if (type == kData && (length > kSmallData || (flags & kEndStream) != 0)) return std::nullopt;
    return charge(Http2Abuse::Frames);
}

std::optional<Http2Abuse> Http2Guard::field(std::size_t octets) {
    expanded_ += octets;
    if (expanded_ <= max_expanded_ || guilty_) return std::nullopt;
    guilty_ = true;
    return Http2Abuse::Hpack;
}

std::optional<Http2Abuse> Http2Guard::provoked_reset() {
    return charge(Http2Abuse::Reset);
}

void Http2Guard::carried(std::size_t octets) {
    if (octets < kMessageOctets || octets > kSmallData) return;  // more was not charged for
    constexpr auto kFrames = static_cast<std::size_t>(Http2Abuse::Frames);
    left_[kFrames] = std::min(kTerms[kFrames].burst, left_[kFrames] + 1);
}

void Http2Guard::sent(std::size_t octets) {
    for (const Http2Abuse kind : kOwedToOctets) {
        give(kind, terms_of(kind).per_sent_octet * static_cast<double>(octets));
    }
}

}  // namespace net
