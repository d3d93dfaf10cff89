#pragma once

#include <array>
#include <cstdint>

#include "base/octets.h"

namespace base {

/// A source of random numbers, passed as a parameter wherever chance decides, so that a seed
/// repeats a run. One thread at a time.
class RandomSource {
  public:
    virtual ~RandomSource() = default;
    [[nodiscard]] virtual std::uint64_t next64() noexcept = 0;

    /// Uniform in [0, bound); bound 0 gives 0. Lemire's multiply-shift: the bias is below
    /// 2^-32 for every bound this server uses.
    [[nodiscard]] std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next64() >> 32) * bound) >> 32);
    }
    /// Uniform in (0, 1]; never 0, so its logarithm is finite.
    [[nodiscard]] double unit() noexcept {
        return (static_cast<double>(next64() >> 11) + 1.0) * 0x1.0p-53;
    }
};

/// xoshiro256**: fast and repeatable, for weights, rotation and tests. Predictable: never for
/// query ids, ports or tokens.
class Random final : public RandomSource {
  public:
    explicit Random(std::uint64_t seed) noexcept;
    [[nodiscard]] static Random from_entropy() noexcept;
    [[nodiscard]] std::uint64_t next64() noexcept override;

  private:
    std::array<std::uint64_t, 4> state_;
};

/// The kernel's generator, buffered: query ids, ports, 0x20 case, tokens. Ends the process if
/// the kernel cannot give random octets, which Linux does not let happen after boot.
class SecureRandom final : public RandomSource {
  public:
    [[nodiscard]] std::uint64_t next64() noexcept override;

  private:
    std::array<std::uint64_t, 64> buffer_{};
    std::size_t used_ = 64;
};

/// Fills `out` from the kernel. Any thread.
void secure_fill(MutableOctets out) noexcept;

}  // namespace base
