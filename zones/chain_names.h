#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dns/name.h"

namespace zones {

/// Links of a chain of aliases that are followed for one answer.
inline constexpr unsigned kMaxChainLinks = 16;

/// The names that a chain has met, by their seeded hashes: two that collide would only end a chain
/// early. No allocation.
class ChainNames {
  public:
    /// False where the name was met before, or no more can be held.
    bool add(dns::NameView name) noexcept {
        const std::uint64_t hash = name.hash(dns::NameHash::seed());
        const auto end = hashes_.begin() + static_cast<std::ptrdiff_t>(count_);
        if (std::find(hashes_.begin(), end, hash) != end || count_ == hashes_.size()) return false;
        hashes_[count_++] = hash;
        return true;
    }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }

  private:
    std::array<std::uint64_t, kMaxChainLinks + 2> hashes_;
    std::size_t count_ = 0;
};

}  // namespace zones
