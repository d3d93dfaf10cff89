#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/octets.h"
#include "net/http2_frames.h"
#include "net/http_priority.h"

namespace net {

/// PRIORITY_UPDATE of one connection (RFC 9218, 7.1), which a client may send before the stream
/// begins that it is for. nghttp2 1.52 opens streams for those, loses sight of them and frees them
/// twice: so it is never let near them.
///
/// Without I/O; one thread.
class Http2Priorities {
  public:
    static constexpr std::size_t kMaxPayload = 256;  // octets; of longer frames nothing is read

    /// `max_streams`: as many as may be open (MAX_CONCURRENT_STREAMS).
    explicit Http2Priorities(std::uint32_t max_streams) : max_streams_(max_streams) {}

    /// A piece of a frame's payload.
    void receive(base::Octets octets);
    struct Update {
        std::optional<http2::Error> error;  // of the connection
        std::uint32_t stream = 0;
        std::optional<HttpPriority> priority;  // nothing: the frame says nothing
    };
    /// The frame that the payload is of is complete. It came on stream `on`; `next`: the lowest
    /// stream that is idle.
    [[nodiscard]] Update end(std::uint32_t on, std::uint32_t next);

    /// Keeps it until the stream begins. Later ones count more; too many are forgotten.
    void keep(std::uint32_t stream, const HttpPriority& priority);
    /// The stream begins: what was kept for it. What was kept for those below it goes.
    [[nodiscard]] std::optional<HttpPriority> begin(std::uint32_t stream);

  private:
    const std::uint32_t max_streams_;
    std::string payload_;
    std::uint32_t begun_ = 0;                     // the last stream that did
    std::map<std::uint32_t, HttpPriority> kept_;  // at most max_streams_, above begun_
};

}  // namespace net
