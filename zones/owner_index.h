#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/octets.h"
#include "dns/name.h"

namespace zones {

/// Canonical keys of owners (key.h) in order, in memory: a static B-tree, made once from keys that
/// come in order and never changed. A block holds up to 16 keys: what they have in common, the next
/// eight octets of each as a number, and what is left of them. Each level above holds the first key
/// of every block below, so that a search reads a few neighbouring cache lines a level: five levels
/// for a million names. 12 octets a key where names look alike, 16 where they do not.
///
/// Const members may be called concurrently. Nothing allocates but `Builder`.
class OwnerIndex {
  public:
    static constexpr std::size_t kBlockKeys = 16;

    /// A key that was found, in the parts that the index has of it.
    struct Key {
        base::Octets prefix;
        std::uint64_t head = 0;         // the octets after the prefix, the first on top
        std::size_t suffix_octets = 0;  // after the prefix: eight of them in `head`, then `tail`
        const std::uint8_t* tail = nullptr;

        [[nodiscard]] std::size_t size() const noexcept { return prefix.size() + suffix_octets; }
        /// Writes `size()` octets.
        void copy(std::uint8_t* out) const noexcept;
    };
    /// The greatest key at or before this one; nothing if all come after it.
    [[nodiscard]] std::optional<Key> at_or_before(base::Octets key) const noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] std::size_t octets() const noexcept { return blocks_.capacity(); }

    /// Takes keys in ascending order, each once.
    class Builder {
      public:
        void add(std::string_view key);
        [[nodiscard]] std::size_t octets() const noexcept { return blocks_.size(); }
        /// Nothing if the blocks take more than their 32-bit offsets reach.
        [[nodiscard]] std::optional<OwnerIndex> finish();

      private:
        struct Level {
            std::vector<std::string> keys;
            std::vector<std::uint32_t> children;  // offsets of blocks; none on the lowest level
        };
        void add(std::size_t level, std::string_view key, std::uint32_t child);
        std::uint32_t write(std::size_t level);

        std::vector<Level> levels_;
        std::vector<std::uint8_t> blocks_;
        std::size_t count_ = 0;
        bool too_large_ = false;
    };

  private:
    std::vector<std::uint8_t> blocks_;
    std::uint32_t root_ = 0;
    unsigned levels_ = 0;
    std::size_t count_ = 0;
};

/// The owner below the apex, in wire form without the root, that a key stands for: octets of `out`.
/// Of keys that append_owner_key made (key.h).
using OwnerBuffer = std::array<std::uint8_t, dns::kMaxNameOctets>;
[[nodiscard]] base::Octets owner_of_key(base::Octets key, OwnerBuffer& out) noexcept;

}  // namespace zones
