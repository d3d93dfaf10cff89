#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/octets.h"

namespace net {

/// Types and flags of frames (RFC 9113, 6 and 11.2), and errors (7).
namespace http2 {

enum FrameType : std::uint8_t {
    kData = 0,
    kHeaders = 1,
    kPriority = 2,
    kResetStream = 3,
    kSettings = 4,
    kPing = 6,
    kWindowUpdate = 8,
    kContinuation = 9,
    kPriorityUpdate = 16,  // RFC 9218, 7.1
};
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

enum Error : std::uint32_t { kProtocolError = 1, kStreamClosed = 5, kFrameSizeError = 6 };

}  // namespace http2

/// The heads of frames in what a client sends, however it comes in pieces. nghttp2 tells of some
/// frames only: none of unknown types, no PRIORITY, and no DATA of a stream that is gone.
class Http2FrameHeads {
  public:
    struct Head {
        std::uint8_t type, flags;
        std::size_t length;    // of the payload
        std::uint32_t stream;  // 31 bits
        /// PRIORITY that is long enough: the stream that this one depends on (RFC 9113, 6.3).
        std::optional<std::uint32_t> dependency;
    };

    /// `visit(head)` for each head that ends in these octets, which come right after those of the
    /// call before. The first octets are the preface (RFC 9113, 3.4).
    template <class Visit>
    void feed(base::Octets octets, Visit visit) {
        while (!octets.empty()) {
            if (skip_ > 0) {
                const std::size_t part = std::min(skip_, octets.size());
                skip_ -= part;
                octets = octets.subspan(part);
                continue;
            }
            const std::uint8_t* head = octets.data();
            std::size_t have = kHeadOctets;
            if (have_ == 0 && octets.size() >= kHeadOctets && head[3] != http2::kPriority) {
                octets = octets.subspan(kHeadOctets);
            } else {
                head_[have_++] = octets[0];
                octets = octets.subspan(1);
                if (have_ < wanted()) continue;
                have = std::exchange(have_, 0);
                head = head_.data();
            }
            Head out{head[3], head[4], base::load_be32(head) >> 8,
                     base::load_be32(head + 5) & kStreamBits, std::nullopt};
            if (have == head_.size()) {
                out.dependency = base::load_be32(head + kHeadOctets) & kStreamBits;
            }
            skip_ = out.length - (have - kHeadOctets);
            visit(out);
        }
    }

  private:
    static constexpr std::size_t kPrefaceOctets = 24;
    static constexpr std::size_t kHeadOctets = 9;  // RFC 9113, 4.1
    static constexpr std::uint32_t kStreamBits = 0x7fffffff;

    /// The head, and the dependency of PRIORITY.
    [[nodiscard]] std::size_t wanted() const noexcept {
        if (have_ < kHeadOctets || head_[3] != http2::kPriority) return kHeadOctets;
        return base::load_be32(head_.data()) >> 8 >= 4 ? head_.size() : kHeadOctets;
    }

    std::size_t skip_ = kPrefaceOctets;
    std::size_t have_ = 0;
    std::array<std::uint8_t, kHeadOctets + 4> head_{};
};

/// The streams of which a client has said all: those it ended, reset, or passed over by beginning a
/// later one. HEADERS or DATA for one of them is an error (RFC 9113, 5.1 and 5.1.1) that nghttp2
/// does not see, because it forgets streams that are closed. What comes for a stream that we reset
/// may have been on its way.
///
/// Without I/O; one thread. Requests without a body, numbered by two, cost nothing.
class Http2DoneStreams {
  public:
    static constexpr std::size_t kMaxGaps = 100;  // beyond, the oldest count as ended
    /// Streams that the client did not end: those that are open, and some that we reset. Beyond, of
    /// the latter the oldest count as ended.
    static constexpr std::size_t kMaxOthers = 1000;

    /// The head of a frame came; gives the error of the connection that it is, if it is one.
    /// `is_open(stream)` tells which ones are open still, fewer than `kMaxOthers`.
    template <class IsOpen>
    [[nodiscard]] std::optional<http2::Error> frame(const Http2FrameHeads::Head& head,
                                                    IsOpen is_open) {
        const auto error = look_at(head);
        if (others_.size() > kMaxOthers) {
            const auto gone = std::find_if_not(others_.begin(), others_.end(), is_open);
            if (gone != others_.end()) others_.erase(gone);
        }
        return error;
    }
    /// The lowest stream that is idle.
    [[nodiscard]] std::uint32_t next() const noexcept { return next_; }

  private:
    struct Gap {
        std::uint32_t first, last;
    };
    [[nodiscard]] std::optional<http2::Error> look_at(const Http2FrameHeads::Head& head);
    void begin(std::uint32_t stream, bool ended);
    [[nodiscard]] http2::Error fault(std::uint32_t stream) const;

    std::uint32_t next_ = 1;
    bool in_block_ = false;  // a field block has begun and not ended
    std::vector<Gap> gaps_;
    std::vector<std::uint32_t> others_;  // below next_, in order
};

}  // namespace net
