#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/octets.h"
#include "base/time.h"
#include "net/http.h"
#include "net/websocket.h"

namespace net {

struct WebSocketLimits {
    std::size_t max_message = 1024 * 1024;  // a longer message closes with 1009
    std::chrono::milliseconds ping_interval{20000};
    std::chrono::milliseconds pong_timeout{10000};
    std::chrono::milliseconds close_timeout{5000};  // for the peer's half of the handshake
    std::size_t high_water = 256 * 1024;
    std::size_t low_water = 64 * 1024;
};

/// The server's side of one WebSocket (RFC 6455) without I/O: octets in, messages to the
/// listener, octets out. One thread.
///
/// Unmasked frames, unknown opcodes, reserved bits, broken UTF-8 and bad close codes fail the
/// connection with 1002 or 1007. Fragments are joined. Pings are answered, a peer that sends
/// them faster than it reads the pongs is closed with 1008.
class WebSocketSession final : public WebSocket {
  public:
    /// Whoever carries the octets.
    class Host {
      public:
        virtual ~Host() = default;
        /// Output waits, or the session has ended: look soon, but not from inside this call.
        virtual void wake() = 0;
        /// Octets taken from this session and not yet handed to the kernel.
        [[nodiscard]] virtual std::size_t queued_below() const = 0;
    };

    WebSocketSession(const WebSocketLimits& limits, WebSocketListener& listener, Host& host,
                     base::MonoTime now);
    ~WebSocketSession() override;
    WebSocketSession(const WebSocketSession&) = delete;
    WebSocketSession& operator=(const WebSocketSession&) = delete;

    bool send(base::Octets payload, bool text) override;
    void close(std::uint16_t code, std::string_view reason) override;
    [[nodiscard]] std::size_t queued() const override;

    void receive(base::Octets octets, base::MonoTime now);
    /// What is to be sent now; empties it.
    [[nodiscard]] std::string take_output();
    /// Calls the listener when it waits for room. Call it after output has left, and after
    /// `Host::wake`: the closing handshake has its time from then on.
    void settle(base::MonoTime now);
    /// Octets kept of a message that is not whole yet, as its frames have announced them.
    [[nodiscard]] std::size_t unfinished() const noexcept;
    [[nodiscard]] base::MonoTime deadline() const noexcept;
    void expire(base::MonoTime now);
    /// The transport is gone; `on_closed` follows from here unless it came already.
    void lost();
    /// Nothing more will be sent or read: flush, then close the transport.
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// It ended without a closing handshake (1006): the transport is to show that, where it can.
    [[nodiscard]] bool broken() const noexcept { return broken_; }

  private:
    struct Codec;
    void pump();
    void end(std::uint16_t code, std::string_view reason);

    const WebSocketLimits limits_;
    WebSocketListener& listener_;
    Host& host_;
    std::unique_ptr<Codec> codec_;
    base::MonoTime ping_at_;
    std::optional<base::MonoTime> pong_due_;
    std::optional<base::MonoTime> close_due_;
    bool receiving_ = false;
    bool full_ = false;
    bool closing_ = false;  // by us
    bool ended_ = false;
    bool broken_ = false;
};

/// What a request is to be answered with. 0: it asks for no WebSocket. With "Upgrade: websocket" in
/// HTTP/1.1 (RFC 6455, 4.2): 101; 426 (another version than 13); 400 (broken). With an extended
/// CONNECT in HTTP/2 (RFC 8441, 5): 200; 400 (another version, or broken).
[[nodiscard]] int websocket_status(const RequestHead& head);
/// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
[[nodiscard]] std::string websocket_accept(std::string_view key);

}  // namespace net
