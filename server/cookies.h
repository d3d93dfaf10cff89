#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/ip.h"
#include "base/octets.h"
#include "base/result.h"

namespace server {

/// SipHash-2-4 with a 64-bit result; the octets of `key` and the result are little-endian, as the
/// algorithm's authors give them.
using SipKey = std::array<std::uint8_t, 16>;
[[nodiscard]] std::uint64_t siphash24(const SipKey& key, base::Octets message) noexcept;

/// DNS cookies (RFC 7873) in the form that servers of different makers share (RFC 9018). Immutable
/// and without state per client; any thread.
///
/// A secret that was configured is used as it is, so that it can be shared with other servers of an
/// anycast address. A secret of our own gives a new key each day (UTC); a cookie tells by its time
/// which day's key it was made with.
class Cookies {
  public:
    static constexpr std::size_t kClientOctets = 8;
    static constexpr std::size_t kServerOctets = 16;
    static constexpr std::size_t kOptionOctets = kClientOctets + kServerOctets;
    /// RFC 9018, 4.3: how old and how far ahead a server cookie may be, and when it is renewed.
    static constexpr std::uint32_t kMaxAgeS = 3600;
    static constexpr std::uint32_t kMaxAheadS = 300;
    static constexpr std::uint32_t kRenewAfterS = 1800;

    Cookies(const SipKey& secret, bool daily) noexcept : secret_(secret), daily_(daily) {}

    /// Reads 32 hexadecimal digits.
    [[nodiscard]] static std::optional<SipKey> parse_secret(const std::string& hex);
    /// The secret kept in `file`, made there at the first start (mode 0600).
    [[nodiscard]] static base::Result<SipKey> load_or_make(const std::string& file);

    /// A client cookie, alone or with a server cookie of 8 to 32 octets; else FORMERR (RFC 7873,
    /// 5.2.2).
    [[nodiscard]] static bool well_formed(base::Octets option) noexcept {
        return option.size() == kClientOctets ||
               (option.size() >= kClientOctets + 8 && option.size() <= kClientOctets + 32);
    }
    /// True when the option holds a server cookie of ours for this client that is still good.
    [[nodiscard]] bool valid(base::Octets option, const base::IpAddress& client,
                             std::uint32_t now_s) const noexcept;
    /// The option of the answer to a well-formed one: a good cookie that is not old is kept.
    void answer(base::Octets option, const base::IpAddress& client, std::uint32_t now_s,
                std::uint8_t (&out)[kOptionOctets]) const noexcept;

  private:
    [[nodiscard]] std::uint64_t hash(const std::uint8_t* cookie, const base::IpAddress& client,
                                     std::uint32_t made_s) const noexcept;

    SipKey secret_;
    bool daily_;
};

}  // namespace server
