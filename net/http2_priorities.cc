#include "net/http2_priorities.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace net {

void Http2Priorities::receive(base::Octets octets) {
    // One octet too many tells that it is too long.
    const std::size_t room = kMaxPayload + 1 - payload_.size();
    payload_ += base::as_text(octets.first(std::min(octets.size(), room)));
}

Http2Priorities::Update Http2Priorities::end(std::uint32_t on, std::uint32_t next) {
    const std::string payload = std::exchange(payload_, {});
    constexpr std::size_t kStreamOctets = 4;
    if (payload.size() < kStreamOctets) return {http2::kFrameSizeError, 0, {}};
    Update update;
    update.stream = base::load_be32(base::as_octets(payload).data()) & 0x7fffffff;
    // Odd ones are the client's; the others would be pushed, which nobody asked for.
    if (on != 0 || update.stream % 2 == 0 || update.stream >= next + 2 * max_streams_) {
        update.error = http2::kProtocolError;
    } else if (payload.size() <= kMaxPayload) {
        update.priority = parse_priority(std::string_view(payload).substr(kStreamOctets));
    }
    return update;
}

void Http2Priorities::keep(std::uint32_t stream, const HttpPriority& priority) {
    if (stream <= begun_) return;
    if (kept_.size() < max_streams_ || kept_.contains(stream)) kept_[stream] = priority;
}

std::optional<HttpPriority> Http2Priorities::begin(std::uint32_t stream) {
    begun_ = stream;
    if (kept_.empty()) return std::nullopt;
    std::optional<HttpPriority> out;
    if (const auto found = kept_.find(stream); found != kept_.end()) out = found->second;
    kept_.erase(kept_.begin(), kept_.upper_bound(stream));
    return out;
}

}  // namespace net
