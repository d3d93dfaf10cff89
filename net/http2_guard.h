#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace net {

/// What a client does with HTTP/2 that costs the server work and brings no request with it.
enum class Http2Abuse : std::uint8_t {
    Reset,         // streams begun and reset, by the client or by what it provokes (rapid reset)
    Settings,      // each wants an acknowledgement
    Ping,          // likewise
    Priority,      // PRIORITY and PRIORITY_UPDATE
    EmptyData,     // DATA without content
    Continuation,  // a head that does not end
    WindowUpdate,  // more of them than what was sent accounts for
    Hpack,         // a head that swells when it is decoded
    Frames,        // all of these together, and frames of unknown types
};
inline constexpr std::size_t kHttp2Abuses = 9;
[[nodiscard]] std::string_view to_text(Http2Abuse abuse) noexcept;

/// The accounts of one HTTP/2 connection, because nghttp2 1.52 keeps only some: each kind of
/// frame without a request has an allowance that is used up and grows back with time, and where
/// honest clients need more of them the more they are served, with that. Who has used one up is
/// told ENHANCE_YOUR_CALM and closed (RFC 9113, 10.5).
///
/// Without I/O; one thread. Every call gives what the client is guilty of, the first time.
class Http2Guard {
  public:
    static constexpr std::size_t kMaxContinuations = 7;  // of one head; nghttp2 allows 8
    static constexpr std::size_t kSmallData = 256;       // all of it may be padding
    static constexpr std::size_t kMessageOctets = 6;     // of WebSocket at least (RFC 6455, 5.2)

    /// `max_expanded`: octets of names and values of one head once they are decoded.
    Http2Guard(std::size_t max_expanded, base::MonoTime now);

    /// The head of a frame came. Types and flags as RFC 9113, 6 numbers them.
    [[nodiscard]] std::optional<Http2Abuse> frame(std::uint8_t type, std::uint8_t flags,
                                                  std::size_t length, base::MonoTime now);
    /// A head, or trailers, begin to be decoded. Frames are told of as they come, which is before
    /// the heads among them are decoded: several heads may come with one read.
    void begin_head() noexcept { expanded_ = 0; }
    /// A field of it was decoded.
    [[nodiscard]] std::optional<Http2Abuse> field(std::size_t octets);
    /// We reset a stream because of what the client did.
    [[nodiscard]] std::optional<Http2Abuse> provoked_reset();
    /// DATA brought so many octets to a WebSocket: where they may be a message it has paid for
    /// itself, however small it is, as it has over HTTP/1.1.
    void carried(std::size_t octets);
    /// Octets went out: the client has them to acknowledge.
    void sent(std::size_t octets);

  private:
    [[nodiscard]] std::optional<Http2Abuse> charge(Http2Abuse kind);
    void give(Http2Abuse kind, double more);
    void grow(base::MonoTime now);

    const std::size_t max_expanded_;
    base::MonoTime grown_at_;
    std::array<double, kHttp2Abuses> left_{};
    std::size_t continuations_ = 0;  // of the head that is being received
    std::size_t expanded_ = 0;
    bool guilty_ = false;
};

}  // namespace net
