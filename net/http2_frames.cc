#include "net/http2_frames.h"

namespace net {

using namespace http2;

std::optional<Error> Http2DoneStreams::look_at(const Http2FrameHeads::Head& head) {
    // What is between HEADERS and their CONTINUATION is an error that nghttp2 sees.
    if (in_block_ && head.type != kContinuation) return std::nullopt;
    if (head.type == kHeaders || head.type == kContinuation) {
        in_block_ = (head.flags & kEndHeaders) == 0;
    }
    const bool speaks = head.type == kHeaders || head.type == kData;
    if ((!speaks && head.type != kResetStream) || head.stream % 2 == 0) return std::nullopt;
    const bool ends = !speaks || (head.flags & kEndStream) != 0;
    if (head.stream >= next_) {
        if (head.type == kHeaders) begin(head.stream, ends);
        return std::nullopt;  // else it is idle, which nghttp2 sees
    }
    const auto found = std::lower_bound(others_.begin(), others_.end(), head.stream);
    if (found != others_.end() && *found == head.stream) {
        if (ends) others_.erase(found);
        return std::nullopt;
    }
    if (!speaks) return std::nullopt;
    return fault(head.stream);
}

void Http2DoneStreams::begin(std::uint32_t stream, bool ended) {
    if (stream > next_) {
        if (gaps_.size() == kMaxGaps) gaps_.erase(gaps_.begin());
        gaps_.push_back({next_, stream - 2});
    }
    next_ = stream + 2;
    if (ended) return;
    others_.push_back(stream);
}

Error Http2DoneStreams::fault(std::uint32_t stream) const {
    const bool passed_over = std::any_of(gaps_.begin(), gaps_.end(), [stream](const Gap& gap) {
        return gap.first <= stream && stream <= gap.last;
    });
    return passed_over ? kProtocolError : kStreamClosed;
}

}  // namespace net
