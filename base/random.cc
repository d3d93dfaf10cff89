#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace base {

namespace {

constexpr std::uint64_t rotate_left(std::uint64_t value, int by) noexcept {
    return (value << by) | (value >> (64 - by));
}

}  // namespace

Random::Random(std::uint64_t seed) noexcept : state_{} {
    // splitmix64 spreads the seed, so that no seed gives the all-zero state.
    for (std::uint64_t& word : state_) {
        seed += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        word = z ^ (z >> 31);
    }
}

Random Random::from_entropy() noexcept {
    std::uint64_t seed = 0;
    secure_fill({reinterpret_cast<std::uint8_t*>(&seed), sizeof seed});
    return Random(seed);
}

std::uint64_t Random::next64() noexcept {
    const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate_left(state_[3], 45);
    return result;
}

std::uint64_t SecureRandom::next64() noexcept {
    if (used_ == buffer_.size()) {
        secure_fill({reinterpret_cast<std::uint8_t*>(buffer_.data()), sizeof buffer_});
        used_ = 0;
    }
    const std::uint64_t value = buffer_[used_];
    buffer_[used_++] = 0;
    return value;
}

void secure_fill(MutableOctets out) noexcept {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t got = getrandom(out.data() + done, out.size() - done, 0);
        if (got > 0) {
            done += static_cast<std::size_t>(got);
        } else if (errno != EINTR) {
            std::fputs("the kernel gives no random octets (getrandom failed)\n", stderr);
            std::abort();
        }
    }
}

}  // namespace base
