#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "base/octets.h"
#include "base/time.h"

namespace net {

/// The keys that session tickets are sealed with (RFC 5077; RFC 8446, 4.6.1). A key seals for an
/// hour and opens for as long as the last ticket it sealed is good; then it is forgotten, and what
/// was recorded of those connections cannot be read with it any more. Nothing is ever written to
/// disk: tickets end with the process. Any thread.
class TlsTickets {
  public:
    static constexpr std::chrono::seconds kSealsFor{3600};
    static constexpr std::chrono::seconds kTicketLifetime{7200};

    struct Key {
        std::array<std::uint8_t, 16> name;
        std::array<std::uint8_t, 32> cipher;  // AES-256
        std::array<std::uint8_t, 32> mac;     // HMAC-SHA-256
    };
    struct Opened {
        Key key;
        bool newest = true;  // else the client is to get a new ticket
    };

    /// What new tickets are sealed with.
    [[nodiscard]] Key sealing(base::MonoTime now);
    /// The key of that name, if it is not forgotten.
    [[nodiscard]] std::optional<Opened> opening(base::Octets name, base::MonoTime now);

  private:
    struct Dated {
        Key key;
        base::MonoTime made;
    };
    void rotate(base::MonoTime now);

    std::mutex mutex_;
    std::deque<Dated> keys_;  // newest first; guarded by mutex_
};

}  // namespace net
