#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/octets.h"
#include "base/result.h"

struct sockaddr;
struct sockaddr_storage;

namespace base {

enum class IpFamily : std::uint8_t { V4 = 4, V6 = 6 };

/// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address is kept as what it is; `unmapped` turns
/// it into IPv4, as listeners do with what a dual-stack socket hands them.
class IpAddress {
  public:
    constexpr IpAddress() = default;  // 0.0.0.0
    [[nodiscard]] static IpAddress v4(const std::uint8_t (&octets)[4]) noexcept;
    /// 4 or 16 octets in network order; anything else gives 0.0.0.0.
    [[nodiscard]] static IpAddress from_octets(Octets octets) noexcept;
    [[nodiscard]] static IpAddress from_sockaddr(const sockaddr* address) noexcept;
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text);

    [[nodiscard]] IpFamily family() const noexcept { return family_; }
    [[nodiscard]] bool is_v4() const noexcept { return family_ == IpFamily::V4; }
    /// 4 or 16 octets in network order, living as long as this address.
    [[nodiscard]] Octets octets() const noexcept {
        return {octets_.data(), is_v4() ? std::size_t{4} : std::size_t{16}};
    }
    [[nodiscard]] unsigned bits() const noexcept { return is_v4() ? 32 : 128; }
    [[nodiscard]] bool bit(unsigned index) const noexcept {
        return ((octets_[index / 8] >> (7 - index % 8)) & 1) != 0;
    }
    [[nodiscard]] bool is_loopback() const noexcept;
    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] IpAddress unmapped() const noexcept;
    /// The address with every bit after the first `length` cleared.
    [[nodiscard]] IpAddress masked(unsigned length) const noexcept;
    [[nodiscard]] std::string to_text() const;
    [[nodiscard]] std::uint64_t hash() const noexcept;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend std::strong_ordering operator<=>(const IpAddress&, const IpAddress&) = default;

  private:
    IpFamily family_ = IpFamily::V4;
    std::array<std::uint8_t, 16> octets_{};  // IPv4 uses the first four, the rest stay 0
};

/// An address and the number of its leading bits that count; the others are 0.
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;

    /// "10.0.0.0/8", "2001:db8::/32", or an address alone (then /32 or /128). Bits set after
    /// the length are an error, because they are nearly always a typing mistake.
    [[nodiscard]] static Result<IpPrefix> parse(std::string_view text);
    [[nodiscard]] bool contains(const IpAddress& candidate) const noexcept;
    [[nodiscard]] std::string to_text() const;

    friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
    friend std::strong_ordering operator<=>(const IpPrefix&, const IpPrefix&) = default;
};

/// An address and a port, as sockets want it.
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    /// "192.0.2.1:53" or "[2001:db8::1]:53".
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);
    [[nodiscard]] static Endpoint from_sockaddr(const sockaddr* address) noexcept;
    /// Fills `out` and returns the length that bind and connect want.
    std::uint32_t to_sockaddr(sockaddr_storage& out) const noexcept;
    [[nodiscard]] std::string to_text() const;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
    friend std::strong_ordering operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace base
