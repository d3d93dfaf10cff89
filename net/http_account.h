#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "net/loop.h"

namespace net {

class HttpConnection;

/// What clients have left with the HttpServers of one loop, in octets: heads of open requests,
/// bodies that the application does not take, answers that the client does not take. It is bounded
/// by the sum over all of them, however many listeners there are: from three quarters on, those who
/// hold most and have not moved for a second are closed, whichever server they came to, down to
/// half; beyond the maximum who holds more than a little gets no more.
///
/// Outlives the servers that are given it. Loop's thread only.
class HttpAccount {
  public:
    HttpAccount(Loop& loop, std::size_t max_octets);
    HttpAccount(const HttpAccount&) = delete;
    HttpAccount& operator=(const HttpAccount&) = delete;

    /// What is held at this moment. Looks at all connections.
    [[nodiscard]] std::size_t count();

    // For servers:

    /// One that knows connections which are in the account.
    class Holder {
      public:
        virtual ~Holder() = default;
        /// `look` ends none of them.
        virtual void each_connection(const std::function<void(HttpConnection&)>& look) = 0;
    };
    void join(Holder& holder) { holders_.push_back(&holder); }
    void leave(Holder& holder);

    // For connections, with each change of what they hold:

    void add(std::size_t octets) {
        held_ += octets;
        if (held_ > max_octets_ / 4 * 3) want_room();
    }
    void remove(std::size_t octets) noexcept { held_ -= octets; }
    [[nodiscard]] bool full() const noexcept { return held_ > max_octets_; }

  private:
    void want_room();
    void make_room();

    Loop& loop_;
    const std::size_t max_octets_;
    std::size_t held_ = 0;  // what waits in transports as it was last looked at
    std::vector<Holder*> holders_;
    Timer room_;
    bool room_wanted_ = false;
};

}  // namespace net
