#pragma once

#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "base/random.h"
#include "base/time.h"

namespace resolver {

/// What one worker has learnt about the servers it asks: how fast they answer, whether they
/// answer at all, and what they do not understand. A fixed number of servers is remembered; the
/// one that was not asked for longest makes room. One thread; no allocation after construction.
class ServerTable {
  public:
    static constexpr std::size_t kWays = 4;
    static constexpr std::size_t kSets = 2048;

    explicit ServerTable(std::uint64_t seed, std::size_t sets = kSets);

    /// How long to wait for it: smoothed round trip plus four deviations, as TCP does (RFC 6298),
    /// between 200 ms and 3 s, twice as long for each timeout since the last answer.
    [[nodiscard]] base::Duration timeout(const base::IpAddress& server) const noexcept;
    /// The less, the sooner it is asked. Servers that are not known get a random low one, so that
    /// each is tried; those that keep silent, one that puts them last while they are backed off.
    [[nodiscard]] std::uint32_t score_ms(const base::IpAddress& server, base::MonoTime now,
                                         base::RandomSource& random) const noexcept;

    void answered(const base::IpAddress& server, base::Duration round_trip, base::MonoTime now);
    void timed_out(const base::IpAddress& server, base::MonoTime now);
    /// It answered, but with SERVFAIL, REFUSED or nonsense: others first, for a while.
    void disappointed(const base::IpAddress& server, base::MonoTime now);

    /// False for an hour after it answered FORMERR to a query with EDNS and well to one without.
    [[nodiscard]] bool speaks_edns(const base::IpAddress& server,
                                   base::MonoTime now) const noexcept;
    void lacks_edns(const base::IpAddress& server, base::MonoTime now);
    /// False for an hour after it gave back the qname in another case.
    [[nodiscard]] bool keeps_case(const base::IpAddress& server, base::MonoTime now) const noexcept;
    void loses_case(const base::IpAddress& server, base::MonoTime now);

  private:
    struct Server {
        base::IpAddress address;
        bool used = false;
        bool measured = false;
        std::uint8_t timeouts = 0;  // since the last answer
        std::uint32_t srtt_us = 0;
        std::uint32_t deviation_us = 0;
        base::MonoTime touched{};
        base::MonoTime backed_off_until{};
        base::MonoTime plain_until{};       // no EDNS
        base::MonoTime lower_case_until{};  // no case randomisation
    };

    [[nodiscard]] const Server* find(const base::IpAddress& server) const noexcept;
    [[nodiscard]] Server& touch(const base::IpAddress& server, base::MonoTime now) noexcept;
    [[nodiscard]] std::size_t set_of(const base::IpAddress& server) const noexcept;

    std::uint64_t seed_;  // so that nobody can aim at one set
    std::size_t sets_;
    std::vector<Server> servers_;
};

}  // namespace resolver
