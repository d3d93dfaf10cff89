#include "zones/hash_index.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>

namespace zones {

namespace {

// A bucket holds four to eight hashes on average, and takes a word of the directory.
constexpr std::size_t kHashesOfBucket = 4;
constexpr unsigned kMinBits = 1;  // a shift by all bits of a word is none
constexpr unsigned kMaxBits = 26;
constexpr unsigned kLeadingBits = 32;

}  // namespace

HashIndex::HashIndex(std::vector<dns::Nsec3Hash> hashes) : hashes_(std::move(hashes)) {
    assert(!hashes_.empty());
    hashes_.shrink_to_fit();
    const auto wanted = static_cast<unsigned>(std::bit_width(hashes_.size() / kHashesOfBucket));
    const unsigned bits = std::clamp(wanted == 0 ? 0 : wanted - 1, kMinBits, kMaxBits);
    shift_ = kLeadingBits - bits;
    directory_.resize((std::size_t{1} << bits) + 1);
    for (const dns::Nsec3Hash& hash : hashes_) ++directory_[bucket_of(hash) + 1];
    for (std::size_t i = 1; i < directory_.size(); ++i) directory_[i] += directory_[i - 1];
}

const dns::Nsec3Hash& HashIndex::at_or_before(const dns::Nsec3Hash& hash) const noexcept {
    const std::size_t bucket = bucket_of(hash);
    const auto begin = hashes_.begin();
    // Where the bucket holds none that is not greater, the one before it is meant.
    const auto after =
        std::upper_bound(begin + directory_[bucket], begin + directory_[bucket + 1], hash);
    return after == begin ? hashes_.back() : *(after - 1);
}

std::optional<dns::Nsec3Hash> hash_of_owner(base::Octets relative_owner) noexcept {
    constexpr unsigned kNoDigit = 32;
    const base::Octets label = relative_owner;
    if (label.size() != dns::Nsec3Label().size() || label[0] != label.size() - 1) {
        return std::nullopt;
    }
    dns::Nsec3Hash hash;
    std::size_t at = 1;
    unsigned wrong = 0;
    // Eight digits are five octets.
    for (std::size_t i = 0; i < hash.size(); i += 5) {
        std::uint64_t bits = 0;
        for (const std::size_t end = at + 8; at < end; ++at) {
            const unsigned decimal = label[at] - unsigned{'0'};
            const unsigned letter = base::to_lower(label[at]) - unsigned{'a'};
            const unsigned digit = decimal < 10 ? decimal : letter < 22 ? letter + 10 : kNoDigit;
            wrong |= digit & kNoDigit;
            bits = bits << 5 | (digit & 31U);
        }
        for (std::size_t j = 0; j < 5; ++j) {
            hash[i + j] = static_cast<std::uint8_t>(bits >> (32 - 8 * j));
        }
    }
    if (wrong != 0) return std::nullopt;
    return hash;
}

}  // namespace zones
