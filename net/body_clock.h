#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/time.h"
#include "net/http_server.h"

namespace net {

/// How long the body of a request may take to come: so long from piece to piece
/// (HttpLimits::body_timeout), and as a whole not so long that it came more slowly than
/// HttpLimits::min_body_rate, nor longer than HttpLimits::body_total. A client that drips a body
/// meets the second. The time in which we do not read is not the client's.
///
/// Without I/O; one thread. Times must not go back from call to call.
class BodyClock {
  public:
    void begin(base::MonoTime now) noexcept {
        since_ = last_ = now;
        octets_ = 0;
        paused_ = false;
    }
    void receive(std::size_t octets, base::MonoTime now) noexcept {
        octets_ += octets;
        last_ = now;
    }
    void pause(base::MonoTime now) noexcept {
        if (paused_) return;
        paused_ = true;
        paused_at_ = now;
    }
    void resume(base::MonoTime now) noexcept {
        if (!paused_) return;
        paused_ = false;
        since_ += now - paused_at_;
        last_ = now;
    }
    /// When it is over if nothing more comes; MonoTime::max() while we do not read.
    [[nodiscard]] base::MonoTime deadline(const HttpLimits& limits) const noexcept {
        if (paused_) return base::MonoTime::max();
        base::MonoTime due = last_ + limits.body_timeout;
        if (limits.body_total.count() > 0) due = std::min(due, since_ + limits.body_total);
        if (limits.min_body_rate == 0) return due;
        const std::chrono::milliseconds earned(octets_ * 1000 / limits.min_body_rate);
        return std::min(due, since_ + std::max(limits.body_grace, earned));
    }

  private:
    base::MonoTime since_{};  // when it began, later by the time in which we did not read
    base::MonoTime last_{};   // the last octet of it
    base::MonoTime paused_at_{};
    std::size_t octets_ = 0;
    bool paused_ = false;
};

}  // namespace net
