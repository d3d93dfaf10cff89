#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace base {

IpAddress IpAddress::v4(const std::uint8_t (&octets)[4]) noexcept {
    IpAddress out;
    std::memcpy(out.octets_.data(), octets, sizeof octets);
    return out;
}

IpAddress IpAddress::from_octets(Octets octets) noexcept {
    IpAddress out;
    if (octets.size() == 4 || octets.size() == 16) {
        out.family_ = octets.size() == 4 ? IpFamily::V4 : IpFamily::V6;
        std::copy(octets.begin(), octets.end(), out.octets_.begin());
    }
    return out;
}

IpAddress IpAddress::from_sockaddr(const sockaddr* address) noexcept {
    if (address->sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, address, sizeof in);
        std::uint8_t raw[4];
        std::memcpy(raw, &in.sin_addr, sizeof raw);
        return v4(raw);
    }
    if (address->sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, address, sizeof in);
        return from_octets({in.sin6_addr.s6_addr, 16});
    }
    return {};
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy(text);
    // inet_pton stops at a NUL, which may stand inside what the view holds.
    if (copy.find('\0') != std::string::npos) return fail("an IP address holds no NUL");
    std::uint8_t raw[16];
    if (inet_pton(AF_INET, copy.c_str(), raw) == 1) return from_octets({raw, 4});
    if (inet_pton(AF_INET6, copy.c_str(), raw) == 1) return from_octets({raw, 16});
    return fail("\"" + copy + "\" is not an IP address");
}

bool IpAddress::is_loopback() const noexcept {
    if (is_v4()) return octets_[0] == 127;
    return std::all_of(octets_.begin(), octets_.begin() + 15, [](auto o) { return o == 0; }) &&
           octets_[15] == 1;
}

bool IpAddress::is_unspecified() const noexcept {
    return std::all_of(octets_.begin(), octets_.end(), [](auto o) { return o == 0; });
}

IpAddress IpAddress::unmapped() const noexcept {
    static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (is_v4() || !std::equal(kMapped, kMapped + 12, octets_.begin())) return *this;
    return from_octets({octets_.data() + 12, 4});
}

IpAddress IpAddress::masked(unsigned length) const noexcept {
    IpAddress out = *this;
    for (unsigned i = 0; i < bits() / 8; ++i) {
        const unsigned start = i * 8;
        if (length >= start + 8) continue;
        const unsigned kept = length > start ? length - start : 0;
        out.octets_[i] = static_cast<std::uint8_t>(out.octets_[i] & (0xff00U >> kept));
    }
    return out;
}

std::string IpAddress::to_text() const {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(is_v4() ? AF_INET : AF_INET6, octets_.data(), text, sizeof text);
    return text;
}

std::uint64_t IpAddress::hash() const noexcept {
    std::uint64_t a = load_be64(octets_.data());
    const std::uint64_t b = load_be64(octets_.data() + 8);
    a = (a ^ static_cast<std::uint64_t>(family_)) * 0x9e3779b97f4a7c15ULL;
    a = (a ^ (a >> 32) ^ b) * 0xbf58476d1ce4e5b9ULL;
    return a ^ (a >> 29);
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return fail(address.error().message);
    unsigned length = address->bits();
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (error != std::errc{} || end != digits.data() + digits.size() ||
            length > address->bits()) {
            return fail("\"" + std::string(text) + "\" has no valid prefix length");
        }
    }
    if (address->masked(length) != *address) {
        return fail("\"" + std::string(text) + "\" has bits set after its prefix length; write " +
                    address->masked(length).to_text() + "/" + std::to_string(length));
    }
    return IpPrefix{*address, static_cast<std::uint8_t>(length)};
}

bool IpPrefix::contains(const IpAddress& candidate) const noexcept {
    return candidate.family() == address.family() && candidate.masked(length) == address;
}

std::string IpPrefix::to_text() const {
    return address.to_text() + "/" + std::to_string(length);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    const std::string quoted = "\"" + std::string(text) + "\"";
    const auto bad = [&] {
        return fail(quoted + " is not ADDRESS:PORT (192.0.2.1:53 or [2001:db8::1]:53)");
    };
    if (colon == std::string_view::npos) return bad();
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return bad();
    }
    const auto address = IpAddress::parse(host);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!address || error != std::errc{} || end != digits.data() + digits.size()) return bad();
    return Endpoint{*address, port};
}

Endpoint Endpoint::from_sockaddr(const sockaddr* address) noexcept {
    Endpoint out;
    out.address = IpAddress::from_sockaddr(address);
    if (address->sa_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, address, sizeof in);
        out.port = ntohs(in.sin_port);
    } else if (address->sa_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, address, sizeof in);
        out.port = ntohs(in.sin6_port);
    }
    return out;
}

std::uint32_t Endpoint::to_sockaddr(sockaddr_storage& out) const noexcept {
    std::memset(&out, 0, sizeof out);
    const Octets raw = address.octets();
    if (address.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, raw.data(), 4);
        std::memcpy(&out, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, raw.data(), 16);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
}

std::string Endpoint::to_text() const {
    const std::string host = address.to_text();
    return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace base
