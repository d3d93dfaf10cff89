#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/octets.h"
#include "net/http.h"

namespace server {

/// DNS over HTTPS (RFC 8484) at /dns-query: GET with `dns`, POST of application/dns-message, over
/// whatever version of HTTP the server speaks. One for each listener of a worker. Loop's thread
/// only.
class Doh final : public net::HttpHandler {
  public:
    /// The way back to the client for one deferred message.
    struct Ticket {
        std::uint32_t slot = 0;
        std::uint32_t generation = 0;
    };
    struct Message {
        base::Octets octets;
        const base::Endpoint& client;
        Ticket ticket;
    };
    struct Answer {
        std::size_t size = 0;
        /// View, client subnet or policy shaped it: no cache may give it to somebody else.
        bool personal = false;
    };
    enum class Outcome : std::uint8_t {
        Answered,  // the answer was written
        Dropped,   // there is none
        Deferred,  // `reply` will be called with the ticket
    };

    /// What answers messages.
    class Handler {
      public:
        virtual ~Handler() = default;
        /// These bracket what one read of a connection brings. Messages may come outside, too.
        virtual void begin_messages() = 0;
        virtual void end_messages() = 0;
        /// `room` has 65535 octets.
        virtual Outcome on_message(const Message& message, base::MutableOctets room,
                                   Answer& answer) = 0;
    };

    /// `room`, of 65535 octets, is where answers are composed; it may be shared on one thread.
    Doh(Handler& handler, base::MutableOctets room);
    ~Doh() override;
    Doh(const Doh&) = delete;
    Doh& operator=(const Doh&) = delete;

    std::unique_ptr<net::HttpStream> on_request(net::RequestHead head,
                                                net::HttpExchange& exchange) override;
    void begin_requests() override { handler_.begin_messages(); }
    void end_requests() override { handler_.end_messages(); }
    /// Answers a deferred message; once each. Empty: there is no answer. The client may have gone,
    /// then nothing happens.
    void reply(Ticket ticket, base::Octets message, bool personal);

  private:
    class Request;
    struct Slot {
        Request* request = nullptr;  // owned by its exchange
        std::uint32_t generation = 0;
    };

    void answer(net::HttpExchange& exchange, base::Octets message, bool personal);

    Handler& handler_;
    base::MutableOctets room_;
    std::vector<std::uint8_t> question_;  // of the GET that is being answered
    net::ResponseHead head_;              // of answers: its fields' values change, its memory stays
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
};

/// How long caches may keep a response, in seconds: the smallest TTL of its answer (RFC 8484, 5.1);
/// of a negative one that of the denial (RFC 2308, 5), of a referral that of the delegation. 0 for
/// errors.
[[nodiscard]] std::uint32_t freshness_s(base::Octets response) noexcept;

/// Octets of base64url without padding (RFC 4648, 5), which is how GET carries a message (RFC 8484,
/// 6), in place of what `out` held. False: it is none.
[[nodiscard]] bool from_base64url(std::string_view text, std::vector<std::uint8_t>& out);

}  // namespace server
