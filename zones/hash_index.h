#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dns/nsec3.h"

namespace zones {

/// The hashes of one chain of NSEC3 in order, in memory (RFC 5155, 3.1.7: a ring). Made once and
/// never changed. A directory over their leading bits leads to the few that share them: hashes are
/// spread evenly, so a search reads a word of it and one or two neighbouring cache lines. Should
/// somebody's not be, it is still a binary search. 20.5 octets a hash.
///
/// Const members may be called concurrently, and do not allocate.
class HashIndex {
  public:
    /// In ascending order, each once; at least one.
    explicit HashIndex(std::vector<dns::Nsec3Hash> hashes);

    /// The greatest hash at or before this one, or, if there is none, the greatest of all.
    [[nodiscard]] const dns::Nsec3Hash& at_or_before(const dns::Nsec3Hash& hash) const noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return hashes_.size(); }
    [[nodiscard]] std::size_t octets() const noexcept {
        return hashes_.capacity() * sizeof(dns::Nsec3Hash) +
               directory_.capacity() * sizeof(std::uint32_t);
    }

  private:
    [[nodiscard]] std::size_t bucket_of(const dns::Nsec3Hash& hash) const noexcept {
        return base::load_be32(hash.data()) >> shift_;
    }

    std::vector<dns::Nsec3Hash> hashes_;
    // How many hashes stand in the buckets before this one; after the last, how many there are.
    std::vector<std::uint32_t> directory_;
    unsigned shift_ = 0;
};

/// The hash that an NSEC3's owner of one label is (RFC 5155, 3), in any case; empty if it is none.
[[nodiscard]] std::optional<dns::Nsec3Hash> hash_of_owner(base::Octets relative_owner) noexcept;

}  // namespace zones
