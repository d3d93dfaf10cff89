#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "base/ip.h"
#include "base/time.h"

namespace admin {

using Digest = std::array<std::uint8_t, 32>;

/// Who guesses tokens is locked out for a while, the right token included: else it would still
/// tell right from wrong. Only a token that was right from there lately stays good, so that one
/// who guesses does not lock out those who share an address with him.
///
/// Counted for each source, an IPv4 address or an IPv6 /64. The same wrong token sent again is no
/// second guess: a program with an old token locks out nobody. Memory is bounded; what was counted
/// fades with time. Admin loop only.
class Guesses {
  public:
    static constexpr unsigned kAllowed = 20;
    static constexpr std::chrono::seconds kFade{30};     // by which one is forgiven
    static constexpr std::chrono::seconds kLockOut{60};  // then half of them are forgiven
    static constexpr std::size_t kMaxSources = 4096;     // beyond, the one that erred first goes
    static constexpr std::size_t kRemembered = 16;       // wrong tokens of a source
    static constexpr std::chrono::hours kLately{1};      // since a token was right last
    static constexpr std::size_t kMaxKnown = 4096;       // beyond, the one used longest ago goes

    /// How long this token is still locked out from there; nothing: it is not.
    [[nodiscard]] std::optional<std::chrono::seconds> locked(const base::IpAddress& source,
                                                             const Digest& token,
                                                             base::MonoTime now);
    void right(const base::IpAddress& source, const Digest& token, base::MonoTime now);
    void wrong(const base::IpAddress& source, const Digest& token, base::MonoTime now);
    /// How many requests were turned away by `locked`.
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

  private:
    struct Source {
        std::array<Digest, kRemembered> last{};
        std::size_t next = 0;  // place in `last`
        unsigned count = 0;
        base::MonoTime counted_at{};
        base::MonoTime locked_until{};
    };
    [[nodiscard]] static base::IpAddress key_of(const base::IpAddress& source);

    std::map<base::IpAddress, Source> sources_;
    // When a token was right last. Keyed by hashes: how long a look-up takes tells nothing.
    std::map<std::pair<base::IpAddress, Digest>, base::MonoTime> known_;
    std::uint64_t refused_ = 0;
};

}  // namespace admin
