#pragma once

#include <cstdint>
#include <string_view>

#include "base/octets.h"

namespace net {

/// Receives what a WebSocket peer sends. Calls come on the loop's thread, never from inside a
/// call the application makes on the WebSocket.
class WebSocketListener {
  public:
    virtual ~WebSocketListener() = default;
    /// A whole message; text has been checked to be UTF-8.
    virtual void on_message(base::Octets payload, bool text) = 0;
    /// Fewer octets than the low-water mark wait; sending may go on.
    virtual void on_writable() {}
    /// The last call: closed by either side or lost (code 1006). The WebSocket is gone after it.
    virtual void on_closed(std::uint16_t code, std::string_view reason) = 0;
};

/// One WebSocket (RFC 6455) over an HTTP/1.1 connection or an HTTP/2 stream (RFC 8441).
/// Pings, pongs, fragments and the closing handshake are its own affair. Loop's thread only.
class WebSocket {
  public:
    virtual ~WebSocket() = default;
    /// Queues one message. False: more than the high-water mark waits for the peer.
    virtual bool send(base::Octets payload, bool text) = 0;
    /// Starts the closing handshake; `on_closed` follows.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    /// Octets queued and not yet handed to the kernel.
    [[nodiscard]] virtual std::size_t queued() const = 0;
};

}  // namespace net
