#include "server/cookies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/random.h"

namespace server {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint32_t kDayS = 86400;

std::uint64_t load_le64(const std::uint8_t* at) noexcept {
    return __builtin_bswap64(base::load_be64(at));
}

void store_le64(std::uint8_t* at, std::uint64_t value) noexcept {
    base::store_be64(at, __builtin_bswap64(value));
}

struct SipState {
    std::uint64_t v0, v1, v2, v3;

    void rounds(int count) noexcept {
        for (int i = 0; i < count; ++i) {
            v0 += v1;
            v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0;
            v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1;
            v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2;
            v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }
    }
    void take(std::uint64_t word) noexcept {
        v3 ^= word;
        rounds(2);
        v0 ^= word;
    }
};

int digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// The key of a day, a function of the secret: nothing is kept, and nothing to be shared by
/// threads.
SipKey key_of_day(const SipKey& secret, std::uint32_t day) noexcept {
    SipKey out;
    for (std::uint8_t half = 0; half < 2; ++half) {
        std::uint8_t input[5];
        base::store_be32(input, day);
        input[4] = half;
        store_le64(out.data() + 8U * half, siphash24(secret, input));
    }
    return out;
}

}  // namespace

std::uint64_t siphash24(const SipKey& key, base::Octets message) noexcept {
    const std::uint64_t k0 = load_le64(key.data());
    const std::uint64_t k1 = load_le64(key.data() + 8);
    SipState state{k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU, k0 ^ 0x6c7967656e657261U,
                   k1 ^ 0x7465646279746573U};
    const std::size_t size = message.size();
    std::size_t at = 0;
    for (; at + 8 <= size; at += 8) state.take(load_le64(message.data() + at));
    std::uint64_t last = std::uint64_t{size & 0xffU} << 56;
    for (std::size_t i = 0; at + i < size; ++i) last |= std::uint64_t{message[at + i]} << (8 * i);
    state.take(last);
    state.v2 ^= 0xff;
    state.rounds(4);
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

std::optional<SipKey> Cookies::parse_secret(const std::string& hex) {
    SipKey out;
    if (hex.size() != 2 * out.size()) return std::nullopt;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit(hex[2 * i]);
        const int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return out;
}

base::Result<SipKey> Cookies::load_or_make(const std::string& file) {
    std::ifstream in(file);
    if (in) {
        std::string hex;
        in >> hex;
        const auto kept = parse_secret(hex);
        if (!kept) {
            return base::fail(file +
                              ": does not hold a cookie secret of 32 hexadecimal digits; "
                              "delete it to have a new one made");
        }
        return *kept;
    }
    SipKey made;
    base::secure_fill(made);
    std::string hex;
    for (const std::uint8_t octet : made) {
        hex += "0123456789abcdef"[octet >> 4];
        hex += "0123456789abcdef"[octet & 15];
    }
    hex += '\n';
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return base::fail(file + ": cannot be made: " + std::strerror(errno));
    const bool written = ::write(fd, hex.data(), hex.size()) == static_cast<ssize_t>(hex.size());
    const int error = errno;
    const bool synced = written && ::fsync(fd) == 0;
    ::close(fd);
    if (!synced) {
        ::unlink(file.c_str());  // half a secret would stop the next start
        return base::fail(file + ": cannot be written: " + std::strerror(error));
    }
    return made;
}

/// `cookie`: client cookie, version, reserved and time as they stand in the option (RFC 9018, 4.4).
std::uint64_t Cookies::hash(const std::uint8_t* cookie, const base::IpAddress& client,
                            std::uint32_t made_s) const noexcept {
    std::uint8_t input[kOptionOctets - 8 + 16];
    std::memcpy(input, cookie, kOptionOctets - 8);
    const base::Octets address = client.octets();
    std::memcpy(input + kOptionOctets - 8, address.data(), address.size());
    const base::Octets hashed(input, kOptionOctets - 8 + address.size());
    return daily_ ? siphash24(key_of_day(secret_, made_s / kDayS), hashed)
                  : siphash24(secret_, hashed);
}

bool Cookies::valid(base::Octets option, const base::IpAddress& client,
                    std::uint32_t now_s) const noexcept {
    if (option.size() != kOptionOctets || option[kClientOctets] != kVersion) return false;
    const std::uint32_t made_s = base::load_be32(&option[kClientOctets + 4]);
    // Serial number arithmetic (RFC 1982), as the times wrap in 2106.
    const auto age = static_cast<std::int32_t>(now_s - made_s);
    if (age > static_cast<std::int32_t>(kMaxAgeS) || age < -static_cast<std::int32_t>(kMaxAheadS)) {
        return false;
    }
    return hash(option.data(), client, made_s) == load_le64(&option[kOptionOctets - 8]);
}

void Cookies::answer(base::Octets option, const base::IpAddress& client, std::uint32_t now_s,
                     std::uint8_t (&out)[kOptionOctets]) const noexcept {
    if (valid(option, client, now_s)) {
        const std::uint32_t made_s = base::load_be32(&option[kClientOctets + 4]);
        if (static_cast<std::int32_t>(now_s - made_s) <= static_cast<std::int32_t>(kRenewAfterS)) {
            std::memcpy(out, option.data(), kOptionOctets);
            return;
        }
    }
    std::memcpy(out, option.data(), kClientOctets);
    base::store_be32(out + kClientOctets, std::uint32_t{kVersion} << 24);
    base::store_be32(out + kClientOctets + 4, now_s);
    store_le64(out + kOptionOctets - 8, hash(out, client, now_s));
}

}  // namespace server
