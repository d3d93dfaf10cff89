#include "zones/owner_index.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

namespace zones {

namespace {

// A block, from an offset that is a multiple of eight:
//
//     count u16 | prefix octets u16 | prefix, up to a multiple of eight
//     count x head u64: eight octets after the prefix, zeros where the key ends
//     count x suffix octets u16: of the key, after the prefix
//     above the lowest level: count x offset u32 of the block that begins with this key
//     tails: what follows the head in each key that is longer
//
// In the machine's order, for this process alone.
constexpr std::size_t kAlign = 8;
constexpr std::size_t kHeaderOctets = 4;
constexpr std::size_t kHeadOctets = 8;

constexpr std::size_t aligned(std::size_t octets) {
    return (octets + kAlign - 1) / kAlign * kAlign;
}

template <class T>
T load(const std::uint8_t* at) noexcept {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <class T>
void append(std::vector<std::uint8_t>& out, T value) {
    std::uint8_t octets[sizeof value];
    std::memcpy(octets, &value, sizeof value);
    out.insert(out.end(), octets, octets + sizeof octets);
}

/// The first eight octets as a number, zeros for those that are not there.
std::uint64_t head_of(base::Octets suffix) noexcept {
    if (suffix.size() >= kHeadOctets) return base::load_be64(suffix.data());
    std::uint8_t octets[kHeadOctets] = {};
    if (!suffix.empty()) std::memcpy(octets, suffix.data(), suffix.size());
    return base::load_be64(octets);
}

std::size_t tail_octets(std::size_t suffix_octets) noexcept {
    return suffix_octets > kHeadOctets ? suffix_octets - kHeadOctets : 0;
}

class Block {
  public:
    explicit Block(const std::uint8_t* at) noexcept
        : count_(load<std::uint16_t>(at)),
          prefix_(at + kHeaderOctets, load<std::uint16_t>(at + 2)),
          heads_(at + aligned(kHeaderOctets + prefix_.size())) {}

    /// How many of its keys stand at or before this one.
    [[nodiscard]] std::size_t rank(base::Octets key, bool inner) const noexcept {
        const std::size_t shared = std::min(prefix_.size(), key.size());
        const int order = shared == 0 ? 0 : std::memcmp(key.data(), prefix_.data(), shared);
        if (order != 0) return order < 0 ? 0 : count_;
        if (key.size() < prefix_.size()) return 0;
        const base::Octets suffix = key.subspan(prefix_.size());
        const std::uint64_t wanted = head_of(suffix);
        std::size_t below = 0;
        std::size_t equal = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            const std::uint64_t head = this->head(i);
            below += head < wanted ? 1 : 0;
            equal += head == wanted ? 1 : 0;
        }
        if (equal == 0) return below;
        // Keys with one head follow each other.
        const std::uint8_t* tail = tails(inner);
        for (std::size_t i = 0; i < below; ++i) tail += tail_octets(suffix_octets(i));
        std::size_t rank = below;
        for (; rank < below + equal; ++rank) {
            const std::size_t size = suffix_octets(rank);
            if (!at_or_before(tail, size, suffix)) break;
            tail += tail_octets(size);
        }
        return rank;
    }

    [[nodiscard]] OwnerIndex::Key key(std::size_t at, bool inner) const noexcept {
        const std::uint8_t* tail = tails(inner);
        for (std::size_t i = 0; i < at; ++i) tail += tail_octets(suffix_octets(i));
        return {prefix_, head(at), suffix_octets(at), tail};
    }
    [[nodiscard]] std::uint32_t child(std::size_t at) const noexcept {
        return load<std::uint32_t>(sizes() + sizeof(std::uint16_t) * count_ +
                                   sizeof(std::uint32_t) * at);
    }

  private:
    /// Of a key whose head is that of `suffix`.
    static bool at_or_before(const std::uint8_t* tail, std::size_t size,
                             base::Octets suffix) noexcept {
        const std::size_t ours = tail_octets(size);
        const std::size_t theirs = tail_octets(suffix.size());
        // Where both end in the head, zeros at its end may be octets or none.
        if (ours == 0 || theirs == 0) return size <= suffix.size();
        const int order = std::memcmp(tail, &suffix[kHeadOctets], std::min(ours, theirs));
        return order < 0 || (order == 0 && ours <= theirs);
    }

    [[nodiscard]] std::uint64_t head(std::size_t at) const noexcept {
        return load<std::uint64_t>(heads_ + sizeof(std::uint64_t) * at);
    }
    [[nodiscard]] const std::uint8_t* sizes() const noexcept {
        return heads_ + sizeof(std::uint64_t) * count_;
    }
    [[nodiscard]] std::size_t suffix_octets(std::size_t at) const noexcept {
        return load<std::uint16_t>(sizes() + sizeof(std::uint16_t) * at);
    }
    [[nodiscard]] const std::uint8_t* tails(bool inner) const noexcept {
        const std::size_t children = inner ? sizeof(std::uint32_t) * count_ : 0;
        return sizes() + sizeof(std::uint16_t) * count_ + children;
    }

    std::size_t count_;
    base::Octets prefix_;
    const std::uint8_t* heads_;
};

std::size_t shared_octets(std::string_view a, std::string_view b) {
    const std::size_t most = std::min(a.size(), b.size());
    std::size_t shared = 0;
    while (shared < most && a[shared] == b[shared]) ++shared;
    return shared;
}

}  // namespace

void OwnerIndex::Key::copy(std::uint8_t* out) const noexcept {
    if (!prefix.empty()) std::memcpy(out, prefix.data(), prefix.size());
    out += prefix.size();
    std::uint8_t octets[kHeadOctets];
    base::store_be64(octets, head);
    std::memcpy(out, octets, std::min(suffix_octets, kHeadOctets));
    const std::size_t left = tail_octets(suffix_octets);
    if (left > 0) std::memcpy(out + kHeadOctets, tail, left);
}

std::optional<OwnerIndex::Key> OwnerIndex::at_or_before(base::Octets key) const noexcept {
    if (levels_ == 0) return std::nullopt;
    std::uint32_t offset = root_;
    for (unsigned level = levels_ - 1; level > 0; --level) {
        const Block block(&blocks_[offset]);
        const std::size_t rank = block.rank(key, true);
        // Before the first key of all; every block but those on the left edge holds one that is not
        // greater, because the key above it is its own first one.
        if (rank == 0) return std::nullopt;
        offset = block.child(rank - 1);
    }
    const Block block(&blocks_[offset]);
    const std::size_t rank = block.rank(key, false);
    if (rank == 0) return std::nullopt;
    return block.key(rank - 1, false);
}

void OwnerIndex::Builder::add(std::string_view key) {
    assert(levels_.empty() || levels_[0].keys.empty() || levels_[0].keys.back() < key);
    add(0, key, 0);
    ++count_;
}

void OwnerIndex::Builder::add(std::size_t level, std::string_view key, std::uint32_t child) {
    if (level == levels_.size()) levels_.emplace_back();
    if (levels_[level].keys.size() == kBlockKeys) {
        const std::string first = levels_[level].keys.front();
        const std::uint32_t written = write(level);
        add(level + 1, first, written);  // levels_ may have moved
    }
    levels_[level].keys.emplace_back(key);
    if (level > 0) levels_[level].children.push_back(child);
}

/// Writes what stands on a level as a block, and gives its offset.
std::uint32_t OwnerIndex::Builder::write(std::size_t level) {
    Level& from = levels_[level];
    const std::size_t offset = blocks_.size();
    too_large_ = too_large_ || offset > std::numeric_limits<std::uint32_t>::max();
    // In order, so what the first and the last share all do.
    std::string_view prefix = from.keys.front();
    prefix = prefix.substr(0, shared_octets(prefix, from.keys.back()));
    append(blocks_, static_cast<std::uint16_t>(from.keys.size()));
    append(blocks_, static_cast<std::uint16_t>(prefix.size()));
    blocks_.insert(blocks_.end(), prefix.begin(), prefix.end());
    blocks_.resize(aligned(blocks_.size()));
    for (const std::string& key : from.keys) {
        append(blocks_, head_of(base::as_octets(key).subspan(prefix.size())));
    }
    for (const std::string& key : from.keys) {
        append(blocks_, static_cast<std::uint16_t>(key.size() - prefix.size()));
    }
    for (const std::uint32_t child : from.children) append(blocks_, child);
    for (const std::string& key : from.keys) {
        const std::size_t skip = std::min(prefix.size() + kHeadOctets, key.size());
        blocks_.insert(blocks_.end(), key.begin() + static_cast<std::ptrdiff_t>(skip), key.end());
    }
    blocks_.resize(aligned(blocks_.size()));
    from.keys.clear();
    from.children.clear();
    return static_cast<std::uint32_t>(offset);
}

std::optional<OwnerIndex> OwnerIndex::Builder::finish() {
    OwnerIndex out;
    for (std::size_t level = 0; level < levels_.size(); ++level) {
        const std::string first = levels_[level].keys.front();
        const std::uint32_t written = write(level);
        if (level + 1 < levels_.size()) {
            add(level + 1, first, written);
        } else {
            out.root_ = written;
        }
    }
    if (too_large_) return std::nullopt;
    out.levels_ = static_cast<unsigned>(levels_.size());
    out.count_ = count_;
    blocks_.shrink_to_fit();
    out.blocks_ = std::move(blocks_);
    return out;
}

base::Octets owner_of_key(base::Octets key, OwnerBuffer& out) noexcept {
    constexpr std::uint8_t kEscape = 1;
    // The topmost label comes first in the key, and last in the name.
    std::size_t begin = out.size();
    std::array<std::uint8_t, dns::kMaxLabelOctets> label;
    std::size_t size = 0;
    for (std::size_t at = 0; at < key.size(); ++at) {
        std::uint8_t octet = key[at];
        if (octet != 0) {
            if (octet == kEscape && ++at < key.size()) {
                octet = static_cast<std::uint8_t>(key[at] - 1);
            }
            if (size < label.size()) label[size++] = octet;
            continue;
        }
        if (size + 1 > begin) break;  // no key of ours
        begin -= size;
        std::memcpy(&out[begin], label.data(), size);
        out[--begin] = static_cast<std::uint8_t>(size);
        size = 0;
    }
    return base::Octets(out).subspan(begin);
}

}  // namespace zones
